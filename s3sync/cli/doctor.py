"""`s3sync doctor`: what would go wrong in a run, and the policies that it needs.

`s3sync report RUN`: the report of a finished run, written again from its tables.
"""

import json
import os
import sys
from typing import Any

from rich.console import Console

from s3sync.cli.options import Invocation
from s3sync.cli.scheduled_jobs import buckets_file, config_of, enabled_jobs
from s3sync.config.contradictions import check_ready
from s3sync.config.model import Config
from s3sync.doctor.examine import examine, with_source
from s3sync.doctor.permissions import facts_of
from s3sync.doctor.symptom import Health, Symptom, symptom_line, total_line, worst
from s3sync.emr.policies import policies
from s3sync.errors import EXIT_DONE, EXIT_OTHER, ConfigError
from s3sync.report.write import write_report

_BY_SPARK_SUBMIT = "PYSPARK_GATEWAY_PORT"  # what spark-submit gives to the Python that it starts


def doctor(invocation: Invocation, console: Console) -> int:
    """For the buckets of the configuration, or with `--all` for those of each job of the file. Raises S3SyncError.

    The workers are looked at where they are asked for, and where spark-submit has started this on a cluster already.

    | the worst that was found | exit code |
    |--------------------------|-----------|
    | a problem                | 1         |
    | anything else            | 0         |
    """
    extra, configs = invocation.extra, _configs(invocation)
    if extra.print_policies:
        found = {name: _policies(config) for name, config in configs.items()}
        sys.stdout.write(json.dumps(found if extra.all else found[""], indent=2) + "\n")
        return EXIT_DONE
    symptoms: list[Symptom] = []
    for name, config in configs.items():
        if name:
            console.print(f"{name}:", highlight=False, markup=False)
        for symptom in examine(config, quick=extra.quick):
            symptoms.append(symptom)
            console.print(symptom_line(symptom))
    if extra.workers or (_BY_SPARK_SUBMIT in os.environ and not extra.quick):
        from s3sync.doctor.workers import look_at_workers  # noqa: PLC0415  (pyspark is slow to import)

        for symptom in look_at_workers(next(iter(configs.values()))):
            symptoms.append(symptom)
            console.print(symptom_line(symptom))
    console.print(total_line(symptoms))
    return EXIT_OTHER if worst(symptoms) is Health.PROBLEM else EXIT_DONE


def _configs(invocation: Invocation) -> dict[str, Config]:
    """By the job's name; one without a name where the options name the buckets."""
    extra = invocation.extra
    if not extra.all:
        if extra.only:
            raise ConfigError("--only", "chooses among the jobs of --all; give that too")
        check_ready(invocation.config)
        return {"": invocation.config}
    found = {job.name: config_of(job, invocation) for job in enabled_jobs(invocation)}
    for config in found.values():
        check_ready(config)
    if not found:
        raise ConfigError(str(buckets_file(invocation.config)), "no job is enabled; name one with --only")
    return found


def _policies(config: Config) -> dict[str, Any]:
    config = with_source(config)
    return policies(config, facts_of(config))


def report(invocation: Invocation, console: Console) -> int:
    """Write it and say where it is. The exit code is that of the writing: the run's own is said."""
    where, exit_code = write_report(invocation.config, invocation.extra.run)
    console.print(
        f"The report is {where}/report.html; the run's exit code was {exit_code}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    return EXIT_DONE
