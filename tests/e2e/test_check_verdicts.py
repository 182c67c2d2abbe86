"""What a check says of each corruption on purpose, exactly that and nothing else; on one Spark session."""

import csv
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from s3sync.demo.inventory_writer import ALL_FIELDS, InventoryObject, OptionalField, write_inventory
from s3sync.inventory.manifest import FileFormat
from s3sync.model.limits import PART_MIN_BYTES
from tests.e2e.checking import Checks, Pair
from tests.servers import Server
from tests.servers.faults import Action, Fault, Faults

Listed = Callable[[str], dict[str, dict[str, Any]]]
Fill = Callable[[str, int], dict[str, bytes]]
Factory = Callable[..., str]

LARGE = os.urandom(2 * PART_MIN_BYTES + 1)


# What each corruption does to the target, and what a check with --metadata must say of it. `None`: nothing is said.
KINDS = {
    "flip": "content_differs",
    "truncate": "size_differs",
    "delete": "missing_on_target",
    "add": "missing_on_source",
    "header": "metadata_differs",
    "tag": "metadata_differs",
    "class": "metadata_differs",
    "parts": "unprovable",
    "parts_flip": "unprovable",
    "same_parts_flip": "content_differs",
    "one_part": None,
    "kms": "unprovable",
    "checksum": None,
    "checksum_flip": "content_differs",
    "composite_flip": "unprovable",
    "script": "missing_on_source",
    "formula": "missing_on_source",
}
# What --deep makes of the unprovable ones.
LATER = dict.fromkeys(("parts_flip", "checksum_flip", "composite_flip", "same_parts_flip"), "content_differs")
HOSTILE = {"script": '<script>alert("x")</script>', "formula": '=HYPERLINK("http://x/","y")'}


def corrupt(pair: Pair, server: Server) -> dict[str, str]:
    """Put each kind of corruption on the target; gives key -> expected verdict."""
    can = server.capabilities
    tagged = {"Tagging": "team=a&cost=b", "Metadata": {"colour": "blue"}, "ContentType": "text/plain"}
    for n in range(20):
        pair.put(f"fine/{n:02d} +%.txt", b"fine %d" % n, **tagged)
    pair.put("empty", b"")
    for name in ("flip", "truncate", "delete", "header", "tag"):
        pair.put(name, b"original", **tagged)
    pair.put("flip", b"origi\x6eaM", pair.target, **tagged)
    pair.put("truncate", b"origina", pair.target, **tagged)
    pair.s3.delete_object(Bucket=pair.target, Key="delete")
    pair.put("add", b"extra", pair.target)
    pair.put("header", b"original", pair.target, **{**tagged, "ContentType": "text/html"})
    pair.put("tag", b"original", pair.target, **{**tagged, "Tagging": "team=a"})
    for key in HOSTILE.values():
        pair.put(key, b"extra", pair.target)
    expected = {HOSTILE.get(kind, kind): verdict for kind, verdict in KINDS.items() if verdict}
    if can.storage_classes_kept:
        pair.put("class", b"original", pair.source, StorageClass="STANDARD_IA")
        pair.put("class", b"original", pair.target)
    else:
        del expected["class"]
    flipped = LARGE[:-1] + bytes([LARGE[-1] ^ 1])
    first, second = LARGE[:PART_MIN_BYTES], LARGE[PART_MIN_BYTES:]
    middle = PART_MIN_BYTES + 1
    for name, body in (("parts", LARGE), ("parts_flip", flipped)):
        pair.upload(pair.source, name, first, second)
        pair.upload(pair.target, name, body[:middle], body[middle:])
    pair.upload(pair.source, "same_parts_flip", first, second)
    pair.upload(pair.target, "same_parts_flip", first, flipped[PART_MIN_BYTES:])
    if not (can.head_part_size and can.head_parts_count):
        expected["same_parts_flip"] = "unprovable"
    pair.put("one_part", b"original", pair.source)
    pair.upload(pair.target, "one_part", b"original")
    pair.put("kms", LARGE, pair.source)
    if can.sse_kms_put:
        pair.upload(pair.target, "kms", first, second, ServerSideEncryption="aws:kms", SSEKMSKeyId="testkey-1")
    else:
        pair.upload(pair.target, "kms", first, second)
    put_with_checksums(pair, flipped)
    if not can.checksums:
        expected |= {"checksum": "unprovable", "checksum_flip": "unprovable"}
    return expected


def put_with_checksums(pair: Pair, flipped: bytes) -> None:
    """Parts whose boundaries differ: the checksum of the whole settles it, one of the parts' checksums does not."""
    cuts = {pair.source: PART_MIN_BYTES, pair.target: PART_MIN_BYTES + 1}
    for name, target, kind in (
        ("checksum", LARGE, "FULL_OBJECT"),
        ("checksum_flip", flipped, "FULL_OBJECT"),
        ("composite_flip", flipped, "COMPOSITE"),
    ):
        for bucket, body in ((pair.source, LARGE), (pair.target, target)):
            parts = body[: cuts[bucket]], body[cuts[bucket] :]
            pair.upload(bucket, name, *parts, ChecksumAlgorithm="CRC32", ChecksumType=kind)


@pytest.fixture
def pair(s3: Any, bucket_factory: Factory) -> Pair:
    return Pair(s3, bucket_factory(), bucket_factory())


def test_each_corruption_is_reported_and_nothing_else(checks: Checks, server: Server, pair: Pair) -> None:
    """C14, and a negative control for each verdict."""
    expected = corrupt(pair, server)

    checked = checks.run("-s", pair.source, "-t", pair.target, "--metadata")

    assert checked.code == 4, checked.output
    assert checked.verdicts == expected
    verdicts = checked.summary["verdicts"]
    assert sum(amount["objects"] for amount in verdicts.values()) == checked.summary["counts"]["compared"]
    assert verdicts["match"]["objects"] == checked.summary["counts"]["compared"] - len(expected)
    assert "That takes at most" in checked.output  # the requests are estimated before they are made
    by_key = {row["target_key"]: row for row in checked.rows}
    assert "content_type: 'text/plain' on the source, 'text/html' on the target" in by_key["header"]["detail"]
    assert by_key["tag"]["detail"] == "tag cost: 'b' on the source, nothing on the target"
    cells = [row for file in checked.report.glob("findings/*.csv") for row in csv_rows(file)]
    assert {row["target_key"].removeprefix("'") for row in cells} == set(expected)
    assert not [value for row in cells for value in row.values() if value.startswith(("=", "+", "-", "@"))]
    page = (checked.report / "report.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;" in page

    deep = checks.run("-s", pair.source, "-t", pair.target, "--metadata", "--deep")

    again = {**expected, **{key: LATER.get(key) for key, verdict in expected.items() if verdict == "unprovable"}}
    assert deep.verdicts == {key: verdict for key, verdict in again.items() if verdict}
    assert deep.summary["read_bytes"] > 0
    assert deep.code == 4
    assert "Only their bodies can settle" in deep.output  # and what that costs is said before one is read

    checks.mend(deep)

    mended = checks.run("-s", pair.source, "-t", pair.target, "--metadata", "--deep")
    assert mended.verdicts == dict.fromkeys(("add", *HOSTILE.values()), "missing_on_source")


def test_what_can_not_be_looked_at_is_an_error_and_the_rest_is_judged(
    checks: Checks, pair: Pair, faults: Faults
) -> None:
    """Exit code 1, whatever else was found; and no more than that one object is in doubt."""
    for name in ("denied", "fine", "other"):
        pair.put(name, b"original")
    pair.put("other", b"of another size", pair.target)
    faults.add(Fault(Action.DENIED, operation="HeadObject", key_contains="denied"))

    checked = checks.run("-s", pair.source, "-t", pair.target, "--metadata")

    assert checked.code == 1, checked.output
    assert checked.verdicts == {"denied": "error", "other": "size_differs"}
    assert {row["target_key"]: row["detail"] for row in checked.rows}["denied"] == "HeadObject on the source: 403"
    faults.clear()
    assert checks.run("-s", pair.source, "-t", pair.target, "--metadata").verdicts == {"other": "size_differs"}


def csv_rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        return list(csv.DictReader(text))


def test_c6_equal_buckets_cost_listings_only(checks: Checks, fill: Fill, bucket_factory: Factory) -> None:
    source, target = bucket_factory(), bucket_factory()
    assert fill(source, 40) == fill(target, 40)

    checked = checks.run("-s", source, "-t", target, "--prefix", "hot/")

    assert checked.code == 0, checked.output
    assert checked.rows == []
    assert set(checked.summary["requests"]) == {"ListObjectsV2"}
    assert checked.summary["verdicts"]["match"]["objects"] == 26
    assert "All 26 objects match" in checked.output


def put_inventory(
    s3: Any,
    entries: Iterable[dict[str, Any]],
    bucket: str,
    home: str,
    created_at: datetime,
    columns: Iterable[OptionalField] = ALL_FIELDS,
    file_format: FileFormat = FileFormat.CSV,
    config_id: str | None = None,
) -> str:
    """A report of these entries of a listing; gives its manifest's URI."""
    rows = [
        InventoryObject(entry["Key"], entry["Size"], entry["ETag"].strip('"'), entry["LastModified"])
        for entry in entries
    ]
    report = write_inventory(
        rows,
        file_format=file_format,
        source_bucket=bucket,
        destination_bucket=home,
        prefix="inv",
        config_id=config_id or f"{created_at:%d}",
        created_at=created_at,
        columns=tuple(columns),
    )
    for key, body in report.items():
        s3.put_object(Bucket=home, Key=key, Body=body)
    return f"s3://{home}/inv/{bucket}/{config_id or f'{created_at:%d}'}/"


def test_inventories_that_overlap_and_are_days_apart(
    checks: Checks, s3: Any, fill: Fill, listed: Listed, bucket_factory: Factory
) -> None:
    """What changed between two reports is looked at, not called different; what is equal needs no request."""
    source, target, home = bucket_factory(), bucket_factory(), bucket_factory()
    fill(source, 30)
    fill(target, 30)
    now = datetime.now(UTC)
    entries = listed(source)
    keys = sorted(entries)
    older = [{**entry, "LastModified": now - timedelta(days=9)} for entry in entries.values()]
    stale = {"ETag": "0" * 32, "Size": older[0]["Size"], "Key": keys[0], "LastModified": now - timedelta(days=9)}
    first = put_inventory(s3, [stale, *older[1:20]], source, home, now - timedelta(days=4))
    second = put_inventory(s3, older[10:], source, home, now - timedelta(days=3), file_format=FileFormat.PARQUET)
    s3.put_object(Bucket=source, Key="new", Body=b"since both reports")
    s3.put_object(Bucket=target, Key="new", Body=b"since both reports")
    theirs = put_inventory(
        s3, listed(target).values(), target, home, now + timedelta(days=1), file_format=FileFormat.ORC
    )

    checked = checks.run("-m", first, "-m", second, "--target-manifest-path", theirs)

    assert checked.code == 0, checked.output
    assert checked.summary["counts"]["duplicates"] == 10
    assert checked.summary["verdicts"]["match"]["objects"] == 31
    assert checked.summary["requests"] == {"HeadObject": 4}  # of `new` and of the object whose ETag is older


def test_an_inventory_without_etags(
    checks: Checks, s3: Any, fill: Fill, listed: Listed, bucket_factory: Factory
) -> None:
    source, target, home = bucket_factory(), bucket_factory(), bucket_factory()
    bodies = fill(source, 12)
    fill(target, 12)
    key = min(bodies)
    s3.put_object(Bucket=target, Key=key, Body=b"#" * len(bodies[key]))
    columns = [column for column in ALL_FIELDS if column is not OptionalField.ETAG]
    manifest = put_inventory(s3, listed(source).values(), source, home, datetime.now(UTC), columns)

    checked = checks.run("-m", manifest, "-t", target, "--listings-only")

    assert checked.code == 4, checked.output
    assert checked.summary["verdicts"]["unprovable"]["objects"] == 12  # C14
    assert checked.summary["requests"].keys() <= {"ListObjectsV2"}
    assert checks.run("-m", manifest, "-t", target, "--listings-only", "--accept-unprovable").code == 0

    looked = checks.run("-m", manifest, "-t", target)

    assert looked.verdicts == {key: "content_differs"}
    assert looked.summary["requests"]["HeadObject"] == 24


def test_a_budget_for_bodies(checks: Checks, pair: Pair) -> None:
    first, second = LARGE[:PART_MIN_BYTES], LARGE[PART_MIN_BYTES:]
    for name in ("a", "b"):
        pair.upload(pair.source, name, first, second)
        pair.upload(pair.target, name, LARGE[: PART_MIN_BYTES + 1], LARGE[PART_MIN_BYTES + 1 :])
    budget = str(3 * len(LARGE))  # one pair is 2 x LARGE

    checked = checks.run("-s", pair.source, "-t", pair.target, "--deep", "--max-deep-bytes", budget)

    assert checked.code == 4, checked.output
    assert list(checked.verdicts.values()) == ["unprovable"]
    assert "--max-deep-bytes" in checked.rows[0]["detail"]
    assert checked.summary["verdicts"]["match"]["objects"] == 1
    assert checked.summary["read_bytes"] == 2 * len(LARGE)


def test_two_days_reports_of_one_inventory(checks: Checks, s3: Any, listed: Listed, bucket_factory: Factory) -> None:
    """What only the older one shows may be gone, and is looked at; the rest needs no request."""
    pair, home = Pair(s3, bucket_factory(), bucket_factory()), bucket_factory()
    for key in ("deleted", "kept", "lagging"):
        pair.put(key, b"body")
    now, entries = datetime.now(UTC), listed(pair.source)
    old = put_inventory(s3, entries.values(), pair.source, home, now - timedelta(days=28))
    s3.delete_object(Bucket=pair.source, Key="deleted")
    put_inventory(s3, [entries["kept"]], pair.source, home, now, config_id=f"{now - timedelta(days=28):%d}")
    dated = sorted({each["Key"].rsplit("/", 1)[0] for each in s3.list_objects_v2(Bucket=home)["Contents"]})
    manifests = [f"s3://{home}/{folder}/manifest.json" for folder in dated if not folder.endswith("data")]
    assert len(manifests) == 2
    assert all(f"s3://{home}/{folder}".startswith(old.rstrip("/")) for folder in dated)

    checked = checks.run("-m", manifests[0], "-m", manifests[1], "-t", pair.target)

    assert checked.verdicts == {"deleted": "changed_since"}, checked.rows
    assert checked.summary["verdicts"]["match"]["objects"] == 2
    assert checked.summary["requests"]["HeadObject"] == 4
