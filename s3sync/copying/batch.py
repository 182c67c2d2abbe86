"""Carry out one batch of a plan: read its file, copy, write down what became of each task.

plan/{batch}.parquet ──> tasks ──> engine (requests in flight) ──> outcomes ──> parts ──> done record
                                      │ every second: see `runs.worker`
"""

from dataclasses import dataclass, field
from functools import partial

from s3sync.config.model import AccessConfig
from s3sync.copying.dispatch import copy_task
from s3sync.copying.orphan_uploads import abort_noted
from s3sync.copying.settings import CopySettings
from s3sync.model.outcome import Outcome, Status
from s3sync.model.task import Task
from s3sync.queues.send_failures import FailureQueues, FailureSender
from s3sync.runs.folder import RunFolder
from s3sync.runs.heartbeat import HubAddress
from s3sync.runs.opened_uploads import OpenedUploads
from s3sync.runs.outcomes import BatchDone, OutcomeLog, parquet_batches
from s3sync.runs.plan import Batch, tasks_of
from s3sync.runs.store import Store
from s3sync.runs.worker import WorkerSession
from s3sync.s3.engine.circuit_breaker import is_hopeless
from s3sync.s3.engine.per_process import EngineOptions

FLUSH_ROWS = 10_000
READ_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class CopyContext:
    """What a worker needs to carry out any batch of a run. It travels in the task's closure (C12).

    `is_late`: the plan is so old that somebody may have written to the target since; each object is looked at before it
    is copied (design: "Overwriting"). `is_of_findings`: the plan is as old as a check, whose tasks
    say what it saw on the target; where one does not, the target is looked at.
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
    is_of_findings: bool = False
    failures: FailureQueues = field(default_factory=FailureQueues)

    def looks_first(self, task: Task) -> bool:
        """Whether the target is to be looked at, though no earlier attempt has begun the task."""
        return self.is_late or (self.is_of_findings and task.target_etag is None)


@dataclass(frozen=True, slots=True)
class Stopped:
    """A batch that was not finished: told to stop, or its circuit opened. What was settled is written."""

    batch_id: str
    circuit_code: str | None


class BatchRows:
    """The outcomes of a batch on their way into its parts: how many wait, and which are held back.

    Failures that may be everybody's are held back until the batch ends, so that one that is stopped, by its own circuit
    or from outside, leaves them planned.
    """

    def __init__(self, session: WorkerSession, log: OutcomeLog) -> None:
        self._session = session
        self._log = log
        self._kept_back = 0

    def settle(self, outcome: Outcome) -> None:
        self._log.add(outcome)
        self._session.settle(
            outcome.copied_bytes,
            is_failed=outcome.status is Status.FAILED,
            hopeless=outcome.error_code if is_hopeless(outcome) else None,
        )
        if self._log.pending - self._kept_back >= FLUSH_ROWS:
            self.flush()

    def flush(self) -> None:
        """For as long as the batch goes on."""
        self._log.flush(self._session.counted(), is_hopeless)
        self._kept_back = self._log.pending

    def flush_all(self) -> None:
        self._log.flush(self._session.counted())


def session_of(context: CopyContext, work: str, attempt: str) -> WorkerSession:
    return WorkerSession(context.access, context.engine, context.hub, work, attempt, context.circuit_after)


def copy_batch(context: CopyContext, store: Store, batch: Batch, attempt: str) -> BatchDone | Stopped:
    """Settle each task of the batch once, whatever earlier attempts did; safe to call again at any point (C2)."""
    folder = RunFolder(store, context.run_id)
    buckets = (context.settings.source_bucket, context.settings.target_bucket)
    sender = FailureSender(context.access.queue, context.failures, context.run_id, buckets)
    log = OutcomeLog(folder, batch.batch_id, attempt, sender.send)
    with session_of(context, batch.batch_id, attempt) as session:
        if session.stop:
            return Stopped(batch.batch_id, None)
        prior = log.begin()
        if prior.done is not None:
            return prior.done
        session.settled = prior.tally.settled
        session.size_bytes = prior.tally.size_bytes[Status.COPIED]
        session.failed = prior.tally.objects[Status.FAILED]
        plan = parquet_batches(folder.get(batch.file), READ_ROWS)
        number = 1 if not prior.was_begun else 2
        uploads = OpenedUploads(folder, batch.batch_id, attempt)
        if prior.was_begun:
            left = uploads.left_open(prior.settled)
            aborts = ((each, abort_noted(context.settings, each.target_key, each.upload_id)) for each in left)
            for _ in session.run(aborts):
                pass

        def tick() -> None:
            uploads.write()
            session.tick()

        begin = partial(copy_task, is_repeat=prior.was_begun, note_upload=uploads.note)
        operations = (
            (task, begin(task, context.settings, number, prior.was_begun or context.looks_first(task)))
            for task in tasks_of(plan)
            if task.task_id not in prior.settled
        )
        rows = BatchRows(session, log)
        settled = len(prior.settled)
        for task, outcome in session.run(operations, flush=rows.flush, on_tick=tick):
            if outcome is not None:
                sender.note(task, outcome)
                rows.settle(outcome)
                settled += 1
        session.end()
        if session.circuit_code is not None or settled < batch.tasks:
            rows.flush()
            log.drop_pending()
            return Stopped(batch.batch_id, session.circuit_code)
        rows.flush_all()
        return log.finish(batch.tasks)
