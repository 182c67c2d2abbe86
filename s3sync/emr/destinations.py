"""Where jobs are sent: a running EMR cluster, one that is started for them, or EMR Serverless, behind one interface.

A request is made first and sent afterwards, so that it can be shown as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from s3sync.config.load import conf_file
from s3sync.config.model import Access, Processor, SubmitConfig
from s3sync.emr import clusters as emr
from s3sync.emr import logs as job_logs
from s3sync.emr import serverless as emr_serverless
from s3sync.emr.clusters import JobState, cluster_processor, filled, gaps, read_cluster, run_job_flow
from s3sync.emr.spark_conf import Platform, platform_of, serverless_conf, yarn_conf
from s3sync.emr.steps import JobRun, Shipment, add_steps, serverless_run, step
from s3sync.errors import ConfigError

SparkConf = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A call to AWS as it will be sent: `operation` as in the API reference."""

    service: str
    operation: str
    parameters: Mapping[str, Any]


class SentJob(Protocol):
    """A job that was sent. `place` says where it is, and `cancelling` how it is stopped, for people."""

    @property
    def place(self) -> str: ...

    @property
    def cancelling(self) -> str: ...

    def state(self) -> JobState: ...

    def log_end(self) -> list[str]:
        """The last lines of the driver's log; empty while there are none."""
        ...


class Destination(Protocol):
    """`platform` is what wheels must fit. `under_way` names a job of that name that has not ended; `calls` are made of
    jobs and sent by `send`, which gives back the jobs in their order."""

    @property
    def platform(self) -> Platform: ...

    def under_way(self, name: str) -> str | None: ...

    def calls(self, jobs: Sequence[JobRun], shipment: Shipment, defaults: SparkConf) -> tuple[ApiCall, ...]: ...

    def send(self, calls: Sequence[ApiCall]) -> tuple[SentJob, ...]: ...


@dataclass(frozen=True, slots=True)
class SentStep:
    access: Access
    cluster_id: str
    step_id: str
    log_uri: str | None

    @property
    def place(self) -> str:
        return f"step {self.step_id} of cluster {self.cluster_id}"

    @property
    def cancelling(self) -> str:
        step = f"--cluster-id {self.cluster_id} --step-ids {self.step_id}"
        return f"to stop it: `aws emr cancel-steps {step}`, and `yarn application -kill ID` on the cluster"

    def state(self) -> JobState:
        return emr.step_state(self.access, self.cluster_id, self.step_id)

    def log_end(self) -> list[str]:
        if self.log_uri is None:
            return []
        return job_logs.step_log_end(self.access, self.log_uri, self.cluster_id, self.step_id)


@dataclass(frozen=True, slots=True)
class SentRun:
    access: Access
    application_id: str
    run_id: str
    log_uri: str | None

    @property
    def place(self) -> str:
        return f"job run {self.run_id} of application {self.application_id}"

    @property
    def cancelling(self) -> str:
        command = f"aws emr-serverless cancel-job-run --application-id {self.application_id}"
        return f"to stop it: `{command} --job-run-id {self.run_id}`"

    def state(self) -> JobState:
        return emr_serverless.run_state(self.access, self.application_id, self.run_id)

    def log_end(self) -> list[str]:
        if self.log_uri is None:
            return []
        return job_logs.run_log_end(self.access, self.log_uri, self.application_id, self.run_id)


@dataclass(frozen=True, slots=True)
class RunningCluster:
    access: Access
    facts: emr.ClusterFacts
    platform: Platform
    submit: SubmitConfig
    user_conf: SparkConf

    def under_way(self, name: str) -> str | None:
        return emr.waiting_step(self.access, self.facts.cluster_id, name)

    def calls(self, jobs: Sequence[JobRun], shipment: Shipment, defaults: SparkConf) -> tuple[ApiCall, ...]:
        steps = _steps(jobs, shipment, defaults, self.platform, self.submit, self.user_conf)
        return (ApiCall("emr", "AddJobFlowSteps", add_steps(self.facts.cluster_id, steps)),)

    def send(self, calls: Sequence[ApiCall]) -> tuple[SentJob, ...]:
        return tuple(
            SentStep(self.access, self.facts.cluster_id, step_id, self.facts.log_uri)
            for call in calls
            for step_id in emr.add_steps(self.access, call.parameters)
        )


@dataclass(frozen=True, slots=True)
class NewCluster:
    """A cluster that ends behind its last step."""

    access: Access
    cluster: Mapping[str, Any]
    platform: Platform
    submit: SubmitConfig
    user_conf: SparkConf

    def under_way(self, name: str) -> str | None:
        return emr.waiting_on_a_cluster(self.access, name, f"{self.cluster['Name']}: ")

    def calls(self, jobs: Sequence[JobRun], shipment: Shipment, defaults: SparkConf) -> tuple[ApiCall, ...]:
        steps = _steps(jobs, shipment, defaults, self.platform, self.submit, self.user_conf)
        name = jobs[0].name if len(jobs) == 1 else f"{self.cluster['Name']}: {len(jobs)} jobs"
        request = run_job_flow(self.cluster, steps, name=name, release=self.submit.release, log_uri=self.submit.log_uri)
        return (ApiCall("emr", "RunJobFlow", request),)

    def send(self, calls: Sequence[ApiCall]) -> tuple[SentJob, ...]:
        (call,) = calls
        cluster_id, step_ids = emr.start_cluster(self.access, call.parameters)
        log_uri = call.parameters.get("LogUri")
        return tuple(SentStep(self.access, cluster_id, step_id, log_uri) for step_id in step_ids)


@dataclass(frozen=True, slots=True)
class Serverless:
    access: Access
    application_id: str
    platform: Platform
    submit: SubmitConfig
    user_conf: SparkConf

    def under_way(self, name: str) -> str | None:
        return emr_serverless.waiting_run(self.access, self.application_id, name)

    def calls(self, jobs: Sequence[JobRun], shipment: Shipment, defaults: SparkConf) -> tuple[ApiCall, ...]:
        if {"migrate", "check"} <= {job.command for job in jobs}:
            raise ConfigError("--check-after", "EMR Serverless runs jobs side by side; submit the check afterwards")
        conf = serverless_conf(defaults, self.platform, self.user_conf, shipment.archives)
        role = self.submit.execution_role_arn or ""
        return tuple(
            ApiCall(
                "emr-serverless",
                "StartJobRun",
                serverless_run(job, shipment, conf, self.application_id, role, self.submit.log_uri, str(uuid4())),
            )
            for job in jobs
        )

    def send(self, calls: Sequence[ApiCall]) -> tuple[SentJob, ...]:
        return tuple(
            SentRun(
                self.access,
                self.application_id,
                emr_serverless.start_run(self.access, call.parameters),
                self.submit.log_uri,
            )
            for call in calls
        )


def _steps(
    jobs: Sequence[JobRun],
    shipment: Shipment,
    defaults: SparkConf,
    platform: Platform,
    submit: SubmitConfig,
    user_conf: SparkConf,
) -> list[dict[str, Any]]:
    conf = yarn_conf(defaults, platform, user_conf, preinstalled=submit.preinstalled)
    return [step(job, shipment, conf, submit.on_failure) for job in jobs]


# | cluster_id | application_id | then                                     |
# |------------|----------------|------------------------------------------|
# | given      | given          | refused: one job runs in one place       |
# | given      | -              | a step of the running cluster            |
# | -          | given          | a job run; needs an execution role       |
# | -          | -              | a cluster of its own, by the cluster file |
def destination_of(access: Access, submit: SubmitConfig, user_conf: SparkConf) -> Destination:
    """Where the configuration says to send jobs to. Asks AWS what the place is like, and changes nothing there.

    Raises ConfigError where it does not say, or says too much; ServiceError where AWS can't be asked.
    """
    if submit.cluster_id and submit.application_id:
        raise ConfigError("--cluster-id", "and --application-id are both given; a job runs in one of them")
    if submit.application_id:
        return _serverless(access, submit, submit.application_id, user_conf)
    if submit.cluster_id:
        facts = emr.look_at_cluster(access, submit.cluster_id)
        processor = _processor(submit, facts.processor)
        platform = platform_of(submit.release or facts.release, processor, submit.python)
        return RunningCluster(access, facts, platform, submit, user_conf)
    return _new_cluster(access, submit, user_conf)


def _processor(submit: SubmitConfig, found: Processor | None) -> Processor:
    chosen = submit.processor or found
    if chosen is None:
        raise ConfigError(
            "--processor", "the cluster does not tell which one it has; give x86_64, or aarch64 (Graviton)"
        )
    return chosen


def _serverless(access: Access, submit: SubmitConfig, application_id: str, user_conf: SparkConf) -> Serverless:
    if submit.execution_role_arn is None:
        raise ConfigError("--execution-role-arn", "is missing; EMR Serverless runs a job with a role of its own")
    if submit.preinstalled:
        raise ConfigError("--preinstalled", "EMR Serverless has no bootstrap action; leave it away")
    facts = emr_serverless.look_at_application(access, application_id)
    platform = platform_of(submit.release or facts.release, submit.processor or facts.processor, submit.python)
    return Serverless(access, application_id, platform, submit, user_conf)


def _new_cluster(access: Access, submit: SubmitConfig, user_conf: SparkConf) -> NewCluster:
    path = Path(submit.cluster_file) if submit.cluster_file else conf_file("emr/cluster.json")
    cluster = read_cluster(path)
    if submit.log_uri is not None:
        cluster["LogUri"] = submit.log_uri
    outputs = emr.stack_outputs(access, submit.stack) if submit.stack and gaps(cluster) else {}
    cluster = filled(cluster, outputs, path)
    processor = cluster_processor(cluster, path)
    if submit.processor not in (None, processor):
        raise ConfigError("--processor", f"{path} has instances with {processor}; change one of the two")
    platform = platform_of(submit.release or cluster["ReleaseLabel"], processor, submit.python)
    return NewCluster(access, cluster, platform, submit, user_conf)
