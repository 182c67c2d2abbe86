"""C7: whatever a worker that died had opened is aborted by the next attempt, also where that copies nothing there."""

import os
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from typing import Any

import pytest

from s3sync.model.task import Method
from s3sync.runs.opened_uploads import OpenedUploads
from tests.contract.copying import Migration, migration_on
from tests.contract.working import Worker
from tests.servers.faults import Action, Fault, Faults

MIB = 1 << 20
KEYS = ["changed", "gone", "same"]


@pytest.fixture
def migration(server: Any, s3: Any, bucket_factory: Any, faults: Faults) -> Migration:
    made = migration_on(server, s3, bucket_factory(), bucket_factory())
    for key in KEYS:
        made.put_in_parts(key, [5 * MIB, MIB])
    faults.clear()
    return made


@pytest.fixture
def worker(server: Any, migration: Migration, tmp_path: Any) -> Worker:
    settings = replace(migration.settings, planned_at=datetime.now(UTC) - timedelta(hours=1), preserve_etags=True)
    return Worker.at(server, tmp_path, settings, max_attempts=2)


def killed_in_its_parts(worker: Worker, batch: Any, faults: Faults) -> None:
    """An attempt in a process of its own, killed while each of its first parts is under way."""
    faults.add(Fault(Action.STALL, operation="UploadPartCopy", seconds=3))
    process = get_context("fork").Process(target=worker.copy, args=(batch,))
    process.start()
    deadline = datetime.now(UTC) + timedelta(seconds=20)
    while faults.requests("UploadPartCopy") < len(KEYS) and datetime.now(UTC) < deadline:
        process.join(0.05)
    assert faults.requests("UploadPartCopy") >= len(KEYS)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    worker.attempt()  # that number is used up
    faults.clear()


def test_a_source_that_changed_before_the_next_attempt_leaves_no_orphan(
    worker: Worker, migration: Migration, faults: Faults
) -> None:
    batch = worker.plan("b", *(migration.task(key, method=Method.MULTIPART_COPY) for key in KEYS))
    killed_in_its_parts(worker, batch, faults)
    assert sorted(migration.uploads()) == KEYS
    assert sorted(each.target_key for each in OpenedUploads(worker.folder, "b", "x").left_open(())) == KEYS
    migration.put("changed", b"another")
    migration.s3.delete_object(Bucket=migration.settings.source_bucket, Key="gone")

    done = worker.copy(batch)

    assert done.tally.objects == {"changed": 1, "vanished": 1, "copied": 1}
    assert migration.uploads() == []


def test_an_upload_of_a_settled_task_is_left_alone(worker: Worker, migration: Migration) -> None:
    """The negative control: what is not written down as open, or is settled, is nobody's to abort."""
    batch = worker.plan("b", migration.task("same", method=Method.MULTIPART_COPY))
    worker.copy(batch)
    assert OpenedUploads(worker.folder, "b", "x").left_open({row["task_id"] for row in worker.outcomes("b")}) == []
    migration.s3.create_multipart_upload(Bucket=migration.settings.target_bucket, Key="elsewhere")
    assert worker.copy(batch).tally.objects == {"copied": 1}
    assert migration.uploads() == ["elsewhere"]
