"""`s3sync schedule`: the jobs of conf/buckets.yml at their times."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from rich.console import Console

from s3sync.cli.options import Invocation
from s3sync.cli.scheduled_jobs import buckets_file, config_of, named_jobs
from s3sync.cli.shipping import Cargo, Order, load_cargo, orders_of, upload_all
from s3sync.cli.submit import shown
from s3sync.config.jobs_file import Job, read_jobs
from s3sync.config.model import IfLocked
from s3sync.config.setting import Command
from s3sync.emr.destinations import destination_of
from s3sync.emr.package import cache_folder
from s3sync.emr.schedules import put_schedule, remove_schedule, schedule_of, schedules, template
from s3sync.emr.spark_conf import user_conf
from s3sync.errors import EXIT_DONE, ConfigError

Say = Callable[[str], None]


def schedule(invocation: Invocation, console: Console) -> int:
    """Put, list, remove or print the schedules. Raises S3SyncError."""

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    acts = {"put": _put, "list": _list, "remove": _remove, "template": _template}
    acts[invocation.extra.act](invocation, say)
    return EXIT_DONE


def _put(invocation: Invocation, say: Say) -> None:
    config, deploy = invocation.config, invocation.config.access.deploy
    for job, cargo, wanted in _wanted(invocation, say):
        if invocation.extra.dry_run:
            sys.stdout.write(_shown(shown(cargo, config), wanted))
            continue
        upload_all(deploy, cargo, say)
        say(f"{job.name}: {put_schedule(deploy, wanted)}: {job.schedule} ({job.timezone})")


def _template(invocation: Invocation, say: Say) -> None:
    """What the schedules start is uploaded, but for a dry run; the schedules are the stack's affair."""
    found = []
    for _, cargo, wanted in _wanted(invocation, say):
        if not invocation.extra.dry_run:
            upload_all(invocation.config.access.deploy, cargo, say)
        found.append(wanted)
    sys.stdout.write(json.dumps(template(found), indent=2, ensure_ascii=False) + "\n")


def _wanted(invocation: Invocation, say: Say) -> Iterator[tuple[Job, Cargo, dict[str, Any]]]:
    """Each job that has a schedule, or was asked for, with what it sends and the schedule. Changes nothing."""
    config, extra = invocation.config, invocation.extra
    jobs = [job for job in named_jobs(invocation) if job.schedule or extra.only]
    if not jobs:
        raise ConfigError(str(buckets_file(config)), "no job has a `schedule`")
    destination = destination_of(config.access.deploy, config.submit, user_conf(config.submit.spark_conf))
    for word in destination.words:
        say(word)
    for job in jobs:
        cargo = load_cargo(_orders(job, invocation), destination, config, cache_folder(), say)
        (call,) = cargo.calls
        yield job, cargo, schedule_of(job, call.service, call.operation, call.parameters, config.schedule)


def _orders(job: Job, invocation: Invocation) -> tuple[Order, ...]:
    """A run that finds its target locked by the one before ends at once, and well."""
    config = config_of(job, invocation)
    config = replace(config, run=replace(config.run, if_locked=IfLocked.SKIP))
    return orders_of(Command.MIGRATE, config, None, check=job.check or config.submit.check_after, job=job)


def _shown(cargo: str, wanted: dict[str, Any]) -> str:
    value = json.loads(cargo)
    value["calls"] = [{"service": "scheduler", "operation": "CreateSchedule", "parameters": wanted}]
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _list(invocation: Invocation, say: Say) -> None:
    group = invocation.config.schedule.group
    found = [
        each
        for each in schedules(invocation.config.access.deploy, group)
        if not invocation.extra.only or each.name in invocation.extra.only
    ]
    for each in found:
        state = "enabled" if each.is_enabled else "disabled"
        sys.stdout.write(f"{each.name}\t{each.expression}\t{each.timezone}\t{state}\t{each.target}\n")
    if not found:
        say(f"The group {group} has no schedules; `s3sync schedule put` makes them")


def _remove(invocation: Invocation, say: Say) -> None:
    """Those of --only, else those of the file: other schedules of the group are left alone."""
    config, extra = invocation.config, invocation.extra
    names = extra.only or [job.name for job in read_jobs(buckets_file(config)) if job.schedule]
    for name in names:
        if extra.dry_run:
            say(f"{name}: would be removed")
            continue
        is_gone = remove_schedule(config.access.deploy, config.schedule.group, name)
        say(f"{name}: {'removed' if is_gone else 'is not there'}")
