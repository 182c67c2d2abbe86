"""EMR on EC2: what a cluster is, adding steps, starting a cluster for them, and how a step stands.

Sources: "Step", "Cluster" and "ListInstances" in the EMR API reference.

The cluster that is started for a job: conf/emr/cluster.json, its gaps filled, as parameters of RunJobFlow.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from s3sync.aws.clients import client
from s3sync.aws.service_errors import asking
from s3sync.config.model import Access, Processor, SubmitConfig
from s3sync.emr.spark_conf import processor_of
from s3sync.emr.steps import tags_of
from s3sync.errors import ConfigError
from s3sync.model.keys import one_line

_WAITING: Final = ("PENDING", "CANCEL_PENDING", "RUNNING")
_ALIVE: Final = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")
_OVER = ("TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS")
_AT_WORK = ("RUNNING", "WAITING")
_AS_IT_SHOULD = ("ALL_STEPS_COMPLETED", "STEP_FAILURE")  # what is to be said of these ends stands at the steps
_PENDING = "PENDING"
_SUCCEEDED = "COMPLETED"
_FAILED = "FAILED"
_UNSUCCESSFUL = ("CANCELLED", _FAILED, "INTERRUPTED")
_NOT_RUNNING = (_PENDING, *_UNSUCCESSFUL)
_ENDED = (_SUCCEEDED, *_UNSUCCESSFUL)


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """`processor` is None where its nodes do not tell; `log_uri` where it keeps no logs. It runs up to
    `step_concurrency` steps at once."""

    cluster_id: str
    release: str
    processor: Processor | None
    log_uri: str | None
    step_concurrency: int = 1


@dataclass(frozen=True, slots=True)
class WaitingStep:
    """A step that waits or runs, with the arguments of its jar."""

    cluster_id: str
    step_id: str
    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JobState:
    """How a step or a job run stands: EMR's own word, why, and whether that is the end and a good one. `has_log` is
    False for a job that never began: its driver said nothing."""

    name: str
    reason: str = ""
    is_over: bool = False
    is_success: bool = False
    has_log: bool = True


def look_at_cluster(access: Access, cluster_id: str) -> ClusterFacts:
    """Raises ConfigError where the cluster is none that takes steps, ServiceError where EMR can't be asked."""
    emr = client("emr", access)
    with asking(f"EMR DescribeCluster {cluster_id}"):
        cluster = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
    state = cluster.get("Status", {}).get("State", "?")
    if state in _OVER:
        raise ConfigError("--cluster-id", f"{cluster_id} is {state}; name a cluster that runs, or leave it away")
    release, log_uri = str(cluster.get("ReleaseLabel", "")), cluster.get("LogUri")
    return ClusterFacts(
        cluster_id,
        release,
        _processor(emr, cluster_id),
        _as_s3(str(log_uri)) if log_uri else None,
        int(cluster.get("StepConcurrencyLevel") or 1),
    )


def log_uri_of(access: Access, cluster_id: str) -> str | None:
    """Where a cluster keeps its logs, one that is over too."""
    with asking(f"EMR DescribeCluster {cluster_id}"):
        log_uri = client("emr", access).describe_cluster(ClusterId=cluster_id)["Cluster"].get("LogUri")
    return _as_s3(str(log_uri)) if log_uri else None


def _processor(emr: Any, cluster_id: str) -> Processor | None:
    types: set[str] = set()
    with asking(f"EMR ListInstances {cluster_id}"):
        for page in emr.get_paginator("list_instances").paginate(ClusterId=cluster_id):
            types.update(each["InstanceType"] for each in page["Instances"] if "InstanceType" in each)
    return processor_of(tuple(sorted(types)))


def _as_s3(log_uri: str) -> str:
    """EMR shows the log's place as `s3n://`."""
    return f"s3://{log_uri.partition('://')[2]}"


def waiting_steps(access: Access, cluster_id: str) -> Iterator[WaitingStep]:
    """The steps that wait or run on a cluster, in one walk that leaves out its history."""
    with asking(f"EMR ListSteps {cluster_id}"):
        pages = client("emr", access).get_paginator("list_steps")
        for page in pages.paginate(ClusterId=cluster_id, StepStates=list(_WAITING)):
            for step in page["Steps"]:
                yield WaitingStep(
                    cluster_id,
                    str(step.get("Id")),
                    str(step.get("Name")),
                    tuple(step.get("Config", {}).get("Args", ())),
                )


def waiting_on_clusters(access: Access, is_ours: Callable[[str], bool]) -> Iterator[WaitingStep]:
    """The steps that wait or run on the clusters whose name is ours."""
    with asking("EMR ListClusters"):
        pages = client("emr", access).get_paginator("list_clusters").paginate(ClusterStates=list(_ALIVE))
        clusters = [(str(each.get("Id")), str(each.get("Name"))) for page in pages for each in page["Clusters"]]
    for cluster_id, name in clusters:
        if is_ours(name):
            yield from waiting_steps(access, cluster_id)


def add_steps(access: Access, request: Mapping[str, Any]) -> tuple[str, ...]:
    """Send AddJobFlowSteps; the ids of the steps in their order."""
    with asking(f"EMR AddJobFlowSteps {request['JobFlowId']}"):
        return tuple(client("emr", access).add_job_flow_steps(**request)["StepIds"])


def start_cluster(access: Access, request: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Send RunJobFlow; the cluster's id and its steps' ids in their order."""
    emr = client("emr", access)
    with asking("EMR RunJobFlow"):
        cluster_id = emr.run_job_flow(**request)["JobFlowId"]
    with asking(f"EMR ListSteps {cluster_id}"):
        pages = emr.get_paginator("list_steps").paginate(ClusterId=cluster_id)
        newest_first = [str(step.get("Id")) for page in pages for step in page["Steps"]]
    return cluster_id, tuple(reversed(newest_first))


# | step                   | its cluster          | told                                               |
# |------------------------|----------------------|----------------------------------------------------|
# | runs, or has succeeded | not asked            | the step's state                                   |
# | waits                  | works                | the step's state                                   |
# | waits                  | is being started     | that it waits, and what the cluster does           |
# | waits                  | ends, or has ended   | the end: the cluster's reason, and there is no log |
# | cancelled or failed    | ended, not by itself | the step's state, its reason and the cluster's     |
# | cancelled or failed    | otherwise            | the step's state and its reason                    |
def step_state(access: Access, cluster_id: str, step_id: str) -> JobState:
    with asking(f"EMR DescribeStep {cluster_id} {step_id}"):
        status = client("emr", access).describe_step(ClusterId=cluster_id, StepId=step_id)["Step"]["Status"]
    name = str(status.get("State", "?"))
    if name not in _NOT_RUNNING:
        return JobState(name, is_over=name in _ENDED, is_success=name == _SUCCEEDED)
    cluster, why = _cluster_state(access, cluster_id)
    if name == _PENDING and cluster not in _OVER:
        return JobState(name if cluster in _AT_WORK else f"{name}, its cluster is {cluster}")
    failure, change = status.get("FailureDetails") or {}, status.get("StateChangeReason") or {}
    own = failure.get("Message") or failure.get("Reason") or change.get("Message") or ""
    reason = "; ".join(text for text in (str(own), why) if text)
    began = name == _FAILED or (status.get("Timeline") or {}).get("StartDateTime") is not None
    return JobState(name, reason, is_over=True, has_log=began)


def step_told(access: Access, cluster_id: str, step_id: str) -> tuple[str, tuple[str, ...]]:
    """The name of a step and the arguments of its jar."""
    with asking(f"EMR DescribeStep {cluster_id} {step_id}"):
        step = client("emr", access).describe_step(ClusterId=cluster_id, StepId=step_id)["Step"]
    return str(step.get("Name")), tuple(step.get("Config", {}).get("Args", ()))


def _cluster_state(access: Access, cluster_id: str) -> tuple[str, str]:
    """EMR's word for the cluster, and why it ended where it did not end as it should."""
    with asking(f"EMR DescribeCluster {cluster_id}"):
        status = client("emr", access).describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"]
    name, reason = str(status.get("State", "?")), status.get("StateChangeReason") or {}
    code, message = str(reason.get("Code") or ""), one_line(str(reason.get("Message") or ""))
    if name not in _OVER or code in _AS_IT_SHOULD:
        return name, ""
    told = ": ".join(text for text in (code, message) if text) or "EMR says no reason"
    return name, f"its cluster {cluster_id} is {name}: {told}"


def stack_outputs(access: Access, stack: str) -> dict[str, str]:
    """The outputs of a CloudFormation stack. Raises ServiceError."""
    with asking(f"CloudFormation DescribeStacks {stack}"):
        (found, *_) = client("cloudformation", access).describe_stacks(StackName=stack)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())}


_GAP = re.compile(r"\$\{([A-Za-z0-9]+)\}")
_NEEDED = ("Name", "ReleaseLabel", "Applications", "Instances", "ServiceRole", "JobFlowRole")


def read_cluster(path: Path) -> dict[str, Any]:
    """The file as it stands, gaps and all. Raises ConfigError that names it."""
    try:
        cluster = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read ({error.strerror}); name another with --cluster-file") from error
    except ValueError as error:
        raise ConfigError(str(path), f"is not JSON: {error}") from error
    if not isinstance(cluster, dict):
        raise ConfigError(str(path), "must hold the parameters of RunJobFlow, a JSON object")
    for name in _NEEDED:
        if name not in cluster:
            raise ConfigError(str(path), f"{name} is missing; see conf/emr/cluster.json")
    return cluster


def filled(cluster: Mapping[str, Any], outputs: Mapping[str, str], path: Path) -> dict[str, Any]:
    """The cluster with `${NAME}` replaced by the outputs of a stack; a value that is a gap alone may become a list of
    the output's comma-separated parts where its key ends with `Ids` or `SecurityGroups`. Raises ConfigError for a gap
    that no output fills."""

    def fill(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return {name: fill(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            items = [fill(inner, key) for inner in value]
            return [part for item in items for part in (item.split(",") if _is_ids(key, item) else [item])]
        return _GAP.sub(replace, value) if isinstance(value, str) else value

    def replace(gap: re.Match[str]) -> str:
        if gap[1] not in outputs:
            raise ConfigError(
                str(path),
                f"${{{gap[1]}}} is not filled; write the value there, or name the stack whose output it is"
                " with --stack",
            )
        return outputs[gap[1]]

    found: dict[str, Any] = fill(dict(cluster), "")
    return found


def _is_ids(key: str, item: Any) -> bool:
    return isinstance(item, str) and key.endswith(("Ids", "SecurityGroups"))


def gaps(cluster: Mapping[str, Any]) -> set[str]:
    return set(_GAP.findall(json.dumps(cluster)))


def cluster_processor(cluster: Mapping[str, Any], path: Path) -> Processor:
    """The processor of all its instance types. Raises ConfigError where the file mixes both kinds."""
    types = re.findall(r'"InstanceType": "([^"]+)"', json.dumps(cluster))
    processor = processor_of(tuple(types))
    if processor is None:
        raise ConfigError(str(path), "mixes Graviton and x86-64 instances, or names none; wheels fit only one kind")
    return processor


def run_job_flow(
    cluster: Mapping[str, Any],
    steps: Sequence[Mapping[str, Any]],
    *,
    name: str,
    submit: SubmitConfig,
    role_arn: str | None = None,
) -> dict[str, Any]:
    """The parameters of RunJobFlow: the cluster with these steps, which ends behind the last one. What `submit` says
    goes over what the cluster's file says; all steps have the role `role_arn`, or the instances' own."""
    instances = {**cluster["Instances"], "KeepJobFlowAliveWhenNoSteps": False}
    request = {**cluster, "Name": name, "Instances": instances, "Steps": list(steps)}
    if submit.release is not None:
        request["ReleaseLabel"] = submit.release
    if submit.log_uri is not None:
        request["LogUri"] = submit.log_uri
    if role_arn is not None:
        request["StepExecutionRoleArn"] = role_arn
    if submit.log_group is not None:
        kinds = {kind: ["STDOUT", "STDERR"] for kind in ("STEP_LOGS", "SPARK_DRIVER")}
        group = {"Enabled": True, "LogGroupName": submit.log_group, "LogTypes": kinds}
        request["MonitoringConfiguration"] = {"CloudWatchLogConfiguration": group}
    if submit.tags:
        tags = {tag["Key"]: tag.get("Value", "") for tag in cluster.get("Tags", ())} | tags_of(submit.tags)
        request["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    return request
