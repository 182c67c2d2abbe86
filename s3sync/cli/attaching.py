"""A job that somebody else sent, or this machine at another time: found again, to be followed."""

import re
from dataclasses import replace
from typing import Any

import yaml

from s3sync.cli.shipping import Order
from s3sync.config.model import Config
from s3sync.emr import clusters as emr
from s3sync.emr import serverless as emr_serverless
from s3sync.emr.artifacts import read_object
from s3sync.emr.destinations import Found
from s3sync.emr.follow import submission_of
from s3sync.emr.sent_jobs import SentJob, SentRun, SentStep, sent_job
from s3sync.emr.steps import config_uri_of
from s3sync.errors import ConfigError, StoreError
from s3sync.runs.store import open_store

OPTION = "--attach"
_STEP = re.compile(r"s-[A-Z0-9]+")


# | its submission is in the work location | --cluster-id | --application-id | then                       |
# |----------------------------------------|--------------|------------------|----------------------------|
# | yes                                    | any          | any              | the job of the submission  |
# | no                                     | given        | -                | that step of the cluster   |
# | no                                     | -            | given            | that job run               |
# | no                                     | -            | -                | refused                    |
def attached(wanted: str, config: Config) -> tuple[Order, SentJob]:
    """The job with that id of a step, a job run, a submission or a run, to be followed. Raises ConfigError where it is
    not found, ServiceError where AWS can't be asked."""
    access, submit, work_uri = config.access.deploy, config.submit, config.run.work_uri
    try:
        noted = submission_of(open_store(work_uri, config.access.work), wanted)
    except StoreError as error:
        raise ConfigError("--work-uri", f"cannot be used: {error}") from error
    if noted is not None:
        submission_id, note = noted
        found = replace(config, run=replace(config.run, submission_id=submission_id))
        return Order("", found, note.get("name") or wanted), sent_job(access, note)
    if submit.cluster_id and _STEP.fullmatch(wanted):
        name, arguments = emr.step_told(access, submit.cluster_id, wanted)
        step = SentStep(access, submit.cluster_id, wanted, emr.log_uri_of(access, submit.cluster_id))
        return order_behind(name, Found(step, config_uri_of(arguments)), config), step
    if submit.application_id:
        run = SentRun(access, submit.application_id, wanted, submit.log_uri)
        arguments = emr_serverless.run_arguments(access, submit.application_id, wanted)
        return order_behind(wanted, Found(run, config_uri_of(arguments)), config), run
    raise ConfigError(
        OPTION,
        f"no job {wanted} is noted in {work_uri}/submissions/; name its work location with --work-uri, or where it "
        "runs: a step's id and --cluster-id, or a job run's id and --application-id",
    )


def order_behind(name: str, found: Found, config: Config) -> Order:
    """The order of a job that was found at its place: its driver's file says under which id it tells how it ends. A job
    that has no such file, or whose file can't be read, tells nobody: then EMR's own word is all there is."""
    told: dict[str, Any] = {}
    if found.config_uri is not None:
        told = _run_section(config, found.config_uri)
    run = replace(
        config.run,
        submission_id=told.get("submission_id"),
        work_uri=told.get("work_uri") or config.run.work_uri,
    )
    return Order("", replace(config, run=run), name)


def _run_section(config: Config, uri: str) -> dict[str, Any]:
    try:
        parsed = yaml.safe_load(read_object(config.access.work, uri, OPTION))
    except (ConfigError, yaml.YAMLError):
        return {}
    section = parsed.get("run") if isinstance(parsed, dict) else None
    return section if isinstance(section, dict) else {}
