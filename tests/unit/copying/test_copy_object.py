"""CopyObject: what is asked for, and what becomes of each answer."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from s3sync.copying.dispatch import copy_task
from s3sync.model.closed_sets import STORAGE_CLASSES
from s3sync.model.conditions import NONE_HEEDED
from s3sync.model.outcome import ErrorClass, Outcome, Pinned, Status, Verified
from s3sync.model.task import Overwrite
from tests.unit.scripted import (
    AFTER,
    BEFORE,
    GONE,
    OTHER,
    PLAIN,
    UNLISTED,
    Answer,
    a_task,
    copied,
    drive,
    error,
    gone_by_name,
    head,
    names,
    ok,
    page,
    some_settings,
)

NEVER = {"overwrite": Overwrite.NEVER}
OPAQUE = {"opaque_etags": True}
TOO_LARGE = "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120"
PARTS = f"{PLAIN}-3"


def params_of(task: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    operation = copy_task(a_task(**task), some_settings(**settings), 1, look_first=False)
    (request,) = next(operation)
    return request.params


def run(task: dict[str, Any], settings: dict[str, Any], *script: tuple[str, Answer]) -> Outcome:
    return drive(copy_task(a_task(**task), some_settings(**settings), 1, look_first=False), *script)[0]


BASE = {
    "Bucket": "into",
    "Key": "to/a/key",
    "CopySource": {"Bucket": "from", "Key": "a/key"},
    "CopySourceIfMatch": f'"{PLAIN}"',
}
UNPINNED = {name: value for name, value in BASE.items() if name != "CopySourceIfMatch"}


@pytest.mark.parametrize(
    ("task", "settings", "expected"),
    [
        ({}, {}, BASE),
        ({"version_id": "v7"}, {}, {**BASE, "CopySource": {**BASE["CopySource"], "VersionId": "v7"}}),
        ({"storage_class": "STANDARD_IA"}, {}, {**BASE, "StorageClass": "STANDARD_IA"}),
        ({"storage_class": None}, {}, BASE),
        *(
            (
                {"storage_class": name},
                {},
                BASE if not is_writable or name == "STANDARD" else BASE | {"StorageClass": name},
            )
            for name, is_writable in STORAGE_CLASSES.items()
        ),
        ({"storage_class": "GLACIER"}, {"storage_class": "STANDARD"}, BASE),
        ({}, {"storage_class": "DEEP_ARCHIVE"}, {**BASE, "StorageClass": "DEEP_ARCHIVE"}),
        ({}, {"encryption": "AES256"}, {**BASE, "ServerSideEncryption": "AES256"}),
        (
            {},
            {"encryption": "aws:kms", "kms_key_id": "k", "bucket_key": True},
            {**BASE, "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k", "BucketKeyEnabled": True},
        ),
        ({}, {"acl": "bucket-owner-full-control"}, {**BASE, "ACL": "bucket-owner-full-control"}),
        (
            {},
            {"source_expected_owner": "1", "target_expected_owner": "2", "requester_pays": True},
            {**BASE, "ExpectedSourceBucketOwner": "1", "ExpectedBucketOwner": "2", "RequestPayer": "requester"},
        ),
        ({}, NEVER, {**BASE, "IfNoneMatch": "*"}),
        ({}, {"overwrite": Overwrite.CHANGED}, BASE),
        ({}, {"tags": False}, {**BASE, "TaggingDirective": "REPLACE"}),
        ({}, {"conditions": NONE_HEEDED}, UNPINNED),
        ({"etag": None}, {}, {**UNPINNED, "CopySourceIfUnmodifiedSince": BEFORE}),
        ({"etag": None, "last_modified": None}, {}, UNPINNED),
        ({"etag": None}, {"conditions": NONE_HEEDED}, UNPINNED),
    ],
)
def test_what_is_asked_for(task: dict[str, Any], settings: dict[str, Any], expected: dict[str, Any]) -> None:
    """C4, C6."""
    assert params_of(task, settings) == expected


def test_a_time_is_rounded_up_to_the_second() -> None:
    """C4: cut down, the planned object would be newer than the condition, and never copied."""
    time = datetime(2026, 3, 1, 11, 0, 0, 400_000, tzinfo=UTC)
    asked = params_of({"etag": None, "last_modified": time}, {})
    assert asked["CopySourceIfUnmodifiedSince"] == datetime(2026, 3, 1, 11, 0, 1, tzinfo=UTC)


REFUSED = ("CopyObject", error(412, "PreconditionFailed", "no"))
COPY, HEAD, LIST = "CopyObject", "HeadObject", "ListObjectsV2"
NO_BUCKET = ("failed", "missing", "NoSuchBucket", "not_found", None)

KEEP_REDIRECTS = {"keeps_redirects": True}


@pytest.mark.parametrize(("shown", "given"), [({}, {}), ({"WebsiteRedirectLocation": "/b"},) * 2])
def test_a_website_redirect_is_looked_for_where_that_is_asked_for(shown: dict[str, str], given: dict[str, str]) -> None:
    """S3 itself copies none (AWS: "CopyObject", x-amz-metadata-directive)."""
    operation = copy_task(a_task(), some_settings(**KEEP_REDIRECTS), 1, look_first=False)
    outcome, sent = drive(operation, (HEAD, head(**shown)), (COPY, copied()))
    assert (outcome.status, outcome.requests) == (Status.COPIED, 2)
    assert sent[1].params == BASE | given


# task, settings, script, then status, reason, error code, error class, verified
ROWS: list[tuple[dict[str, Any], dict[str, Any], list[tuple[str, Answer]], tuple[Any, ...]]] = [
    ({}, KEEP_REDIRECTS, [(HEAD, head(OTHER))], ("changed", "missing", None, None, None)),
    ({}, KEEP_REDIRECTS, [(HEAD, error(403, "403"))], ("failed", "missing", "403", "denied", None)),
    # the answer proves it, or can't (C13)
    ({}, {}, [(COPY, copied())], ("copied", "missing", None, None, Verified.ETAG_EQUAL)),
    ({"etag": PARTS}, {}, [(COPY, copied())], ("copied", "missing", None, None, Verified.NOT_COMPARABLE)),
    ({"etag": PARTS}, {}, [(COPY, copied(PARTS))], ("copied", "missing", None, None, Verified.NOT_COMPARABLE)),
    ({"etag": None}, {}, [(COPY, copied())], ("copied", "missing", None, None, Verified.NOT_COMPARABLE)),
    (
        {},
        {},
        [(COPY, copied(OTHER, ServerSideEncryption="aws:kms"))],
        ("copied", "missing", None, None, Verified.NOT_COMPARABLE),
    ),
    (
        {},
        {},
        [(COPY, copied(OTHER)), (HEAD, head(OTHER, ServerSideEncryption="aws:kms"))],
        ("copied", "missing", None, None, Verified.NOT_COMPARABLE),
    ),
    ({}, {}, [(COPY, copied(OTHER)), (HEAD, head())], ("failed", "missing", "ETagMismatch", "corrupt", None)),
    ({}, OPAQUE, [(COPY, copied(OTHER))], ("copied", "missing", None, None, "not_comparable")),
    ({}, OPAQUE, [(COPY, copied())], ("copied", "missing", None, None, "not_comparable")),  # equal proves nothing then
    (
        {},
        {},
        [(COPY, copied(OTHER)), (HEAD, GONE), UNLISTED],
        ("copied", "missing", None, None, Verified.NOT_COMPARABLE),
    ),
    ({}, {}, [(COPY, copied(OTHER)), (HEAD, head(OTHER))], ("copied", "missing", None, None, Verified.NOT_COMPARABLE)),
    (
        {},
        {},
        [(COPY, copied(OTHER)), (HEAD, error(403, "403"))],
        ("failed", "missing", "403", "denied", None),
    ),
    (
        {},
        {"conditions": NONE_HEEDED},
        [(COPY, copied(OTHER)), (HEAD, head(OTHER))],
        ("changed", "missing", None, None, None),
    ),
    (
        {},
        {"conditions": NONE_HEEDED},
        [(COPY, copied(OTHER)), (HEAD, GONE), UNLISTED],
        ("changed", "missing", None, None, None),
    ),
    # an answer without an ETag is no proof that anything was done
    (
        {},
        {},
        [(COPY, copied(None)), (HEAD, head(modified=AFTER))],
        ("copied", "missing", None, None, Verified.ETAG_EQUAL),
    ),
    ({}, {}, [(COPY, copied(None)), (HEAD, GONE)], ("failed", "missing", "ETagMismatch", "corrupt", None)),
    # answered as done, and an old object is still there, or another one
    (
        {},
        {},
        [(COPY, copied(None)), (HEAD, head(OTHER, ServerSideEncryption="aws:kms"))],
        ("failed", "missing", "ETagMismatch", "corrupt", None),
    ),
    (
        {},
        {},
        [(COPY, copied(None)), (HEAD, head(OTHER, 7, AFTER, ServerSideEncryption="aws:kms"))],
        ("failed", "missing", "ETagMismatch", "corrupt", None),
    ),
    # 412: the source's pin
    ({}, {}, [REFUSED, (HEAD, head(OTHER))], ("changed", "missing", None, None, None)),
    ({}, {}, [REFUSED, (HEAD, GONE), UNLISTED], ("vanished", "missing", None, None, None)),
    ({}, {}, [REFUSED, (HEAD, head())], ("failed", "missing", "PreconditionFailed", "precondition", None)),
    ({}, {}, [REFUSED, (HEAD, error(403, "403"))], ("failed", "missing", "403", "denied", None)),
    ({"etag": None}, {}, [REFUSED, (HEAD, head(modified=AFTER))], ("changed", "missing", None, None, None)),
    # 412: one of two conditions
    ({}, NEVER, [REFUSED, (HEAD, head(OTHER))], ("skipped", "exists", None, None, None)),
    ({}, NEVER, [REFUSED, (HEAD, GONE), (HEAD, head(OTHER))], ("changed", "missing", None, None, None)),
    ({}, NEVER, [REFUSED, (HEAD, GONE), (HEAD, GONE), UNLISTED], ("vanished", "missing", None, None, None)),
    ({}, NEVER, [REFUSED, (HEAD, error(403, "403"))], ("failed", "missing", "403", "denied", None)),
    # the source
    ({}, {}, [(COPY, gone_by_name())], ("vanished", "missing", None, None, None)),
    ({"version_id": "v"}, {}, [(COPY, gone_by_name("NoSuchVersion"))], ("vanished", "missing", None, None, None)),
    *(  # C17: the error may be about another key, or not S3's at all
        ({}, {}, [(COPY, answer), UNLISTED], ("vanished", "missing", None, None, None))
        for answer in (error(404, "NoSuchKey"), gone_by_name(key="a%2Fkey"), error(404, "ForeignAnswer"))
    ),
    *(
        ({}, {}, [(COPY, answer), page("a/key")], ("failed", "missing", code, error_class, None))
        for answer, code, error_class in (
            (error(404, "NoSuchKey"), "NotFoundThoughListed", "not_found"),
            (gone_by_name(key="a key"), "NotFoundThoughListed", "not_found"),
            (error(404, "ForeignAnswer"), "ForeignAnswer", "transient"),
        )
    ),
    *(
        ({}, {}, [(COPY, error(404, "NoSuchKey")), (LIST, answer)], ("failed", "missing", code, error_class, None))
        for answer, code, error_class in (
            (error(404, "ForeignAnswer"), "ForeignAnswer", "transient"),
            (error(404, "NoSuchBucket"), "NoSuchBucket", "not_found"),
            (error(403, "AccessDenied"), "AccessDenied", "denied"),
            (ok(Body=b"<html>It works</html>"), "Truncated", "transient"),
        )
    ),
    ({}, {}, [(COPY, error(404, "NoSuchKey")), page("a/key2")], ("vanished", "missing", None, None, None)),
    ({}, {}, [REFUSED, (HEAD, GONE), page("a/key")], ("failed", "missing", "NotFoundThoughListed", "not_found", None)),
    ({}, {}, [REFUSED, (HEAD, GONE), (LIST, error(404, "NoSuchBucket"))], NO_BUCKET),
    ({}, {}, [(COPY, error(404, "NoSuchBucket"))], ("failed", "missing", "NoSuchBucket", "not_found", None)),
    (
        {},
        {},
        [(COPY, error(403, "InvalidObjectState"))],
        ("archived", "missing", "InvalidObjectState", "archived", None),
    ),
    (
        {},
        {},
        [(COPY, error(403, "ObjectNotInActiveTierError"))],
        ("archived", "missing", "ObjectNotInActiveTierError", "archived", None),
    ),
    ({}, {}, [(COPY, error(403, "AccessDenied"))], ("failed", "missing", "AccessDenied", "denied", None)),
    ({}, {}, [(COPY, error(400, "InvalidRequest"))], ("failed", "missing", "InvalidRequest", "invalid", None)),
    ({}, {}, [(COPY, error(503, "SlowDown"))], ("failed", "missing", "SlowDown", "throttled", None)),
    # larger than planned
    (
        {},
        {},
        [(COPY, error(400, "InvalidRequest", TOO_LARGE)), (HEAD, head(OTHER))],
        ("changed", "missing", None, None, None),
    ),
    (
        {},
        {},
        [(COPY, error(400, "InvalidRequest", TOO_LARGE)), (HEAD, head())],
        ("failed", "missing", "InvalidRequest", "invalid", None),
    ),
]


@pytest.mark.parametrize(("task", "settings", "script", "expected"), ROWS)
def test_each_row(
    task: dict[str, Any], settings: dict[str, Any], script: list[tuple[str, Answer]], expected: tuple[Any, ...]
) -> None:
    outcome = run(task, settings, *script)
    status, reason, code, error_class, verified = expected
    assert (outcome.status, outcome.reason, outcome.error_code) == (Status(status), reason, code)
    assert outcome.error_class == (None if error_class is None else ErrorClass(error_class))
    assert outcome.verified == (verified or Verified.NOT_COPIED)
    assert outcome.requests == len(script)
    assert outcome.milliseconds == 50 * len(script)


def test_a_source_of_unknown_size_that_is_too_large_goes_on_by_parts() -> None:
    """The first request is not lost from the count (C6)."""
    outcome = run(
        {"size": None, "etag": None},
        {"tags": False},
        (COPY, error(400, "InvalidRequest", TOO_LARGE)),
        (HEAD, head(size=6)),
        ("CreateMultipartUpload", ok(UploadId="u")),
        ("UploadPartCopy", ok(CopyPartResult={"ETag": f'"{OTHER}"'})),
        ("CompleteMultipartUpload", ok(ETag='"x"')),
    )
    assert (outcome.status, outcome.error_code, outcome.requests) == (Status.FAILED, "ETagMismatch", 5)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "(the source bucket, from, or the target bucket, into)"),
        ({"BucketName": "into"}, "(the target bucket, into)"),
        ({"BucketName": "from"}, "(the source bucket, from)"),
    ],
)
def test_whose_bucket_is_missing_is_told(values: dict[str, Any], said: str) -> None:
    outcome = run({}, {}, (COPY, error(404, "NoSuchBucket", "The specified bucket does not exist", **values)))
    assert outcome.message == f"CopyObject: The specified bucket does not exist {said}"


def test_messages_are_one_line_and_bounded() -> None:
    outcome = run({}, {}, (COPY, error(400, "InvalidRequest", "first\nsecond\x1b[0m " + "x" * 900)))
    assert outcome.message is not None
    assert outcome.message.startswith("CopyObject: first second [0m xxx")
    assert len(outcome.message) == 300


@pytest.mark.parametrize(
    ("task", "settings", "pinned"),
    [
        ({}, {}, Pinned.ETAG),
        ({"etag": None}, {}, Pinned.TIME),
        ({"etag": None, "last_modified": None}, {}, Pinned.UNPINNED),
        ({}, {"conditions": NONE_HEEDED}, Pinned.UNPINNED),
    ],
)
def test_the_outcome_says_by_what_the_copy_was_pinned(
    task: dict[str, Any], settings: dict[str, Any], pinned: Pinned
) -> None:
    """C4."""
    assert run(task, settings, (COPY, copied())).pinned is pinned


@pytest.mark.parametrize(
    ("attempts", "status", "reason", "looks"), [(1, "skipped", "exists", 1), (2, "copied", "found_on_target", 4)]
)
def test_a_lost_answer_with_never_is_found_out(attempts: int, status: str, reason: str, looks: int) -> None:
    """C2: the first request made the copy, its answer was lost, and the second one met it. Its ACL is as it was sent,
    though no HEAD shows it."""
    operation = copy_task(a_task(), some_settings(**NEVER, acl="bucket-owner-full-control"), 1, look_first=False)
    (request,) = next(operation)
    refused = error(412, "PreconditionFailed").to(request)
    refused.attempts = attempts
    requests = operation.send([refused])
    for _ in range(2 if attempts > 1 else 0):  # the target, the source
        modified = AFTER if requests[0].side == "target" else BEFORE
        requests = operation.send([head(modified=modified).to(each) for each in requests])
    last = ok(TagSet=[]) if attempts > 1 else head(modified=AFTER)
    with pytest.raises(StopIteration) as end:
        operation.send([last.to(each) for each in requests])
    outcome = end.value.value
    assert (outcome.status, outcome.reason, outcome.requests) == (status, reason, attempts + looks)


def test_retries_are_in_the_count_and_the_time() -> None:
    operation = copy_task(a_task(), some_settings(), 3, look_first=False)
    (request,) = next(operation)
    reply = dataclasses.replace(copied().to(request), attempts=4, earlier_seconds=2.0)
    with pytest.raises(StopIteration) as end:
        operation.send([reply])
    outcome = end.value.value
    assert (outcome.requests, outcome.milliseconds, outcome.attempt) == (4, 2050, 3)


def test_the_driver_notices_what_the_script_does_not_expect() -> None:
    with pytest.raises(AssertionError, match="never asked for"):
        run({}, {}, (COPY, copied()), (HEAD, head()))
    with pytest.raises(AssertionError, match="unexpected"):
        run({}, {})
    assert names([]) == []
