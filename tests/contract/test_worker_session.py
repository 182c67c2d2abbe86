"""All kinds of workers, held to the same: what the driver hears of them, and that they heed what they hear."""

import os
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from s3sync.config.model import QueueConfig
from s3sync.listing import task as list_task
from s3sync.queues.create import delete_queue, set_up_queues
from s3sync.queues.find import find_queues, sqs_client
from s3sync.runs import worker
from s3sync.runs.heartbeat import Hub, HubClient, Report
from s3sync.s3.engine import engine as engine_module
from s3sync.s3.engine import per_process as workers
from s3sync.s3.engine.engine import Engine
from s3sync.s3.engine.rate_limit import RateShares
from s3sync.s3.engine.retry_policy import RetryPolicy
from tests.contract.copying import FAST, migration_on
from tests.contract.queueing import access_to
from tests.contract.sessions import KINDS, OBJECTS, Ground
from tests.servers import Server
from tests.servers.faults import Action, Fault, Faults

RATE = 100_000
REPORTS_BEFORE = 4  # of a dozen: then the worker hears, or finds, that it is to stop


@pytest.fixture(params=KINDS)
def kind(
    request: pytest.FixtureRequest,
    server: Server,
    s3: Any,
    faults: Faults,
    tmp_path: Path,
    bucket_factory: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Any]:
    """A kind of work, in a process whose seconds are as short as its requests."""
    monkeypatch.setattr(workers, "_engines", {})
    monkeypatch.setattr(workers, "_rates", {})
    monkeypatch.setattr(RetryPolicy, "of", staticmethod(lambda _attempts: FAST))
    monkeypatch.setattr(engine_module, "TICK_SECONDS", 0.0)
    monkeypatch.setattr(list_task, "REPORT_SECONDS", 0.0)
    mark = f"s3sync-test-{uuid4().hex[:8]}"
    config = QueueConfig(rf"{mark}-\d+", 1, f"{mark}-dead", visibility_seconds=30, wait_seconds=0)
    sqs = sqs_client(access_to(server).queue)
    set_up_queues(sqs, config)
    found = find_queues(sqs, config.queue_name_pattern or "", config.dead_queue_name)
    migration = migration_on(server, s3, bucket_factory(), bucket_factory())
    yield KINDS[request.param](Ground.at(server, migration, tmp_path, found.work, sqs))
    for queue in (*found.work, found.dead):
        assert queue is not None
        delete_queue(sqs, queue)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub("127.0.0.1", "127.0.0.1") as made:
        yield made


def asked(kind: Any, faults: Faults) -> int:
    """The requests to the two buckets so far."""
    settings = kind.ground.settings
    return sum(faults.requests(bucket=bucket) for bucket in (settings.source_bucket, settings.target_bucket))


def test_the_driver_hears_what_is_done_and_that_it_ended(kind: Any, hub: Hub, faults: Faults) -> None:
    work = kind.piece(0)
    before = asked(kind, faults)
    work(hub.address)
    assert asked(kind, faults) - before >= OBJECTS
    (report,) = hub.reports()
    assert report.is_ended
    assert report.settled or report.size_bytes or type(kind).__name__ == "Opens"
    assert hub.reports_seen >= OBJECTS, "one when it begins, and each second one"


def test_throttles_are_counted_once_whatever_the_process_did_before(kind: Any, hub: Hub, faults: Faults) -> None:
    """Ten throttles in the first of three pieces are ten, not thirty; so are they by prefix."""
    settings = kind.ground.settings
    bucket = settings.source_bucket if type(kind).__name__ in ("Checks", "Lists") else settings.target_bucket
    work = kind.piece(0)
    faults.add(Fault(Action.SLOW_DOWN, bucket=bucket, times=10))
    work(hub.address)
    for number in (1, 2):
        kind.piece(number)(hub.address)
    assert len(hub.reports()) == 3
    assert faults.hits() == 10
    assert hub.progress().throttled == 10
    assert sum(hub._throttled_by_prefix.values()) == 10


def test_a_share_of_the_rate_goes_back(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end of the work, and also where it ends by an exception."""
    shares = RateShares(RATE, 1, time.monotonic)
    lent: list[float] = []
    report = shares.report
    monkeypatch.setattr(shares, "report", lambda *args: lent.append(report(*args)) or lent[-1])
    work = kind.piece(0)
    with Hub("127.0.0.1", "127.0.0.1", shares) as hub:
        work(hub.address)
        assert max(lent) > 0
        assert shares.lent == pytest.approx(0, abs=1e-6)
        broken = kind.piece(1)

        def fail(*_: Any, **__: Any) -> Any:
            raise KeyError("mistake")

        monkeypatch.setattr(Engine, "_take", fail)
        monkeypatch.setattr(engine_module, "WIND_DOWN_SECONDS", 0.1)
        with pytest.raises(KeyError):
            broken(hub.address)
        assert shares.lent == pytest.approx(0, abs=1e-6)


def test_headway_elsewhere_is_heeded(kind: Any, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is throttled here tries on as long as anything succeeds anywhere."""
    noted, others = [], count(1)
    monkeypatch.setattr(Engine, "note_headway", lambda _engine: noted.append(True))
    work = kind.piece(0)
    other = HubClient(hub.address)

    class Moving(HubClient):
        def report(self, report: Report) -> bool:
            told = super().report(report)
            other.report(Report("other", "a", settled=next(others)))
            return told

    monkeypatch.setattr(worker, "HubClient", Moving)
    work(hub.address)
    assert len(noted) >= OBJECTS - 2
    monkeypatch.setattr(worker, "HubClient", Deaf)
    again = kind.piece(1)
    noted.clear()
    again(hub.address)
    assert noted == [], "the control: nobody told it of anything"


class Deaf(HubClient):
    """Reaches no driver."""

    def report(self, _report: Report) -> bool:
        return False


def test_stop_is_heeded(kind: Any, hub: Hub, faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the dozen requests that the piece needs a few are made."""
    work, before, seen = kind.piece(0), asked(kind, faults), count(1)

    class Stopping(HubClient):
        def report(self, report: Report) -> bool:
            if next(seen) == REPORTS_BEFORE:
                hub.stop_workers()
            return super().report(report)

    monkeypatch.setattr(worker, "HubClient", Stopping)
    work(hub.address)
    assert asked(kind, faults) - before < OBJECTS - 2


def test_a_parent_that_is_gone_stops_its_worker(
    kind: Any, hub: Hub, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, before, parents, own = kind.piece(0), asked(kind, faults), count(1), os.getppid()
    monkeypatch.setattr(worker.os, "getppid", lambda: own if next(parents) <= REPORTS_BEFORE else 1)
    work(hub.address)
    assert asked(kind, faults) - before < OBJECTS - 2


def test_what_is_settled_is_written_now_and_then(kind: Any, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    work = kind.piece(0)
    before = kind.flushed()
    if before is None:
        return  # nothing of it is written before it ends
    monkeypatch.setattr(worker, "FLUSH_SECONDS", 0.0)
    work(hub.address)
    assert kind.flushed() - before >= OBJECTS - 2
