"""How an executor stops, as a process: SIGTERM, which ECS sends, and one signal more."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from s3sync.queues.find import depth_of
from s3sync.runs.interrupts import EXIT_AT_ONCE
from s3sync.runs.summary import State
from tests.contract.queueing import QueuedRun
from tests.contract.test_executor import OBJECTS, copied, ground, in_queues
from tests.servers.faults import Action, Fault, Faults

CHECKOUT = Path(__file__).parents[2]
PATIENCE_SECONDS = 90
__all__ = ["ground"]  # a fixture

Started = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def started(ground: QueuedRun, server_env: dict[str, str], tmp_path: Path, log: Path) -> Started:
    """`started(options)`: a context with an executor that follows."""
    pattern = ground.queues.work[0].name.removesuffix("0") + r"\d+"
    queues = ("--queue-name-pattern", pattern, "--dead-queue-name", ground.queues.dead.name)
    work = ("--work-uri", ground.folder.store.uri, "--receive-wait", "1s")

    @contextmanager
    def start(*options: str) -> Iterator["subprocess.Popen[bytes]"]:
        command = [sys.executable, "-m", "s3sync", "executor", *queues, *work, *options]
        environ = {**os.environ, **server_env, "PYTHONPATH": str(CHECKOUT)}
        with log.open("wb") as out, subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=out, stderr=out) as one:
            try:
                yield one
            finally:
                one.kill()

    return start


def await_(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_sigterm_finishes_what_is_in_flight_and_lets_the_rest_go(
    ground: QueuedRun, started: Started, faults: Faults, log: Path
) -> None:
    faults.clear()
    faults.add(Fault(Action.STALL, operation="CopyObject", seconds=2))
    with started("--in-flight", "1") as executor:
        await_(lambda: faults.requests("CopyObject") >= 1)
        executor.send_signal(signal.SIGTERM)
        assert executor.wait(PATIENCE_SECONDS) == 0, log.read_text()
    done = copied(ground)
    assert 1 <= done == faults.requests("CopyObject") < OBJECTS
    depths = [depth_of(ground.sqs, queue) for queue in ground.queues.work]
    assert sum(depth.waiting for depth in depths) == OBJECTS - done  # nobody waits until they are visible again
    assert not any(depth.in_flight for depth in depths)
    assert ground.summary().counts.settled["copied"].objects == done

    faults.clear()
    with started("--no-follow") as executor:
        assert executor.wait(PATIENCE_SECONDS) == 0, log.read_text()
    assert (copied(ground), in_queues(ground)) == (OBJECTS, [0, 0, 0])
    assert faults.requests("CopyObject") == OBJECTS - done
    assert ground.summary().state is State.COMPLETE


def test_a_second_signal_ends_at_once(ground: QueuedRun, started: Started, faults: Faults, log: Path) -> None:
    faults.clear()
    faults.add(Fault(Action.STALL, operation="CopyObject", seconds=60))
    with started() as executor:
        await_(lambda: faults.requests("CopyObject") >= 1)
        executor.send_signal(signal.SIGINT)
        await_(lambda: "Ctrl-C again ends at once" in log.read_text())
        began = time.monotonic()
        executor.send_signal(signal.SIGINT)
        assert executor.wait(PATIENCE_SECONDS) == EXIT_AT_ONCE
    assert time.monotonic() - began < 20  # and not the minute that the answer takes
    assert sum(in_queues(ground)) == OBJECTS  # they come again
