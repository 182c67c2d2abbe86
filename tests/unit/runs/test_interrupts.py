"""Signals while something is done: handlers only put down that they came, another thread acts."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from s3sync.errors import Interrupted
from s3sync.runs.interrupts import EXIT_AT_ONCE, interruptible
from s3sync.runs.lock import TargetLock
from s3sync.runs.lock_place import folder_place
from s3sync.runs.store import LocalStore


def wait_for(event: threading.Event) -> None:
    assert event.wait(10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_stops_is_called_on_another_thread(number: int) -> None:
    """The main thread may be in the middle of a call to Spark, or of writing: neither may be entered again there."""
    stopped, said, threads = threading.Event(), [], []

    def stop() -> bool:
        threads.append(threading.current_thread())
        stopped.set()
        return True

    with interruptible(stop, said.append):
        os.kill(os.getpid(), number)
        wait_for(stopped)
    assert threads == [threads[0]]
    assert threads[0] is not threading.main_thread()
    assert said == ["Stopping: what is in flight is finished and written down. Ctrl-C again ends at once."]


def interrupted(stop: Callable[[], bool], until: threading.Event, *, fails: bool) -> None:
    """Work that is interrupted, and then ends, with an error or without."""
    with interruptible(stop, lambda _: None):
        os.kill(os.getpid(), signal.SIGINT)
        wait_for(until)
        if fails:
            raise RuntimeError("the job was cancelled")


@pytest.mark.parametrize("fails", [True, False])
def test_work_that_does_not_end_by_itself_ends_as_interrupted_whatever_it_raises(fails: bool) -> None:
    cancelled = threading.Event()

    def stop() -> bool:
        cancelled.set()
        return False

    with pytest.raises(Interrupted, match="the same command goes on"):
        interrupted(stop, cancelled, fails=fails)


def test_what_is_begun_after_the_signal_is_stopped_too() -> None:
    """A driver between two of Spark's jobs begins the next one: it is cancelled as well."""
    calls: list[float] = []
    enough = threading.Event()

    def stop() -> bool:
        calls.append(time.monotonic())
        if len(calls) == 3:
            enough.set()
        return False

    with pytest.raises(Interrupted):
        interrupted(stop, enough, fails=False)
    assert len(calls) >= 3


def test_without_a_signal_nothing_happens_and_errors_stay_as_they_are() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyError), interruptible(lambda: False, lambda _: None):
        raise KeyError("x")
    with interruptible(lambda: False, lambda _: None):
        pass
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_second_one_ends_the_process_at_once() -> None:
    program = (
        "import os, signal, time\n"
        "from s3sync.runs.interrupts import interruptible\n"
        "with interruptible(lambda: True, print):\n"
        "    for _ in range(2):\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(30)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=25, check=False)
    assert ended.returncode == EXIT_AT_ONCE, ended.stderr
    assert ended.stderr == ""


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[TargetLock]:
    with TargetLock(LocalStore(tmp_path), folder_place("work"), "mine", 60, lambda _: None) as held:
        yield held


@pytest.mark.parametrize("ends_by_itself", [True, False])
@pytest.mark.parametrize("fails", [True, False])
def test_a_lock_that_is_lost_stops_the_work_as_a_signal_does(
    lock: TargetLock, ends_by_itself: bool, fails: bool
) -> None:
    stopped, said = threading.Event(), list[str]()

    def stop() -> bool:
        stopped.set()
        return ends_by_itself

    def work() -> None:
        with interruptible(stop, said.append, lock):
            lock._hold._taken = True
            wait_for(stopped)
            if fails:
                raise RuntimeError("the job was cancelled")

    with pytest.raises(Interrupted, match="another command took over the lock of work, so this one stopped"):
        work()
    assert said == []


def test_a_lock_that_is_lost_at_the_very_end_is_found_too(lock: TargetLock) -> None:
    def work() -> None:
        with interruptible(lambda: True, lambda _: None, lock):
            lock._hold._taken = True

    with pytest.raises(Interrupted, match="took over the lock"):
        work()


def test_a_lock_that_is_held_stops_nothing(lock: TargetLock) -> None:
    with interruptible(lambda: True, lambda _: None, lock):
        time.sleep(1.2)
