"""Processes of Spark that die under a run: it ends in one line, and the same command goes on."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pyspark import SparkContext

from s3sync.demo.server import SeedObject, seed
from tests.servers.faults import Action, Fault, Faults
from tests.spark.workplace import Workplace

Objects = Callable[[str], dict[str, bytes]]
BODIES = {f"{n:03}": b"%d" % n for n in range(60)}


def parents() -> dict[int, int]:
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            found[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    return found


def is_daemon(pid: int) -> bool:
    try:
        return b"pyspark.daemon" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def own_processes(*, workers: bool) -> list[int]:
    """Of the Spark of this very process: the daemon that forks workers, or the workers. Other tests run beside it."""
    known = parents()

    def is_own(pid: int) -> bool:
        while pid in known and pid != os.getpid():
            pid = known[pid]
        return pid == os.getpid()

    daemons = [pid for pid in known if is_own(pid) and is_daemon(pid)]
    return [pid for pid in daemons if (known[pid] in daemons) is workers]


@pytest.fixture(autouse=True)
def _session_of_its_own() -> Iterator[None]:
    """Spark keeps workers that idle for the next task, and does not see that they died: no other test may get them."""
    yield
    context = SparkContext._active_spark_context
    assert context is not None
    context.stop()


@pytest.mark.parametrize(
    ("workers", "says"),
    [(True, "Spark lost the worker of a task too often: "), (False, "a worker was cut off")],
    ids=["workers", "the daemon that forks workers"],
)
def test_c1_a_process_of_spark_that_dies_ends_the_run_in_one_line_and_it_goes_on(
    workplace: Workplace,
    faults: Faults,
    pair: tuple[str, str],
    objects: Objects,
    workers: bool,
    says: str,
) -> None:
    """The tests' Spark tries each task once; others try it four times."""
    source, target = pair
    seed(source, (SeedObject(key, body) for key, body in BODIES.items()))
    faults.add(Fault(Action.STALL, operation="CopyObject", bucket=target, seconds=0.3))
    killed: list[int] = []

    def kill() -> None:
        until = time.monotonic() + 60
        while not killed and time.monotonic() < until:
            time.sleep(0.05)
            if faults.requests("CopyObject", bucket=target) >= 5:
                killed.extend(own_processes(workers=workers))
        for pid in killed:
            with suppress(ProcessLookupError):  # a worker that idled may have ended by itself
                os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    given: Any = ("-s", source, "-t", target, "--in-flight", "2")
    first = workplace.run(*given)
    killer.join()
    assert killed
    assert (first.code, says in (first.error or "")) == (1, True), first.error
    assert 0 < len(objects(target)) < len(BODIES)

    faults.clear()
    ended = workplace.run(*given)
    assert (ended.code, ended.folder, ended.statuses) == (0, first.folder, {"copied": len(BODIES)})
    assert objects(target) == BODIES
