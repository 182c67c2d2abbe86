"""The look at what the listings left open, and the reading of bodies: batch by batch, watched and stoppable."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial

from rich.console import Console

from s3sync.checking.batch import CheckContext, LookBatch, budgeted, check_batch
from s3sync.checking.batch_records import Stage, commit_stage, done_batches
from s3sync.checking.compare_stage import CheckRun
from s3sync.checking.comparison import Judged
from s3sync.checking.object_check import LookSettings
from s3sync.copying.settings import CopySettings
from s3sync.model.conditions import AS_S3
from s3sync.report.progress import ProgressView
from s3sync.runs.heartbeat import Hub, HubAddress, Report
from s3sync.runs.interrupts import interruptible
from s3sync.runs.plan import Batch
from s3sync.runs.store import open_store
from s3sync.s3.engine.circuit_breaker import Circuit
from s3sync.s3.engine.per_process import EngineOptions, shares_of
from s3sync.spark.session import advertised_host, listening_host, workers
from s3sync.spark.task import cancel_jobs, this_attempt
from s3sync.spark.watch import CopyWatch, carry_out

_DOING = {Stage.LOOKED: "Looking", Stage.READ: "Reading"}


def look_at_open(run: CheckRun, judged: Judged, console: Console, say: Callable[[str], None]) -> bool:
    """Look at the batches that the listings left open; False where the user stopped it before the end."""
    work = [LookBatch(batch) for batch in judged.open]
    return _carried_out(run, Stage.LOOKED, work, console, say)


def read_open(run: CheckRun, left: Sequence[Batch], console: Console, say: Callable[[str], None]) -> bool:
    """Read the bodies of what is open still, within the budget; False where the user stopped it before the end."""
    return _carried_out(run, Stage.READ, budgeted(left, run.prepared.config.check), console, say)


def _carried_out(
    run: CheckRun, stage: Stage, work: Sequence[LookBatch], console: Console, say: Callable[[str], None]
) -> bool:
    """Do the batches that are not done yet, and commit which of their records count."""
    done = done_batches(run.folder, stage)
    left = [each for each in work if each.batch.batch_id not in done]
    interrupted = threading.Event()
    with ExitStack() as stack:
        engine = EngineOptions.of(run.prepared.config.copy, workers(run.spark, len(left)))
        hub = stack.enter_context(Hub(listening_host(run.spark), advertised_host(run.spark), shares_of(engine)))
        hub.settled_before([Report(each.batch_id, each.attempt, each.objects) for each in done.values()])
        view = stack.enter_context(ProgressView(console, _DOING[stage], run.prepared.config.run.progress_seconds))
        circuit = Circuit(run.prepared.config.copy.circuit_after)  # each batch has its own; nothing is told to this one
        total = sum(each.batch.tasks for each in work)
        watch = CopyWatch(hub, circuit, view, total, partial(cancel_jobs, run.spark))

        def stop_cleanly() -> bool:
            interrupted.set()
            hub.stop_workers()
            return True

        stack.enter_context(interruptible(stop_cleanly, say, run.lock))
        carry_out(run.spark, left, _task(_context(run, stage, engine, hub.address), run.epoch), watch)
    if interrupted.is_set():
        return False
    commit_stage(run.folder, stage)
    return True


def _context(run: CheckRun, stage: Stage, engine: EngineOptions, hub: HubAddress) -> CheckContext:
    config = run.prepared.config
    changed_after = run.prepared.moments.changed_after
    moment = changed_after or run.prepared.source.server_time
    copying = CopySettings.of(config, planned_at=moment, conditions=AS_S3)
    return CheckContext(
        stage=stage,
        settings=LookSettings(
            copying,
            changed_after,
            config.check.metadata,
            parts=stage is Stage.LOOKED,
            of_run=run.prepared.of_run is not None,
        ),
        check=config.check,
        access=config.access,
        engine=engine,
        store_uri=config.run.work_uri,
        run_id=run.folder.run_id,
        circuit_after=config.copy.circuit_after,
        hub=hub,
    )


def _task(context: CheckContext, epoch: int) -> Callable[[Iterable[LookBatch]], Iterable[str]]:
    def run(batches: Iterable[LookBatch]) -> Iterator[str]:
        attempt = this_attempt(epoch)
        store = open_store(context.store_uri, context.access.work)
        for work in batches:
            done = check_batch(context, store, work, attempt)
            yield f"{work.batch.batch_id} {'done' if done else 'stopped'}"

    return run
