"""C11: what a worker holds of outcomes is bounded by rows, however fast they come."""

from types import SimpleNamespace

import pytest

from s3sync.copying import batch as copy_batch
from s3sync.copying.batch import BatchWatch
from s3sync.model.outcome import ErrorClass, Status
from s3sync.model.tally import Tally
from s3sync.runs.folder import RunFolder
from s3sync.runs.outcomes import OutcomeLog
from s3sync.runs.store import LocalStore
from s3sync.s3.engine.circuit_breaker import is_hopeless
from s3sync.s3.engine.operation import EngineCounts
from tests.unit.runs.test_outcomes import outcome

ROWS = 10


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.setattr(copy_batch, "FLUSH_ROWS", ROWS)
    made = OutcomeLog(RunFolder(LocalStore(tmp_path), "run"), "b", "0001-00000001")
    made.begin()
    return made


def watch_of(log):
    hub = SimpleNamespace(report=lambda _report: False, moves=False)
    engine = SimpleNamespace(counts=EngineCounts(), note_headway=lambda: None)
    context = SimpleNamespace(circuit_after=2_000)
    return BatchWatch(context, hub, log, "b", "0001-00000001", engine, Tally(), clock=lambda: 0.0)


def test_rows_are_written_as_they_come(log):
    watch = watch_of(log)
    for number in range(10 * ROWS + 5):
        watch.settle(outcome(number))
        assert log.pending < ROWS
    watch.flush()
    done = log.finish(10 * ROWS + 5)
    assert done.tally.objects == {"copied": 10 * ROWS + 5}
    assert len(done.parts) == 11


def test_what_is_kept_back_does_not_make_each_further_row_a_part(log):
    """Failures that may be everybody's wait for the batch's end; the others go on in parts as large as ever."""
    watch = watch_of(log)
    for number in range(2 * ROWS):
        watch.settle(outcome(number, Status.FAILED))
    for number in range(2 * ROWS, 12 * ROWS):
        watch.settle(outcome(number))
        assert log.pending < 3 * ROWS
    watch.flush()
    done = log.finish(12 * ROWS)
    assert done.tally.objects == {"copied": 10 * ROWS, "failed": 2 * ROWS}
    assert len(done.parts) <= 12


def test_c15_a_session_that_expired_stops_the_batch_and_its_objects_stay_planned(log):
    watch = watch_of(log)
    for number in range(2_000):
        watch.settle(
            outcome(number, Status.FAILED)._replace(error_code="ExpiredToken", error_class=ErrorClass.TRANSIENT)
        )
    assert (watch.stop, watch.circuit_code) == (True, "ExpiredToken")
    watch.flush(keep_back=is_hopeless)
    assert log.pending == 2_000
