"""Copies by parts through engine and transport, on a live server."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from s3sync.copying.dispatch import copy_task
from s3sync.model.etag import bare
from s3sync.model.outcome import Status, Verified
from s3sync.model.task import Method, Overwrite
from tests.contract.copying import TRANSPORTS, migration_on
from tests.servers.capabilities import require
from tests.servers.faults import Action, Fault

PART = 5 << 20
UPLOAD_OPERATIONS = ("CreateMultipartUpload", "UploadPartCopy", "CompleteMultipartUpload")


@pytest.fixture(params=TRANSPORTS)
def migration(server, s3, bucket_factory, request):
    made = migration_on(server, s3, bucket_factory(), bucket_factory(), request.param)
    made.settings = replace(made.settings, preserve_etags=True, part_size_bytes=PART)
    return made


@pytest.mark.parametrize("sizes", [[PART, PART, 7], [PART + 3, PART, PART + 1, 9], [11]])
def test_the_boundaries_are_kept_and_so_is_the_etag(server, migration, sizes):
    """C6, C13: equal parts, parts that are not alike, and one part."""
    require(server, "head_parts_count")
    migration.put_in_parts("a", sizes, Metadata={"colour": "blue"}, ContentType="text/x", Tagging="team=a%20b")
    task = migration.task("a")
    outcome = migration.copy_one(task)
    assert (outcome.status, outcome.verified) == (Status.COPIED, Verified.ETAG_EQUAL)
    assert outcome.target_etag == task.etag == bare(migration.target("a")["ETag"])
    assert migration.body("a") == b"".join(bytes([n]) * size for n, size in enumerate(sizes, start=1))
    assert migration.target("a")["Metadata"] == {"colour": "blue"}
    assert migration.target("a")["ContentType"] == "text/x"
    assert migration.tags("a") == {"team": "a b"}
    assert migration.uploads() == []


def test_own_parts_where_the_boundaries_are_unknown(server, migration):
    migration.put_in_parts("a", [PART, PART, 7])
    if server.capabilities.head_parts_count:
        migration.settings = replace(migration.settings, preserve_etags=False)
        migration.put("a", b"x" * (PART + 1))
    outcome = migration.copy_one(migration.task("a", method=Method.MULTIPART_COPY))
    assert (outcome.status, outcome.verified) == (Status.COPIED, Verified.NOT_COMPARABLE)
    expected = "missing" if server.capabilities.head_parts_count else "part_layout_unknown"
    assert outcome.reason == expected
    assert outcome.target_etag == bare(migration.target("a")["ETag"])


def test_an_empty_object(migration):
    migration.put("a", b"")
    outcome = migration.copy_one(migration.task("a", method=Method.MULTIPART_COPY))
    assert outcome.status is Status.COPIED
    assert migration.body("a") == b""


def test_a_source_that_changed(migration):
    """C4."""
    migration.put("a", b"planned")
    task = migration.task("a", method=Method.MULTIPART_COPY)
    migration.put("a", b"another")
    assert migration.copy_one(task).status is Status.CHANGED
    assert migration.uploads() == []


def test_never_keeps_what_the_target_has(server, migration):
    require(server, "complete_if_none_match")
    migration.settings = replace(migration.settings, overwrite=Overwrite.NEVER)
    migration.put("a")
    migration.put_target("a", b"mine")
    outcome = migration.copy_one(migration.task("a", method=Method.MULTIPART_COPY))
    assert (outcome.status, outcome.reason) == (Status.SKIPPED, "exists")
    assert migration.body("a") == b"mine"
    assert migration.uploads() == []


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        *((name, Action.INTERNAL_ERROR) for name in (*UPLOAD_OPERATIONS, "HeadObject", "GetObjectTagging")),
        *((name, Action.RESET) for name in (*UPLOAD_OPERATIONS, "HeadObject", "GetObjectTagging")),
        *((name, Action.ERROR_IN_200) for name in ("UploadPartCopy", "CompleteMultipartUpload")),
    ],
)
def test_trouble_that_stays_leaves_no_upload(migration, faults, operation, action):
    """C7."""
    migration.put("a")
    task = migration.task("a", method=Method.MULTIPART_COPY)
    faults.add(Fault(action, operation=operation))
    outcome = migration.copy_one(task)
    assert outcome.status is Status.FAILED
    assert outcome.error_class == "transient"
    assert migration.uploads() == []


@pytest.mark.parametrize("operation", UPLOAD_OPERATIONS)
@pytest.mark.parametrize("is_late", [False, True])
def test_trouble_that_passes(migration, faults, operation, is_late):
    """C2, C7: a completion whose answer was lost is found at the target, and an upload that was opened is aborted."""
    migration.settings = replace(migration.settings, planned_at=datetime.now(UTC) - timedelta(hours=1))
    migration.put_in_parts("a", [PART, 7])
    task = migration.task("a")
    faults.add(Fault(Action.RESET, operation=operation, times=1, is_late=is_late))
    outcome = migration.copy_one(task)
    assert (outcome.status, outcome.verified) == (Status.COPIED, Verified.ETAG_EQUAL)
    assert migration.uploads() == []


@pytest.mark.parametrize("after", UPLOAD_OPERATIONS[:2])
def test_a_stop_in_the_middle_leaves_no_upload(migration, after):
    """C7."""
    migration.put_in_parts("a", [PART, PART, 7])
    counts = migration.engine.counts.requests
    operation = copy_task(migration.task("a"), migration.settings, 1, look_first=False)
    assert list(migration.engine.run([("a", operation)], lambda: counts[after] > 0)) == []
    assert counts["AbortMultipartUpload"] == 1
    assert migration.uploads() == []
    assert migration.s3.list_objects_v2(Bucket=migration.settings.target_bucket)["KeyCount"] == 0


def test_the_test_would_see_an_upload(migration):
    """The negative control of all those that look for uploads."""
    migration.s3.create_multipart_upload(Bucket=migration.settings.target_bucket, Key="left")
    assert migration.uploads() == ["left"]
