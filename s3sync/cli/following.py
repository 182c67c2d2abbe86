"""`--wait`: a job that was sent, watched until its end."""

import time
from collections.abc import Callable

from rich.console import Console

from s3sync.cli.shipping import Order
from s3sync.emr.clusters import JobState
from s3sync.emr.destinations import SentJob
from s3sync.emr.follow import TableProgress, announced_run, ended
from s3sync.errors import EXIT_DONE, EXIT_OTHER, StoreError
from s3sync.report.progress import ProgressView
from s3sync.runs.folder import RunFolder
from s3sync.runs.store import Store, open_store

POLL_SECONDS = 10.0  # DescribeStep is throttled for a whole account
LOG_PATIENCE_SECONDS = 360.0  # EMR puts logs to S3 every five minutes


def follow(order: Order, sent: SentJob, console: Console, sleep: Callable[[float], None] = time.sleep) -> int:
    """Show the state and the job's own progress until the end; returns the job's own exit code.

    | its ending, or its run's summary, is there | EMR calls it a success | exit code                 |
    |--------------------------------------------|------------------------|---------------------------|
    | yes                                        | any                    | the job's own             |
    | no                                         | yes                    | 0                         |
    | no                                         | no                     | 1, and the end of its log |
    """

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    store = open_store(order.config.run.work_uri, order.config.access.work)
    state = _until_over(order, sent, store, console, say, sleep)
    told = ended(store, order.submission_id or "")
    if told is not None:
        if told.error:
            say(f"{order.name}: {told.error}")
        say(f"{order.name}: {state.name}, the job's exit code is {told.exit_code}")
        return told.exit_code
    if state.is_success:
        say(f"{order.name}: {state.name}")
        return EXIT_DONE
    say(f"{order.name}: {state.name}{f': {state.reason}' if state.reason else ''}; its driver left no exit code")
    _show_log(sent, say, sleep)
    return EXIT_OTHER


def _until_over(
    order: Order,
    sent: SentJob,
    store: Store,
    console: Console,
    say: Callable[[str], None],
    sleep: Callable[[float], None],
) -> JobState:
    shown, progress = "", None
    with ProgressView(console, order.name) as view:
        while True:
            state = sent.state()
            if state.name != shown:
                shown = state.name
                say(f"{order.name}: {state.name}")
            try:
                progress = progress or _progress(store, order)
                standing = progress.standing() if progress else None
            except StoreError as error:
                say(f"{order.name}: its tables cannot be read now: {error}")
                standing = None
            if standing is not None:
                view.show(standing)
            if state.is_over:
                return state
            sleep(POLL_SECONDS)


def _progress(store: Store, order: Order) -> TableProgress | None:
    run_id = announced_run(store, order.submission_id or "")
    return TableProgress(RunFolder(store, run_id)) if run_id else None


def _show_log(sent: SentJob, say: Callable[[str], None], sleep: Callable[[float], None]) -> None:
    waited = 0.0
    while not (lines := sent.log_end()) and waited < LOG_PATIENCE_SECONDS:
        if not waited:
            say(f"Waiting for the driver's log, up to {LOG_PATIENCE_SECONDS / 60:.0f} minutes")
        sleep(POLL_SECONDS)
        waited += POLL_SECONDS
    say("The end of the driver's log:" if lines else "The driver's log is not there; see the log's location in EMR")
    for line in lines:
        say(f"    {line}")
