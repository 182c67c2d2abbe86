"""Where jobs are sent: a running EMR cluster, one that is started for them, or EMR Serverless, behind one interface.

A request is made first and sent afterwards, so that it can be shown as it is.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from s3sync.config.load import conf_file
from s3sync.config.model import Access, Processor, SubmitConfig
from s3sync.emr import clusters as emr
from s3sync.emr import serverless as emr_serverless
from s3sync.emr.clusters import cluster_processor, filled, gaps, read_cluster, run_job_flow
from s3sync.emr.sent_jobs import SentJob, SentRun, SentStep
from s3sync.emr.spark_conf import (
    RUN_MINUTES_MAX,
    Platform,
    platform_of,
    release_of,
    serverless_conf,
    word_about,
    yarn_conf,
)
from s3sync.emr.steps import (
    STEPS_MAX,
    JobRun,
    Shipment,
    add_steps,
    config_uri_of,
    refuse_side_by_side,
    refuse_too_many,
    serverless_run,
    step,
)
from s3sync.errors import ConfigError

SparkConf = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A call to AWS as it will be sent: `operation` as in the API reference."""

    service: str
    operation: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """A job that has not ended; `config_uri` is the file that its driver reads, where its arguments name one."""

    job: SentJob
    config_uri: str | None


@dataclass(frozen=True, slots=True)
class UnderWay:
    """Which of the jobs that were asked for have not ended yet at a destination, by name, and how many more steps have
    room there; None where there is no limit."""

    found: Mapping[str, Found]
    room: int | None = None


class Destination(Protocol):
    """`platform` is what wheels must fit, `words` what the user should know of the place.

    `under_way` looks for jobs of these names, in one walk. `calls` are made of jobs and sent by `send`, which gives
    back the jobs in their order; `calls` raises ConfigError for what AWS would refuse."""

    @property
    def platform(self) -> Platform: ...

    @property
    def words(self) -> tuple[str, ...]: ...

    def under_way(self, names: Collection[str]) -> UnderWay: ...

    def calls(self, jobs: Sequence[JobRun], shipment: Shipment, defaults: SparkConf) -> tuple[ApiCall, ...]: ...

    def send(self, calls: Sequence[ApiCall]) -> tuple[SentJob, ...]: ...


@dataclass(frozen=True, slots=True)
class RunningCluster:
    access: Access
    facts: emr.ClusterFacts
    platform: Platform
    submit: SubmitConfig
    user_conf: SparkConf

    @property
    def words(self) -> tuple[str, ...]:
        return _words(self.submit.release or self.facts.release)

    def under_way(self, names: Collection[str]) -> UnderWay:
        steps = tuple(emr.waiting_steps(self.access, self.facts.cluster_id))
        return UnderWay(_found(steps, names, lambda step: self._sent(step.step_id)), STEPS_MAX - len(steps))

    def calls(self, jobs: Sequence[JobRun], shipment: Shipment, defaults: SparkConf) -> tuple[ApiCall, ...]:
        place = self.facts.cluster_id
        refuse_side_by_side(self.facts.step_concurrency, commands_of(jobs), self.submit.on_failure, place)
        refuse_too_many(len(jobs), STEPS_MAX)
        calls = []
        for role_arn, same in groupby(jobs, self._role_of):  # a call has one role for all its steps
            steps = _steps(list(same), shipment, defaults, self.platform, self.submit, self.user_conf)
            calls.append(ApiCall("emr", "AddJobFlowSteps", add_steps(place, steps, role_arn)))
        return tuple(calls)

    def _role_of(self, job: JobRun) -> str | None:
        return job.role_arn or self.submit.step_role_arn

    def send(self, calls: Sequence[ApiCall]) -> tuple[SentJob, ...]:
        return tuple(self._sent(step_id) for call in calls for step_id in emr.add_steps(self.access, call.parameters))

    def _sent(self, step_id: str) -> SentStep:
        return SentStep(self.access, self.facts.cluster_id, step_id, self.facts.log_uri)


@dataclass(frozen=True, slots=True)
class NewCluster:
    """A cluster that ends behind its last step."""

    access: Access
    cluster: Mapping[str, Any]
    platform: Platform
    submit: SubmitConfig
    user_conf: SparkConf

    @property
    def words(self) -> tuple[str, ...]:
        return _words(self.submit.release or str(self.cluster["ReleaseLabel"]))

    def under_way(self, names: Collection[str]) -> UnderWay:
        """On clusters that have a job's name, or a name that begins so: they were started for several jobs."""
        beginning = f"{self.cluster['Name']}: "

        def is_ours(title: str) -> bool:
            return title in names or title.startswith(beginning)

        def sent(step: emr.WaitingStep) -> SentStep:
            log_uri = emr.log_uri_of(self.access, step.cluster_id)
            return SentStep(self.access, step.cluster_id, step.step_id, log_uri)

        return UnderWay(_found(emr.waiting_on_clusters(self.access, is_ours), names, sent), STEPS_MAX)

    def calls(self, jobs: Sequence[JobRun], shipment: Shipment, defaults: SparkConf) -> tuple[ApiCall, ...]:
        concurrency = int(self.cluster.get("StepConcurrencyLevel") or 1)
        refuse_side_by_side(concurrency, commands_of(jobs), self.submit.on_failure, "the cluster of the cluster file")
        refuse_too_many(len(jobs), STEPS_MAX)
        roles = {job.role_arn or self.submit.step_role_arn for job in jobs}
        if len(roles) > 1:
            raise ConfigError(
                "--all", "a cluster of its own has one role for all its steps; send jobs by roles (--only)"
            )
        steps = _steps(jobs, shipment, defaults, self.platform, self.submit, self.user_conf)
        name = jobs[0].name if len(jobs) == 1 else f"{self.cluster['Name']}: {len(jobs)} jobs"
        request = run_job_flow(self.cluster, steps, name=name, submit=self.submit, role_arn=roles.pop())
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
    label: str  # its release

    @property
    def words(self) -> tuple[str, ...]:
        days = RUN_MINUTES_MAX // (24 * 60)
        limit = (
            f"EMR Serverless ends a job run after {days} days ({self.label} allows no longer one); the same command "
            "goes on then"
        )
        return (*_words(self.label), *((limit,) if release_of(self.label).limits_runs else ()))

    def under_way(self, names: Collection[str]) -> UnderWay:
        found: dict[str, Found] = {}
        for run_id, name in emr_serverless.waiting_runs(self.access, self.application_id):
            if name in names and name not in found:
                arguments = emr_serverless.run_arguments(self.access, self.application_id, run_id)
                found[name] = Found(self._sent(run_id), config_uri_of(arguments))
        return UnderWay(found)

    def calls(self, jobs: Sequence[JobRun], shipment: Shipment, defaults: SparkConf) -> tuple[ApiCall, ...]:
        if {"migrate", "check"} <= commands_of(jobs):
            raise ConfigError("--check-after", "EMR Serverless runs jobs side by side; submit the check afterwards")
        conf = serverless_conf(defaults, self.platform, self.user_conf, shipment.archives)
        to, release = self.application_id, release_of(self.label)
        requests = [serverless_run(job, shipment, conf, to, self.submit, str(uuid4()), release) for job in jobs]
        return tuple(ApiCall("emr-serverless", "StartJobRun", request) for request in requests)

    def send(self, calls: Sequence[ApiCall]) -> tuple[SentJob, ...]:
        return tuple(self._sent(emr_serverless.start_run(self.access, call.parameters)) for call in calls)

    def _sent(self, run_id: str) -> SentRun:
        return SentRun(self.access, self.application_id, run_id, self.submit.log_uri)


def commands_of(jobs: Sequence[JobRun]) -> set[str]:
    return {job.command for job in jobs}


def _words(label: str) -> tuple[str, ...]:
    word = word_about(label)
    return () if word is None else (word,)


def _found(
    steps: Iterable[emr.WaitingStep], names: Collection[str], sent: Callable[[emr.WaitingStep], SentJob]
) -> dict[str, Found]:
    found: dict[str, Found] = {}
    for each in steps:
        if each.name in names and each.name not in found:
            found[each.name] = Found(sent(each), config_uri_of(each.arguments))
    return found


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
    label = submit.release or facts.release
    platform = platform_of(label, submit.processor or facts.processor, submit.python)
    return Serverless(access, application_id, platform, submit, user_conf, label)


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
