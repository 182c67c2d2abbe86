"""One process that takes messages and carries them out, for a container: the drain of `retry` without Spark."""

import threading
from datetime import UTC, datetime, timedelta

from rich.console import Console

from s3sync.config.model import Config
from s3sync.errors import EXIT_DONE, S3SyncError
from s3sync.queues.find import depth_of, sqs_client
from s3sync.report.progress import ProgressView, Standing
from s3sync.retry.consumer import Drain
from s3sync.retry.drain import DrainContext, DrainTally, drain_context, exit_code_of, finish_drained, say_drained
from s3sync.runs.interrupts import interruptible
from s3sync.runs.store import open_store


def execute(config: Config, console: Console) -> int:
    """Until it is stopped (SIGTERM, Ctrl-C), or as the options say; returns the exit code.

    Of many executors the one that leaves the queues empty behind it writes the summaries of the runs that it touched;
    `s3sync retry`, and `s3sync retry --from-run`, write them at any time. Raises S3SyncError where it can't begin.
    """
    began = datetime.now(UTC)
    minutes = config.retry.max_minutes
    context = drain_context(config, follow=True, deadline=began + timedelta(minutes=minutes) if minutes else None)
    stop = threading.Event()

    def stop_cleanly() -> bool:
        stop.set()
        return True

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    say(f"Taking from {', '.join(queue.name for queue in context.take[:20])}")
    with ProgressView(console, "Executing", config.run.progress_seconds) as view, interruptible(stop_cleanly, say):
        told = Drain(context, "executor", stop.is_set, _Watch(view).look).run()
    store = open_store(config.run.work_uri, config.access.work)
    summaries = finish_drained(store, context.drain_id, began) if _is_last(context) else []
    say_drained(console, told, summaries)
    return EXIT_DONE if stop.is_set() and not told.went_wrong else exit_code_of(told, summaries)


class _Watch:
    """Shows how far the drain is, where it moved."""

    def __init__(self, view: ProgressView) -> None:
        self._view = view
        self._tasks = 0

    def look(self, told: DrainTally, size_bytes: int) -> None:
        if told.tasks != self._tasks:
            self._tasks = told.tasks
            self._view.show(Standing(None, told.tasks, size_bytes, told.failed, 0))


def _is_last(context: DrainContext) -> bool:
    """Whether the work queues look empty: a hint only, for who writes the summary is of no weight."""
    sqs = sqs_client(context.access.queue)
    try:
        return not any(depth_of(sqs, queue).total for queue in context.queues.work)
    except S3SyncError:
        return False
