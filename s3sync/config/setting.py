"""What a setting is, and short ways to write one. The table itself is in `settings.py`."""

from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import Any

from s3sync.config.model import Config
from s3sync.config.values import Kind


class Command(StrEnum):
    DEMO = "demo"
    MIGRATE = "migrate"
    PLAN = "plan"
    CHECK = "check"
    REPORT = "report"
    LIST = "list"
    SUBMIT = "submit"
    SCHEDULE = "schedule"
    DOCTOR = "doctor"
    INIT = "init"
    RETRY = "retry"
    QUEUES = "queues"
    ENQUEUE = "enqueue"
    COMMANDER = "commander"  # what the tool that is replaced called `enqueue`
    EXECUTOR = "executor"


# What is said about a run of copies is read by these.
COPYING = frozenset(
    {
        Command.MIGRATE,
        Command.PLAN,
        Command.ENQUEUE,
        Command.COMMANDER,
        Command.SUBMIT,
        Command.SCHEDULE,
        Command.DOCTOR,
    }
)
RETRYING = frozenset({Command.RETRY, Command.EXECUTOR})


@dataclass(frozen=True, slots=True)
class Option:
    """The spellings of an option of the command line; `value` is what a flag stands for, None where one is given."""

    strings: tuple[str, ...]
    value: str | None = None
    help: str | None = None  # where it is not the setting's own

    @property
    def title(self) -> str:
        return "/".join(self.strings)


@dataclass(frozen=True, slots=True)
class Setting:
    """`is_list`: several values of `kind`; YAML lists, commas in variables, a repeated option.

    `shapes_run`: another value makes another run, with another fingerprint. Credentials, pace and display do not.
    """

    name: str
    field: str | None
    kind: Kind
    help: str
    env: tuple[str, ...]
    options: tuple[Option, ...] = ()
    is_list: bool = False
    shapes_run: bool = False
    commands: frozenset[Command] = COPYING

    @property
    def section(self) -> str:
        return self.name.partition(".")[0]

    @property
    def default(self) -> Any:
        return None if self.field is None else attrgetter(self.field)(_DEFAULTS)

    @property
    def default_text(self) -> str:
        """The default as a person would write it; empty where nothing is the default."""
        if self.default is None or self.is_list:
            return ""
        return self.kind.write(self.default)


_DEFAULTS = Config()


def one(name: str, kind: Kind, what: str, *options: str | Option, field: str | None = None, **more: Any) -> Setting:
    """A setting whose field has its name, if no other is given; options that are plain text take a value."""
    spelled = tuple(option for option in options if isinstance(option, str))
    return Setting(
        name=name,
        field=field or name,
        kind=kind,
        help=what,
        env=more.pop("env", (f"S3SYNC_{name}".upper().replace(".", "_"),)),
        options=(Option(spelled),) if spelled else tuple(option for option in options if isinstance(option, Option)),
        **more,
    )


def run(*args: Any, **more: Any) -> Setting:
    """As `one`, for what makes a run another run."""
    return one(*args, shapes_run=True, **more)


def on(*strings: str) -> Option:
    return Option(strings, "true")


def off(*strings: str) -> Option:
    return Option(strings, "false")
