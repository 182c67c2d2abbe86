"""The retry job: workers drain the queues side by side, or try what a run's tables have left, and the runs are
finished anew with what came of it (C1)."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pyspark.sql import SparkSession
from rich.console import Console

from s3sync.config.model import Config
from s3sync.errors import Interrupted
from s3sync.queues.unfinished import unfinished_tasks
from s3sync.report.progress import ProgressView, Standing
from s3sync.retry.consumer import Drain
from s3sync.retry.drain import (
    DrainContext,
    DrainTally,
    drain_context,
    exit_code_of,
    finish_drained,
    how_of,
    say_drained,
)
from s3sync.retry.task_files import RedoContext, recipe_or_refuse, redo_file, write_task_files
from s3sync.runs.finish import accounts_of
from s3sync.runs.folder import RunFolder, new_run_id, place_of_run
from s3sync.runs.heartbeat import Hub
from s3sync.runs.interrupts import interruptible
from s3sync.runs.lock import TargetLock
from s3sync.runs.plan import Plan
from s3sync.runs.store import Store, open_store
from s3sync.s3.engine.per_process import EngineOptions, shares_of
from s3sync.spark.session import advertised_host, listening_host, open_session
from s3sync.spark.task import this_attempt, workers_errors
from s3sync.spark.watch import WATCH_SECONDS

EPOCH = 1  # a retry has no plan to go on with: each start is the first


@dataclass(frozen=True, slots=True)
class _Crew:
    """The workers of one retry, and how the driver hears of them."""

    spark: SparkSession
    hub: Hub
    engine: EngineOptions
    console: Console
    progress_seconds: float

    def say(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def carry_out(self, items: list[str], work: Callable[[str, str], DrainTally]) -> DrainTally:
        """`work(item, attempt)` for each item, one Spark task each; the sum of what they tell."""

        def task(own: Iterable[str]) -> Iterator[str]:
            for item in own:
                yield json.dumps(work(item, this_attempt(EPOCH)).to_json())

        total = DrainTally()
        ended = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(ended,), name="retry-watch", daemon=True)
        watcher.start()
        try:
            with workers_errors():
                told = self.spark.sparkContext.parallelize(items, max(1, len(items))).mapPartitions(task).collect()
        finally:
            ended.set()
            watcher.join()
        for each in told:
            total.add(DrainTally.from_json(json.loads(each)))
        return total

    def _watch(self, ended: threading.Event) -> None:
        with ProgressView(self.console, "Retrying", self.progress_seconds) as view:
            before = 0
            while not ended.wait(WATCH_SECONDS):
                now = self.hub.progress()
                if now.settled != before:
                    before = now.settled
                    view.show(Standing(None, now.settled, now.size_bytes, now.failed, now.throttled))


def retry(config: Config, console: Console) -> int:
    """Run the job and return its exit code: 0 where every run that was touched is complete, 3 where something is left.

    Raises S3SyncError where it can't begin, or was stopped.
    """
    if config.retry.from_run is not None:
        return _retry_from_tables(config, config.retry.from_run, console)
    began = datetime.now(UTC)
    minutes = config.retry.max_minutes
    context = drain_context(config, follow=False, deadline=began + timedelta(minutes=minutes) if minutes else None)
    store = open_store(config.run.work_uri, config.access.work)
    with _crew("s3sync retry", config, console, None) as (crew, stopped):
        at_work = replace(context, hub=crew.hub.address, engine=crew.engine)
        workers = [f"w{number:04d}" for number in range(crew.spark.sparkContext.defaultParallelism)]
        crew.say(f"Draining {', '.join(queue.name for queue in context.take[:20])} by {len(workers)} workers")
        told = crew.carry_out(workers, lambda worker, attempt: _drain(at_work, worker, attempt))
        return _finish(store, context.drain_id, began, told, console, is_stopped=stopped.is_set())


def _drain(context: DrainContext, worker: str, attempt: str) -> DrainTally:
    return Drain(context, f"{worker}-{attempt}").run()


def _retry_from_tables(config: Config, run_id: str, console: Console) -> int:
    began = datetime.now(UTC)
    store = open_store(config.run.work_uri, config.access.work)
    folder = RunFolder(store, run_id)
    settings = recipe_or_refuse(folder)
    drain_id = new_run_id(began)

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    with TargetLock(
        store, place_of_run(folder, config.access.target), run_id, config.run.lock_timeout_seconds, say
    ) as lock:
        plan = Plan.from_json(folder.manifest("plan") or {})
        accounts = accounts_of(folder, plan, stopped_early=True)
        files = write_task_files(folder, drain_id, settings, unfinished_tasks(folder, plan, accounts.done))
        told = DrainTally()
        is_stopped = False
        if files:
            with _crew(f"s3sync retry of {run_id}", config, console, lock) as (crew, stopped):
                context = RedoContext(
                    drain_id,
                    run_id,
                    config.access,
                    config.run.work_uri,
                    crew.engine,
                    how_of(config),
                    settings,
                    crew.hub.address,
                )
                say(f"Trying again what run {run_id} has left, in {len(files)} files")
                told = crew.carry_out(files, lambda name, attempt: redo_file(context, name, attempt))
                is_stopped = stopped.is_set()
        store.put(f"drains/{drain_id}/{run_id}", b"")
        lock.check()
        return _finish(store, drain_id, began, told, console, is_stopped=is_stopped)


@contextmanager
def _crew(
    app_name: str, config: Config, console: Console, lock: TargetLock | None
) -> Iterator[tuple[_Crew, threading.Event]]:
    """Spark, the hub, and Ctrl-C, or a lost lock, that ends the workers cleanly; the event tells that it came."""
    spark = open_session(app_name, lambda text: console.print(text, markup=False, soft_wrap=True))
    stopped = threading.Event()
    with ExitStack() as stack:
        engine = EngineOptions.of(config.copy, spark.sparkContext.defaultParallelism)
        hub = stack.enter_context(Hub(listening_host(spark), advertised_host(spark), shares_of(engine)))
        crew = _Crew(spark, hub, engine, console, config.run.progress_seconds)

        def stop_cleanly() -> bool:
            stopped.set()
            hub.stop_workers()
            return True

        stack.enter_context(interruptible(stop_cleanly, crew.say, lock))
        yield crew, stopped


def _finish(
    store: Store, drain_id: str, began: datetime, told: DrainTally, console: Console, *, is_stopped: bool
) -> int:
    summaries = finish_drained(store, drain_id, began)
    say_drained(console, told, summaries)
    if is_stopped:
        raise Interrupted("stopped; what was not tried is in the queues, or in the tables, as before")
    return exit_code_of(told, summaries)
