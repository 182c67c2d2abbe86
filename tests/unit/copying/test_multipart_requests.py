"""What a copy by parts asks for: descriptions, pins, ranges, conditions and aborts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from s3sync.copying.dispatch import copy_task
from s3sync.copying.object_copy import UNGUARDED
from s3sync.model import etag as etags
from s3sync.model.conditions import NONE_HEEDED
from s3sync.model.limits import MIB
from s3sync.model.outcome import Pinned, Status, Verified
from s3sync.model.task import Method
from tests.unit.copying.uploads import (
    ABORT,
    ABORTED,
    BEGUN,
    COMPLETE,
    CREATE,
    CREATED,
    FIRST,
    HEAD,
    KEEP,
    KEPT,
    NEVER,
    NO_TAGS,
    PART,
    PART_ETAGS,
    PARTS,
    SIZE,
    TAGS,
    UPLOADS,
    done,
    part,
    run,
    source,
)
from tests.unit.scripted import AFTER, GONE, OTHER, PLAIN, Answer, a_task, drive, error, head, ok, some_settings

DESCRIPTION = {
    "Metadata": {"a": "1"},
    "ContentType": "text/x",
    "CacheControl": "no-cache",
    "ContentDisposition": "inline",
    "ContentEncoding": "gzip",
    "ContentLanguage": "de",
    "WebsiteRedirectLocation": "/x",
}


def created_with(task: dict[str, Any], settings: dict[str, Any], *begin: tuple[str, Answer]) -> dict[str, Any]:
    _, sent = run({"etag": PLAIN, **task}, settings, *begin, (CREATE, error(400, "InvalidRequest")))
    return sent[-1].params


def test_the_upload_is_described_as_the_source_is() -> None:
    """A copy by parts carries nothing by itself."""
    expires = datetime(2027, 1, 1, tzinfo=UTC)
    looked = source(PLAIN, **DESCRIPTION, Expires=expires, StorageClass="STANDARD_IA")
    tags = (TAGS, ok(TagSet=[{"Key": "a b", "Value": "c&d"}, {"Key": "ü", "Value": ""}]))
    assert created_with({}, {"target_expected_owner": "2", "encryption": "AES256"}, looked, tags) == {
        **DESCRIPTION,
        "Expires": expires,
        "StorageClass": "STANDARD_IA",
        "Tagging": "a%20b=c%26d&%C3%BC=",
        "Bucket": "into",
        "Key": "to/a/key",
        "ExpectedBucketOwner": "2",
        "ServerSideEncryption": "AES256",
    }


def test_nothing_is_made_up() -> None:
    assert created_with({}, {}, source(PLAIN), NO_TAGS) == {"Bucket": "into", "Key": "to/a/key"}
    assert created_with({}, {"tags": False}, source(PLAIN)) == {"Bucket": "into", "Key": "to/a/key"}
    expired = created_with({}, {}, source(PLAIN, ExpiresString="0"), NO_TAGS)
    assert expired["Expires"] == "1970-01-01T00:00:00Z"


def test_each_part_is_pinned_and_ranged() -> None:
    """C4, for each part; what was not planned by ETag is still one object throughout."""
    settings = {"source_expected_owner": "1", "requester_pays": True}
    _, sent = run({"etag": None, "version_id": "v"}, settings, *BEGUN, *PARTS, done())
    copies = [request.params for request in sent if request.operation == PART]
    assert copies[1] == {
        "Bucket": "into",
        "Key": "to/a/key",
        "UploadId": "up",
        "PartNumber": 2,
        "CopySource": {"Bucket": "from", "Key": "a/key", "VersionId": "v"},
        "CopySourceIfMatch": f'"{KEPT}"',
        "CopySourceRange": f"bytes={10 * MIB}-{20 * MIB - 1}",
        "ExpectedSourceBucketOwner": "1",
        "RequestPayer": "requester",
    }
    assert [each["CopySourceRange"] for each in copies][2] == f"bytes={20 * MIB}-{SIZE - 1}"
    (ended,) = [request.params for request in sent if request.operation == COMPLETE]
    assert ended["MultipartUpload"]["Parts"][2] == {"PartNumber": 3, "ETag": f'"{PART_ETAGS[2]}"'}


@pytest.mark.parametrize(
    ("task", "settings", "pinned"),
    [
        ({}, {}, Pinned.ETAG),
        ({"etag": None}, {}, Pinned.TIME),
        ({}, {"conditions": NONE_HEEDED}, Pinned.UNPINNED),
    ],
)
def test_the_outcome_says_by_what_it_was_pinned(task: dict[str, Any], settings: dict[str, Any], pinned: Pinned) -> None:
    """C4."""
    outcome, sent = run(task, settings, *BEGUN, *PARTS, done())
    assert outcome.pinned is pinned
    are_pinned = ["CopySourceIfMatch" in request.params for request in sent if request.operation == PART]
    assert are_pinned == [pinned is not Pinned.UNPINNED] * 3


def test_one_part_is_kept_one_part() -> None:
    """S3 takes ranges of objects over 5 MiB only, so the one part has none."""
    one = etags.of_parts([PLAIN])
    outcome, sent = run({"etag": one, "size": 10}, {}, source(one, 10), NO_TAGS, CREATED, part(PLAIN), done(one))
    assert outcome.verified is Verified.ETAG_EQUAL
    assert "CopySourceRange" not in sent[3].params


def test_an_empty_object_of_one_part_is_kept() -> None:
    empty = "d41d8cd98f00b204e9800998ecf8427e"
    one = etags.of_parts([empty])
    put = ("UploadPart", ok(ETag=f'"{empty}"'))
    outcome, sent = run({"etag": one, "size": 0}, KEEP, source(one, 0), NO_TAGS, CREATED, put, done(one))
    assert outcome.verified is Verified.ETAG_EQUAL
    assert sent[3].params["Body"] == b""


def test_never_asks_for_a_free_target() -> None:
    _, sent = run({}, NEVER, *BEGUN, *PARTS, done())
    assert sent[-1].params["IfNoneMatch"] == "*"


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ([head(KEPT, SIZE, AFTER)], ("copied", None)),  # completed by the answer that was lost, or by another attempt
        ([head(OTHER, SIZE - 1, AFTER), head(KEPT, SIZE)], ("failed", "TargetIsNewer")),
    ],
)
def test_c2_what_came_since_the_look_is_not_overwritten(found: list[Answer], wanted: tuple[str, str | None]) -> None:
    task = a_task(method=Method.MULTIPART_COPY, etag=KEPT, size=SIZE)
    refused = (COMPLETE, error(412, "PreconditionFailed"))
    looks = [(HEAD, answer) for answer in found]
    script = [(HEAD, GONE), *BEGUN, (UPLOADS, ok(Uploads=[])), *PARTS, refused, *looks, ABORTED]
    outcome, sent = drive(copy_task(task, some_settings(), 2, look_first=True), *script)
    assert (outcome.status, outcome.error_code) == wanted
    complete = next(request for request in sent if request.operation == COMPLETE)
    assert complete.params["IfNoneMatch"] == "*"


def test_a_server_that_does_not_know_the_condition_is_asked_without_it() -> None:
    task = a_task(method=Method.MULTIPART_COPY, etag=KEPT, size=SIZE)
    refused = (COMPLETE, error(501, "NotImplemented"))
    script = [(HEAD, GONE), *BEGUN, (UPLOADS, ok(Uploads=[])), *PARTS, refused, (HEAD, GONE), done()]
    outcome, sent = drive(copy_task(task, some_settings(), 2, look_first=True), *script)
    assert (outcome.status, outcome.message) == ("copied", UNGUARDED)
    assert "IfNoneMatch" not in sent[-1].params


def test_an_abort_that_fails_is_told() -> None:
    outcome, _ = run(
        {}, {}, *BEGUN, *PARTS[:2], (PART, error(500, "InternalError")), (ABORT, error(403, "AccessDenied"))
    )
    assert outcome.message == "UploadPartCopy: InternalError; upload up could not be aborted: AccessDenied"
    assert outcome.requests == 8


@pytest.mark.parametrize(
    ("key", "upload_id", "seconds", "is_lost"),
    [
        ("to/a/key", "lost", 0, True),
        ("to/a/key", "lost", -4, True),
        ("to/a/key", "of before", -60, False),
        ("to/a/key2", "another key's", 0, False),
    ],
)
def test_an_upload_whose_opening_was_not_answered_is_aborted(
    key: str, upload_id: str, seconds: int, is_lost: bool
) -> None:
    """C7: only where the opening was sent again, and only what can be this task's own."""
    operation = copy_task(a_task(method=Method.MULTIPART_COPY), some_settings(tags=False), 1, look_first=False)
    (look,) = next(operation)
    (create,) = operation.send([source(PLAIN)[1].to(look)])
    created = CREATED[1].to(create)
    created.attempts, created.earlier_seconds = 2, 3.0
    (listing,) = operation.send([created])
    assert listing.operation == "ListMultipartUploads"
    assert listing.params == {"Bucket": "into", "Prefix": "to/a/key", "EncodingType": "url"}
    uploads = [
        {"Key": "to/a/key", "UploadId": "up", "Initiated": AFTER},
        {"Key": key, "UploadId": upload_id, "Initiated": AFTER + timedelta(seconds=seconds)},
    ]
    (following, *_) = operation.send([ok(Uploads=uploads).to(listing)])
    assert following.operation == (ABORT if is_lost else PART)
    if is_lost:
        assert following.params["UploadId"] == upload_id


LISTED_AT = AFTER + timedelta(minutes=1)


def opened(key: str = "to/a/key", upload_id: str = "lost", seconds: int = -1, initiator: str = "me") -> dict[str, Any]:
    began = LISTED_AT + timedelta(seconds=seconds)
    return {"Key": key, "UploadId": upload_id, "Initiated": began, "Initiator": {"ID": initiator}}


@pytest.mark.parametrize(
    ("attempts", "listed", "is_aborted", "said"),
    [
        (2, ok(Uploads=[opened()], Date=LISTED_AT), True, None),
        (2, ok(Uploads=[opened(), opened(upload_id="too")], Date=LISTED_AT), True, None),
        (2, ok(Uploads=[opened("to%2Fa%2Fkey")], EncodingType="url", Date=LISTED_AT), True, None),
        (2, ok(Uploads=[opened("to/a/key2")], Date=LISTED_AT), False, None),
        (2, ok(Uploads=[opened(seconds=-60)], Date=LISTED_AT), False, None),
        (1, ok(Uploads=[opened(), opened(upload_id="too")], Date=LISTED_AT), False, "another client"),
        (2, ok(Uploads=[opened(), opened(initiator="you")], Date=LISTED_AT), False, "another client"),
        (2, ok(Uploads=[opened()]), False, "can't be listed"),
        (2, error(403, "AccessDenied"), False, "can't be listed"),
    ],
)
def test_c7_where_no_answer_said_that_an_upload_was_opened(
    attempts: int, listed: Answer, is_aborted: bool, said: str | None
) -> None:
    operation = copy_task(a_task(method=Method.MULTIPART_COPY), some_settings(tags=False), 1, look_first=False)
    lost = replace(error(0, "Timeout"), attempts=attempts, earlier_seconds=3.0)
    ours = len(listed.values["Uploads"]) if is_aborted else 0
    script = [source(PLAIN), (CREATE, lost), (UPLOADS, listed), *[ABORTED] * ours]
    outcome, sent = drive(operation, *script)
    aborts = [each for each in sent if each.operation == ABORT]
    assert (outcome.status, outcome.error_code) == (Status.FAILED, "Timeout")
    assert {each.params["Key"] for each in aborts} <= {"to/a/key"}
    assert (said in outcome.message) if said else ("may be open" not in outcome.message)


def test_what_refused_at_once_opened_nothing() -> None:
    """The negative control: no request is spent on it."""
    _, sent = run({}, {"tags": False}, source(), FIRST, (CREATE, error(403, "AccessDenied")))
    assert sent[-1].operation == CREATE
