"""EventBridge Scheduler: putting, showing and removing the schedules of one group."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError

from s3sync.aws.calls import asking, code_of
from s3sync.aws.clients import client
from s3sync.config.model import Access

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
