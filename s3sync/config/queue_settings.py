"""The settings of the queues and of what takes from them, and who else reads those of a run."""

from s3sync.config import kinds, values
from s3sync.config.setting import COPYING, RETRYING, Command, Option, off, on, one
from s3sync.config.values import Kind, duration, integer, parse_duration, write_duration

_FINDING = COPYING | RETRYING | {Command.INIT, Command.QUEUES}
_SENDING = COPYING | RETRYING
_TAKING = RETRYING | {Command.SUBMIT}
_HOLDING = RETRYING | {Command.INIT, Command.SUBMIT}


def _pause(most_seconds: float) -> Kind:
    """A duration, or a bare number of seconds."""

    def parse(text: str) -> float:
        value = float(text) if text.isascii() and text.isdigit() and len(text) <= 9 else parse_duration(text)  # noqa: PLR2004
        if value > most_seconds:
            raise ValueError(f"{text} is too long; the most is {write_duration(most_seconds)}")
        return value

    return Kind("DURATION", parse, write_duration)


QUEUES = (
    one(
        "sqs.queue_name_pattern",
        values.QUEUE_PATTERN,
        "regular expression that finds the work queues",
        "--queue-name-pattern",
        env=("QUEUE_NAME_PATTERN",),
        commands=_FINDING,
    ),
    one(
        "sqs.queue_num",
        integer(1, 1000),
        "number of work queues",
        env=("QUEUE_NUM",),
        commands=frozenset({Command.INIT}),
    ),
    one(
        "sqs.dead_queue_name",
        kinds.QUEUE_NAME,
        "dead-letter queue",
        "--dead-queue-name",
        env=("DEAD_QUEUE_NAME",),
        commands=_FINDING,
    ),
    one("sqs.batch_num", integer(1, 10_000), "objects in one message", "-b", "--batch-num", commands=_SENDING),
    one(
        "sqs.max_receive_num",
        integer(1, 10),
        "messages fetched at a time",
        "--max-receive-num",
        env=("MAX_RECEIVE_NUM",),
        commands=_TAKING,
    ),
    one(
        "sqs.visibility",
        duration(1, 43_200),
        "for how long a message that is worked on is hidden from others; prolonged while it is",
        "--visibility",
        field="sqs.visibility_seconds",
        commands=_HOLDING,
    ),
    one(
        "sqs.wait",
        duration(0, 20),
        "how long to wait for a message at a queue (long polling)",
        "--receive-wait",
        field="sqs.wait_seconds",
        commands=_HOLDING,
    ),
    one(
        "sqs.redrive_after",
        integer(2, 1000),
        "deliveries after which SQS itself moves a message to the dead-letter queue",
        "--redrive-after",
        commands=frozenset({Command.INIT}),
    ),
)
RETRY = (
    one(
        "retry.queue",
        integer(-1, 1_000_000),
        "take only from the queue with this number in its name; -1: from no work queue, with -d; else from all",
        "-n",
        "--queue-num",
        field="retry.queue_number",
        commands=_TAKING,
    ),
    one(
        "retry.including_dead",
        values.BOOL,
        "take from the dead-letter queue too",
        on("-d", "--including-dead"),
        commands=_TAKING,
    ),
    one(
        "retry.sleep",
        _pause(3600),
        "pause when the queues are empty; a bare number is seconds",
        "--sleep-sec",
        field="retry.sleep_seconds",
        commands=_TAKING,
    ),
    one(
        "retry.follow",
        values.BOOL,
        "wait for more when the queues are empty",
        Option(("--follow",), "true", "wait for more when the queues are empty (executor does by itself)"),
        off("--no-follow"),
        commands=_TAKING,
    ),
    one("retry.max_minutes", integer(1, 100_000), "stop after so many minutes", "--max-minutes", commands=_TAKING),
    one(
        "retry.attempts",
        integer(1, 1000),
        "attempts at a task, the first included, before it goes to the dead-letter queue",
        "--retry-attempts",
        commands=_TAKING,
    ),
    one(
        "retry.delay",
        _pause(900),
        "pause before a task that failed again is tried again; twice as long each time",
        "--retry-delay",
        field="retry.delay_seconds",
        commands=_TAKING,
    ),
    one(
        "retry.from_run",
        kinds.RUN_ID,
        "take the unfinished tasks of this run from its tables, not from queues",
        "--from-run",
        commands=frozenset({Command.RETRY, Command.ENQUEUE, Command.COMMANDER, Command.SUBMIT}),
    ),
)

_OF_A_COPY = (
    "plan.verify",
    "filters.modified_since",
    "filters.not_modified_since",
    "copy.mode",
    "copy.in_flight",
    "copy.max_attempts",
    "copy.max_requests_per_second",
    "copy.transport",
    "run.work_uri",
    "run.tmp_dir",
    "run.progress_interval",
    "access.source.",
    "access.target.",
    "access.queue.",
    "access.work.",
)


def also_read_by(name: str) -> frozenset[Command]:
    """The commands of the queues that read a setting which was made for runs."""
    found: set[Command] = set()
    if name.startswith(_OF_A_COPY):
        found |= RETRYING
    if name.startswith("access.queue."):
        found |= {Command.INIT, Command.QUEUES}
    return frozenset(found)
