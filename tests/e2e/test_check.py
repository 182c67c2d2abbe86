"""The check job as a user runs it: each corruption on purpose, and exactly that reported."""

import csv
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from s3sync.demo.inventory_writer import ALL_FIELDS, InventoryObject, OptionalField, write_inventory
from s3sync.inventory.manifest import FileFormat
from s3sync.model.limits import PART_MIN_BYTES
from tests.e2e.jobs import Ended, Job
from tests.e2e.queues import Wired
from tests.servers import Server

Listed = Callable[[str], dict[str, dict[str, Any]]]
Fill = Callable[[str, int], dict[str, bytes]]
Factory = Callable[..., str]

LARGE = os.urandom(2 * PART_MIN_BYTES + 1)


@dataclass(frozen=True)
class Pair:
    """A source and a target that hold the same, made object by object."""

    s3: Any
    source: str
    target: str

    def put(self, key: str, body: bytes, *buckets: str, **more: Any) -> None:
        for bucket in buckets or (self.source, self.target):
            self.s3.put_object(Bucket=bucket, Key=key, Body=body, **more)

    def upload(self, bucket: str, key: str, *parts: bytes, **more: Any) -> None:
        """Upload in these parts."""
        given = {"Bucket": bucket, "Key": key}
        given["UploadId"] = self.s3.create_multipart_upload(**given, **more)["UploadId"]
        done = [
            {"PartNumber": number, "ETag": self.s3.upload_part(**given, PartNumber=number, Body=part)["ETag"]}
            for number, part in enumerate(parts, start=1)
        ]
        self.s3.complete_multipart_upload(**given, MultipartUpload={"Parts": done})


@dataclass(frozen=True)
class Checked:
    """A check that came to its end: its process, its report's folder and what stands in it."""

    ended: Ended
    report: Path

    @property
    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.report / "summary.json").read_text())
        return found

    @property
    def rows(self) -> list[dict[str, Any]]:
        files = sorted((self.report / "findings").glob("*.parquet")) if (self.report / "findings").exists() else []
        return [row for file in files for row in pq.read_table(file).to_pylist()]

    @property
    def verdicts(self) -> dict[str, str]:
        rows = self.rows
        assert len({row["target_key"] for row in rows}) == len(rows)
        return {row["target_key"]: row["verdict"] for row in rows}


def check(job: Job, *arguments: str, script: str | None = "check.py") -> Checked:
    report = job.folder / f"report-{job.starts}"
    ended = job.run(*arguments, "--report-uri", str(report), script=script)
    return Checked(ended, report)


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
    "script": "missing_on_source",
    "formula": "missing_on_source",
}
LATER = {"parts": None, "parts_flip": "content_differs", "kms": None}  # what --deep makes of the unprovable ones
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
        pair.upload(pair.target, "kms", first, second, ServerSideEncryption="aws:kms")
    else:
        pair.upload(pair.target, "kms", first, second)
    return expected


@pytest.fixture
def pair(s3: Any, bucket_factory: Factory) -> Pair:
    return Pair(s3, bucket_factory(), bucket_factory())


def test_each_corruption_is_reported_and_nothing_else(job: Job, server: Server, pair: Pair) -> None:
    """C14, and a negative control for each verdict."""
    expected = corrupt(pair, server)

    checked = check(job, "-s", pair.source, "-t", pair.target, "--metadata")

    assert checked.ended.code == 4, checked.ended.output
    assert checked.verdicts == expected
    verdicts = checked.summary["verdicts"]
    assert sum(amount["objects"] for amount in verdicts.values()) == checked.summary["counts"]["compared"]
    assert verdicts["match"]["objects"] == checked.summary["counts"]["compared"] - len(expected)
    assert "That takes at most" in checked.ended.output  # the requests are estimated before they are made
    by_key = {row["target_key"]: row for row in checked.rows}
    assert "content_type: 'text/plain' on the source, 'text/html' on the target" in by_key["header"]["detail"]
    assert by_key["tag"]["detail"] == "tag cost: 'b' on the source, nothing on the target"
    cells = [row for file in checked.report.glob("findings/*.csv") for row in csv_rows(file)]
    assert {row["target_key"].removeprefix("'") for row in cells} == set(expected)
    assert not [value for row in cells for value in row.values() if value.startswith(("=", "+", "-", "@"))]
    page = (checked.report / "report.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;" in page

    deep = check(job, "-s", pair.source, "-t", pair.target, "--metadata", "--deep")

    again = {**expected, **{key: LATER.get(key) for key, verdict in expected.items() if verdict == "unprovable"}}
    if expected["same_parts_flip"] == "unprovable":
        again["same_parts_flip"] = "content_differs"
    assert deep.verdicts == {key: verdict for key, verdict in again.items() if verdict}
    assert deep.summary["read_bytes"] > 0
    assert deep.ended.code == 4


def csv_rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        return list(csv.DictReader(text))


def test_c6_equal_buckets_cost_listings_only(job: Job, fill: Fill, bucket_factory: Factory) -> None:
    source, target = bucket_factory(), bucket_factory()
    assert fill(source, 40) == fill(target, 40)

    checked = check(job, "-s", source, "-t", target, "--prefix", "hot/")

    assert checked.ended.code == 0, checked.ended.output
    assert checked.rows == []
    assert set(checked.summary["requests"]) == {"ListObjectsV2"}
    assert checked.summary["verdicts"]["match"]["objects"] == 26
    assert "All 26 objects match" in checked.ended.output


def test_a_run_is_checked_mended_and_checked_again(job: Job, s3: Any, fill: Fill, bucket_factory: Factory) -> None:
    """--run-id, --from-findings, `s3sync report`, and the mapping of keys on the way."""
    source, target = bucket_factory(), bucket_factory()
    bodies = fill(source, 30)
    s3.put_object(Bucket=target, Key="to/not of the run", Body=b"x")
    assert job.run("-s", source, "-t", target, "--target-prefix", "to/").code == 0
    run_id = job.run_folder().name
    lost, broken, changed, gone = sorted(bodies)[:4]
    s3.delete_object(Bucket=target, Key=f"to/{lost}")
    s3.put_object(Bucket=target, Key=f"to/{broken}", Body=b"#" * len(bodies[broken]))
    wait_a_second()
    s3.put_object(Bucket=source, Key=changed, Body=b"changed since")
    s3.delete_object(Bucket=source, Key=gone)

    checked = check(job, "--run-id", run_id)

    assert checked.ended.code == 4, checked.ended.output
    assert checked.verdicts == {
        f"to/{lost}": "missing_on_target",
        f"to/{broken}": "content_differs",
        f"to/{changed}": "changed_since",
        f"to/{gone}": "changed_since",
    }
    assert checked.summary["counts"]["not_of_run"] == 1
    check_id = checked.summary["run_id"]

    mended = job.run("--from-findings", check_id)

    assert mended.code == 0, mended.output
    assert job.summary()["statuses"]["copied"]["objects"] == 3
    again = check(job, "-s", source, "-t", target, "--target-prefix", "to/")
    assert again.verdicts == {f"to/{gone}": "missing_on_source", "to/not of the run": "missing_on_source"}
    for run in (run_id, check_id):
        written = job.run("report", run, "--report-uri", str(job.folder / run), script=None)
        assert written.code == 0, written.output
        assert "<h1>" in (job.folder / run / "report.html").read_text()
    assert (job.folder / check_id / "report.html").read_text() == (checked.report / "report.html").read_text()
    assert list((job.folder / check_id / "findings").glob("*.csv"))


def wait_a_second() -> None:
    """S3's times are whole seconds, so what is to be newer than a run must be a second newer."""
    until = datetime.now(UTC) + timedelta(seconds=2.1)
    while datetime.now(UTC) < until:
        pass


def put_inventory(
    s3: Any,
    entries: Iterable[dict[str, Any]],
    bucket: str,
    home: str,
    created_at: datetime,
    columns: Iterable[OptionalField] = ALL_FIELDS,
    file_format: FileFormat = FileFormat.CSV,
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
        config_id=f"{created_at:%d}",
        created_at=created_at,
        columns=tuple(columns),
    )
    for key, body in report.items():
        s3.put_object(Bucket=home, Key=key, Body=body)
    return f"s3://{home}/inv/{bucket}/{created_at:%d}/"


def test_inventories_that_overlap_and_are_days_apart(
    job: Job, s3: Any, fill: Fill, listed: Listed, bucket_factory: Factory
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

    checked = check(job, "-m", first, "-m", second, "--target-manifest-path", theirs)

    assert checked.ended.code == 0, checked.ended.output
    assert checked.summary["counts"]["duplicates"] == 10
    assert checked.summary["verdicts"]["match"]["objects"] == 31
    assert checked.summary["requests"] == {"HeadObject": 4}  # of `new` and of the object whose ETag is older


def test_an_inventory_without_etags(job: Job, s3: Any, fill: Fill, listed: Listed, bucket_factory: Factory) -> None:
    source, target, home = bucket_factory(), bucket_factory(), bucket_factory()
    bodies = fill(source, 12)
    fill(target, 12)
    key = min(bodies)
    s3.put_object(Bucket=target, Key=key, Body=b"#" * len(bodies[key]))
    columns = [column for column in ALL_FIELDS if column is not OptionalField.ETAG]
    manifest = put_inventory(s3, listed(source).values(), source, home, datetime.now(UTC), columns)

    checked = check(job, "-m", manifest, "-t", target, "--listings-only")

    assert checked.ended.code == 4, checked.ended.output
    assert checked.summary["verdicts"]["unprovable"]["objects"] == 12  # C14
    assert checked.summary["requests"].keys() <= {"ListObjectsV2"}
    assert check(job, "-m", manifest, "-t", target, "--listings-only", "--accept-unprovable").ended.code == 0

    looked = check(job, "-m", manifest, "-t", target)

    assert looked.verdicts == {key: "content_differs"}
    assert looked.summary["requests"]["HeadObject"] == 24


def test_a_budget_for_bodies(job: Job, pair: Pair) -> None:
    first, second = LARGE[:PART_MIN_BYTES], LARGE[PART_MIN_BYTES:]
    for name in ("a", "b"):
        pair.upload(pair.source, name, first, second)
        pair.upload(pair.target, name, LARGE[: PART_MIN_BYTES + 1], LARGE[PART_MIN_BYTES + 1 :])
    budget = str(3 * len(LARGE))  # one pair is 2 x LARGE

    checked = check(job, "-s", pair.source, "-t", pair.target, "--deep", "--max-deep-bytes", budget)

    assert checked.ended.code == 4, checked.ended.output
    assert list(checked.verdicts.values()) == ["unprovable"]
    assert "--max-deep-bytes" in checked.rows[0]["detail"]
    assert checked.summary["verdicts"]["match"]["objects"] == 1
    assert checked.summary["read_bytes"] == 2 * len(LARGE)


def test_mode_check_of_migrate_fills_the_dead_letter_queue_and_retry_empties_it(
    job: Job, wired: Wired, pair: Pair, listed: Listed
) -> None:
    """C8."""
    for n in range(30):
        pair.put(f"{n:02d} +%", b"body %d" % n, *((pair.source,) if n < 20 else ()))
    pair.put("extra", b"x", pair.target)

    checked = check(job, "-s", pair.source, "-t", pair.target, "--mode", "check", *wired.options, script="migrate.py")

    assert checked.ended.code == 4, checked.ended.output
    assert "Sent 20 findings to" in checked.ended.output
    assert checked.summary["requeued"] == 20
    retried = job.run("-n", "-1", "-d", *wired.options, "--visibility", "10s", script="retry.py")
    assert retried.code == 0, retried.output
    assert listed(pair.target).keys() == {*listed(pair.source), "extra"}
    assert wired.left == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--run-id", "no-such-run"], "--run-id: there is no run no-such-run"),
        (["-s", "no-such-bucket-here", "-t", "{target}"], "--source-bucket: there is no bucket"),
        (["-s", "{target}", "--target-manifest-path", "s3://{target}/nothing/"], "s3://"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    job: Job, bucket_factory: Factory, arguments: list[str], message: str
) -> None:
    target = bucket_factory()
    ended = job.run(*(argument.format(target=target) for argument in arguments), script="check.py")
    lines = [line for line in ended.output.splitlines() if line.startswith("s3sync: ")]
    assert ended.code == 2, ended.output
    assert len(lines) == 1
    assert message in lines[0]
