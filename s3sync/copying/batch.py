"""Carry out one batch of a plan: read its file, copy, write down what became of each task.

    plan/{batch}.parquet ──> tasks ──> engine (requests in flight) ──> outcomes ──> parts ──> done record
                                          │ every second: report to the hub, flush now and then, hear whether to stop

Runs in a worker process. What is expensive to make (clients, connections) is made once a process and kept.
"""

import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from s3sync.config.model import AccessConfig
from s3sync.copying.dispatch import copy_task
from s3sync.copying.settings import CopySettings
from s3sync.model.outcome import Outcome, Status
from s3sync.model.tally import Tally
from s3sync.model.throttled_prefixes import most_of
from s3sync.queues.send_failures import FailureQueues, FailureSender
from s3sync.runs.folder import RunFolder
from s3sync.runs.heartbeat import HubAddress, HubClient, Report
from s3sync.runs.outcomes import BatchDone, OutcomeLog, engine_tally, parquet_batches
from s3sync.runs.plan import Batch, tasks_of
from s3sync.runs.store import Store
from s3sync.runs.worker_memory import keep_small
from s3sync.s3.engine.circuit_breaker import Circuit, is_hopeless
from s3sync.s3.engine.engine import Engine
from s3sync.s3.engine.per_process import EngineOptions, engine_for, rate_for

FLUSH_SECONDS = 15.0
FLUSH_ROWS = 10_000
READ_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class CopyContext:
    """What a worker needs to carry out any batch of a run. It travels in the task's closure (C12).

    `is_late`: the plan is of an earlier driver and more than a few minutes old, so somebody may have written to the
    target since; each object is looked at before it is copied (design: "Overwriting").
    """

    settings: CopySettings
    access: AccessConfig
    store_uri: str
    run_id: str
    epoch: int
    engine: EngineOptions
    circuit_after: int
    hub: HubAddress
    is_late: bool = False
    failures: FailureQueues = field(default_factory=FailureQueues)


@dataclass(frozen=True, slots=True)
class Stopped:
    """A batch that was not finished: told to stop, or its circuit opened. What was settled is written."""

    batch_id: str
    circuit_code: str | None


class BatchWatch:
    """The once-a-second side of a batch: reports, flushes, and decides whether to stop."""

    def __init__(
        self,
        context: CopyContext,
        hub: HubClient,
        log: OutcomeLog,
        batch_id: str,
        attempt: str,
        engine: Engine,
        done_before: Tally,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._work = (batch_id, attempt)
        self._engine = engine
        self._clock = clock
        self._hub = hub
        self._parent = os.getppid()
        self._settled = done_before.settled
        self._size_bytes = done_before.size_bytes[Status.COPIED]
        self._failed = done_before.objects[Status.FAILED]
        self._kept_back = 0
        self._hopeless: Counter[str] = Counter()
        self._unseen: Counter[str] = Counter()
        self._unseen_settled = 0
        self._circuit = Circuit(context.circuit_after)
        self._flushed_at = clock()
        self._began_counts = engine.counts.copy()  # the engine counts for all batches of the process
        self._flushed_counts = self._reported_counts = self._began_counts
        self.stop = False

    @property
    def circuit_code(self) -> str | None:
        return self._circuit.open_code

    def settle(self, outcome: Outcome) -> None:
        self._log.add(outcome)
        self._settled += 1
        self._unseen_settled += 1
        if outcome.status is Status.COPIED:
            self._size_bytes += outcome.size or 0
        elif outcome.status is Status.FAILED:
            self._failed += 1
            if is_hopeless(outcome) and outcome.error_code:
                self._unseen[outcome.error_code] += 1
                if self._unseen.total() >= self._circuit.window:
                    self.tick()  # a fast worker would send thousands more within the second
        if self._log.pending - self._kept_back >= FLUSH_ROWS:
            self._flush_for_now()

    def tick(self, *, is_ended: bool = False) -> None:
        """Called about once a second while requests are in flight, and once when none will follow."""
        self._circuit.observe(self._unseen_settled, self._unseen)
        self._hopeless.update(self._unseen)
        self._unseen_settled, self._unseen = 0, Counter()
        batch_id, attempt = self._work
        counts = self._engine.counts.copy()
        told_to_stop = self._hub.report(
            Report(
                batch_id,
                attempt,
                self._settled,
                self._size_bytes,
                self._failed,
                counts.throttled - self._began_counts.throttled,
                dict(self._hopeless),
                is_ended=is_ended,
                throttled_by_prefix=most_of(counts.since(self._reported_counts).throttled_by_prefix),
            )
        )
        self._reported_counts = counts
        if self._hub.moves:
            self._engine.note_headway()
        orphaned = os.getppid() != self._parent
        self.stop = self.stop or told_to_stop or orphaned or self.circuit_code is not None
        if self._clock() - self._flushed_at >= FLUSH_SECONDS:
            self._flush_for_now()

    def _flush_for_now(self) -> None:
        """Failures that may be everybody's are held back until the batch ends, so that one that is stopped, by its own
        circuit or from outside, leaves them planned."""
        self.flush(keep_back=is_hopeless)
        self._kept_back = self._log.pending

    def flush(self, keep_back: Callable[[Outcome], bool] = lambda _: False) -> None:
        counts = self._engine.counts.since(self._flushed_counts)
        seconds = self._clock() - self._flushed_at
        self._log.flush(engine_tally(counts, seconds), keep_back)
        self._flushed_counts = self._engine.counts.copy()
        self._flushed_at = self._clock()

    def close(self) -> None:
        self._hub.close()


def copy_batch(context: CopyContext, store: Store, batch: Batch, attempt: str) -> BatchDone | Stopped:
    """Settle each task of the batch once, whatever earlier attempts did; safe to call again at any point (C2)."""
    keep_small()
    hub = HubClient(context.hub, rate_for(context.engine))
    if hub.report(Report(batch.batch_id, attempt)):
        return Stopped(batch.batch_id, None)
    folder = RunFolder(store, context.run_id)
    buckets = (context.settings.source_bucket, context.settings.target_bucket)
    sender = FailureSender(context.access.queue, context.failures, context.run_id, buckets)
    log = OutcomeLog(folder, batch.batch_id, attempt, sender.send)
    prior = log.begin()
    if prior.done is not None:
        return prior.done
    engine = engine_for(context.access, context.engine)
    watch = BatchWatch(context, hub, log, batch.batch_id, attempt, engine, prior.tally)
    plan = parquet_batches(folder.get(batch.file), READ_ROWS)
    number = 1 if not prior.was_begun else 2
    look_first = prior.was_begun or context.is_late
    operations = (
        (task, copy_task(task, context.settings, number, look_first, is_repeat=prior.was_begun))
        for task in tasks_of(plan)
        if task.task_id not in prior.settled
    )
    settled = len(prior.settled)
    for task, outcome in engine.run(operations, lambda: watch.stop, watch.tick):
        if outcome is not None:
            sender.note(task, outcome)
            watch.settle(outcome)
            settled += 1
    watch.tick(is_ended=True)
    watch.close()
    if watch.circuit_code is not None or settled < batch.tasks:
        watch.flush(keep_back=is_hopeless)
        log.drop_pending()
        return Stopped(batch.batch_id, watch.circuit_code)
    watch.flush()
    return log.finish(batch.tasks)
