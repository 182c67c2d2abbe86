"""The copies of a run: what of the plan is not done yet, watched and stoppable."""

import threading
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

from rich.console import Console

from s3sync.aws.clients import with_place
from s3sync.copying.batch import CopyContext
from s3sync.copying.conditions.run_conditions import heedless, tried_conditions
from s3sync.copying.large_object.stage import copy_batches, tasks_of
from s3sync.copying.settings import CopySettings
from s3sync.copying.settings_file import put_recipe, tried_before
from s3sync.errors import CircuitOpen, Interrupted, JavaLost, S3SyncError
from s3sync.model.conditions import NONE_HEEDED
from s3sync.planning.context import RunContext
from s3sync.queues.send_failures import NOT_CONFIGURED, failure_queues
from s3sync.report.progress import ProgressView
from s3sync.runs.finish import done_batches
from s3sync.runs.heartbeat import Hub
from s3sync.runs.interrupts import interruptible
from s3sync.runs.lock import TargetLock
from s3sync.runs.plan import Plan
from s3sync.s3.engine.circuit_breaker import HINTS, Circuit
from s3sync.s3.engine.per_process import EngineOptions, shares_of
from s3sync.spark.session import advertised_host, listening_host, workers
from s3sync.spark.watch import CopyWatch, report_of

LATE_AFTER = timedelta(minutes=5)


def copy(run: RunContext, plan: Plan, console: Console, lock: TargetLock) -> S3SyncError | None:
    """Carry out what of the plan is not done yet; returns why it stopped early, if it did. Raises Interrupted where the
    lock is lost: then the end of the run is no longer this driver's to tell."""
    done = done_batches(run.folder)
    batches = [batch for batch in plan.batches if batch.batch_id not in done]
    circuit = Circuit(run.config.copy.circuit_after)
    interrupted = threading.Event()
    with ExitStack() as stack:
        options = EngineOptions.of(run.config.copy, workers(run.spark, tasks_of(batches)))
        hub = stack.enter_context(Hub(listening_host(run.spark), advertised_host(run.spark), shares_of(options)))
        hub.settled_before([report_of(batch) for batch in done.values()])
        view = stack.enter_context(ProgressView(console, "Copying", run.config.run.progress_seconds))
        total = sum(batch.tasks for batch in plan.batches)
        watch = CopyWatch(hub, circuit, view, total, run.cancel)
        hub.on_settled = watch.observe

        def stop_cleanly() -> bool:
            interrupted.set()
            hub.stop_workers()
            return True

        stack.enter_context(interruptible(stop_cleanly, run.say, lock))
        try:
            stopped = copy_batches(run.spark, _copy_context(run, plan, hub, options), batches, watch)
        except JavaLost as error:
            return error
    # A worker that the driver does not hear, or that fails alone, stops by its own circuit.
    codes = (circuit.open_code, *(batch.circuit_code for batch in stopped))
    circuit_code = next((code for code in codes if code is not None), None)
    return _why_stopped(circuit_code, is_interrupted=interrupted.is_set())


def _copy_context(run: RunContext, plan: Plan, hub: Hub, options: EngineOptions) -> CopyContext:
    config = run.config
    failures = failure_queues(config)
    if failures.trouble and failures.trouble != NOT_CONFIGURED:
        run.say(f"What fails will not be sent to the queues: {failures.trouble}")
    return CopyContext(
        settings=written_recipe(run, plan),
        access=replace(config.access, source=with_place(config.access.source), target=with_place(config.access.target)),
        store_uri=config.run.work_uri,
        run_id=run.folder.run_id,
        epoch=run.epoch,
        engine=options,
        circuit_after=config.copy.circuit_after,
        hub=hub.address,
        is_late=run.epoch > 1 and run.prepared.target.server_time - plan.planned_at > LATE_AFTER,
        is_of_findings=config.plan.from_findings is not None,
        failures=failures,
    )


def written_recipe(run: RunContext, plan: Plan) -> CopySettings:
    """How this run copies, written down for whoever tries its tasks again. What the target's server heeds is tried out
    once a run."""
    settings = CopySettings.of(run.config, plan.planned_at, NONE_HEEDED, is_relayed=run.is_relayed)
    earlier = tried_before(run.folder)
    if earlier is None:
        tried = tried_conditions(run.folder, run.config, plan, settings)
        for note in (*tried.notes, *heedless(tried.conditions, plan)):
            run.say(note)
        earlier = tried.conditions
    settings = replace(settings, conditions=earlier, default_encryption=run.prepared.target.encryption)
    put_recipe(run.folder, settings)
    return settings


def _why_stopped(circuit_code: str | None, *, is_interrupted: bool) -> S3SyncError | None:
    if circuit_code is not None:
        return CircuitOpen(circuit_code, HINTS.get(circuit_code, ""))
    if is_interrupted:
        return Interrupted("stopped; the same command goes on from here")
    return None
