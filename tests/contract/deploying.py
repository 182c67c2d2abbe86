"""A laptop and an account for the tests of `submit`, `schedule` and `doctor`: the embedded server's EMR and S3."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.emr.models import emr_backends

from s3sync.cli.main import main

REGION = "us-east-1"
SECRETS = ("PLANTEDdeploySecret", "PLANTEDdeployToken")  # the laptop's own
CLUSTER = {
    "Name": "running",
    "ReleaseLabel": "emr-7.13.0",
    "JobFlowRole": "p",
    "ServiceRole": "r",
}


@dataclass(slots=True)
class Laptop:
    """Commands are run in this process, in a folder of their own; `aws` gives clients of the account."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    bucket: str

    def aws(self, service: str) -> Any:
        return boto3.client(service)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        self.capsys.readouterr()
        code = main(list(arguments))
        captured = self.capsys.readouterr()
        return code, captured.out, captured.err

    @property
    def work_uri(self) -> str:
        return f"s3://{self.bucket}/s3sync"

    @property
    def job(self) -> list[str]:
        """A migrate that is right."""
        return ["migrate", "-s", "source-bucket", "-t", "target-bucket", "--work-uri", self.work_uri]

    def cluster(self, release: str = "emr-7.13.0") -> str:
        instances = {"MasterInstanceType": "m7g.xlarge", "InstanceCount": 1, "KeepJobFlowAliveWhenNoSteps": True}
        made = {**CLUSTER, "ReleaseLabel": release, "LogUri": f"s3n://{self.bucket}/logs/"}
        return str(self.aws("emr").run_job_flow(**made, Instances=instances)["JobFlowId"])

    def steps(self, cluster_id: str) -> list[dict[str, Any]]:
        """In the order they were added."""
        pages = self.aws("emr").get_paginator("list_steps").paginate(ClusterId=cluster_id)
        return list(reversed([step for page in pages for step in page["Steps"]]))

    def end_step(self, cluster_id: str, step_id: str, state: str, *, began: bool = True) -> None:
        """What the cluster does in time: the server itself runs no steps."""
        for step in emr_backends[DEFAULT_ACCOUNT_ID][REGION].clusters[cluster_id].steps:
            if step.id == step_id:
                step.state = state
                step.start_date_time = datetime.now(UTC).isoformat() if began else None

    def end_cluster(self, cluster_id: str, state: str, code: str, message: str) -> None:
        """As EMR ends one by itself, with the reason that it gives."""
        cluster = emr_backends[DEFAULT_ACCOUNT_ID][REGION].clusters[cluster_id]
        cluster.state = state
        cluster.last_state_change_code, cluster.last_state_change_reason = code, message

    def hold_steps(self, cluster_id: str, state: str = "PENDING") -> None:
        """A cluster that is being started lets its steps wait; the server's own one would run the first at once."""
        for step in emr_backends[DEFAULT_ACCOUNT_ID][REGION].clusters[cluster_id].steps:
            step.state, step.start_date_time = state, None

    def listed(self, prefix: str = "") -> dict[str, Any]:
        pages = self.aws("s3").get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return {entry["Key"]: entry["LastModified"] for page in pages for entry in page.get("Contents", ())}

    def put(self, key: str, body: bytes) -> None:
        self.aws("s3").put_object(Bucket=self.bucket, Key=key, Body=body)

    def text(self, uri: str) -> str:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return str(self.aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode())


def arguments_of(step: dict[str, Any]) -> Sequence[str]:
    found: Sequence[str] = step["Config"]["Args"]
    return found


def shown(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found
