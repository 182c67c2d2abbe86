"""The decision tables of s3sync/demo/preconditions.py, row by row."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from s3sync.demo.preconditions import archive_refusal, source_refusal, target_refusal
from s3sync.demo.wire import Call


@dataclass
class Stored:
    etag: str = '"aaa"'
    last_modified: datetime = datetime(2025, 6, 1, 12, 0, 0, 500_000, tzinfo=UTC)
    storage_class: str = "STANDARD"
    expiry_date: str | None = None


BEFORE, AT, AFTER = (f"Sun, 01 Jun 2025 {time} GMT" for time in ("11:59:59", "12:00:00", "12:00:01"))
MATCH, NONE_MATCH, UNMODIFIED, MODIFIED = "IF_MATCH", "IF_NONE_MATCH", "IF_UNMODIFIED_SINCE", "IF_MODIFIED_SINCE"


@pytest.mark.parametrize(
    ("given", "failed"),
    [
        ({}, None),
        ({MATCH: '"aaa"'}, None),
        ({MATCH: "aaa"}, None),
        ({MATCH: '"bbb"'}, MATCH),
        ({MATCH: '"bbb"', UNMODIFIED: AFTER}, MATCH),
        ({MATCH: '"aaa"', UNMODIFIED: BEFORE}, None),
        ({MATCH: '"aaa"', NONE_MATCH: '"aaa"'}, NONE_MATCH),
        ({UNMODIFIED: BEFORE}, UNMODIFIED),
        ({UNMODIFIED: AT}, None),
        ({UNMODIFIED: AFTER}, None),
        ({UNMODIFIED: AFTER, MODIFIED: AFTER}, MODIFIED),
        ({NONE_MATCH: '"aaa"'}, NONE_MATCH),
        ({NONE_MATCH: '"aaa"', MODIFIED: BEFORE}, NONE_MATCH),
        ({NONE_MATCH: '"bbb"', MODIFIED: AFTER}, None),
        ({MODIFIED: BEFORE}, None),
        ({MODIFIED: AT}, MODIFIED),
        ({MODIFIED: AFTER}, MODIFIED),
    ],
)
def test_source_conditions(given, failed):
    environ = {f"HTTP_X_AMZ_COPY_SOURCE_{name}": value for name, value in given.items()}
    refusal = source_refusal(environ, Stored())
    if failed is None:
        assert refusal is None
    else:
        assert (refusal.status, refusal.code) == (412, "PreconditionFailed")
        assert refusal.condition.lower() == f"x-amz-copy-source-{failed.lower().replace('_', '-')}"


@pytest.mark.parametrize(
    ("given", "target", "answer"),
    [
        ({}, None, None),
        ({}, Stored(), None),
        ({"HTTP_IF_NONE_MATCH": "*"}, None, None),
        ({"HTTP_IF_NONE_MATCH": "*"}, Stored(), (412, "PreconditionFailed")),
        ({"HTTP_IF_MATCH": '"aaa"'}, None, (404, "NoSuchKey")),
        ({"HTTP_IF_MATCH": '"aaa"'}, Stored(), None),
        ({"HTTP_IF_MATCH": "aaa"}, Stored(), None),
        ({"HTTP_IF_MATCH": '"bbb"'}, Stored(), (412, "PreconditionFailed")),
    ],
)
def test_target_conditions(given, target, answer):
    refusal = target_refusal(given, target)
    assert (refusal and (refusal.status, refusal.code)) == answer


@pytest.mark.parametrize(
    ("operation", "storage_class", "expiry_date", "is_refused"),
    [
        ("UploadPartCopy", "GLACIER", None, True),
        ("UploadPartCopy", "GLACIER", "tomorrow", False),
        ("UploadPartCopy", "STANDARD_IA", None, False),
        ("CopyObject", "GLACIER", None, False),  # moto does that
    ],
)
def test_archived_sources(operation, storage_class, expiry_date, is_refused):
    source = Stored(storage_class=storage_class, expiry_date=expiry_date)
    refusal = archive_refusal(Call("s3", "us-east-1", operation), source)
    assert (refusal is not None) == is_refused


def test_a_refusal_reads_as_s3_writes_it():
    body = target_refusal({"HTTP_IF_NONE_MATCH": "*"}, Stored()).body("a").decode()
    assert body.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>PreconditionFailed</Code>')
    assert "<Condition>If-None-Match</Condition>" in body
    assert "<Key>a&lt;b</Key>" in target_refusal({"HTTP_IF_MATCH": "x"}, None).body("a<b").decode()
