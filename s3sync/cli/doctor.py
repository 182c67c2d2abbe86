"""`s3sync doctor`: what would go wrong in a run, and the policies that it needs."""

import json
import os
import sys

from rich.console import Console

from s3sync.aws.probes.examine import examine, with_source
from s3sync.aws.probes.policy_facts import facts_of
from s3sync.cli.options import Invocation
from s3sync.deploy.policies import policies
from s3sync.errors import EXIT_DONE, EXIT_OTHER
from s3sync.model.health import Health, Symptom, worst
from s3sync.report.health_view import symptom_line, total_line

_BY_SPARK_SUBMIT = "PYSPARK_GATEWAY_PORT"  # what spark-submit gives to the Python that it starts


def doctor(invocation: Invocation, console: Console) -> int:
    """
    The workers are looked at where they are asked for, and where spark-submit has started this on a cluster already.

    | the worst that was found | exit code |
    |--------------------------|-----------|
    | a problem                | 1         |
    | anything else            | 0         |
    """
    config, extra = invocation.config, invocation.extra
    if extra.print_policies:
        config = with_source(config)
        sys.stdout.write(json.dumps(policies(config, facts_of(config)), indent=2) + "\n")
        return EXIT_DONE
    symptoms: list[Symptom] = []
    for symptom in examine(config, quick=extra.quick):
        symptoms.append(symptom)
        console.print(symptom_line(symptom))
    if extra.workers or (_BY_SPARK_SUBMIT in os.environ and not extra.quick):
        from s3sync.spark.worker_look import look_at_workers  # noqa: PLC0415  (pyspark is slow to import)

        for symptom in look_at_workers(config):
            symptoms.append(symptom)
            console.print(symptom_line(symptom))
    console.print(total_line(symptoms))
    return EXIT_OTHER if worst(symptoms) is Health.PROBLEM else EXIT_DONE
