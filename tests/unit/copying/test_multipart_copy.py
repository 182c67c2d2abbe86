"""Copying by parts: what becomes of each answer, and that no upload is left (C7)."""

from typing import Any

import pytest

from s3sync.model.limits import MIB, OBJECT_MAX_BYTES
from s3sync.model.outcome import Status, Verified
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
    KMS,
    NEVER,
    NO_TAGS,
    PART,
    PARTS,
    SIZE,
    TAGS,
    Script,
    done,
    part,
    run,
    source,
)
from tests.unit.scripted import (
    AFTER,
    GONE,
    OTHER,
    PLAIN,
    UNLISTED,
    Answer,
    error,
    gone_by_name,
    head,
    names,
    ok,
    page,
)

LIST, NO_KEY, NO_BUCKET = "ListObjectsV2", error(404, "NoSuchKey"), error(404, "NoSuchBucket")

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
    ({}, {"opaque_etags": True}, [*BEGUN, *PARTS, done(f"{OTHER}-3")], ("copied", "missing", None, "not_comparable")),
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
    ({}, {}, [(HEAD, GONE), (TAGS, gone_by_name())], ("vanished", "missing", None, None)),
    ({}, {}, [(HEAD, GONE), (TAGS, error(404, "NoSuchKey")), UNLISTED], ("vanished", "missing", None, None)),
    ({}, {}, [(HEAD, GONE), (TAGS, NO_KEY), page("a/key")], ("failed", "missing", "NotFoundThoughListed", None)),
    ({}, {"tags": False}, [(HEAD, GONE), UNLISTED], ("vanished", "missing", None, None)),
    ({}, {"tags": False}, [(HEAD, GONE), (LIST, NO_BUCKET)], ("failed", "missing", "NoSuchBucket", None)),
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
            (gone_by_name(), [], ("vanished", "missing", None)),
            (error(404, "NoSuchKey"), [UNLISTED], ("vanished", "missing", None)),
            (error(404, "NoSuchUpload"), [], ("failed", "missing", "NoSuchUpload")),
            (error(403, "InvalidObjectState"), [], ("archived", "missing", "InvalidObjectState")),
            (error(412, "PreconditionFailed"), [(HEAD, head(PLAIN))], ("changed", "missing", None)),
            (error(412, "PreconditionFailed"), [(HEAD, GONE), UNLISTED], ("vanished", "missing", None)),
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
            [*BEGUN, *PARTS, (COMPLETE, failure), (HEAD, head(KEPT, SIZE, AFTER)), *tidied],
            ("copied", "missing", None, "etag_equal"),
        )
        # what is at the target may be another attempt's, and this upload is open then
        for failure, tidied in (
            (error(404, "NoSuchUpload"), []),
            (error(500, "InternalError"), [ABORTED]),
            (error(0, "Timeout"), [ABORTED]),
        )
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
        [*BEGUN, *PARTS, (COMPLETE, error(412, "PreconditionFailed")), (HEAD, head(KEPT, SIZE, AFTER)), ABORTED],
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
