"""The settings of a check and of reports, and which of the other settings these two read.

Settings of listings: what every command that lists a bucket reads, and what only `s3sync list` does.

The settings of the queues and of what takes from them, and who else reads those of a run.
"""

import re
from decimal import Decimal

from s3sync.config import values
from s3sync.config import values as kinds
from s3sync.config.model import ListFormat
from s3sync.config.setting import COPYING, RETRYING, Command, Option, off, on, one, run
from s3sync.config.values import Kind, choice, duration, integer, member, parse_duration, shown, size, write_duration
from s3sync.model.finding import Verdict

_CHECKING = frozenset({Command.CHECK, Command.MIGRATE, Command.SUBMIT, Command.SCHEDULE})
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%")

_OF_A_CHECK = re.compile(
    r"(source|inventory|filters|access)\..*"
    r"|target\.(bucket|prefix|strip_prefix|expected_owner|storage_class|encryption)"
    r"|copy\.(etags|tags|annotations|in_flight|max_attempts|max_requests_per_second|transport|circuit_after)"
    r"|run\.(work_uri|run_id|tmp_dir|progress_interval|lock_timeout|if_locked|submission_id)"
    r"|sqs\.(queue_name_pattern|dead_queue_name|batch_num)"
)
_OF_A_REPORT = re.compile(r"run\.work_uri|access\.work\..*")


def parse_share(text: str) -> float:
    """A share of something, written in percent: `1%` is 0.01. More than nothing, and no more than all."""
    found = _PERCENT.fullmatch(text)
    if not found or not 0 < Decimal(found[1]) <= 100:  # noqa: PLR2004
        raise ValueError(f"{shown(text)} is not a share of objects; write one such as 1% or 0.05%")
    return float(Decimal(found[1]) / 100)


def write_share(share: float) -> str:
    return f"{(Decimal(repr(share)) * 100).normalize():f}%"


SHARE = Kind("SHARE", parse_share, write_share)

TARGET_MANIFESTS = run(
    "inventory.target_manifests",
    values.S3_URI,
    "inventory manifest of the target bucket, for a check; without it the target is listed",
    "--target-manifest-path",
    is_list=True,
    commands=_CHECKING,
)
FROM_FINDINGS = run(
    "plan.from_findings",
    kinds.RUN_ID,
    "copy what this check found missing, different or changed, and nothing else",
    "--from-findings",
    commands=COPYING,
)
_COPIED_AGAIN = choice(*(verdict.value for verdict in Verdict if verdict.is_copied_again))
VERDICTS = run(
    "plan.verdicts",
    Kind("VERDICT", lambda text: Verdict(_COPIED_AGAIN.parse(text))),
    "with --from-findings: only what was found so",
    "--verdict",
    is_list=True,
    commands=COPYING,
)
CHECK = (
    run(
        "check.metadata",
        values.BOOL,
        "compare headers, user metadata, tags, annotations and storage classes too: six requests an object",
        on("--metadata"),
        commands=_CHECKING,
    ),
    run(
        "check.deep",
        values.BOOL,
        "read the bodies of objects that nothing else proves equal or different",
        on("--deep"),
        commands=_CHECKING,
    ),
    run("check.deep_sample", SHARE, "as --deep, for a share of them", "--deep-sample", commands=_CHECKING),
    run("check.max_deep_bytes", size(1), "bytes that --deep may read at most", "--max-deep-bytes", commands=_CHECKING),
    run(
        "check.listings_only",
        values.BOOL,
        "make no request for single objects; what the listings leave open is unprovable",
        on("--listings-only"),
        commands=_CHECKING,
    ),
    run(
        "check.all_findings",
        values.BOOL,
        "write a finding for each object that matches too",
        on("--all-findings"),
        commands=_CHECKING,
    ),
    one(
        "check.accept_unprovable",
        values.BOOL,
        "end with exit code 0 where objects are unprovable and nothing is worse",
        on("--accept-unprovable"),
        commands=_CHECKING,
    ),
    one(
        "check.requeue",
        values.BOOL,
        "send what is missing, differs or changed to the dead-letter queue, as mode check always does",
        on("--requeue"),
        commands=_CHECKING,
    ),
)
REPORT = (
    one(
        "report.uri",
        values.LOCATION,
        "where the report goes: s3://bucket/prefix or a folder; else beside the run's tables",
        "--report-uri",
        commands=_CHECKING | {Command.REPORT},
    ),
)


def also_checked_by(name: str) -> frozenset[Command]:
    """Which of `check` and `report` read a setting that is of others."""
    found = set()
    if _OF_A_CHECK.fullmatch(name):
        found.add(Command.CHECK)
    if _OF_A_REPORT.fullmatch(name):
        found.add(Command.REPORT)
    return frozenset(found)


_LISTS = COPYING | {Command.LIST, Command.CHECK}
_ONLY_LIST = frozenset({Command.LIST})
_OF_A_LISTING = re.compile(
    r"source\.|filters\.|copy\.(transport|max_attempts)$|run\.(work_uri|tmp_dir|progress_interval|lock_timeout|if_locked)$"
    r"|access\.(source|work|inventory)\."
)

LISTING = (
    one("listing.in_flight", integer(1, 1024), "pages in flight in one worker", "--list-in-flight", commands=_LISTS),
    one(
        "listing.hint",
        values.LOCATION,
        "what is known of the source's keys: the folder of a listing or an inventory; may be old",
        "--hint",
        commands=_LISTS,
    ),
    one(
        "listing.output",
        values.LOCATION,
        "where the listing goes: a folder or s3://bucket/prefix",
        "-o",
        "--output",
        commands=_ONLY_LIST,
    ),
    one("listing.format", member(ListFormat), "format of the listing's files", "--format", commands=_ONLY_LIST),
    one(
        "listing.all_versions",
        values.BOOL,
        "list all versions and delete markers",
        on("--all-versions"),
        commands=_ONLY_LIST,
    ),
    one("listing.owners", values.BOOL, "list the objects' owners too", on("--owners"), commands=_ONLY_LIST),
)


def also_listed_by(name: str) -> frozenset[Command]:
    """`list` reads what says which objects of the source are meant, and how to reach it."""
    return _ONLY_LIST if _OF_A_LISTING.match(name) else frozenset()


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
    if name == "run.lock_timeout":
        found.add(Command.RETRY)
    if name.startswith("access.queue."):
        found |= {Command.INIT, Command.QUEUES}
    return frozenset(found)
