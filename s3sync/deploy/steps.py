"""The step or the job run that carries out one job, as the parameters of the calls to EMR.

AWS: "AddJobFlowSteps", "RunJobFlow", EMR Serverless "StartJobRun". A step of command-runner.jar is spark-submit with
its arguments; consoles show them to everyone who may look at the cluster.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from s3sync.config.model import Config, OnFailure
from s3sync.deploy.spark_conf import APP, DEPS
from s3sync.errors import ConfigError
from s3sync.model.keys import printable

NAME_MAX = 256
ARGUMENTS_MAX_CHARACTERS = 10_280  # EMR: "Step" - the most of all arguments together
STEPS_PER_CALL = 256
_ON_FAILURE = {
    OnFailure.CONTINUE: "CONTINUE",
    OnFailure.CANCEL_AND_WAIT: "CANCEL_AND_WAIT",
    OnFailure.TERMINATE_CLUSTER: "TERMINATE_CLUSTER",
}


@dataclass(frozen=True, slots=True)
class Shipment:
    """Where the artifacts of a job lie; `app` and `deps` are None where the nodes have them installed."""

    entry: str
    app: str | None
    deps: str | None

    @property
    def archives(self) -> tuple[str, ...]:
        """The archives with the folders they are unpacked into."""
        pairs = ((self.app, APP), (self.deps, DEPS))
        return tuple(f"{uri}#{name}" for uri, name in pairs if uri is not None)


@dataclass(frozen=True, slots=True)
class JobRun:
    """One job to run: `name` is its step's (`job_name`), `command` one of s3sync's, `config_uri` the configuration."""

    name: str
    command: str
    config_uri: str

    @property
    def arguments(self) -> tuple[str, ...]:
        return (self.command, "--config-file", self.config_uri)


def step(job: JobRun, shipment: Shipment, conf: Mapping[str, str], on_failure: OnFailure) -> dict[str, Any]:
    """A step for AddJobFlowSteps and RunJobFlow. Raises ConfigError where its arguments are longer than EMR takes."""
    arguments = ["spark-submit", "--deploy-mode", "cluster", "--master", "yarn", "--name", job.name]
    if shipment.archives:
        arguments += ["--archives", ",".join(shipment.archives)]
    for name, value in sorted(conf.items()):
        arguments += ["--conf", f"{name}={value}"]
    arguments += [shipment.entry, *job.arguments]
    length = sum(map(len, arguments))
    if length > ARGUMENTS_MAX_CHARACTERS:
        raise ConfigError(
            "--spark-defaults",
            f"the step's arguments have {length:,} characters, and EMR takes {ARGUMENTS_MAX_CHARACTERS:,}; "
            "put Spark's settings into the cluster file",
        )
    return {
        "Name": job.name,
        "ActionOnFailure": _ON_FAILURE[on_failure],
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": arguments},
    }


def add_steps(cluster_id: str, steps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"JobFlowId": cluster_id, "Steps": list(steps)}


def serverless_run(
    job: JobRun,
    shipment: Shipment,
    conf: Mapping[str, str],
    application_id: str,
    execution_role_arn: str,
    log_uri: str | None,
    token: str,
) -> dict[str, Any]:
    """The parameters of StartJobRun. `token` makes a repeated call the same run."""
    parameters = " ".join(f"--conf {name}={_quoted(value)}" for name, value in sorted(conf.items()))
    request: dict[str, Any] = {
        "applicationId": application_id,
        "clientToken": token,
        "executionRoleArn": execution_role_arn,
        "name": job.name,
        "executionTimeoutMinutes": 0,  # no limit; the default would end a long migration after 12 hours
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": shipment.entry,
                "entryPointArguments": list(job.arguments),
                "sparkSubmitParameters": parameters,
            }
        },
    }
    if log_uri is not None:
        request["configurationOverrides"] = {
            "monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": log_uri}}
        }
    return request


def _quoted(value: str) -> str:
    return f'"{value}"' if " " in value else value


def job_name(command: str, config: Config, job: str | None = None) -> str:
    """What consoles show, such as `s3sync migrate photos: a/x/ to b`: the same for each run of the same job, so that a
    run that is under way is recognised, and another one for another job. `job` is its name in the file of jobs."""
    source, target = config.source, config.target
    places = [f"{source.bucket}/{prefix}" for prefix in source.prefixes] if source.bucket else []
    places = places or [source.bucket or next(iter(config.inventory.manifests), "?")]
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    where = f"{target.bucket}/{target.prefix}" if target.prefix else str(target.bucket)
    label = f" {job}:" if job else ""
    name = printable(f"s3sync {command}{label} {places[0]}{more} to {where}", 4 * NAME_MAX)
    if len(name) <= NAME_MAX:
        return name
    mark = sha256(name.encode()).hexdigest()[:8]  # long prefixes may differ at their ends only
    return f"{name[: NAME_MAX - len(mark) - 1]}~{mark}"
