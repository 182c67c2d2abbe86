"""EMR on EC2: what a cluster is, adding steps, starting a cluster for them, and how a step stands.

Sources: "Step", "Cluster" and "ListInstances" in the EMR API reference.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from s3sync.aws.calls import asking
from s3sync.aws.clients import client
from s3sync.config.model import Access, Processor
from s3sync.deploy.releases import processor_of
from s3sync.errors import ConfigError

_WAITING = ("PENDING", "RUNNING")
_ALIVE: Final = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")
_OVER = ("TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS")
_SUCCEEDED = "COMPLETED"
_ENDED = (_SUCCEEDED, "CANCELLED", "FAILED", "INTERRUPTED")


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """`processor` is None where its nodes do not tell; `log_uri` where it keeps no logs."""

    cluster_id: str
    release: str
    processor: Processor | None
    log_uri: str | None


@dataclass(frozen=True, slots=True)
class JobState:
    """How a step or a job run stands: EMR's own word, why, and whether that is the end and a good one."""

    name: str
    reason: str = ""
    is_over: bool = False
    is_success: bool = False


def look_at_cluster(access: Access, cluster_id: str) -> ClusterFacts:
    """Raises ConfigError where the cluster is none that takes steps, ServiceError where EMR can't be asked."""
    emr = client("emr", access)
    with asking(f"EMR DescribeCluster {cluster_id}"):
        cluster = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
    state = cluster.get("Status", {}).get("State", "?")
    if state in _OVER:
        raise ConfigError("--cluster-id", f"{cluster_id} is {state}; name a cluster that runs, or leave it away")
    release, log_uri = str(cluster.get("ReleaseLabel", "")), cluster.get("LogUri")
    return ClusterFacts(cluster_id, release, _processor(emr, cluster_id), _as_s3(str(log_uri)) if log_uri else None)


def _processor(emr: Any, cluster_id: str) -> Processor | None:
    types: set[str] = set()
    with asking(f"EMR ListInstances {cluster_id}"):
        for page in emr.get_paginator("list_instances").paginate(ClusterId=cluster_id):
            types.update(each["InstanceType"] for each in page["Instances"] if "InstanceType" in each)
    return processor_of(tuple(sorted(types)))


def _as_s3(log_uri: str) -> str:
    """EMR shows the log's place as `s3n://`."""
    return f"s3://{log_uri.partition('://')[2]}"


def waiting_step(access: Access, cluster_id: str, name: str) -> str | None:
    """The id of a step of that name that runs or waits on the cluster, if there is one."""
    with asking(f"EMR ListSteps {cluster_id}"):
        pages = client("emr", access).get_paginator("list_steps").paginate(ClusterId=cluster_id)
        for page in pages:
            for step in page["Steps"]:
                if step.get("Name") == name and step.get("Status", {}).get("State") in _WAITING:
                    return str(step.get("Id"))
    return None


def waiting_on_a_cluster(access: Access, name: str, beginning: str) -> str | None:
    """The ids of a cluster and its step of that name that waits or runs, if there is one. The clusters are those that
    have the same name, and those whose name begins so: they were started for several jobs."""
    with asking("EMR ListClusters"):
        pages = client("emr", access).get_paginator("list_clusters").paginate(ClusterStates=list(_ALIVE))
        clusters = [(str(each.get("Id")), str(each.get("Name"))) for page in pages for each in page["Clusters"]]
    for cluster_id, title in clusters:
        is_ours = title == name or title.startswith(beginning)
        if is_ours and (step_id := waiting_step(access, cluster_id, name)):
            return f"{cluster_id}, {step_id}"
    return None


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


def step_state(access: Access, cluster_id: str, step_id: str) -> JobState:
    with asking(f"EMR DescribeStep {cluster_id} {step_id}"):
        status = client("emr", access).describe_step(ClusterId=cluster_id, StepId=step_id)["Step"]["Status"]
    name = str(status.get("State", "?"))
    failure, change = status.get("FailureDetails") or {}, status.get("StateChangeReason") or {}
    reason = failure.get("Message") or failure.get("Reason") or change.get("Message") or ""
    return JobState(name, str(reason), name in _ENDED, name == _SUCCEEDED)


def stack_outputs(access: Access, stack: str) -> dict[str, str]:
    """The outputs of a CloudFormation stack. Raises ServiceError."""
    with asking(f"CloudFormation DescribeStacks {stack}"):
        (found, *_) = client("cloudformation", access).describe_stacks(StackName=stack)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())}
