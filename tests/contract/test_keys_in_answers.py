"""Keys that XML 1.0 can't hold come back in answers all the same: nothing fails for it, and no upload is left (C7)."""

from dataclasses import replace
from typing import Any

import pytest

from s3sync.model.outcome import Status
from s3sync.model.task import Method
from tests.contract.copying import TRANSPORTS, Migration, migration_on
from tests.servers.capabilities import require
from tests.servers.faults import Action, Fault, Faults

PART = 5 << 20
KEYS = ["plain", "a\x01b", "tab\tand\x1f", "\ufffe", "x\uffff", "a b+c", "<&>", "é/\U0001f600"]


@pytest.fixture(params=TRANSPORTS)
def migration(server: Any, s3: Any, bucket_factory: Any, request: pytest.FixtureRequest) -> Migration:
    made = migration_on(server, s3, bucket_factory(), bucket_factory(), request.param)
    made.settings = replace(made.settings, part_size_bytes=PART)
    return made


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("method", [Method.MULTIPART_COPY, Method.RELAY])
def test_a_key_is_copied_by_parts(migration: Migration, method: Method, key: str) -> None:
    migration.put(key, b"x" * (PART + 1))
    assert migration.copy_one(migration.task(key, method=method)).status is Status.COPIED
    assert migration.target(key)["ContentLength"] == PART + 1
    assert migration.uploads() == []


@pytest.mark.parametrize("key", KEYS)
def test_c7_of_uploads_whose_answer_was_lost_none_is_left(
    migration: Migration, server: Any, faults: Faults, key: str
) -> None:
    require(server, "faults")
    migration.put(key, b"x")
    task = migration.task(key, method=Method.MULTIPART_COPY)
    faults.add(Fault(Action.RESET, operation="CreateMultipartUpload", times=2, is_late=True))
    assert migration.copy_one(task).status is Status.COPIED
    assert faults.hits() == 2
    assert migration.uploads() == []


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("action", [Action.RESET, Action.INTERNAL_ERROR, Action.CUT, Action.ERROR_IN_200])
def test_c7_where_every_answer_was_lost_none_is_left_either(
    migration: Migration, server: Any, faults: Faults, key: str, action: Action
) -> None:
    require(server, "faults")
    migration.put(key, b"x")
    task = migration.task(key, method=Method.MULTIPART_COPY)
    faults.add(Fault(action, operation="CreateMultipartUpload", is_late=action is not Action.CUT))
    outcome = migration.copy_one(task)
    assert (outcome.status, faults.hits()) == (Status.FAILED, 4)
    assert outcome.message is None or "may be open" not in outcome.message
    assert migration.uploads() == []


def test_c7_an_upload_that_was_there_before_is_left_alone(migration: Migration, server: Any, faults: Faults) -> None:
    """The negative control."""
    require(server, "faults")
    migration.put("a", b"x")
    task = migration.task("a", method=Method.MULTIPART_COPY)
    target = migration.settings.target_bucket
    before = [migration.s3.create_multipart_upload(Bucket=target, Key="a")["UploadId"] for _ in range(9)]
    faults.add(Fault(Action.DENIED, operation="CreateMultipartUpload"))
    assert migration.copy_one(task).status is Status.FAILED
    faults.clear()
    faults.add(Fault(Action.RESET, operation="CreateMultipartUpload", is_late=True))
    outcome = migration.copy_one(task)
    assert "another client opens some" in (outcome.message or "")
    found = migration.s3.list_multipart_uploads(Bucket=target)["Uploads"]
    assert set(before) <= {upload["UploadId"] for upload in found}
