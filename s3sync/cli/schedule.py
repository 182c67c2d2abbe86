"""`s3sync schedule`: the jobs of conf/buckets.yml at their times."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rich.console import Console

from s3sync.aws.destinations import destination_of
from s3sync.aws.scheduler import put_schedule, remove_schedule, schedules
from s3sync.cli.options import Invocation
from s3sync.cli.shipping import Order, load_cargo, order, upload_all, with_check
from s3sync.cli.submit import buckets_file, config_of, shown
from s3sync.config.jobs import Job, chosen, read_jobs
from s3sync.config.model import IfLocked
from s3sync.config.setting import Command
from s3sync.deploy.build import cache_folder
from s3sync.deploy.schedules import schedule_of
from s3sync.deploy.spark_conf import user_conf
from s3sync.errors import EXIT_DONE, ConfigError

Say = Callable[[str], None]


def schedule(invocation: Invocation, console: Console) -> int:
    """Put, list or remove the schedules. Raises S3SyncError."""

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    acts = {"put": _put, "list": _list, "remove": _remove}
    acts[invocation.extra.act](invocation, say)
    return EXIT_DONE


def _put(invocation: Invocation, say: Say) -> None:
    config, extra = invocation.config, invocation.extra
    jobs = [job for job in chosen(read_jobs(buckets_file(config)), extra.only) if job.schedule or extra.only]
    if not jobs:
        raise ConfigError(str(buckets_file(config)), "no job has a `schedule`")
    deploy = config.access.deploy
    destination = destination_of(deploy, config.submit, user_conf(config.submit.spark_conf))
    for job in jobs:
        cargo = load_cargo(_orders(job, invocation), destination, config, cache_folder(), say)
        (call,) = cargo.calls
        wanted = schedule_of(job, call.service, call.operation, call.parameters, config.schedule)
        if extra.dry_run:
            sys.stdout.write(_shown(shown(cargo, config), wanted))
            continue
        upload_all(deploy, cargo, say)
        say(f"{job.name}: {put_schedule(deploy, wanted)}: {job.schedule} ({job.timezone})")


def _orders(job: Job, invocation: Invocation) -> tuple[Order, ...]:
    """A run that finds its target locked by the one before ends at once, and well."""
    config = config_of(job, invocation)
    config = replace(config, run=replace(config.run, if_locked=IfLocked.SKIP))
    one = order(Command.MIGRATE, config, None)
    return with_check((one,), {one.name: job.check or config.submit.check_after}, None)


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
