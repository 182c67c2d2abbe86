"""Schedules of EventBridge Scheduler that call EMR themselves, without a function in between.

AWS: "Using universal targets in EventBridge Scheduler": the target's ARN names service and operation, its Input is the
operation's parameters as JSON.
"""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from s3sync.config.jobs import Job
from s3sync.config.model import ScheduleConfig
from s3sync.errors import ConfigError

# The names that SDKs have for the services, which the ARN of a universal target wants.
_TARGETS = {
    ("emr", "AddJobFlowSteps"): "emr:addJobFlowSteps",
    ("emr", "RunJobFlow"): "emr:runJobFlow",
    ("emr-serverless", "StartJobRun"): "emrserverless:startJobRun",
}
EXECUTION_ID = "<aws.scheduler.execution-id>"  # filled in by the scheduler: a new one each time
RETRY_ATTEMPTS = 3
EVENT_AGE_MAX_SECONDS = 3600


def schedule_of(
    job: Job, service: str, operation: str, parameters: Mapping[str, Any], config: ScheduleConfig
) -> dict[str, Any]:
    """The parameters of CreateSchedule and UpdateSchedule for a job. Raises ConfigError where the role is missing."""
    if job.schedule is None:
        raise ConfigError("--only", f"{job.name} has no `schedule` in the file of jobs; give it one")
    if config.role_arn is None:
        raise ConfigError("--scheduler-role-arn", "is missing; EventBridge Scheduler calls EMR by a role")
    parameters = dict(parameters)
    if "clientToken" in parameters:
        parameters["clientToken"] = EXECUTION_ID  # a token that stays the same would start one run, ever
    partition = config.role_arn.split(":")[1]
    target: dict[str, Any] = {
        "Arn": f"arn:{partition}:scheduler:::aws-sdk:{_TARGETS[service, operation]}",
        "RoleArn": config.role_arn,
        "Input": json.dumps(parameters, sort_keys=True),
        "RetryPolicy": {
            "MaximumRetryAttempts": RETRY_ATTEMPTS,
            "MaximumEventAgeInSeconds": EVENT_AGE_MAX_SECONDS,
        },
    }
    if config.dead_letter_arn is not None:
        target["DeadLetterConfig"] = {"Arn": config.dead_letter_arn}
    return {
        "Name": job.name,
        "GroupName": config.group,
        "Description": "Made by `s3sync schedule put`; change conf/buckets.yml and put it again",
        "ScheduleExpression": job.schedule,
        "ScheduleExpressionTimezone": job.timezone,
        "State": "ENABLED" if job.enabled else "DISABLED",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target,
    }


def template(schedules: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The schedules (parameters of CreateSchedule) as a CloudFormation template, which has the same names for them."""
    resources = {
        _logical_id(each["Name"]): {"Type": "AWS::Scheduler::Schedule", "Properties": dict(each)} for each in schedules
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Schedules of s3sync, made by `s3sync schedule template`",
        "Resources": resources,
    }


def _logical_id(name: str) -> str:
    """Letters and digits only; a hash tells `a-b` from `ab`."""
    plain = "".join(c for c in name if c.isascii() and c.isalnum())
    return f"{plain}{sha256(name.encode()).hexdigest()[:8]}"
