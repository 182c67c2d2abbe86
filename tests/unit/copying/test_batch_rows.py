"""C11: what a worker holds of outcomes is bounded by rows, however fast they come."""

from types import SimpleNamespace

import pytest

from s3sync.config.model import AccessConfig
from s3sync.copying import batch as copy_batch
from s3sync.copying.batch import BatchRows
from s3sync.model.outcome import ErrorClass, Status
from s3sync.runs import worker
from s3sync.runs.folder import RunFolder
from s3sync.runs.outcomes import OutcomeLog
from s3sync.runs.store import LocalStore
from s3sync.runs.worker import WorkerSession
from s3sync.s3.engine.operation import EngineCounts
from s3sync.s3.engine.per_process import EngineOptions
from tests.unit.runs.test_outcomes import outcome

ROWS = 10


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.setattr(copy_batch, "FLUSH_ROWS", ROWS)
    made = OutcomeLog(RunFolder(LocalStore(tmp_path), "run"), "b", "0001-00000001")
    made.begin()
    return made


@pytest.fixture
def session(monkeypatch):
    engine = SimpleNamespace(counts=EngineCounts(), rate=None)
    monkeypatch.setattr(worker, "engine_for", lambda *_: engine)
    return WorkerSession(AccessConfig(), EngineOptions(), None, "b", "0001-00000001", 2_000, clock=lambda: 0.0)


def test_rows_are_written_as_they_come(log, session):
    rows = BatchRows(session, log)
    for number in range(10 * ROWS + 5):
        rows.settle(outcome(number))
        assert log.pending < ROWS
    rows.flush_all()
    done = log.finish(10 * ROWS + 5)
    assert done.tally.objects == {"copied": 10 * ROWS + 5}
    assert len(done.parts) == 11


def test_what_is_kept_back_does_not_make_each_further_row_a_part(log, session):
    """Failures that may be everybody's wait for the batch's end; the others go on in parts as large as ever."""
    rows = BatchRows(session, log)
    for number in range(2 * ROWS):
        rows.settle(outcome(number, Status.FAILED))
    for number in range(2 * ROWS, 12 * ROWS):
        rows.settle(outcome(number))
        assert log.pending < 3 * ROWS
    rows.flush_all()
    done = log.finish(12 * ROWS)
    assert done.tally.objects == {"copied": 10 * ROWS, "failed": 2 * ROWS}
    assert len(done.parts) <= 12


def test_c15_a_session_that_expired_stops_the_batch_and_its_objects_stay_planned(log, session):
    rows = BatchRows(session, log)
    for number in range(2_000):
        rows.settle(
            outcome(number, Status.FAILED)._replace(error_code="ExpiredToken", error_class=ErrorClass.TRANSIENT)
        )
    assert (session.stop, session.circuit_code) == (True, "ExpiredToken")
    rows.flush()
    assert log.pending == 2_000
