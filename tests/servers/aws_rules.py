"""What EMR, EMR Serverless and EventBridge Scheduler refuse, as a table, and the check of a request against it.

Two kinds of rules. Lengths, ranges, patterns, closed sets, required and unknown members are AWS's own models, see
`aws_models.py`. What their pages say beside that (counts, sums, combinations, what depends on the release or on the
cluster) is `RULES`, each with its page and a request that breaks it.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

from tests.servers.aws_models import input_of, model_troubles

Request = dict[str, Any]
STEPS, RUN, JOB = ("emr", "AddJobFlowSteps"), ("emr", "RunJobFlow"), ("emr-serverless", "StartJobRun")
CREATE, UPDATE = ("scheduler", "CreateSchedule"), ("scheduler", "UpdateSchedule")
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Place:
    """The cluster or the application that a request is for: how many steps it runs at once, how many wait or run there,
    and its release."""

    concurrency: int = 1
    waiting: int = 0
    release: str = "emr-7.13.0"


@dataclass(frozen=True, slots=True)
class Rule:
    """`breaks` tells whether a request breaks it; `spoil` makes one that does of one that is right."""

    name: str
    operations: tuple[tuple[str, str], ...]
    source: str
    breaks: Callable[[Request, Place], bool]
    spoil: Callable[[Request, Place], tuple[Request, Place]]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)


def _fleets(request: Request) -> list[Request]:
    return list(request["Instances"].get("InstanceFleets", []))


def _capacity(fleet: Request) -> list[int]:
    return [fleet[name] for name in ("TargetOnDemandCapacity", "TargetSpotCapacity") if fleet.get(name)]


def _release(label: str) -> tuple[str, int, int]:
    found = re.fullmatch(r"(emr-(?:spark-)?)([0-9]+)\.([0-9]+)\.[0-9]+", label)
    return (found[1], int(found[2]), int(found[3])) if found else ("", 0, 0)


def _minutes_are_limited(label: str) -> bool:
    line, major, minor = _release(label)
    return line == "emr-spark-" or (major, minor) >= (7, 11)


def _input(request: Request) -> Any:
    """What the scheduler makes of its input at the time: it fills in its own words."""
    try:
        return json.loads(_CONTEXT.sub("d32c5kddcf5bb8c3", request["Target"]["Input"]))
    except ValueError:
        return None


def _target(request: Request) -> tuple[str, str]:
    service, _, action = request["Target"]["Arn"].rpartition("aws-sdk:")[2].partition(":")
    return service, action


def _target_troubles(request: Request, place: Place) -> list[str]:
    """What the call that the scheduler would make is refused for."""
    operation = _OF_TARGETS.get(_target(request))
    made = _input(request)
    if operation is None or not isinstance(made, dict):
        return ["is no call"]
    try:
        plain = _own_case(made, input_of(*operation))
    except KeyError as error:
        return [f"{error} is no member in PascalCase"]
    return troubles(*operation, plain, place)


def _own_case(value: Any, shape: Any) -> Any:
    """A universal target's input with the members as the API itself writes them. Raises KeyError for one that is not in
    PascalCase, or is none."""
    if shape.type_name == "structure" and isinstance(value, dict):
        known = {f"{name[:1].upper()}{name[1:]}": (name, member) for name, member in shape.members.items()}
        return {known[name][0]: _own_case(inner, known[name][1]) for name, inner in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [_own_case(each, shape.member) for each in value]
    return value


_OF_TARGETS = {
    ("emr", "addJobFlowSteps"): STEPS,
    ("emr", "runJobFlow"): RUN,
    ("emrserverless", "startJobRun"): JOB,
}
# EventBridge Scheduler user guide, "Adding context attributes"
_CONTEXT = re.compile(r"<aws\.scheduler\.(execution-id|attempt-number|scheduled-time|schedule-arn)>")
_READ_ONLY = ("get", "describe", "list", "poll", "receive", "search", "scan", "query", "select", "read", "lookup")
_EXPRESSION = re.compile(r"rate\([1-9][0-9]* (minutes?|hours?|days?)\)|cron\(\S+( \S+){5}\)|at\([0-9-]{10}T[0-9:]{8}\)")


def _with(**members: Any) -> Callable[[Request, Place], tuple[Request, Place]]:
    return lambda request, place: ({**request, **members}, place)


def _at(place: Place) -> Callable[[Request, Place], tuple[Request, Place]]:
    return lambda request, _: (request, place)


def _edited(edit: Callable[[Request], object]) -> Callable[[Request, Place], tuple[Request, Place]]:
    def spoil(request: Request, place: Place) -> tuple[Request, Place]:
        copy = deepcopy(request)
        edit(copy)
        return copy, place

    return spoil


def _cancelling_beside_others(request: Request, place: Place) -> tuple[Request, Place]:
    copy = deepcopy(request)
    copy["Steps"][0]["ActionOnFailure"] = "CANCEL_AND_WAIT"
    return copy, Place(concurrency=2)


RULES = (
    Rule(
        "steps in a call",
        (STEPS, RUN),
        "EMR API, AddJobFlowSteps and RunJobFlow: a maximum of 256 steps",
        lambda request, _: len(request.get("Steps", [])) > 256,
        _edited(lambda request: request["Steps"].extend(request["Steps"][:1] * 256)),
    ),
    Rule(
        "steps that wait",
        (STEPS,),
        "EMR management guide, Submit work to a cluster: 256 steps that wait or run",
        lambda request, place: place.waiting + len(request["Steps"]) > 256,
        _at(Place(waiting=256)),
    ),
    Rule(
        "strings of a step",
        (STEPS, RUN),
        "EMR API, AddJobFlowSteps: the strings of HadoopJarStep have 10,240 characters at most",
        lambda request, _: any(
            sum(map(len, _strings(step["HadoopJarStep"]))) > 10_240 for step in request.get("Steps", [])
        ),
        _edited(lambda request: request["Steps"][0]["HadoopJarStep"]["Args"].extend(["x" * 5_120] * 2)),
    ),
    Rule(
        "what a failure does beside other steps",
        (STEPS,),
        "EMR API, StepConfig: neither CANCEL_AND_WAIT nor TERMINATE_CLUSTER where StepConcurrencyLevel is over 1",
        lambda request, place: (
            place.concurrency > 1 and any(step.get("ActionOnFailure") != "CONTINUE" for step in request["Steps"])
        ),
        _cancelling_beside_others,
    ),
    Rule(
        "fleets or groups",
        (RUN,),
        "EMR API, RunJobFlow: InstanceFleets or InstanceGroups, not both",
        lambda request, _: {"InstanceFleets", "InstanceGroups"} <= request["Instances"].keys(),
        _edited(lambda request: request["Instances"].update(InstanceGroups=[])),
    ),
    Rule(
        "steps at once",
        (RUN,),
        "EMR API, RunJobFlow: StepConcurrencyLevel is 1 to 256",
        lambda request, _: not 1 <= request.get("StepConcurrencyLevel", 1) <= 256,
        _with(StepConcurrencyLevel=257),
    ),
    Rule(
        "idle time",
        (RUN,),
        "EMR API, AutoTerminationPolicy: 60 to 604,800 seconds",
        lambda request, _: not 60 <= request.get("AutoTerminationPolicy", {}).get("IdleTimeout", 60) <= 7 * DAY_SECONDS,
        _with(AutoTerminationPolicy={"IdleTimeout": 59}),
    ),
    Rule(
        "primary fleet",
        (RUN,),
        "EMR API, InstanceFleetConfig: a MASTER fleet has one kind of capacity, and 1 of it",
        lambda request, _: any(
            _capacity(fleet) != [1] for fleet in _fleets(request) if fleet["InstanceFleetType"] == "MASTER"
        ),
        _edited(lambda request: request["Instances"]["InstanceFleets"][0].update(TargetOnDemandCapacity=2)),
    ),
    Rule(
        "capacity of a fleet",
        (RUN,),
        "EMR API, InstanceFleetConfig: at least one kind of capacity is over 0",
        lambda request, _: any(not _capacity(fleet) for fleet in _fleets(request)),
        _edited(lambda request: request["Instances"]["InstanceFleets"][1].update(TargetOnDemandCapacity=0)),
    ),
    Rule(
        "waiting for spot instances",
        (RUN,),
        "EMR API, SpotProvisioningSpecification: 5 to 1,440 minutes",
        lambda request, _: any(
            not 5 <= fleet["LaunchSpecifications"]["SpotSpecification"]["TimeoutDurationMinutes"] <= 1440
            for fleet in _fleets(request)
            if "SpotSpecification" in fleet.get("LaunchSpecifications", {})
        ),
        _edited(
            lambda request: request["Instances"]["InstanceFleets"][2]["LaunchSpecifications"][
                "SpotSpecification"
            ].update(TimeoutDurationMinutes=4)
        ),
    ),
    Rule(
        "scaling by the unit of the fleets",
        (RUN,),
        "EMR API, ComputeLimits: InstanceFleetUnits for fleets; no minimum over the maximum",
        lambda request, _: _scales_otherwise(request),
        _edited(lambda request: request["ManagedScalingPolicy"]["ComputeLimits"].update(UnitType="VCPU")),
    ),
    Rule(
        "tags",
        (RUN,),
        "EMR management guide, Tag restrictions: keys of 1 to 128 characters, values of up to 256, no aws:",
        lambda request, _: any(
            not 1 <= len(tag.get("Key", "")) <= 128
            or len(tag.get("Value", "")) > 256
            or tag["Key"].lower().startswith("aws:")
            for tag in request.get("Tags", [])
        ),
        _with(Tags=[{"Key": "aws:x", "Value": ""}]),
    ),
    Rule(
        "a role for steps has steps",
        (RUN,),
        "EMR API, RunJobFlow: StepExecutionRoleArn is of the steps of the request",
        lambda request, _: "StepExecutionRoleArn" in request and not request.get("Steps"),
        _with(StepExecutionRoleArn="arn:aws:iam::123456789012:role/x", Steps=[]),
    ),
    Rule(
        "time of a job run",
        (JOB,),
        "EMR Serverless API, StartJobRun: from 7.11 on 1 to 10,080 minutes for batch jobs",
        lambda request, place: (
            _minutes_are_limited(place.release)
            and request.get("mode", "BATCH") == "BATCH"
            and not 1 <= request.get("executionTimeoutMinutes", 720) <= 10_080
        ),
        _with(executionTimeoutMinutes=0),
    ),
    Rule(
        "call of a universal target",
        (CREATE, UPDATE),
        "EventBridge Scheduler user guide, Using universal targets: the ARN has the SDK's name of the service and the "
        "action, no read-only one; Input is its parameters as JSON, in PascalCase, which the service takes",
        lambda request, place: _target(request)[1].startswith(_READ_ONLY) or bool(_target_troubles(request, place)),
        _edited(
            lambda request: request["Target"].update(
                Input=re.sub(r'"([A-Z])', lambda found: f'"{found[1].lower()}', request["Target"]["Input"])
            )
        ),
    ),
    Rule(
        "schedule expression",
        (CREATE, UPDATE),
        "EventBridge Scheduler user guide, Schedule types: at, rate or cron of six fields",
        lambda request, _: not _EXPRESSION.fullmatch(request["ScheduleExpression"]),
        _with(ScheduleExpression="cron(0 3 * * ?)"),
    ),
    Rule(
        "time zone",
        (CREATE, UPDATE),
        "EventBridge Scheduler user guide, Schedule types: a time zone of the tz database",
        lambda request, _: request.get("ScheduleExpressionTimezone", "UTC") not in available_timezones(),
        _with(ScheduleExpressionTimezone="Europe/Atlantis"),
    ),
    Rule(
        "window",
        (CREATE, UPDATE),
        "EventBridge Scheduler API, FlexibleTimeWindow: a window only where the mode is FLEXIBLE",
        lambda request, _: (
            request["FlexibleTimeWindow"]["Mode"] == "OFF" and "MaximumWindowInMinutes" in request["FlexibleTimeWindow"]
        ),
        _with(FlexibleTimeWindow={"Mode": "OFF", "MaximumWindowInMinutes": 5}),
    ),
)


def _scales_otherwise(request: Request) -> bool:
    limits = request.get("ManagedScalingPolicy", {}).get("ComputeLimits")
    if limits is None:
        return False
    is_fleet = bool(_fleets(request))
    return (limits["UnitType"] == "InstanceFleetUnits") is not is_fleet or (
        limits["MinimumCapacityUnits"] > limits["MaximumCapacityUnits"]
    )


def troubles(service: str, operation: str, request: Request, place: Place | None = None) -> list[str]:
    """Why AWS would refuse the request; empty where it would take it."""
    if found := list(model_troubles(request, input_of(service, operation), operation)):
        return found
    return [
        f"{rule.name}: {rule.source}"
        for rule in RULES
        if (service, operation) in rule.operations and rule.breaks(request, place or Place())
    ]
