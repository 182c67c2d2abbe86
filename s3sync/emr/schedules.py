"""EventBridge Scheduler: putting, showing and removing the schedules of one group.

Schedules of EventBridge Scheduler that call EMR themselves, without a function in between.

AWS: "Using universal targets in EventBridge Scheduler": the target's ARN names service and operation, its Input is the
operation's parameters as JSON. Its members are written in PascalCase whatever the API itself has: EMR's are so already,
those of EMR Serverless (`applicationId`) are not.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from botocore.exceptions import ClientError

from s3sync.aws.clients import client
from s3sync.aws.service_errors import asking, code_of
from s3sync.config.jobs_file import Job
from s3sync.config.model import Access, ScheduleConfig
from s3sync.errors import ConfigError

SERVICE = "scheduler"
_NOT_THERE = "ResourceNotFoundException"
# What UpdateSchedule sets: an update replaces all of it, and what is not given falls back to its default.
_OURS = (
    "Description",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "State",
    "FlexibleTimeWindow",
    "Target",
)


class Put(StrEnum):
    CREATED = "created"
    CHANGED = "changed"
    SAME = "is as it was"


@dataclass(frozen=True, slots=True)
class Schedule:
    """`target` is the operation that is called, as `emr:addJobFlowSteps`."""

    name: str
    expression: str
    timezone: str
    is_enabled: bool
    target: str


def put_schedule(access: Access, schedule: Mapping[str, Any]) -> Put:
    """Create the schedule, and its group where it is missing, or change the one of that name. Raises ServiceError."""
    scheduler, name, group = client(SERVICE, access), schedule["Name"], schedule["GroupName"]
    _make_group(access, group)
    with asking(f"Scheduler {group}/{name}"):
        there = _get(scheduler, group, name)
        if there is None:
            scheduler.create_schedule(**schedule)
            return Put.CREATED
        if all(there.get(field) == schedule[field] for field in _OURS):
            return Put.SAME
        scheduler.update_schedule(**schedule)
        return Put.CHANGED


def schedules(access: Access, group: str) -> Iterator[Schedule]:
    """The schedules of a group, by name; none where there is no such group."""
    scheduler = client(SERVICE, access)
    with asking(f"Scheduler ListSchedules {group}"):
        try:
            pages = scheduler.get_paginator("list_schedules").paginate(GroupName=group)
            names = sorted(each["Name"] for page in pages for each in page["Schedules"])
        except ClientError as error:
            if code_of(error) != _NOT_THERE:
                raise
            return
        for name in names:
            found = _get(scheduler, group, name)
            if found is not None:
                yield Schedule(
                    name,
                    found["ScheduleExpression"],
                    found.get("ScheduleExpressionTimezone", "UTC"),
                    found.get("State") == "ENABLED",
                    str(found["Target"]["Arn"]).rpartition("aws-sdk:")[2],
                )


def remove_schedule(access: Access, group: str, name: str) -> bool:
    """False where there is none."""
    with asking(f"Scheduler DeleteSchedule {group}/{name}"):
        try:
            client(SERVICE, access).delete_schedule(GroupName=group, Name=name)
        except ClientError as error:
            if code_of(error) != _NOT_THERE:
                raise
            return False
    return True


def _make_group(access: Access, group: str) -> None:
    scheduler = client(SERVICE, access)
    with asking(f"Scheduler CreateScheduleGroup {group}"):
        try:
            scheduler.get_schedule_group(Name=group)
        except ClientError as error:
            if code_of(error) != _NOT_THERE:
                raise
            scheduler.create_schedule_group(Name=group)


def _get(scheduler: Any, group: str, name: str) -> dict[str, Any] | None:
    try:
        return dict(scheduler.get_schedule(GroupName=group, Name=name))
    except ClientError as error:
        if code_of(error) != _NOT_THERE:
            raise
        return None


# The names that SDKs have for the services, which the ARN of a universal target wants.
_TARGETS = {
    ("emr", "AddJobFlowSteps"): "emr:addJobFlowSteps",
    ("emr", "RunJobFlow"): "emr:runJobFlow",
    ("emr-serverless", "StartJobRun"): "emrserverless:startJobRun",
}
# Members whose own keys are the user's words and stay as they are.
_MAPS = ("tags", "properties", "logTypes", "encryptionContext", "Properties")
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
        "Input": json.dumps(pascal_case(parameters), sort_keys=True),
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


def pascal_case(parameters: Any) -> Any:
    """The parameters of a call with the members as a universal target wants them."""
    if isinstance(parameters, list):
        return [pascal_case(each) for each in parameters]
    if not isinstance(parameters, Mapping):
        return parameters
    return {
        f"{name[:1].upper()}{name[1:]}": value if name in _MAPS else pascal_case(value)
        for name, value in parameters.items()
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
