"""Relays through engine and transport, on a live server: the bytes go through this process."""

from dataclasses import replace
from random import Random
from types import MappingProxyType

import pytest

from s3sync.demo.odd_keys import ODD_KEYS
from s3sync.model.etag import bare
from s3sync.model.limits import MIB
from s3sync.model.outcome import Pinned, Status, Verified
from s3sync.model.task import Method, Overwrite
from tests.contract.copying import TRANSPORTS, migration_on
from tests.servers.capabilities import require
from tests.servers.faults import Action, Fault

PART = 5 << 20
DESCRIPTION = {
    "Metadata": {"colour": "blue"},
    "ContentType": "text/x",
    "CacheControl": "no-store",
    "ContentDisposition": "inline",
    "ContentEncoding": "gzip",
    "ContentLanguage": "la",
    "Expires": "Thu, 01 Jan 2032 00:00:00 GMT",
}


@pytest.fixture(params=TRANSPORTS)
def migration(server, s3, bucket_factory, request):
    made = migration_on(server, s3, bucket_factory(), bucket_factory(), request.param)
    made.settings = replace(made.settings, part_size_bytes=PART)
    return made


def relayed(migration, key, **changes):
    return migration.copy_one(migration.task(key, method=Method.RELAY, **changes))


def assert_described(migration, key, tags=MappingProxyType({"team": "a b"})):
    target = migration.target(key)
    assert {name: target.get(name) for name in DESCRIPTION if name != "Expires"} == {
        name: value for name, value in DESCRIPTION.items() if name != "Expires"
    }
    assert target["ExpiresString"] == DESCRIPTION["Expires"]
    assert migration.tags(key) == tags


def test_a_small_object_is_read_and_written_once(migration):
    """C6, C13."""
    migration.put("a", b"body", **DESCRIPTION, Tagging="team=a%20b")
    outcome = relayed(migration, "a")
    assert (outcome.status, outcome.verified, outcome.pinned) == (Status.COPIED, Verified.ETAG_EQUAL, Pinned.ETAG)
    assert migration.body("a") == b"body"
    assert_described(migration, "a")
    assert dict(migration.engine.counts.requests) == {"GetObject": 1, "GetObjectTagging": 1, "PutObject": 1}


@pytest.mark.parametrize("body", [b"small", b"x" * (PART + 7)], ids=["whole", "by parts"])
def test_an_entry_of_metadata_without_a_value_is_carried_over(migration, s3, body):
    migration.put("a", body, Metadata={"colour": "blue", "empty": ""})
    assert relayed(migration, "a").status is Status.COPIED
    source = s3.head_object(Bucket=migration.settings.source_bucket, Key="a")["Metadata"]
    assert migration.target("a")["Metadata"] == source


def test_without_tags(migration):
    migration.put("a", Tagging="team=a")
    migration.settings = replace(migration.settings, tags=False)
    assert relayed(migration, "a").status is Status.COPIED
    assert migration.tags("a") == {}
    assert "GetObjectTagging" not in migration.engine.counts.requests


def test_the_storage_class_is_kept(server, migration):
    require(server, "storage_classes_kept")
    migration.put("a", StorageClass="STANDARD_IA")
    assert relayed(migration, "a").status is Status.COPIED
    assert migration.target("a")["StorageClass"] == "STANDARD_IA"


def test_odd_keys_and_an_empty_object(server, migration):
    """C10."""
    keys = [odd.key for odd in ODD_KEYS if odd.name not in server.capabilities.cannot_hold]
    for key in keys:
        migration.put(key, key.encode())
    migration.put("empty", b"")
    tasks = [migration.task(key, method=Method.RELAY) for key in (*keys, "empty")]
    assert {outcome.status for outcome in migration.copy(*tasks)} == {Status.COPIED}
    assert [migration.body(key) for key in keys] == [key.encode() for key in keys]
    assert migration.body("empty") == b""


@pytest.mark.parametrize("unknown", [{"size": None}, {"etag": None}, {"size": None, "etag": None}])
def test_what_the_inventory_does_not_say(migration, unknown):
    migration.put("a", b"body")
    outcome = relayed(migration, "a", **unknown)
    assert (outcome.status, outcome.size, outcome.pinned) == (
        Status.COPIED,
        4,
        Pinned.TIME if "etag" in unknown else Pinned.ETAG,
    )
    assert migration.engine.counts.requests["HeadObject"] == 1


@pytest.mark.parametrize("size", [4, PART + 1])
def test_a_source_that_changed_or_went(migration, size):
    """C4."""
    migration.put("a", b"x" * size)
    task = migration.task("a", method=Method.RELAY)
    migration.put("a", b"y" * size)
    assert migration.copy_one(task).status is Status.CHANGED
    migration.s3.delete_object(Bucket=migration.settings.source_bucket, Key="a")
    assert migration.copy_one(task).status is Status.VANISHED
    assert migration.s3.list_objects_v2(Bucket=migration.settings.target_bucket)["KeyCount"] == 0
    assert migration.uploads() == []


@pytest.mark.parametrize("size", [4, PART + 1])
def test_never_keeps_what_the_target_has(server, migration, size):
    require(server, "put_if_none_match" if size == 4 else "complete_if_none_match")
    migration.settings = replace(migration.settings, overwrite=Overwrite.NEVER)
    migration.put("a", b"x" * size)
    migration.put_target("a", b"mine")
    outcome = relayed(migration, "a")
    assert (outcome.status, outcome.reason) == (Status.SKIPPED, "exists")
    assert migration.body("a") == b"mine"
    assert migration.uploads() == []


def test_a_large_object_goes_by_parts_and_is_checked_as_a_whole(server, migration):
    """C13: its plain ETag is the MD5 of all that was read."""
    body = Random(1).randbytes(3 * PART + 7)
    migration.put("a", body, **DESCRIPTION, Tagging="team=a%20b")
    outcome = relayed(migration, "a")
    assert (outcome.status, outcome.verified) == (Status.COPIED, Verified.MD5_EQUAL)
    assert migration.body("a") == body
    assert outcome.target_etag == bare(migration.target("a")["ETag"])
    assert outcome.target_etag.endswith("-4")
    assert_described(migration, "a", tags={"team": "a b"} if server.capabilities.tags_set_by_multipart else {})
    assert migration.engine.counts.requests["UploadPart"] == 4
    assert migration.uploads() == []


@pytest.mark.parametrize("preserve_etags", [True, False])
@pytest.mark.parametrize("sizes", [[PART, PART, 7], [PART + 3, PART, PART + 1, 9], [PART + 1], [11]])
def test_the_boundaries_are_kept(server, migration, sizes, preserve_etags):
    """C6: where they are known; parts that are not alike, and small objects, only with preserve_etags."""
    require(server, "head_parts_count")
    migration.settings = replace(migration.settings, preserve_etags=preserve_etags)
    migration.put_in_parts("a", sizes, Metadata={"colour": "blue"})
    task = migration.task("a", method=Method.RELAY)
    outcome = migration.copy_one(task)
    assert outcome.status is Status.COPIED
    assert migration.body("a") == b"".join(bytes([n]) * size for n, size in enumerate(sizes, start=1))
    assert migration.target("a")["Metadata"] == {"colour": "blue"}
    is_kept = preserve_etags or sizes in ([PART, PART, 7], [PART + 1])
    assert (outcome.target_etag == task.etag) == is_kept
    assert (outcome.verified is Verified.ETAG_EQUAL) == is_kept
    assert migration.uploads() == []


@pytest.mark.parametrize("with_folder", [True, False])
def test_parts_larger_than_the_memory(server, migration, tmp_path, with_folder):
    """C11: through files where there is a folder for them; else the boundaries are given up."""
    require(server, "head_parts_count")
    migration.put_in_parts("a", [2 * PART, 7])
    task = migration.task("a", method=Method.RELAY)
    folder = str(tmp_path) if with_folder else None
    migration.settings = replace(migration.settings, relay_memory_bytes=3 * PART, tmp_dir=folder)
    outcome = migration.copy_one(task)
    assert outcome.status is Status.COPIED
    assert (outcome.target_etag == task.etag) == with_folder
    assert outcome.reason == ("missing" if with_folder else "part_layout_unknown")
    assert migration.body("a") == b"\1" * 2 * PART + b"\2" * 7
    assert list(tmp_path.iterdir()) == []


def test_a_plain_etag_survives_with_a_folder(migration, tmp_path):
    body = Random(1).randbytes(2 * PART + 7)
    migration.put("a", body, **DESCRIPTION, Tagging="team=a%20b")
    task = migration.task("a", method=Method.RELAY)
    migration.settings = replace(migration.settings, preserve_etags=True, tmp_dir=str(tmp_path))
    outcome = migration.copy_one(task)
    assert (outcome.status, outcome.verified, outcome.target_etag) == (Status.COPIED, Verified.ETAG_EQUAL, task.etag)
    assert migration.body("a") == body
    assert_described(migration, "a")


def test_a_folder_that_cannot_be_written(migration, tmp_path):
    migration.put("a", b"x" * (PART + 1))
    migration.settings = replace(migration.settings, preserve_etags=True, tmp_dir=str(tmp_path / "none"))
    outcome = relayed(migration, "a")
    assert (outcome.status, outcome.error_code) == (Status.FAILED, "TemporaryFile")
    assert "No such file" in outcome.message


SMALL = ("GetObject", "GetObjectTagging", "PutObject")
LARGE = ("HeadObject", "GetObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")


@pytest.mark.parametrize(("size", "operation"), [*((4, name) for name in SMALL), *((PART + 1, name) for name in LARGE)])
@pytest.mark.parametrize("action", [Action.INTERNAL_ERROR, Action.RESET])
def test_trouble_that_stays_leaves_nothing(migration, faults, size, operation, action):
    """C7."""
    migration.put("a", b"x" * size)
    task = migration.task("a", method=Method.RELAY)
    faults.add(Fault(action, operation=operation))
    outcome = migration.copy_one(task)
    assert (outcome.status, outcome.error_class) == (Status.FAILED, "transient")
    faults.clear()
    assert migration.uploads() == []
    assert migration.s3.list_objects_v2(Bucket=migration.settings.target_bucket)["KeyCount"] == 0


@pytest.mark.parametrize(("size", "operation"), [*((4, name) for name in SMALL), *((PART + 1, name) for name in LARGE)])
@pytest.mark.parametrize("is_late", [False, True])
def test_trouble_that_passes(migration, faults, size, operation, is_late):
    """C2: bodies are sent again from their beginning."""
    body = Random(size).randbytes(size)
    migration.put("a", body)
    task = migration.task("a", method=Method.RELAY)
    migration.settings = replace(migration.settings, planned_at=task.last_modified)
    faults.add(Fault(Action.RESET, operation=operation, times=1, is_late=is_late))
    assert migration.copy_one(task).status is Status.COPIED
    assert migration.body("a") == body
    assert migration.uploads() == []


@pytest.mark.parametrize("size", [1000, PART + 1])
def test_a_body_that_is_cut_is_read_again(migration, faults, size):
    body = Random(size).randbytes(size)
    migration.put("a", body)
    task = migration.task("a", method=Method.RELAY)
    faults.add(Fault(Action.CUT, operation="GetObject", times=1))
    assert migration.copy_one(task).status is Status.COPIED
    faults.clear()
    assert migration.body("a") == body


def test_a_stop_in_the_middle_leaves_no_upload(migration):
    """C7."""
    migration.put("a", b"x" * (4 * PART))
    migration.settings = replace(migration.settings, relay_memory_bytes=2 * PART)
    counts = migration.engine.counts.requests
    task = migration.task("a", method=Method.RELAY)
    operation = migration.operation(task)
    assert list(migration.engine.run([("a", operation)], lambda: counts["UploadPart"] > 0)) == []
    assert counts["AbortMultipartUpload"] == 1
    assert migration.uploads() == []


def test_the_sides_have_credentials_and_endpoints_of_their_own(server, s3, bucket_factory):
    """Seen from the transport: a GET goes to the source's endpoint, a PUT to the target's."""
    migration = migration_on(server, s3, bucket_factory(), bucket_factory())
    seen = []
    migration.put("a", b"x" * MIB)
    task = migration.task("a", method=Method.RELAY)
    submit = migration.engine._transport.submit
    migration.engine._transport.submit = lambda request: (
        seen.append((request.operation, str(request.side))),
        submit(request),
    )
    assert migration.copy_one(task).status is Status.COPIED
    assert seen == [("GetObject", "source"), ("GetObjectTagging", "source"), ("PutObject", "target")]
