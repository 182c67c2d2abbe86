"""The file of jobs, conf/buckets.yml: several buckets, each with its settings and its times.

jobs:
  photos:                               # the job's name, in steps and schedules
    schedule: cron(0 3 * * ? *)         # of EventBridge Scheduler; without one it runs only with `submit --all`
    timezone: Europe/Berlin             # UTC where none is given
    enabled: true
    check: true                         # a check step behind migrate
    role: arn:aws:iam::...              # of this job, in place of --step-role-arn and --execution-role-arn
    source: {bucket: ...}               # sections of conf/config.yml, all but `submit`, `schedule` and keys
    target: {bucket: ...}
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import yaml

from s3sync.config.origins import Given, composed, read_mapping
from s3sync.config.values import SERVICE_ROLE_ARN, did_you_mean, one_of, parse_bool, shown
from s3sync.errors import ConfigError
from s3sync.model.keys import printable

OPTION = "--buckets-file"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}")  # a schedule's name has 64 characters at most
# EventBridge Scheduler: "Schedule types"
_SCHEDULE = re.compile(
    r"rate\([1-9][0-9]* (minute|minutes|hour|hours|day|days)\)"
    r"|cron\(\S+( \S+){5}\)"
    r"|at\([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\)"
)
_NOT_OF_A_JOB = re.compile(r"submit\.|schedule\.|run\.submission_id|access\.[a-z]+\.aws_|access\.deploy\.")


@dataclass(frozen=True, slots=True)
class Job:
    """One entry of the file. `given` are its settings; `schedule` an expression such as `rate(1 day)`, or None; `role`
    the ARN of the role that its steps and job runs have, None for the one of all."""

    name: str
    given: Mapping[str, Given]
    schedule: str | None = None
    timezone: str = "UTC"
    enabled: bool = True
    check: bool = False
    role: str | None = None


def read_jobs(path: Path) -> tuple[Job, ...]:
    """The jobs, in the file's order. Raises ConfigError that names the line."""
    root = composed(path, OPTION)
    pairs = _pairs(root, str(path)) if root is not None else []
    tops = [key for key, _ in pairs]
    if [key.value for key in tops] != ["jobs"]:
        wrong = next((key for key in tops if key.value != "jobs"), None)
        place = f"{path}:{wrong.start_mark.line + 1}" if wrong else str(path)
        raise ConfigError(place, "must hold one section `jobs`, with a section for each job; see conf/buckets.yml")
    jobs = tuple(_job(path, key, value) for key, value in _pairs(pairs[0][1], f"{path}: jobs"))
    if not jobs:
        raise ConfigError(f"{path}: jobs", "names no job; see conf/buckets.yml")
    return jobs


def _pairs(node: yaml.Node, place: str) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(place, "must be a section: lines of the form `name: value`")
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.value in seen:
            raise ConfigError(f"{place}: line {key.start_mark.line + 1}", "is no name, or a name given twice")
        seen.add(key.value)
    return list(node.value)


def _job(path: Path, key: yaml.ScalarNode, node: yaml.Node) -> Job:
    place = f"{path}:{key.start_mark.line + 1}: {printable(key.value, 60)}"
    if not _NAME.fullmatch(key.value):
        raise ConfigError(place, "is not a job's name; write letters, digits, '-' and '_', 48 at most, such as photos")
    own: dict[str, Any] = {}
    rest = []
    for name, value in _pairs(node, place):
        if name.value in _OWN:
            own[name.value] = _own(name, value, place)
        else:
            rest.append((name, value))
    settings = yaml.MappingNode(node.tag, rest, node.start_mark, node.end_mark)
    given: dict[str, Given] = {}
    read_mapping(path, settings, "", given)
    for setting, found in given.items():
        if _NOT_OF_A_JOB.match(setting):
            raise ConfigError(found.place, "is not of a single job; write it into conf/config.yml, or give the option")
    return Job(key.value, given, **own)


def _own(name: yaml.ScalarNode, value: yaml.Node, place: str) -> Any:
    where = f"{place}.{name.value}"
    if not isinstance(value, yaml.ScalarNode):
        raise ConfigError(where, "takes one value; the section `schedule` of conf/config.yml belongs there")
    try:
        return _OWN[name.value](value.value)
    except ValueError as error:
        raise ConfigError(where, str(error)) from None


def _schedule(text: str) -> str:
    if not _SCHEDULE.fullmatch(text):
        raise ValueError(
            f"{shown(text)} is no schedule; write one such as rate(1 day), cron(0 3 * * ? *) or at(2026-01-31T18:00:00)"
        )
    return text


def _timezone(text: str) -> str:
    if text not in available_timezones():
        raise ValueError(f"{shown(text)} is no time zone; write one such as Europe/Berlin")
    return text


_OWN: Mapping[str, Callable[[str], Any]] = {
    "schedule": _schedule,
    "timezone": _timezone,
    "enabled": parse_bool,
    "check": parse_bool,
    "role": SERVICE_ROLE_ARN.parse,
}


def chosen(jobs: tuple[Job, ...], names: list[str]) -> tuple[Job, ...]:
    """The jobs of these names, all where none is given. Raises ConfigError for a name that there is not."""
    known = {job.name: job for job in jobs}
    for name in names:
        if name not in known:
            raise ConfigError(
                "--only", f"{shown(name)} is no job{did_you_mean(name, known) or f'; known: {one_of(known)}'}"
            )
    return tuple(known[name] for name in dict.fromkeys(names)) if names else jobs
