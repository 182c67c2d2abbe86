"""Copying by parts: what is asked for, what becomes of each answer, and that no upload is left (C7)."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from s3sync.aws.engine import Engine
from s3sync.aws.operations import copy_task
from s3sync.aws.part_layouts import PORTION
from s3sync.aws.retries import RetryPolicy
from s3sync.aws.transport import Request
from s3sync.model import etag as etags
from s3sync.model.limits import GIB, MIB, OBJECT_MAX_BYTES
from s3sync.model.outcome import Pinned, Status, Verified
from s3sync.model.task import Method, Overwrite
from tests.unit.aws.scripted import (
    AFTER,
    OTHER,
    PLAIN,
    Answer,
    FakeTransport,
    VirtualClock,
    a_task,
    drive,
    error,
    head,
    names,
    ok,
    some_settings,
)

HEAD, TAGS, CREATE, PART = "HeadObject", "GetObjectTagging", "CreateMultipartUpload", "UploadPartCopy"
UPLOADS = "ListMultipartUploads"
COMPLETE, ABORT = "CompleteMultipartUpload", "AbortMultipartUpload"
GONE = error(404, "404")
KMS = {"ServerSideEncryption": "aws:kms"}
NEVER = {"overwrite": Overwrite.NEVER}
KEEP = {"preserve_etags": True}

PART_ETAGS = [f"{n:032x}" for n in (1, 2, 3)]
KEPT = etags.of_parts(PART_ETAGS)  # the ETag of a source whose three parts have these
SIZE = 24 * MIB
NO_TAGS = (TAGS, ok(TagSet=[]))
CREATED = (CREATE, ok(UploadId="up"))
ABORTED = (ABORT, Answer(status=204))
FIRST = (HEAD, Answer({"ContentLength": 10 * MIB, "PartsCount": 3}, 206))

Script = list[tuple[str, Answer]]


def part(etag: str) -> tuple[str, Answer]:
    return PART, ok(CopyPartResult={"ETag": f'"{etag}"'})


PARTS = [part(each) for each in PART_ETAGS]


def done(etag: str | None = KEPT) -> tuple[str, Answer]:
    return COMPLETE, ok(**({"ETag": f'"{etag}"'} if etag else {"ETag": ""}))


def source(etag: str | None = KEPT, size: int = SIZE, **values: Any) -> tuple[str, Answer]:
    return HEAD, head(etag, size, **values)


def run(task: dict[str, Any], settings: dict[str, Any], *script: tuple[str, Answer]) -> Any:
    given = {"method": Method.MULTIPART_COPY, "etag": KEPT, "size": SIZE, **task}
    return drive(copy_task(a_task(**given), some_settings(**settings), 1, look_first=False), *script)


BEGUN = [source(), NO_TAGS, FIRST, CREATED]

# task, settings, script, then status, reason, error code, verified
ROWS: list[tuple[dict[str, Any], dict[str, Any], Script, tuple[Any, ...]]] = [
    # boundaries are kept, and the ETag proves the copy
    ({}, {}, [*BEGUN, *PARTS, done()], ("copied", "missing", None, "etag_equal")),
    ({}, KEEP, [*BEGUN, *PARTS, done()], ("copied", "missing", None, "etag_equal")),
    ({}, {}, [*BEGUN, *PARTS, done(None), (HEAD, head(KEPT, SIZE, AFTER))], ("copied", "missing", None, "etag_equal")),
    # answered as done, and what is there is not what was written
    (
        {},
        {},
        [*BEGUN, *PARTS, done(None), (HEAD, head(KEPT, 7, AFTER, **KMS))],
        ("failed", "missing", "ETagMismatch", None),
    ),
    (
        {},
        {},
        [*BEGUN, *PARTS, done(None), (HEAD, head(OTHER, SIZE, **KMS))],
        ("failed", "missing", "ETagMismatch", None),
    ),
    ({}, {}, [*BEGUN, *PARTS, done(None), (HEAD, GONE)], ("failed", "missing", "ETagMismatch", None)),
    ({}, {}, [*BEGUN, *PARTS, done(f"{OTHER}-3")], ("failed", "missing", "ETagMismatch", None)),
    # a source that was written in one piece
    (
        {"etag": PLAIN},
        {"part_size_bytes": 8 * MIB},
        [source(PLAIN), NO_TAGS, CREATED, *PARTS, done()],
        ("copied", "missing", None, "not_comparable"),
    ),
    # no parts count, or a strange one: the boundaries are unknown
    *(
        (
            {},
            {**KEEP, "part_size_bytes": 8 * MIB},
            [source(), NO_TAGS, (HEAD, Answer(values)), CREATED, *PARTS, done()],
            ("copied", "part_layout_unknown", None, "not_comparable"),
        )
        for values in ({"ContentLength": SIZE}, {"ContentLength": 10 * MIB, "PartsCount": 4})
    ),
    # parts that are not alike
    (
        {},
        {"part_size_bytes": 8 * MIB},
        [source(), NO_TAGS, (HEAD, ok(ContentLength=6 * MIB, PartsCount=3)), CREATED, *PARTS, done()],
        ("copied", "part_layout_unknown", None, "not_comparable"),
    ),
    (
        {},
        KEEP,
        [
            source(),
            NO_TAGS,
            (HEAD, ok(ContentLength=6 * MIB, PartsCount=3)),
            *((HEAD, ok(ContentLength=size * MIB)) for size in (6, 12, 6)),
            CREATED,
            *PARTS,
            done(),
        ],
        ("copied", "missing", None, "etag_equal"),
    ),
    (
        {},
        {**KEEP, "part_size_bytes": 8 * MIB},
        [
            source(),
            NO_TAGS,
            (HEAD, ok(ContentLength=6 * MIB, PartsCount=3)),
            *((HEAD, ok(ContentLength=size * MIB)) for size in (6, 6, 6)),
            CREATED,
            *PARTS,
            done(),
        ],
        ("copied", "part_layout_unknown", None, "not_comparable"),
    ),
    # a guess that the copied parts' ETags show to be wrong
    (
        {"etag": f"{OTHER}-3"},
        {},
        [source(f"{OTHER}-3"), NO_TAGS, FIRST, CREATED, *PARTS, done()],
        ("copied", "part_layout_unknown", None, "not_comparable"),
    ),
    (
        {},
        KEEP,
        [
            *BEGUN,
            *(part(OTHER) for _ in PARTS),
            ABORTED,
            *((HEAD, ok(ContentLength=size * MIB)) for size in (10, 6, 8)),
            CREATED,
            *PARTS,
            done(),
        ],
        ("copied", "missing", None, "etag_equal"),
    ),
    (
        {"etag": f"{OTHER}-3"},
        {**KEEP, "part_size_bytes": 8 * MIB},
        [
            source(f"{OTHER}-3"),
            NO_TAGS,
            FIRST,
            CREATED,
            *PARTS,
            ABORTED,
            *((HEAD, ok(ContentLength=size * MIB)) for size in (10, 10, 4)),
            CREATED,
            *PARTS,
            done(),
        ],
        ("copied", "part_layout_unknown", None, "not_comparable"),
    ),
    # parts that were measured, and make another ETag: nothing is put at the target
    (
        {"etag": f"{OTHER}-1"},
        {},
        [source(f"{OTHER}-1"), NO_TAGS, CREATED, part(PLAIN), ABORTED],
        ("failed", "missing", "ETagMismatch", None),
    ),
    # encryption hides the MD5s
    (
        {},
        {},
        [source(**KMS), NO_TAGS, FIRST, CREATED, *PARTS, done("x")],
        ("copied", "missing", None, "not_comparable"),
    ),
    (
        {"etag": f"{OTHER}-3"},
        KEEP,
        [source(f"{OTHER}-3"), NO_TAGS, FIRST, (CREATE, ok(UploadId="up", **KMS)), *PARTS, done("x")],
        ("copied", "missing", None, "not_comparable"),
    ),
    # the source
    ({}, {}, [(HEAD, GONE), (TAGS, error(404, "NoSuchKey"))], ("vanished", "missing", None, None)),
    ({}, {}, [(HEAD, GONE), (TAGS, error(404, "NoSuchBucket"))], ("failed", "missing", "NoSuchBucket", None)),
    ({}, {}, [source(PLAIN), NO_TAGS], ("changed", "missing", None, None)),
    ({"etag": None}, {}, [(HEAD, head(KEPT, SIZE, AFTER)), NO_TAGS], ("changed", "missing", None, None)),
    ({}, {}, [(HEAD, error(403, "403")), (TAGS, error(403, "AccessDenied"))], ("failed", "missing", "403", None)),
    ({}, {}, [source(), (TAGS, error(403, "AccessDenied"))], ("failed", "missing", "AccessDenied", None)),
    ({}, {}, [source(MissingMeta=1), NO_TAGS], ("failed", "missing", "MissingMetadata", None)),
    ({}, {}, [source(), NO_TAGS, (HEAD, error(412, "412")), (HEAD, head(PLAIN))], ("changed", "missing", None, None)),
    (
        {"etag": PLAIN},
        {},
        [source(PLAIN, OBJECT_MAX_BYTES + 1), NO_TAGS],
        ("failed", "missing", "InvalidParameters", None),
    ),
    # the upload
    ({}, {}, [*BEGUN[:-1], (CREATE, error(403, "AccessDenied"))], ("failed", "missing", "AccessDenied", None)),
    ({}, {}, [*BEGUN[:-1], (CREATE, error(404, "NoSuchBucket"))], ("failed", "missing", "NoSuchBucket", None)),
    *(
        ({}, {}, [*BEGUN, *PARTS[:2], (PART, failure), *look, ABORTED], (*expected, None))
        for failure, look, expected in (
            (error(500, "InternalError"), [], ("failed", "missing", "InternalError")),
            (error(404, "NoSuchKey"), [], ("vanished", "missing", None)),
            (error(404, "NoSuchUpload"), [], ("failed", "missing", "NoSuchUpload")),
            (error(403, "InvalidObjectState"), [], ("archived", "missing", "InvalidObjectState")),
            (error(412, "PreconditionFailed"), [(HEAD, head(PLAIN))], ("changed", "missing", None)),
            (error(412, "PreconditionFailed"), [(HEAD, GONE)], ("vanished", "missing", None)),
            (ok(CopyPartResult={}), [], ("failed", "missing", "ETagMismatch")),
        )
    ),
    # completing
    (
        {},
        {},
        [*BEGUN, *PARTS, (COMPLETE, error(400, "InvalidPart")), ABORTED],
        ("failed", "missing", "InvalidPart", None),
    ),
    *(
        (
            {},
            {},
            [*BEGUN, *PARTS, (COMPLETE, failure), (HEAD, head(KEPT, SIZE, AFTER))],
            ("copied", "missing", None, "etag_equal"),
        )
        for failure in (error(404, "NoSuchUpload"), error(500, "InternalError"), error(0, "Timeout"))
    ),
    *(
        (
            {},
            {},
            [*BEGUN, *PARTS, (COMPLETE, error(404, "NoSuchUpload")), (HEAD, there), ABORTED],
            ("failed", "missing", "NoSuchUpload", None),
        )
        for there in (GONE, head(KEPT, SIZE), head(KEPT, SIZE + 1, AFTER), head(PLAIN, SIZE, AFTER))
    ),
    (
        {},
        NEVER,
        [*BEGUN, *PARTS, (COMPLETE, error(412, "PreconditionFailed")), (HEAD, head(PLAIN)), ABORTED],
        ("skipped", "exists", None, None),
    ),
    (
        {},
        NEVER,
        [*BEGUN, *PARTS, (COMPLETE, error(412, "PreconditionFailed")), (HEAD, head(KEPT, SIZE, AFTER))],
        ("copied", "missing", None, "etag_equal"),
    ),
]


@pytest.mark.parametrize(("task", "settings", "script", "expected"), ROWS)
def test_each_row(task: dict[str, Any], settings: dict[str, Any], script: Script, expected: tuple[Any, ...]) -> None:
    outcome, sent = run(task, settings, *script)
    status, reason, code, verified = expected
    assert (outcome.status, outcome.reason, outcome.error_code) == (Status(status), reason, code)
    assert outcome.verified == Verified(verified or "not_copied")
    assert outcome.requests == len(script)
    created = sum(name == CREATE and answer.code is None for name, answer in script)
    is_ended = outcome.status is Status.COPIED or COMPLETE in names(sent)
    assert names(sent).count(ABORT) >= created - is_ended


DESCRIPTION = {
    "Metadata": {"a": "1"},
    "ContentType": "text/x",
    "CacheControl": "no-cache",
    "ContentDisposition": "inline",
    "ContentEncoding": "gzip",
    "ContentLanguage": "de",
}


def created_with(task: dict[str, Any], settings: dict[str, Any], *begin: tuple[str, Answer]) -> dict[str, Any]:
    _, sent = run({"etag": PLAIN, **task}, settings, *begin, (CREATE, error(400, "InvalidRequest")))
    return sent[-1].params


def test_the_upload_is_described_as_the_source_is() -> None:
    """A copy by parts carries nothing by itself."""
    expires = datetime(2027, 1, 1, tzinfo=UTC)
    looked = source(PLAIN, **DESCRIPTION, Expires=expires, StorageClass="STANDARD_IA", WebsiteRedirectLocation="/x")
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
        ({}, {"preconditions": False}, Pinned.UNPINNED),
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
    aborted = [ABORTED] if wanted[0] == "failed" else []
    script = [(HEAD, GONE), *BEGUN, (UPLOADS, ok(Uploads=[])), *PARTS, refused, *looks, *aborted]
    outcome, sent = drive(copy_task(task, some_settings(), 2, look_first=True), *script)
    assert (outcome.status, outcome.error_code) == wanted
    complete = next(request for request in sent if request.operation == COMPLETE)
    assert complete.params["IfNoneMatch"] == "*"


def test_a_server_that_does_not_know_the_condition_is_asked_without_it() -> None:
    task = a_task(method=Method.MULTIPART_COPY, etag=KEPT, size=SIZE)
    refused = (COMPLETE, error(501, "NotImplemented"))
    script = [(HEAD, GONE), *BEGUN, (UPLOADS, ok(Uploads=[])), *PARTS, refused, done()]
    outcome, sent = drive(copy_task(task, some_settings(), 2, look_first=True), *script)
    assert outcome.status == "copied"
    assert "IfNoneMatch" not in sent[-1].params


def test_an_abort_that_fails_is_told() -> None:
    outcome, _ = run(
        {}, {}, *BEGUN, *PARTS[:2], (PART, error(500, "InternalError")), (ABORT, error(403, "AccessDenied"))
    )
    assert outcome.message == "UploadPartCopy: InternalError; upload up could not be aborted: AccessDenied"
    assert outcome.requests == 8


def serve(request: Request) -> Answer:
    """A server that has a source of 300 parts of 5 MiB, and takes a second for each part."""
    if request.operation == PART:
        return Answer({"CopyPartResult": {"ETag": f'"{PLAIN}"'}}, seconds=1.0)
    count = 300
    return {
        HEAD: head(etags.of_parts([PLAIN] * count), count * 5 * MIB),
        TAGS: ok(TagSet=[]),
        CREATE: ok(UploadId="up"),
        COMPLETE: ok(ETag=f'"{etags.of_parts([PLAIN] * count)}"'),
        ABORT: Answer(status=204),
    }[request.operation]


def start(transport: FakeTransport, clock: VirtualClock, etag: str = PLAIN) -> tuple[Engine, Any]:
    engine = Engine(transport, RetryPolicy(), clock=clock, sleep=clock.sleep, chance=random.Random(1))
    task = a_task(method=Method.MULTIPART_COPY, etag=None, size=6 * GIB)
    return engine, copy_task(task, some_settings(part_size_bytes=5 * MIB), 1, look_first=False)


@pytest.mark.parametrize("parts_before", [0, 1, 50, 200, 299])
def test_a_stop_in_the_middle_leaves_no_upload(parts_before: int) -> None:
    """C7."""
    clock = VirtualClock()
    transport = FakeTransport(clock, serve, capacity=16)
    engine, operation = start(transport, clock)
    sent = transport.sent

    def should_stop() -> bool:
        return names(sent).count(PART) > parts_before or (not parts_before and CREATE in names(sent))

    assert list(engine.run([("giant", operation)], should_stop)) == []
    assert names(sent)[-1] == ABORT
    assert COMPLETE not in names(sent)
    assert transport.in_flight == 0


def test_without_a_stop_the_same_upload_completes() -> None:
    clock = VirtualClock()
    transport = FakeTransport(clock, serve, capacity=16)
    engine, operation = start(transport, clock)
    ((_, outcome),) = engine.run([("giant", operation)])
    assert (outcome.status, outcome.size) == (Status.COPIED, 300 * 5 * MIB)
    assert ABORT not in names(transport.sent)
    assert transport.most_in_flight == 16


def test_a_giant_hands_over_its_parts_in_portions() -> None:
    """C11: ten thousand requests are not made at once."""
    clock = VirtualClock()
    _, operation = start(FakeTransport(clock, serve), clock)
    handed_over, requests = [], next(operation)
    while COMPLETE not in names(requests):
        handed_over.append(len(requests))
        requests = operation.send([serve(request).to(request) for request in requests])
    assert max(handed_over) == PORTION


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
    assert (listing.operation, listing.params) == ("ListMultipartUploads", {"Bucket": "into", "Prefix": "to/a/key"})
    uploads = [
        {"Key": "to/a/key", "UploadId": "up", "Initiated": AFTER},
        {"Key": key, "UploadId": upload_id, "Initiated": AFTER + timedelta(seconds=seconds)},
    ]
    (following, *_) = operation.send([ok(Uploads=uploads).to(listing)])
    assert following.operation == (ABORT if is_lost else PART)
    if is_lost:
        assert following.params["UploadId"] == upload_id
