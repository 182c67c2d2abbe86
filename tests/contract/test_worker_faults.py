"""Each fault through the whole of a worker: plan file, engine, transport, outcome files. Nothing is lost or doubled.

| fault                              | then                                                        |
|------------------------------------|-------------------------------------------------------------|
| one that passes                    | each object is copied, however often it took                |
| 403, 404, 412, a clock that is off | these objects' own outcomes; all others are copied          |
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from s3sync.model.task import Method
from s3sync.s3.transport.curl import CurlTransport
from tests.contract.copying import migration_on
from tests.contract.working import Worker
from tests.servers.faults import Action, Fault

OBJECTS = 40
KEYS = [f"{'bad' if n == 7 else 'good'}/{n:03d}" for n in range(OBJECTS)]
METHODS = [Method.COPY_OBJECT, Method.RELAY]
WRITES = {Method.COPY_OBJECT: "CopyObject", Method.RELAY: "PutObject"}
READS = {Method.COPY_OBJECT: "CopyObject", Method.RELAY: "GetObject"}
SILENCE_SECONDS = 1


@pytest.fixture(params=METHODS, ids=str)
def method(request):
    return request.param


@pytest.fixture
def migration(server, s3, bucket_factory, faults):
    made = migration_on(server, s3, bucket_factory(), bucket_factory())
    for key in KEYS:
        made.put(key, f"body of {key}".encode(), Metadata={"key": key})
    faults.clear()
    return made


@pytest.fixture
def worker(server, migration, tmp_path, monkeypatch):
    """One that takes a second of silence for a time-out."""

    def impatient(source, target, _kind, capacity):
        return CurlTransport(source, target, capacity, silences=(SILENCE_SECONDS, SILENCE_SECONDS))

    monkeypatch.setattr("s3sync.s3.engine.per_process.new_transport", impatient)
    monkeypatch.setattr("s3sync.s3.engine.per_process._engines", {})
    settings = replace(migration.settings, planned_at=datetime.now(UTC) - timedelta(hours=1))
    return Worker.at(server, tmp_path, settings, max_attempts=6)


def carried_out(worker, migration, method, *faults_, control):
    """The batch's commit, and the rows by source key, each there once (C1)."""
    batch = worker.plan("b", *(migration.task(key, method=method) for key in KEYS))
    for fault in faults_:
        control.add(fault)
    done = worker.copy(batch)
    control_hits = control.hits()
    control.clear()
    rows = {row["source_key"]: row for row in worker.outcomes("b")}
    assert len(worker.outcomes("b")) == len(rows) == done.tally.settled == OBJECTS
    assert control_hits > 0 or not faults_
    return done.tally, rows


def assert_copied(migration, rows, keys=KEYS):
    """These and no others are on the target, whole."""
    listed = migration.s3.list_objects_v2(Bucket=migration.settings.target_bucket).get("Contents", [])
    assert sorted(entry["Key"] for entry in listed) == sorted(keys)
    for key in keys:
        assert rows[key]["status"] == "copied", rows[key]
        assert rows[key]["verified"] == "etag_equal"
        assert migration.body(key) == f"body of {key}".encode()
        assert migration.target(key)["Metadata"] == {"key": key}


PASSING = {
    "503 in bursts": [Fault(Action.SLOW_DOWN, skip=5, times=40)],
    "500": [Fault(Action.INTERNAL_ERROR, probability=0.2)],
    "500, and the server did it": [Fault(Action.INTERNAL_ERROR, probability=0.2, is_late=True)],
    "an error in a 200": [Fault(Action.ERROR_IN_200, probability=0.2)],
    "400 RequestTimeout": [Fault(Action.REQUEST_TIMEOUT, probability=0.2)],
    "a reset": [Fault(Action.RESET, probability=0.2)],
    "a reset after the work": [Fault(Action.RESET, probability=0.2, is_late=True)],
    "silence": [Fault(Action.STALL, times=3, skip=3, seconds=SILENCE_SECONDS + 1.5)],
    "silence after the work": [Fault(Action.STALL, times=3, skip=3, seconds=SILENCE_SECONDS + 1.5, is_late=True)],
    "a body cut short": [Fault(Action.CUT, probability=0.2)],
    "nothing but headers": [Fault(Action.CUT, probability=0.2, keep_bytes=0)],
    "a Content-Length that is too small": [Fault(Action.SHORT_LENGTH, skip=5, times=1)],
    "the connection closed every tenth answer": [Fault(Action.CLOSE, every=10)],
    "an expired token": [Fault(Action.EXPIRED_TOKEN, skip=5, times=10)],
    "all at once": [
        Fault(action, probability=0.05, seed=seed)
        for seed, action in enumerate((Action.SLOW_DOWN, Action.INTERNAL_ERROR, Action.RESET, Action.CUT, Action.CLOSE))
    ],
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_fails_nothing(worker, migration, faults, method, name):
    operations = {WRITES[method], READS[method]}
    given = [replace(fault, operation=operation) for fault in PASSING[name] for operation in sorted(operations)]
    if name == "an error in a 200":
        given = [fault for fault in given if fault.operation != "GetObject"]  # a body that is an error can't be told
    counts, rows = carried_out(worker, migration, method, *given, control=faults)
    assert_copied(migration, rows)
    assert counts.objects == {"copied": OBJECTS}
    if name == "503 in bursts":
        assert counts.throttled > 0


@pytest.mark.parametrize(
    ("action", "status", "code", "error_class"),
    [
        (Action.DENIED, "failed", "AccessDenied", "denied"),
        (Action.NO_SUCH_KEY, "vanished", None, None),
        (Action.FOREIGN_404, "failed", "ForeignAnswer", "transient"),
        (Action.PRECONDITION_FAILED, "failed", "PreconditionFailed", "precondition"),
        (Action.CLOCK_SKEWED, "failed", "RequestTimeTooSkewed", "invalid"),
        (Action.INTERNAL_ERROR, "failed", "InternalError", "transient"),
        (Action.RESET, "failed", "ConnectionError", "transient"),
        (Action.CUT, "failed", "Truncated", "transient"),
    ],
)
def test_what_stays_is_the_outcome_of_its_object_alone(
    worker, migration, faults, method, action, status, code, error_class
):
    worker.context = replace(worker.context, engine=replace(worker.context.engine, max_attempts=2))
    fault = Fault(action, operation=READS[method], key_contains="bad")
    counts, rows = carried_out(worker, migration, method, fault, control=faults)
    if (method, action) == (Method.COPY_OBJECT, Action.CUT):  # the server did it, and never said so
        migration.s3.delete_object(Bucket=migration.settings.target_bucket, Key="bad/007")
    assert_copied(migration, rows, [key for key in KEYS if not key.startswith("bad/")])
    bad = rows["bad/007"]
    assert (bad["status"], bad["error_code"], bad["error_class"]) == (status, code, error_class)
    assert counts.objects == {"copied": OBJECTS - 1, status: 1}


def test_without_faults_the_same_batch_needs_no_second_request(worker, migration, faults, method):
    """The negative control: what the others count is the faults' doing."""
    counts, rows = carried_out(worker, migration, method, control=faults)
    assert_copied(migration, rows)
    assert (counts.retries, counts.throttled) == (0, 0)
    assert counts.requests[WRITES[method]] == OBJECTS
