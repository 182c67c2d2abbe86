"""The step or the job run that carries out one job, as the parameters of the calls to EMR.

AWS: "AddJobFlowSteps", "RunJobFlow", EMR Serverless "StartJobRun". A step of command-runner.jar is spark-submit with
its arguments; consoles show them to everyone who may look at the cluster.

The configuration of a job as a file for its driver: a `config.yml` with what differs from the defaults.

The step's arguments only name the file, so they stay short and the same for every command. A secret is never written:
keys that a laptop has are no use to a cluster, which has its role (C12).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from operator import attrgetter
from typing import Any

import yaml

from s3sync.config.model import Access, Config, OnFailure, SubmitConfig
from s3sync.config.settings_transfer import SETTINGS, Setting
from s3sync.emr.spark_conf import APP, DEPS, RUN_MINUTES_MAX, Release
from s3sync.errors import ConfigError
from s3sync.model.keys import printable

NAME_MAX = 256
STRINGS_MAX_CHARACTERS = 10_240  # EMR, "AddJobFlowSteps": of all strings of a HadoopJarStep together
STEPS_MAX = 256  # EMR, "AddJobFlowSteps", "RunJobFlow": in a call, and waiting on a cluster
JAR = "command-runner.jar"
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
    """One job to run: `name` is its step's (`job_name`), `command` one of s3sync's, `config_uri` the configuration,
    `role_arn` its own role, None for the one of all."""

    name: str
    command: str
    config_uri: str
    role_arn: str | None = None

    @property
    def arguments(self) -> tuple[str, ...]:
        return (self.command, "--config-file", self.config_uri)


def config_uri_of(arguments: Sequence[str]) -> str | None:
    """The job's file that the arguments of a step or a job run name, as `JobRun.arguments` writes it."""
    return next((uri for option, uri in pairwise(arguments) if option == "--config-file"), None)


def step(job: JobRun, shipment: Shipment, conf: Mapping[str, str], on_failure: OnFailure) -> dict[str, Any]:
    """A step for AddJobFlowSteps and RunJobFlow. Raises ConfigError where its arguments are longer than EMR takes."""
    arguments = ["spark-submit", "--deploy-mode", "cluster", "--master", "yarn", "--name", job.name]
    if shipment.archives:
        arguments += ["--archives", ",".join(shipment.archives)]
    for name, value in sorted(conf.items()):
        arguments += ["--conf", f"{name}={value}"]
    arguments += [shipment.entry, *job.arguments]
    length = len(JAR) + sum(map(len, arguments))
    if length > STRINGS_MAX_CHARACTERS:
        raise ConfigError(
            "--spark-defaults",
            f"the step's arguments have {length:,} characters, and EMR takes {STRINGS_MAX_CHARACTERS:,}; "
            "put Spark's settings into the cluster file",
        )
    return {
        "Name": job.name,
        "ActionOnFailure": _ON_FAILURE[on_failure],
        "HadoopJarStep": {"Jar": JAR, "Args": arguments},
    }


# | steps at once | a check behind a migrate | on failure    | then                            |
# |---------------|--------------------------|---------------|---------------------------------|
# | 1             | any                      | any           | as asked                        |
# | more          | yes                      | any           | refused: both would run at once |
# | more          | no                       | continue      | as asked                        |
# | more          | no                       | anything else | refused, as EMR does            |
def refuse_side_by_side(concurrency: int, commands: Collection[str], on_failure: OnFailure, place: str) -> None:
    """Raises ConfigError for steps that need an order where the cluster (`place` says which) keeps none."""
    if concurrency <= 1:
        return
    many = f"{place} runs {concurrency} steps at once (StepConcurrencyLevel)"
    if {"migrate", "check"} <= set(commands):
        raise ConfigError(
            "--check-after",
            f"{many}, so the check would look at a target that is half copied; submit the check when the migration has "
            "ended, or take a cluster with 1",
        )
    if on_failure is not OnFailure.CONTINUE:
        raise ConfigError("--on-failure", f"{many}, where EMR takes `continue` only")


def refuse_too_many(steps: int, room: int) -> None:
    """Raises ConfigError where the cluster has no room for so many steps more."""
    if steps > room:
        has = f", and {STEPS_MAX - room} wait there already" if room < STEPS_MAX else ""
        raise ConfigError(
            "--all",
            f"these jobs and their checks are {steps} steps, a cluster takes {STEPS_MAX} that wait{has}; send some of "
            "them with --only, the others when there is room, or to another cluster",
        )


def add_steps(cluster_id: str, steps: Sequence[Mapping[str, Any]], role_arn: str | None = None) -> dict[str, Any]:
    """With `role_arn` the steps have that role's rights and not the instances' own."""
    role = {"ExecutionRoleArn": role_arn} if role_arn is not None else {}
    return {"JobFlowId": cluster_id, "Steps": list(steps), **role}


def tags_of(tags: Iterable[str]) -> dict[str, str]:
    """Of `NAME=VALUE`."""
    return {name: value for name, _, value in (tag.partition("=") for tag in tags)}


def serverless_run(
    job: JobRun,
    shipment: Shipment,
    conf: Mapping[str, str],
    application_id: str,
    submit: SubmitConfig,
    token: str,
    release: Release,
) -> dict[str, Any]:
    """The parameters of StartJobRun. `token` makes a repeated call the same run. Without a time the run would end after
    12 hours; it gets the most that its release allows, 0 being no limit."""
    parameters = " ".join(f"--conf {name}={_quoted(value)}" for name, value in sorted(conf.items()))
    request: dict[str, Any] = {
        "applicationId": application_id,
        "clientToken": token,
        "executionRoleArn": job.role_arn or submit.execution_role_arn or "",
        "name": job.name,
        "executionTimeoutMinutes": RUN_MINUTES_MAX if release.limits_runs else 0,
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": shipment.entry,
                "entryPointArguments": list(job.arguments),
                "sparkSubmitParameters": parameters,
            }
        },
    }
    if found := tags_of(submit.tags):
        request["tags"] = found
    logs: dict[str, Any] = {}
    if submit.log_uri is not None:
        logs["s3MonitoringConfiguration"] = {"logUri": submit.log_uri}
    if submit.log_group is not None:
        logs["cloudWatchLoggingConfiguration"] = {"enabled": True, "logGroupName": submit.log_group}
    if logs:
        request["configurationOverrides"] = {"monitoringConfiguration": logs}
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


_NOT_SENT = ("submit", "schedule")
_SIDES = ("inventory", "source", "target", "queue", "work")
_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


def job_text(config: Config) -> str:
    """The file's text; `load` of it gives `config` again, but for what is the submission's own. Raises ConfigError
    where the configuration holds keys, or names a work location that a cluster can't reach."""
    for side in _SIDES:
        refuse_keys(getattr(config.access, side), side)
    if not config.run.work_uri.startswith("s3://"):
        raise ConfigError(
            "--work-uri", f"{config.run.work_uri} is a folder of this machine; a cluster needs s3://BUCKET/PREFIX"
        )
    tree: dict[str, Any] = {}
    for setting in _sent():
        assert setting.field is not None  # noqa: S101  (`_sent` leaves the others out)
        value = attrgetter(setting.field)(config)
        if value != setting.default:
            _put(tree, setting.name.split("."), _written(setting, value))
    return yaml.safe_dump(tree, sort_keys=True, allow_unicode=True, default_flow_style=False)


def refuse_keys(access: Access, side: str) -> None:
    if any(getattr(access, field) is not None for field in _KEYS):
        name = f"{side}_aws_access_key_id".upper()
        raise ConfigError(
            f"access.{side}",
            f"has keys (${name} or $COPY_AWS_ACCESS_KEY_ID), which are not sent to a cluster; give a role "
            f"(--{side}-role-arn), or keep them in Secrets Manager (--{side}-credentials-uri secretsmanager:NAME)",
        )


def _sent() -> Iterable[Setting]:
    for setting in SETTINGS:
        is_ours = setting.section in _NOT_SENT or setting.name.startswith("access.deploy.")
        is_key = setting.kind.secret or setting.name.endswith(_KEYS)
        if setting.field is not None and not is_ours and not is_key:
            yield setting


def _written(setting: Setting, value: Any) -> str | list[str]:
    if setting.is_list:
        return [setting.kind.write(item) for item in value]
    return str(setting.kind.write(value))


def _put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    *folders, name = path
    for folder in folders:
        tree = tree.setdefault(folder, {})
    tree[name] = value
