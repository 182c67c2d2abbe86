"""Relays, answer by answer: what is asked for, and what becomes of bodies that are not what they should be."""

from base64 import b64encode
from hashlib import md5

import pytest

from s3sync.copying.dispatch import copy_task
from s3sync.copying.object_copy import UNGUARDED
from s3sync.model import etag as etags
from s3sync.model.limits import GIB, MIB
from s3sync.model.task import Method, Overwrite
from s3sync.s3.engine.engine import Engine
from s3sync.s3.engine.retry_policy import RetryPolicy
from tests.unit.scripted import (
    AFTER,
    BEFORE,
    GONE,
    OTHER,
    Answer,
    FakeTransport,
    VirtualClock,
    a_task,
    drive,
    error,
    gone_by_name,
    head,
    ok,
    some_settings,
)

GET, TAGS, PUT, HEAD = "GetObject", "GetObjectTagging", "PutObject", "HeadObject"
CREATE, PART, COMPLETE, ABORT = "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "AbortMultipartUpload"
BODY = b"body"
MD5 = md5(BODY).hexdigest()
NO_TAGS = (TAGS, ok(TagSet=[]))
KMS = {"ServerSideEncryption": "aws:kms"}
NEVER = {"overwrite": Overwrite.NEVER}
OPAQUE = {"opaque_etags": True}
REFUSED = (PUT, error(412, "PreconditionFailed"))


def got(body=BODY, etag=MD5, **values):
    return GET, head(etag, len(body), Body=body, **values)


def short(announced=2, etag=MD5):
    """Two of four bytes."""
    return GET, head(etag, announced, Body=BODY[:2])


def put(etag=MD5, **values):
    return PUT, ok(**({"ETag": f'"{etag}"'} if etag else {}), **values)


def run(task, settings, *script):
    given = {"method": Method.RELAY, "etag": MD5, "size": len(BODY), **task}
    return drive(copy_task(a_task(**given), some_settings(**settings), 1, look_first=False), *script)


PARTED = f"{OTHER}-2"

# task, settings, script, then status, reason, error code, verified
ROWS = [
    # the tables of `_put_whole` and `_finished`
    ({}, {}, [got(), NO_TAGS, put()], ("copied", "missing", None, "etag_equal")),
    (
        {},
        {},
        [got(), NO_TAGS, put(None), (HEAD, head(MD5, len(BODY), AFTER))],
        ("copied", "missing", None, "etag_equal"),
    ),
    ({}, {}, [got(), NO_TAGS, put(None), (HEAD, GONE)], ("failed", "missing", "ETagMismatch", None)),
    ({}, {}, [got(), NO_TAGS, put(OTHER)], ("failed", "missing", "ETagMismatch", None)),
    ({}, {}, [got(), NO_TAGS, put(OTHER, **KMS)], ("copied", "missing", None, "md5_equal")),
    (
        {"etag": OTHER},
        {},
        [got(etag=OTHER, **KMS), NO_TAGS, put()],
        ("copied", "missing", None, "not_comparable"),
    ),
    ({"etag": PARTED}, {}, [got(etag=PARTED), NO_TAGS, put()], ("copied", "missing", None, "not_comparable")),
    ({}, {"tags": False}, [got(), put()], ("copied", "missing", None, "etag_equal")),
    ({}, {}, [got(b"boby"), NO_TAGS, got(), NO_TAGS, put()], ("copied", "missing", None, "etag_equal")),
    ({}, {}, [got(b"boby"), NO_TAGS] * 2, ("failed", "missing", "ETagMismatch", None)),
    ({}, OPAQUE, [got(b"boby"), NO_TAGS, put(OTHER)], ("copied", "missing", None, "not_comparable")),
    ({}, OPAQUE, [short(4), NO_TAGS] * 2, ("failed", "missing", "SizeDiffers", None)),
    # a body that ends early where no length is announced, or another one
    ({}, {}, [short(), NO_TAGS, got(), NO_TAGS, put()], ("copied", "missing", None, "etag_equal")),
    ({}, {}, [short(), NO_TAGS] * 2, ("failed", "missing", "SizeDiffers", None)),
    ({"etag": PARTED}, {}, [short(etag=PARTED), NO_TAGS] * 2, ("failed", "missing", "SizeDiffers", None)),
    ({"etag": PARTED}, {}, [short(9, PARTED), NO_TAGS] * 2, ("failed", "missing", "SizeDiffers", None)),
    (
        {"etag": None},
        {},
        [(HEAD, head(PARTED, 4)), NO_TAGS, short(etag=PARTED), short(etag=PARTED)],
        ("failed", "missing", "SizeDiffers", None),
    ),
    # a server that ignores If-Match is found out by what it answers (C4)
    ({}, {}, [got(etag=OTHER), NO_TAGS], ("changed", "missing", None, None)),
    ({}, {}, [got(MissingMeta=1), NO_TAGS], ("failed", "missing", "MissingMetadata", None)),
    ({}, {}, [(GET, gone_by_name()), NO_TAGS], ("vanished", "missing", None, None)),
    ({}, {}, [(GET, error(403, "InvalidObjectState")), NO_TAGS], ("archived", "missing", "InvalidObjectState", None)),
    ({}, {}, [got(), (TAGS, error(403, "AccessDenied"))], ("failed", "missing", "AccessDenied", None)),
    (
        {},
        {},
        [(GET, error(412, "PreconditionFailed")), NO_TAGS, (HEAD, head(OTHER))],
        ("changed", "missing", None, None),
    ),
    ({}, {}, [got(), NO_TAGS, (PUT, error(400, "BadDigest"))], ("failed", "missing", "BadDigest", None)),
    # the target is to be kept
    ({}, NEVER, [got(), NO_TAGS, put()], ("copied", "missing", None, "etag_equal")),
    ({}, NEVER, [got(), NO_TAGS, REFUSED, (HEAD, head(OTHER))], ("skipped", "exists", None, None)),
    (
        {},
        NEVER,
        [got(), NO_TAGS, *[REFUSED, (HEAD, GONE)] * 3],  # what comes and goes is not chased for ever (C9)
        ("failed", "missing", "PreconditionFailed", None),
    ),
    ({}, {}, [got(), NO_TAGS, REFUSED], ("failed", "missing", "PreconditionFailed", None)),
    # what the inventory does not say
    ({"size": None}, {}, [(HEAD, head(MD5, 4)), NO_TAGS, got(), put()], ("copied", "missing", None, "etag_equal")),
    ({"etag": None}, {}, [(HEAD, head(MD5, 4)), NO_TAGS, got(), put()], ("copied", "missing", None, "etag_equal")),
    ({"etag": None}, {}, [(HEAD, head(MD5, 4, AFTER)), NO_TAGS], ("changed", "missing", None, None)),
    # too large for the memory, and no folder
    (
        {"size": 400 * GIB},
        {},
        [(HEAD, head(MD5, 400 * GIB)), NO_TAGS],
        ("failed", "missing", "InvalidParameters", None),
    ),
]


@pytest.mark.parametrize(("task", "settings", "script", "wanted"), ROWS)
def test_what_becomes_of_it(task, settings, script, wanted):
    outcome, _ = run(task, settings, *script)
    verified = outcome.verified if outcome.status == "copied" else None
    assert (outcome.status, outcome.reason, outcome.error_code, verified) == wanted


def test_what_is_asked_for():
    task = {"storage_class": "GLACIER_IR"}
    settings = {
        "source_expected_owner": "1",
        "target_expected_owner": "2",
        "requester_pays": True,
        "encryption": "aws:kms",
        "kms_key_id": "k",
        "acl": "private",
        **NEVER,
    }
    described = {"ContentType": "text/x", "Metadata": {"a": "1"}, "StorageClass": "GLACIER_IR"}
    tags = (TAGS, ok(TagSet=[{"Key": "a b", "Value": "c"}]))
    _, (get, asked, written) = run(task, settings, got(**described), tags, put(**KMS))
    source = {"Bucket": "from", "Key": "a/key", "ExpectedBucketOwner": "1", "RequestPayer": "requester"}
    assert get.params == {**source, "IfMatch": f'"{MD5}"'}
    assert asked.params == source
    assert written.params == {
        "Bucket": "into",
        "Key": "to/a/key",
        "ExpectedBucketOwner": "2",
        "RequestPayer": "requester",
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": "k",
        "ACL": "private",
        **described,
        "Tagging": "a%20b=c",
        "IfNoneMatch": "*",
        "Body": BODY,
        "ContentMD5": b64encode(md5(BODY).digest()).decode(),
    }
    assert (get.side, asked.side, written.side) == ("source", "source", "target")


def test_c2_what_came_since_the_look_is_not_overwritten():
    task = a_task(method=Method.RELAY, etag=MD5, size=len(BODY))
    refused = (PUT, error(412, "PreconditionFailed"))
    script = [(HEAD, GONE), got(), NO_TAGS, refused, (HEAD, head(MD5, len(BODY), AFTER))]
    script += [(HEAD, head(MD5, len(BODY))), NO_TAGS, NO_TAGS]
    outcome, sent = drive(copy_task(task, some_settings(), 2, look_first=True), *script)
    assert (outcome.status, outcome.reason) == ("copied", "found_on_target")
    assert sent[3].params["IfNoneMatch"] == "*"


def test_a_server_that_does_not_know_the_condition_is_asked_without_it():
    task = a_task(method=Method.RELAY, etag=MD5, size=len(BODY))
    refused = (PUT, error(501, "NotImplemented"))
    script = [(HEAD, GONE), got(), NO_TAGS, refused, (HEAD, GONE), put()]
    outcome, sent = drive(copy_task(task, some_settings(), 2, look_first=True), *script)
    assert (outcome.status, outcome.requests, outcome.message) == ("copied", 6, UNGUARDED)
    assert "IfNoneMatch" not in sent[-1].params


# By parts: the source has 20 MiB in two.
HALF = 10 * MIB
BODIES = [b"a" * HALF, b"b" * HALF]
MD5S = [md5(body).hexdigest() for body in BODIES]
WHOLE = md5(b"".join(BODIES)).hexdigest()
KEPT = etags.of_parts(MD5S)
LARGE = {"size": 2 * HALF, "etag": KEPT}
FIRST = (HEAD, ok(ContentLength=HALF, PartsCount=2))
PIECES = [(GET, ok(ETag=f'"{KEPT}"', Body=body)) for body in BODIES]
BEGUN = [(HEAD, head(KEPT, 2 * HALF)), NO_TAGS, FIRST, (CREATE, ok(UploadId="up"))]
ONE_BY_ONE = {"relay_memory_bytes": 2 * HALF}
ABORTED = (ABORT, Answer(status=204))


def part(etag):
    return PART, ok(ETag=f'"{etag}"')


def done(etag=KEPT):
    return COMPLETE, ok(ETag=f'"{etag}"')


PART_ROWS = [
    ([*PIECES, *map(part, MD5S), done()], {}, ("copied", None, "etag_equal")),
    # one part comes while the other goes
    ([PIECES[0], part(MD5S[0]), PIECES[1], part(MD5S[1]), done()], ONE_BY_ONE, ("copied", None, "etag_equal")),
    ([*PIECES, part(MD5S[0]), part(OTHER), ABORTED], {}, ("failed", "ETagMismatch", None)),
    ([*PIECES, part(MD5S[0]), (PART, error(400, "BadDigest")), ABORTED], {}, ("failed", "BadDigest", None)),
    ([PIECES[0], (GET, ok(ETag=f'"{OTHER}"', Body=BODIES[1])), ABORTED], {}, ("changed", None, None)),
    ([PIECES[0], (GET, ok(ETag=f'"{KEPT}"', Body=b"short")), ABORTED], {}, ("failed", "SizeDiffers", None)),
    ([PIECES[0], (GET, gone_by_name()), ABORTED], {}, ("vanished", None, None)),
]


@pytest.mark.parametrize(("script", "settings", "wanted"), PART_ROWS)
def test_by_parts(script, settings, wanted):
    outcome, _ = run(LARGE, settings, *BEGUN, *script)
    verified = outcome.verified if outcome.status == "copied" else None
    assert (outcome.status, outcome.error_code, verified) == wanted


def test_a_whole_body_that_is_not_the_sources_is_never_seen_at_the_target():
    """C13: the plain ETag of a large object is the MD5 of all its parts together."""
    task = {"size": 2 * HALF, "etag": WHOLE}
    settings = {"part_size_bytes": HALF}
    begun = [(HEAD, head(WHOLE, 2 * HALF)), NO_TAGS, (CREATE, ok(UploadId="up"))]
    pieces = [(GET, ok(ETag=f'"{WHOLE}"', Body=body)) for body in BODIES]
    outcome, _ = run(task, settings, *begun, *pieces, *map(part, MD5S), done())
    assert (outcome.status, outcome.verified, outcome.target_etag) == ("copied", "md5_equal", KEPT)
    outcome, _ = run(task, settings, *begun, pieces[0], pieces[0], part(MD5S[0]), part(MD5S[0]), ABORTED)
    assert (outcome.status, outcome.error_code) == ("failed", "ETagMismatch")


def test_no_more_is_read_at_once_than_fits():
    """C11: by the engine, over many objects at once; the transport sees what is held."""
    held, most = 0, 0
    bodies: dict[str, int] = {}

    def answer(request):
        nonlocal held, most
        key = request.params["Key"].removeprefix("to/")
        if request.operation == GET:
            held += MIB
            bodies[key] = MIB
            most = max(most, held)
            return head(None, MIB, Body=bytes(MIB), modified=BEFORE)
        if request.operation == HEAD:
            return head(None, MIB)
        if request.operation == PUT:
            held -= bodies.pop(key)
        return ok()

    clock = VirtualClock()
    transport = FakeTransport(clock, answer, capacity=64)
    engine = Engine(transport, RetryPolicy(), clock=clock, sleep=clock.sleep, memory_bytes=8 * MIB)
    tasks = [
        a_task(task_id=str(n), source_key=str(n), target_key=f"to/{n}", method=Method.RELAY, size=MIB, etag=None)
        for n in range(100)
    ]
    settings = some_settings(tags=False)
    ended = list(engine.run((task, copy_task(task, settings, 1, look_first=False)) for task in tasks))
    assert len(ended) == 100
    assert most == 8 * MIB
