"""A job that was sent: where it is, how it stands, how it is stopped, what its driver said last."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from s3sync.config.model import Access
from s3sync.emr import clusters as emr
from s3sync.emr import logs as job_logs
from s3sync.emr import serverless as emr_serverless
from s3sync.emr.clusters import JobState


class SentJob(Protocol):
    """A job that was sent. For people `place` says where it is, `cancelling` how it is stopped, `attaching` by which
    options it is followed again. `note` is all of it as a value, of which `sent_job` makes it again."""

    @property
    def place(self) -> str: ...

    @property
    def cancelling(self) -> str: ...

    @property
    def attaching(self) -> str: ...

    @property
    def note(self) -> dict[str, str | None]: ...

    def state(self) -> JobState: ...

    def log_end(self) -> list[str]:
        """The last lines of the driver's log; empty while there are none."""
        ...


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

    @property
    def attaching(self) -> str:
        return f"--attach {self.step_id} --cluster-id {self.cluster_id}"

    @property
    def note(self) -> dict[str, str | None]:
        return {"cluster_id": self.cluster_id, "step_id": self.step_id, "log_uri": self.log_uri}

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

    @property
    def attaching(self) -> str:
        return f"--attach {self.run_id} --application-id {self.application_id}"

    @property
    def note(self) -> dict[str, str | None]:
        return {"application_id": self.application_id, "job_run_id": self.run_id, "log_uri": self.log_uri}

    def state(self) -> JobState:
        return emr_serverless.run_state(self.access, self.application_id, self.run_id)

    def log_end(self) -> list[str]:
        if self.log_uri is None:
            return []
        return job_logs.run_log_end(self.access, self.log_uri, self.application_id, self.run_id)


def sent_job(access: Access, note: Mapping[str, str | None]) -> SentJob:
    """The job of a note."""
    if (cluster_id := note.get("cluster_id")) is not None:
        return SentStep(access, cluster_id, str(note["step_id"]), note.get("log_uri"))
    return SentRun(access, str(note["application_id"]), str(note["job_run_id"]), note.get("log_uri"))
