"""EMR Serverless: what an application is, starting a job run, and how it stands. Source: its API reference."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from s3sync.aws.clients import client
from s3sync.aws.service_errors import asking
from s3sync.config.model import Access, Processor
from s3sync.emr.clusters import JobState

SERVICE = "emr-serverless"
_ENDED = ("SUCCESS", "FAILED", "CANCELLED")
_UNDER_WAY = ("SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "QUEUED")


@dataclass(frozen=True, slots=True)
class ApplicationFacts:
    release: str
    processor: Processor


def look_at_application(access: Access, application_id: str) -> ApplicationFacts:
    with asking(f"EMR Serverless GetApplication {application_id}"):
        found = client(SERVICE, access).get_application(applicationId=application_id)["application"]
    is_arm = found.get("architecture") == "ARM64"
    return ApplicationFacts(str(found["releaseLabel"]), Processor.AARCH64 if is_arm else Processor.X86_64)


def waiting_runs(access: Access, application_id: str) -> Iterator[tuple[str, str]]:
    """(id, name) of each job run that has not ended, in one walk that leaves out the others."""
    with asking(f"EMR Serverless ListJobRuns {application_id}"):
        pages = client(SERVICE, access).get_paginator("list_job_runs")
        for page in pages.paginate(applicationId=application_id, states=list(_UNDER_WAY)):
            for run in page["jobRuns"]:
                yield str(run["id"]), str(run.get("name", ""))


def run_arguments(access: Access, application_id: str, run_id: str) -> tuple[str, ...]:
    """What the job run was started with, behind its entry point."""
    with asking(f"EMR Serverless GetJobRun {application_id} {run_id}"):
        run = client(SERVICE, access).get_job_run(applicationId=application_id, jobRunId=run_id)["jobRun"]
    return tuple(run["jobDriver"].get("sparkSubmit", {}).get("entryPointArguments", ()))


def start_run(access: Access, request: Mapping[str, Any]) -> str:
    with asking(f"EMR Serverless StartJobRun {request['applicationId']}"):
        return str(client(SERVICE, access).start_job_run(**request)["jobRunId"])


def run_state(access: Access, application_id: str, run_id: str) -> JobState:
    with asking(f"EMR Serverless GetJobRun {application_id} {run_id}"):
        run = client(SERVICE, access).get_job_run(applicationId=application_id, jobRunId=run_id)["jobRun"]
    name = str(run["state"])
    return JobState(name, str(run.get("stateDetails", "")), name in _ENDED, name == _ENDED[0])
