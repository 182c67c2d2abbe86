"""The commands: what each is for, what it can't do without, and its words and flags that are no settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from s3sync.config.contradictions import (
    check_comparable,
    check_enqueue,
    check_executor,
    check_list,
    check_migrate,
    check_queues,
    check_ready,
    check_retry,
)
from s3sync.config.model import Config
from s3sync.config.settings_transfer import Command


@dataclass(frozen=True, slots=True)
class Extra:
    """An argument that is no setting, because it says what to do now and not how: a word, or a flag."""

    strings: tuple[str, ...]
    help: str
    more: Mapping[str, Any] = field(default_factory=dict)


def flag(*strings: str, help: str) -> Extra:  # noqa: A002  (argparse's own word)
    return Extra(strings, help, {"action": "store_true"})


def names(*strings: str, metavar: str, help: str) -> Extra:  # noqa: A002
    return Extra(strings, help, {"action": "append", "default": [], "metavar": metavar})


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """`check` raises ConfigError where something is missing that the command can't do without. Without a `check` the
    command has no settings: it reads no configuration and gets the defaults."""

    help: str
    check: Callable[[Config], None] | None
    extras: tuple[Extra, ...] = ()
    usage: str = "(-s BUCKET | -m MANIFEST) -t BUCKET [options]"


def _any(_: Config) -> None:
    """What the command needs depends on its extras, so it looks itself."""


JOBS = ("migrate", "check", "retry", "doctor")
SCHEDULE_ACTS = ("put", "list", "remove", "template")
_DRY_RUN = flag("--dry-run", help="show exactly what would be sent, and send nothing")
_ONLY = names("--only", metavar="NAME", help="only this job of the file of jobs; may be repeated")

_YES = flag("--yes", help="do not ask")
_PEEKED = {"type": int, "nargs": "?", "const": 10, "default": 0, "metavar": "N"}
QUEUE_COMMANDS: Mapping[Command, CommandSpec] = {
    Command.INIT: CommandSpec(
        "create the queues, or say how they differ from what is configured",
        check_queues,
        (flag("--delete", help="delete the queues with all that is in them, after asking"), _YES),
        "[options]",
    ),
    Command.RETRY: CommandSpec(
        "try again what failed, from the queues or from a run's tables", check_retry, (), "[options]"
    ),
    Command.EXECUTOR: CommandSpec(
        "take messages and carry them out in this one process, without Spark", check_executor, (), "[options]"
    ),
    Command.QUEUES: CommandSpec(
        "show what is in the queues",
        check_queues,
        (
            Extra(("--peek",), "show up to N messages of each queue (default: 10)", _PEEKED),
            flag("--redrive", help="send what is in the dead-letter queue back to the work queues"),
            names("--error-code", metavar="CODE", help="redrive only tasks that failed so; may be repeated"),
            names("--only-run", metavar="RUN", help="redrive only tasks of this run; may be repeated"),
            flag("--purge", help="empty all queues, after asking"),
            _YES,
        ),
        "[options]",
    ),
    Command.ENQUEUE: CommandSpec("plan as migrate does, and send the tasks to the queues for executors", check_enqueue),
    Command.COMMANDER: CommandSpec("the old name of enqueue", check_enqueue),
}
COMMANDS: Mapping[Command, CommandSpec] = {
    Command.DEMO: CommandSpec("migrate a small bucket on an embedded server, to see how it goes", None),
    Command.PLAN: CommandSpec("say what migrate would do and how many requests it needs; copy nothing", check_ready),
    Command.MIGRATE: CommandSpec("copy a bucket, or go on with an unfinished copy", check_migrate),
    Command.CHECK: CommandSpec(
        "say whether source and target are the same, and show where not",
        check_comparable,
        usage="(-s BUCKET | -m MANIFEST) (-t BUCKET | --target-manifest-path MANIFEST) | --run-id RUN  [options]",
    ),
    Command.REPORT: CommandSpec(
        "write the report of a finished check or migration again",
        _any,
        (Extra(("run",), "the run's id", {"metavar": "RUN"}),),
        "RUN [options]",
    ),
    Command.LIST: CommandSpec(
        "list a bucket, as fast as it answers, into files",
        check_list,
        (Extra(("place",), "what to list", {"nargs": "?", "metavar": "s3://BUCKET/FOLDER/"}),),
        "s3://BUCKET/FOLDER/ -o OUTPUT [options]",
    ),
    Command.SUBMIT: CommandSpec(
        "run a job on EMR: upload the package, add the step",
        _any,
        (
            Extra(("job",), "the job, with its own options", {"nargs": "?", "choices": JOBS}),
            flag("--all", help="every job of conf/buckets.yml"),
            _ONLY,
            flag("--wait", help="follow the job, and end with its exit code"),
            Extra(
                ("--attach",),
                "follow a job that was sent already: the id of its step, its job run or its run",
                {"metavar": "RUN|STEP"},
            ),
            _DRY_RUN,
        ),
        "(JOB [the job's options] | --all) [options]",
    ),
    Command.SCHEDULE: CommandSpec(
        "run the jobs of conf/buckets.yml at their times, by EventBridge Scheduler",
        _any,
        (
            Extra(
                ("act",),
                "make or change the schedules, show them, remove them, or print them as a CloudFormation template",
                {"choices": SCHEDULE_ACTS},
            ),
            _ONLY,
            _DRY_RUN,
        ),
        "(put | list | remove | template) [options]",
    ),
    Command.DOCTOR: CommandSpec(
        "look for what would go wrong in a run, and say what to do",
        _any,
        (
            flag("--all", help="for every job of conf/buckets.yml that is enabled"),
            _ONLY,
            flag("--quick", help="only what migrate looks at by itself: nothing is written"),
            flag("--workers", help="look at the workers of the Spark cluster too; a job on a cluster does"),
            flag("--print-policies", help="print the least policies for these buckets, and look at nothing else"),
        ),
    ),
    **QUEUE_COMMANDS,
}
