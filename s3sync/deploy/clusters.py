"""The cluster that is started for a job: conf/emr/cluster.json, its gaps filled, as parameters of RunJobFlow."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from s3sync.config.model import Processor
from s3sync.deploy.releases import processor_of
from s3sync.errors import ConfigError

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
    release: str | None,
    log_uri: str | None,
) -> dict[str, Any]:
    """The parameters of RunJobFlow: the cluster with these steps, which ends behind the last one."""
    instances = {**cluster["Instances"], "KeepJobFlowAliveWhenNoSteps": False}
    request = {**cluster, "Name": name, "Instances": instances, "Steps": list(steps)}
    if release is not None:
        request["ReleaseLabel"] = release
    if log_uri is not None:
        request["LogUri"] = log_uri
    return request
