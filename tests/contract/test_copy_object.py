"""CopyObject through engine and transport, on a live server."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from s3sync.model.conditions import AS_S3, NONE_HEEDED
from s3sync.model.outcome import Pinned, Status, Verified
from s3sync.model.task import Method, Overwrite
from tests.contract.copying import TRANSPORTS, migration_on
from tests.servers.capabilities import require
from tests.servers.faults import Action, Fault


@pytest.fixture(params=TRANSPORTS)
def migration(server, s3, bucket_factory, request):
    return migration_on(server, s3, bucket_factory(), bucket_factory(), request.param)


def test_one_request_for_a_small_object(migration):
    """C6, C13: and its answer proves it."""
    migration.put("a", b"body", Metadata={"colour": "blue"}, ContentType="text/x", Tagging="team=a%20b")
    outcome = migration.copy_one(migration.task("a"))
    assert (outcome.status, outcome.verified, outcome.requests) == (Status.COPIED, Verified.ETAG_EQUAL, 1)
    assert migration.body("a") == b"body"
    assert migration.target("a")["Metadata"] == {"colour": "blue"}
    assert migration.target("a")["ContentType"] == "text/x"
    assert migration.tags("a") == {"team": "a b"}
    assert dict(migration.engine.counts.requests) == {"CopyObject": 1}


def test_without_tags(server, migration):
    require(server, "tags_replaced_by_copy")
    migration.put("a", Tagging="team=a")
    migration.settings = replace(migration.settings, tags=False)
    assert migration.copy_one(migration.task("a")).status is Status.COPIED
    assert migration.tags("a") == {}


def test_an_empty_object_and_odd_keys(migration):
    """C10."""
    keys = ["empty", "a b", "a+b", "a%2Fb", "a?b#c&d", "a//b", "é/🙂", "end/"]
    for key in keys:
        migration.put(key, b"" if key == "empty" else key.encode())
    outcomes = migration.copy(*(migration.task(key) for key in keys))
    assert [outcome.status for outcome in outcomes] == [Status.COPIED] * len(keys)
    assert [migration.body(key) for key in keys[1:]] == [key.encode() for key in keys[1:]]
    assert migration.body("empty") == b""


def test_the_storage_class_is_kept(server, migration):
    require(server, "storage_classes_kept")
    migration.put("a", StorageClass="STANDARD_IA")
    assert migration.copy_one(migration.task("a")).status is Status.COPIED
    assert migration.target("a")["StorageClass"] == "STANDARD_IA"


def test_a_changed_source_is_not_copied(server, migration):
    """C4."""
    require(server, "copy_source_if_match")
    migration.put("a", b"planned")
    task = migration.task("a")
    migration.put("a", b"another")
    outcome = migration.copy_one(task)
    assert (outcome.status, outcome.pinned, outcome.requests) == (Status.CHANGED, Pinned.ETAG, 2)
    assert migration.s3.list_objects_v2(Bucket=migration.settings.target_bucket)["KeyCount"] == 0


def test_a_changed_source_is_noticed_where_conditions_are_ignored(migration):
    """C4: the answer's ETag tells, after the fact."""
    migration.settings = replace(migration.settings, conditions=NONE_HEEDED)
    migration.put("a", b"planned")
    task = migration.task("a")
    migration.put("a", b"another")
    outcome = migration.copy_one(task)
    assert (outcome.status, outcome.pinned) == (Status.CHANGED, Pinned.UNPINNED)


def test_pinned_by_time(server, migration):
    """C4, where the inventory has no ETag: the planned object itself is always old enough."""
    require(server, "copy_source_if_unmodified_since")
    migration.put("a")
    task = migration.task("a", etag=None)
    fresh, older = task, task._replace(last_modified=task.last_modified - timedelta(seconds=5))
    assert migration.copy_one(fresh).pinned is Pinned.TIME
    assert migration.copy_one(fresh).status is Status.COPIED
    assert migration.copy_one(older).status is Status.CHANGED


def test_a_source_that_is_gone(migration):
    migration.put("a")
    task = migration.task("a")
    migration.s3.delete_object(Bucket=migration.settings.source_bucket, Key="a")
    assert migration.copy_one(task).status is Status.VANISHED


def test_a_bucket_that_is_gone_is_a_failure(migration):
    migration.put("a")
    task = migration.task("a")
    migration.settings = replace(migration.settings, target_bucket="s3sync-no-such-bucket")
    outcome = migration.copy_one(task)
    assert (outcome.status, outcome.error_code) == (Status.FAILED, "NoSuchBucket")
    assert "s3sync-no-such-bucket" in outcome.message


def test_an_archived_source(server, migration):
    require(server, "archived_source_refused")
    migration.put("a", StorageClass="GLACIER")
    assert migration.copy_one(migration.task("a")).status is Status.ARCHIVED


@pytest.mark.parametrize("conditions", [AS_S3, NONE_HEEDED], ids=["heeded", "not heeded"])
def test_never_keeps_what_the_target_has(server, migration, conditions):
    if conditions is AS_S3:
        require(server, "copy_if_none_match")
    migration.settings = replace(migration.settings, overwrite=Overwrite.NEVER, conditions=conditions)
    migration.put("a")
    migration.put_target("a", b"mine")
    outcome = migration.copy_one(migration.task("a"))
    assert (outcome.status, outcome.reason) == (Status.SKIPPED, "exists")
    assert migration.body("a") == b"mine"


def test_a_repeat_finds_its_own_copy(migration):
    """C2."""
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    migration.settings = replace(migration.settings, planned_at=long_ago)
    migration.put("a")
    task = migration.task("a")
    first, again = migration.copy_one(task, look_first=True), migration.copy_one(task, look_first=True)
    assert (first.reason, again.reason) == ("missing", "found_on_target")
    assert again.verified is Verified.ETAG_EQUAL


def test_a_repeat_does_not_overwrite_what_is_newer(migration):
    """Design, "Overwriting"."""
    migration.settings = replace(migration.settings, planned_at=datetime.now(UTC) - timedelta(hours=1))
    migration.put("a")
    migration.put_target("a", b"newer")
    outcome = migration.copy_one(migration.task("a"), look_first=True)
    assert (outcome.status, outcome.error_code) == (Status.FAILED, "TargetIsNewer")
    assert migration.body("a") == b"newer"


def test_a_multipart_source_by_one_request(migration):
    """C6: multipart or not, a small object costs one CopyObject."""
    migration.put_in_parts("a", [5 << 20, 1])
    outcome = migration.copy_one(migration.task("a", method=Method.COPY_OBJECT))
    assert (outcome.status, outcome.verified, outcome.requests) == (Status.COPIED, Verified.NOT_COMPARABLE, 1)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(Action.SLOW_DOWN, operation="CopyObject", times=5),
        Fault(Action.INTERNAL_ERROR, operation="CopyObject", times=3),
        Fault(Action.ERROR_IN_200, operation="CopyObject", times=3),
        Fault(Action.RESET, operation="CopyObject", times=3),
        Fault(Action.RESET, operation="CopyObject", times=3, is_late=True),
        Fault(Action.CUT, operation="CopyObject", times=3),
        Fault(Action.CUT, operation="CopyObject", times=3, keep_bytes=0),
    ],
)
def test_trouble_that_passes(migration, faults, fault):
    """C9: the engine, and only it, sends again."""
    migration.put("a")
    task = migration.task("a")
    faults.add(fault)
    outcome = migration.copy_one(task)
    assert (outcome.status, outcome.requests) == (Status.COPIED, fault.times + 1)
    assert faults.requests("CopyObject") == fault.times + 1 == migration.engine.counts.requests["CopyObject"]
    assert migration.engine.counts.retries == fault.times


def test_a_lost_answer_with_never(migration, faults):
    """C2: the copy is ours, though the second request found the target taken."""
    migration.settings = replace(
        migration.settings, overwrite=Overwrite.NEVER, planned_at=datetime.now(UTC) - timedelta(hours=1)
    )
    migration.put("a")
    task = migration.task("a")
    faults.add(Fault(Action.RESET, operation="CopyObject", times=1, is_late=True))
    outcome = migration.copy_one(task)
    assert (outcome.status, outcome.reason) == (Status.COPIED, "found_on_target")


def test_trouble_that_stays_is_a_row(migration, faults):
    migration.put("a")
    task = migration.task("a")
    faults.add(Fault(Action.INTERNAL_ERROR, operation="CopyObject"))
    outcome = migration.copy_one(task)
    assert (outcome.status, outcome.error_code, outcome.error_class) == (Status.FAILED, "InternalError", "transient")
    assert outcome.requests == 4
