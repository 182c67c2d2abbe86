"""Processes of Spark that die under a run: it ends in one line, and the same command goes on."""

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from s3sync.demo.server import SeedObject, seed
from s3sync.errors import WorkerLost
from s3sync.spark.task import workers_errors
from tests.servers.faults import Action, Fault, Faults
from tests.spark.workplace import Workplace

Objects = Callable[[str], dict[str, bytes]]
BODIES = {f"{n:03}": b"%d" % n for n in range(60)}


def test_a_worker_that_is_killed_each_time_is_one_line(spark: SparkSession) -> None:
    def die(_: Iterable[int]) -> Iterator[int]:
        os.kill(os.getpid(), signal.SIGKILL)
        yield 0

    says = r"^Spark lost the worker of a task too often: .* worker exited unexpectedly.*\. The same command goes on"
    with pytest.raises(WorkerLost, match=says), workers_errors():
        spark.sparkContext.parallelize([0], 1).mapPartitions(die).collect()


@pytest.mark.parametrize("reason", ["java.net.SocketException: Broken pipe", "ExecutorLostFailure (executor 1 exited)"])
def test_a_worker_that_died_while_it_idled_is_one_line(reason: str) -> None:
    text = f"Job aborted due to stage failure: Task 0 in stage 3.0 failed 1 times: {reason}\n\tat java.net.Socket"
    with pytest.raises(WorkerLost, match=f" of a task too often: .*{re.escape(reason)}\\. The same"), workers_errors():
        raise PySparkException(text)


def test_any_other_end_of_a_job_is_no_lost_worker() -> None:
    with pytest.raises(PySparkException), workers_errors():
        raise PySparkException("Job aborted due to stage failure: Task 0 failed: java.lang.OutOfMemoryError")


def own_daemon() -> list[int]:
    """The process that forks the workers of this very process's Spark. Other tests run beside it."""
    known, daemons = {}, []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            pid, parent = int(path.name), int((path / "stat").read_text().rpartition(")")[2].split()[1])
            daemons += [pid] if b"pyspark.daemon" in (path / "cmdline").read_bytes() else []
        except OSError:  # it has ended
            continue
        known[pid] = parent

    def is_own(pid: int) -> bool:
        while pid in known and pid != os.getpid():
            pid = known[pid]
        return pid == os.getpid()

    return [pid for pid in daemons if is_own(pid) and known[pid] not in daemons]


def test_c1_a_worker_that_is_cut_off_is_not_taken_for_one_that_ended(
    workplace: Workplace, faults: Faults, pair: tuple[str, str], objects: Objects
) -> None:
    """The tests' Spark tries each task once, so the run ends with it; others try it four times."""
    source, target = pair
    seed(source, (SeedObject(key, body) for key, body in BODIES.items()))
    faults.add(Fault(Action.STALL, operation="CopyObject", bucket=target, seconds=0.3))
    killed: list[int] = []

    def kill() -> None:
        until = time.monotonic() + 60
        while not killed and time.monotonic() < until:
            time.sleep(0.05)
            if len(objects(target)) >= 5:
                killed.extend(own_daemon())
        for pid in killed:
            os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    given = ("-s", source, "-t", target, "--in-flight", "2")
    first = workplace.run(*given)
    killer.join()
    assert len(killed) == 1
    assert (first.code, "a worker was cut off" in (first.error or "")) == (1, True), first.error
    assert 0 < len(objects(target)) < len(BODIES)

    faults.clear()
    ended = workplace.run(*given)
    assert (ended.code, ended.folder, ended.statuses) == (0, first.folder, {"copied": len(BODIES)})
    assert objects(target) == BODIES
