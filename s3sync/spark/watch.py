"""The copy stage: one Spark task a batch, watched by the driver while it runs."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from s3sync.errors import JavaLost, WorkerLost
from s3sync.report.progress import ProgressView, Standing
from s3sync.runs.heartbeat import Hub, Progress, Report
from s3sync.runs.outcomes import BatchDone
from s3sync.s3.engine.circuit_breaker import Circuit
from s3sync.spark.task import workers_errors

Piece = TypeVar("Piece")
Result = TypeVar("Result")

JOB_GROUP = "s3sync-copy"
GRACE_SECONDS = 20.0
QUIET_SECONDS = 3.0
LAST_WORDS_SECONDS = 8.0  # YARN gives 10 where it is told to: yarn.nodemanager.sleep-delay-before-sigkill.ms
WATCH_SECONDS = 0.5


@dataclass(slots=True)
class CopyWatch:
    """The driver's eye on the stage: shows progress, opens the circuit, ends the stage when it was told to stop.

    Batches that run are given `GRACE_SECONDS` to finish what is in flight; those that wait are cancelled.
    """

    hub: Hub
    circuit: Circuit
    view: ProgressView
    total: int
    cancel: Callable[[], None]

    def observe(self, settled: int, hopeless: Counter[str]) -> None:
        self.circuit.observe(settled, hopeless)
        if self.circuit.open_code is not None:
            self.hub.stop_workers()

    def watch(self, ended: threading.Event) -> None:
        """Runs until the stage ends; cancels it where it was told to stop and nothing moves any more."""
        stopping_since: float | None = None
        moved_at, seen = time.monotonic(), (-1, -1)
        while not ended.wait(WATCH_SECONDS):
            progress = self._show()
            now = time.monotonic()
            if (progress.settled, progress.size_bytes) != seen:
                moved_at, seen = now, (progress.settled, progress.size_bytes)
            if self.hub.is_stopping:
                stopping_since = stopping_since or now
                if now - max(moved_at, stopping_since) > QUIET_SECONDS or now - stopping_since > GRACE_SECONDS:
                    self.cancel()
                    break
        self._show()

    def let_end(self) -> None:
        """Without Java the workers end by themselves: they are told so, and what they settle until then is heard."""
        self.hub.stop_workers()
        began = moved_at = time.monotonic()
        seen = self._show()
        while time.monotonic() - moved_at < QUIET_SECONDS and time.monotonic() - began < LAST_WORDS_SECONDS:
            time.sleep(WATCH_SECONDS)
            now = self._show()
            if (now.settled, now.size_bytes) != (seen.settled, seen.size_bytes):
                moved_at, seen = time.monotonic(), now

    def _show(self) -> Progress:
        progress = self.hub.progress()
        self.view.show(
            Standing(
                self.total,
                progress.settled,
                progress.size_bytes,
                progress.failed,
                progress.throttled,
                progress.hottest,
            )
        )
        return progress


def carry_out(
    spark: SparkSession,
    batches: list[Piece],
    task: Callable[[Iterable[Piece]], Iterable[Result]],
    watch: CopyWatch,
) -> list[Result]:
    """Each piece in a Spark task of its own, watched; what the tasks yield. Ends early, without an error and with
    nothing, where the run is told to stop and the watch cancels it."""
    is_late = watch.hub.is_stopping
    if not batches or is_late:
        return []
    sc = spark.sparkContext
    sc.setJobGroup(JOB_GROUP, "copy", interruptOnCancel=False)
    ended = threading.Event()
    watcher = threading.Thread(target=watch.watch, args=(ended,), name="copy-watch", daemon=True)
    watcher.start()
    try:
        with workers_errors():
            found: list[Result] = sc.parallelize(batches, len(batches)).mapPartitions(task).collect()
            return found
    except JavaLost:
        is_told = watch.hub.is_stopping
        watch.let_end()
        if not is_told:
            raise
        return []
    except (Py4JJavaError, WorkerLost):
        if not watch.hub.is_stopping:
            raise
        return []
    finally:
        ended.set()
        watcher.join()


def report_of(done: BatchDone) -> Report:
    """What the hub should know of a batch that was done before this driver started."""
    tally = done.tally
    return Report(
        work=done.batch_id,
        attempt=done.attempt,
        settled=tally.settled,
        size_bytes=tally.size_bytes["copied"],
        failed=tally.objects["failed"],
        throttled=tally.throttled,
    )
