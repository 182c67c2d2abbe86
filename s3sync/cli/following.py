"""`--wait` and `--attach`: a job that was sent, watched until its end."""

import time
from collections.abc import Callable
from typing import TypeVar

from rich.console import Console

from s3sync.cli.shipping import Order
from s3sync.emr.clusters import JobState
from s3sync.emr.follow import Ended, TableProgress, announced_run, ended
from s3sync.emr.sent_jobs import SentJob
from s3sync.errors import EXIT_DONE, EXIT_OTHER, ServiceAway, ServiceError, StoreError
from s3sync.model.worker_python import python_trouble
from s3sync.report.progress import ProgressView
from s3sync.runs.folder import RunFolder
from s3sync.runs.store import Store, open_store

Answer = TypeVar("Answer")
Sleep = Callable[[float], None]
Say = Callable[[str], None]

POLL_SECONDS = 10.0  # DescribeStep is throttled for a whole account
PAUSE_MAX_SECONDS = 300.0
SILENCE_MAX_SECONDS = 7 * 24 * 3600.0  # how long AWS may be away; a job run of EMR Serverless is over by then
STORE_PATIENCE_SECONDS = 900.0
LOG_PATIENCE_SECONDS = 360.0  # EMR puts logs to S3 every five minutes


def follow(order: Order, sent: SentJob, console: Console, sleep: Sleep = time.sleep) -> int:
    """Show the state and the job's own progress until the end; returns the job's own exit code.

    | its ending, or its run's summary, is there | EMR calls it a success | exit code                       |
    |--------------------------------------------|------------------------|---------------------------------|
    | yes                                        | any                    | the job's own                   |
    | no                                         | yes                    | 0                               |
    | no                                         | no, and it had begun   | 1, the reason, the end of its log |
    | no                                         | no, and it never began | 1 and the reason, at once       |

    Raises ServiceError, which says that the job goes on and how to follow it, where AWS can't be asked any more.
    """

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    store = open_store(order.config.run.work_uri, order.config.access.work)
    state = _until_over(order, sent, store, console, say, sleep)
    told = _ending(order, store, say, sleep)
    if told is not None:
        if told.error:
            say(f"{order.name}: {told.error}")
        say(f"{order.name}: {state.name}, the job's exit code is {told.exit_code}")
        return told.exit_code
    if state.is_success:
        say(f"{order.name}: {state.name}")
        return EXIT_DONE
    because = f": {state.reason}" if state.reason else ""
    if not state.has_log:
        say(f"{order.name}: {state.name}, the job never began{because}")
        return EXIT_OTHER
    say(f"{order.name}: {state.name}{because}; its driver left no exit code")
    _show_log(sent, say, sleep)
    return EXIT_OTHER


def _until_over(order: Order, sent: SentJob, store: Store, console: Console, say: Say, sleep: Sleep) -> JobState:
    shown, progress = "", None
    with ProgressView(console, order.name) as view:
        while True:
            state = _answered(sent.state, order, sent, say, sleep)
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


def _answered(ask: Callable[[], Answer], order: Order, sent: SentJob, say: Say, sleep: Sleep) -> Answer:
    """The answer to `ask`; where AWS is away, it is asked again, later and later, as long as a job may last."""
    waited, pause, said = 0.0, POLL_SECONDS, ""
    while True:
        try:
            return ask()
        except ServiceAway as error:
            if waited >= SILENCE_MAX_SECONDS:
                raise ServiceError(f"{error}; {still_there(order, sent)}") from error
            if str(error) != said:
                said = str(error)
                say(f"{order.name}: {error}; asked again, the job goes on meanwhile")
        except ServiceError as error:
            raise ServiceError(f"{error}; {still_there(order, sent)}") from error
        sleep(pause)
        waited, pause = waited + pause, min(2 * pause, PAUSE_MAX_SECONDS)


def still_there(order: Order, sent: SentJob) -> str:
    """What to say where the watching ends before the job."""
    command = f"s3sync submit {sent.attaching} --work-uri {order.config.run.work_uri}"
    return f"not watched any more; what was sent goes on: {sent.place}; to follow it: `{command}`; {sent.cancelling}"


def _ending(order: Order, store: Store, say: Say, sleep: Sleep) -> Ended | None:
    """How the job ended by its own word. A work location that can't be read is waited for; then EMR's word counts."""
    waited, pause = 0.0, POLL_SECONDS
    while True:
        try:
            return ended(store, order.submission_id) if order.submission_id else None
        except StoreError as error:
            say(f"{order.name}: its exit code cannot be read now: {error}")
            if waited >= STORE_PATIENCE_SECONDS:
                return None
        sleep(pause)
        waited, pause = waited + pause, min(2 * pause, PAUSE_MAX_SECONDS)


def _progress(store: Store, order: Order) -> TableProgress | None:
    run_id = announced_run(store, order.submission_id) if order.submission_id else None
    return TableProgress(RunFolder(store, run_id)) if run_id else None


def _show_log(sent: SentJob, say: Say, sleep: Sleep) -> None:
    waited = 0.0
    while not (lines := sent.log_end()) and waited < LOG_PATIENCE_SECONDS:
        if not waited:
            say(f"Waiting for the driver's log, up to {LOG_PATIENCE_SECONDS / 60:.0f} minutes")
        sleep(POLL_SECONDS)
        waited += POLL_SECONDS
    say("The end of the driver's log:" if lines else "The driver's log is not there; see the log's location in EMR")
    for line in lines:
        say(f"    {line}")
    trouble = python_trouble("\n".join(lines))
    if trouble is not None:
        say(f"The cause: {trouble}")
