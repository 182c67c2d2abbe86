"""`-v`, `--overwrite` and `--limit`: the table above `planning.decision.decide`, on live buckets."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Any

import pytest

from s3sync.demo.bucket import list_objects
from s3sync.demo.inventory_writer import ALL_FIELDS, InventoryObject, OptionalField
from tests.inventories import put_inventory
from tests.servers import Server
from tests.servers.capabilities import require
from tests.spark.workplace import Workplace

BODY = b"abc"
MD5 = md5(BODY).hexdigest()
OTHER_MD5, OF_PARTS = "0" * 32, "0" * 32 + "-2"
LATER, EARLIER = timedelta(days=1), timedelta(days=-1)

# source key -> what the inventory says of it (size, ETag, time against the target's, encryption), and the decision;
# the target has each with the body above, but for the first.
ROWS: dict[str, tuple[int | None, str | None, timedelta | None, str, str, str]] = {
    "absent": (3, MD5, EARLIER, "SSE-S3", "copy", "missing"),
    "size": (4, MD5, EARLIER, "SSE-S3", "copy", "size_differs"),
    "size of parts": (4, OF_PARTS, EARLIER, "SSE-S3", "copy", "size_differs"),
    "same": (3, MD5, LATER, "SSE-S3", "skip", "etag_equal"),
    "other content": (3, OTHER_MD5, EARLIER, "SSE-S3", "copy", "etag_differs"),
    "of parts, older": (3, OF_PARTS, EARLIER, "SSE-S3", "skip", "size_and_time"),
    "of parts, newer": (3, OF_PARTS, LATER, "SSE-S3", "copy", "source_is_newer"),
    "hidden, older": (3, OTHER_MD5, EARLIER, "SSE-KMS", "skip", "size_and_time"),
    "hidden, newer": (3, OTHER_MD5, LATER, "SSE-KMS", "copy", "source_is_newer"),
    "hidden, the same": (3, MD5, LATER, "DSSE-KMS", "copy", "source_is_newer"),
}


@pytest.fixture
def filled(s3: Any, pair: tuple[str, str]) -> tuple[str, str, datetime]:
    """The pair, with the target's objects, and their time."""
    source, target = pair
    for key in ROWS:
        if key != "absent":
            s3.put_object(Bucket=target, Key=key, Body=BODY)
    s3.put_object(Bucket=target, Key="only here", Body=BODY)
    return source, target, s3.head_object(Bucket=target, Key="same")["LastModified"]


def inventory(at: datetime) -> list[InventoryObject]:
    return [
        InventoryObject(key, size, etag, at + (delta or timedelta()), encryption_status=encryption)
        for key, (size, etag, delta, encryption, *_) in ROWS.items()
    ]


def decisions(planned: dict[str, dict[str, Any]]) -> dict[str, tuple[str, str]]:
    return {key: (row["action"], row["reason"]) for key, row in planned.items()}


def test_each_line_of_the_decision_table(
    workplace: Workplace, s3: Any, home: str, filled: tuple[str, str, datetime]
) -> None:
    source, target, at = filled
    ended = workplace.plan("-m", put_inventory(s3, inventory(at), source, home), "-t", target, "-v")
    assert ended.code == 0, ended.error
    assert decisions(ended.planned()) == {key: row[-2:] for key, row in ROWS.items()}
    assert ended.plan["only_on_target"] == 1
    assert ended.counts["planned"]["skip"]["objects"] == sum(row[-2] == "skip" for row in ROWS.values())


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ({OptionalField.SIZE}, dict.fromkeys(set(ROWS) - {"absent"}, "unknown_size")),
        ({OptionalField.LAST_MODIFIED_DATE}, {"of parts, older": "unknown_time", "same": "etag_equal"}),
        ({OptionalField.ETAG}, {"same": "source_is_newer", "other content": "size_and_time"}),
    ],
    ids=("no size", "no time", "no ETag"),
)
def test_lines_of_the_table_where_the_report_lacks_a_column(
    workplace: Workplace,
    s3: Any,
    home: str,
    filled: tuple[str, str, datetime],
    missing: set[OptionalField],
    expected: dict[str, str],
) -> None:
    source, target, at = filled
    columns = [column for column in ALL_FIELDS if column not in missing]
    ended = workplace.plan("-m", put_inventory(s3, inventory(at), source, home, columns=columns), "-t", target, "-v")
    assert ended.code == 0, ended.error
    reasons = {key: row["reason"] for key, row in ended.planned().items()}
    assert {key: reasons[key] for key in expected} == expected


def test_nothing_is_looked_at_without_verify(
    workplace: Workplace, s3: Any, home: str, filled: tuple[str, str, datetime]
) -> None:
    source, target, at = filled
    ended = workplace.plan("-m", put_inventory(s3, inventory(at), source, home), "-t", target)
    assert set(decisions(ended.planned()).values()) == {("copy", "not_looked")}
    assert ended.plan["listing_pages"] == 0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--overwrite", "never", "-v"), {"absent": ("copy", "missing"), "other content": ("skip", "exists")}),
        (("--overwrite", "changed"), {"other content": ("copy", "etag_differs"), "same": ("skip", "etag_equal")}),
        (("--overwrite", "always"), {"same": ("copy", "not_looked")}),
        (
            ("-v", "--encryption", "aws:kms", "--kms-key-id", "alias/k"),
            {"other content": ("skip", "size_and_time"), "same": ("copy", "source_is_newer")},
        ),
    ],
    ids=" ".join,
)
def test_the_plan_follows_the_policy(
    workplace: Workplace,
    s3: Any,
    home: str,
    filled: tuple[str, str, datetime],
    options: tuple[str, ...],
    expected: dict[str, tuple[str, str]],
) -> None:
    source, target, at = filled
    ended = workplace.plan("-m", put_inventory(s3, inventory(at), source, home), "-t", target, *options)
    assert ended.code == 0, ended.error
    found = decisions(ended.planned())
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("options", "statuses", "kept"),
    [
        (("--overwrite", "never"), {"copied": 1, "skipped": 2}, True),
        (("--overwrite", "never", "-v"), {"copied": 1, "skipped": 2}, True),
        (("--overwrite", "changed"), {"copied": 2, "skipped": 1}, False),
        (("--overwrite", "always"), {"copied": 3}, False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_overwriting_as_asked_for(
    workplace: Workplace,
    s3: Any,
    pair: tuple[str, str],
    objects: Callable[[str], dict[str, bytes]],
    options: tuple[str, ...],
    statuses: dict[str, int],
    kept: bool,
) -> None:
    """C1: the same three objects, new, other and the same on the target, under each policy."""
    source, target = pair
    for key, body in (("new", b"n"), ("other", b"of the source"), ("same", BODY)):
        s3.put_object(Bucket=source, Key=key, Body=body)
    s3.put_object(Bucket=target, Key="other", Body=b"of the target")
    s3.put_object(Bucket=target, Key="same", Body=BODY)
    ended = workplace.run("-s", source, "-t", target, *options)
    assert ended.code == 0, ended.error
    assert ended.statuses == statuses
    assert objects(target) == {"new": b"n", "other": b"of the target" if kept else b"of the source", "same": BODY}


def test_a_multipart_object_that_was_copied_plainly_is_not_copied_again(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str]
) -> None:
    require(server, "copy_makes_plain_etag")
    source, target = pair
    upload = s3.create_multipart_upload(Bucket=source, Key="k")["UploadId"]
    part = s3.upload_part(Bucket=source, Key="k", UploadId=upload, PartNumber=1, Body=BODY)
    done = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=source, Key="k", UploadId=upload, MultipartUpload=done)
    time.sleep(1.1)  # times are whole seconds, and the copy's must be another one
    first, second = (workplace.run("-s", source, "-t", target, "-v") for _ in range(2))
    assert (first.statuses, second.statuses) == ({"copied": 1}, {"skipped": 1})
    assert second.plan["reasons"] == {"size_and_time": 1}


def test_a_target_prefix_is_looked_at_where_it_lies(
    workplace: Workplace, s3: Any, pair: tuple[str, str], objects: Callable[[str], dict[str, bytes]]
) -> None:
    source, target = pair
    for key in ("in/a", "in/b", "out/c"):
        s3.put_object(Bucket=source, Key=key, Body=BODY)
    s3.put_object(Bucket=target, Key="backup/a", Body=BODY)
    s3.put_object(Bucket=target, Key="in/b", Body=BODY)  # not where `in/b` goes
    mapping = ("--prefix", "in/", "--strip-prefix", "in/", "--target-prefix", "backup/")
    ended = workplace.run("-s", source, "-t", target, "-v", *mapping)
    assert ended.statuses == {"copied": 1, "skipped": 1}
    assert set(objects(target)) == {"backup/a", "backup/b", "in/b"}


@pytest.fixture
def many(workplace: Workplace, s3: Any, home: str, pair: tuple[str, str]) -> tuple[str, ...]:
    """The options of a run over 600 objects under three prefixes."""
    source, target = pair
    at = datetime(2025, 6, 1, tzinfo=UTC)
    rows = [InventoryObject(f"{'abc'[n % 3]}/{n:03}", n, MD5, at) for n in range(600)]
    return ("-m", put_inventory(s3, rows, source, home, files=4), "-t", target, "--limit", "60")


def test_a_limit_is_a_sample_spread_over_the_keys_and_the_same_each_time(
    workplace: Workplace, many: tuple[str, ...]
) -> None:
    samples = [workplace.plan(*many, "--run-id", run_id) for run_id in ("one", "two")]
    keys = [sorted(ended.planned()) for ended in samples]
    assert keys[0] == keys[1]
    assert len(keys[0]) == 60
    by_prefix = [sum(key.startswith(prefix) for key in keys[0]) for prefix in ("a/", "b/", "c/")]
    assert min(by_prefix) >= 10
    hundreds = {key[2] for key in keys[0]}
    assert hundreds == set("012345")
    assert samples[0].counts["filtered"] == {"limit": 540}
    assert samples[0].counts["listed"] == 600


def test_a_limit_above_the_number_of_objects_takes_all(workplace: Workplace, many: tuple[str, ...]) -> None:
    ended = workplace.plan(*many[:-1], "1000")
    assert (len(ended.planned()), ended.counts["filtered"].get("limit", 0)) == (600, 0)


def test_a_larger_limit_holds_the_smaller_one(workplace: Workplace, many: tuple[str, ...]) -> None:
    """So a second canary repeats the first and goes on."""
    small, large = (set(workplace.plan(*many[:-1], limit).planned()) for limit in ("20", "80"))
    assert small < large


def test_listing_rows_are_as_the_inventory_would_have_them(
    workplace: Workplace, s3: Any, home: str, pair: tuple[str, str]
) -> None:
    """A live listing and a report of the same bucket make the same plan."""
    source, target = pair
    for n in range(5):
        s3.put_object(Bucket=source, Key=f"k{n}", Body=BODY * n)
    rows = [replace(row, encryption_status=None) for row in list_objects(s3, source)]
    listed = workplace.plan("-s", source, "-t", target)
    reported = workplace.plan("-m", put_inventory(s3, rows, source, home), "-t", target)
    assert listed.planned() == reported.planned()
