"""`submit --wait` from end to end: what is sent to EMR is carried out as EMR does, and its exit code comes back."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from s3sync.cli import following
from s3sync.cli.main import main
from s3sync.demo.demo import spark_submit
from s3sync.demo.server import SeedObject, seed
from s3sync.spark.session import provide_java
from tests.contract.deploying import SECRETS, Laptop, arguments_of
from tests.e2e.jobs import CHECKOUT
from tests.servers import Server
from tests.servers.faults import Action, Fault, Faults

pytestmark = pytest.mark.processes

OBJECTS = 60


def carried_out(laptop: Laptop, step: dict[str, Any]) -> str:
    """What a node of the cluster does with a step of `--preinstalled`: the script and its arguments, with the role's
    credentials, in a folder of its own. YARN keeps the exit code to itself. Gives the driver's output."""
    arguments = arguments_of(step)
    at = next(n for n, word in enumerate(arguments) if word.endswith(".py"))
    script = laptop.folder / "node" / Path(arguments[at]).name
    script.parent.mkdir()
    script.write_text(laptop.text(arguments[at]))
    environ = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYSPARK_PYTHON": sys.executable}
    environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    provide_java(environ)
    command = [str(spark_submit()), "--master", "local[2]", str(script), *arguments[at + 1 :]]
    done = subprocess.run(
        command, cwd=script.parent, env=environ, capture_output=True, text=True, check=False, timeout=500
    )
    return done.stdout + done.stderr


@pytest.mark.timeout(600)
def test_the_exit_code_of_a_job_comes_back_and_so_does_its_progress(
    laptop: Laptop, server: Server, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = f"src-{laptop.bucket[5:]}", f"tgt-{laptop.bucket[5:]}"
    for bucket in (source, target):
        laptop.aws("s3").create_bucket(Bucket=bucket)
    laptop.aws("s3").put_bucket_versioning(Bucket=target, VersioningConfiguration={"Status": "Enabled"})
    seed(source, (SeedObject(f"photos/{n:04d}", b"body") for n in range(OBJECTS)))
    faults.add(Fault(Action.DENIED, operation="CopyObject", key_contains="0007"))
    for side in ("SOURCE", "TARGET"):
        monkeypatch.setenv(f"{side}_ENDPOINT_URL", server.s3_endpoint)
        monkeypatch.setenv(f"{side}_REGION_NAME", "us-east-1")
        monkeypatch.setenv(f"{side}_ADDRESSING_STYLE", "path")
    monkeypatch.setattr(following, "POLL_SECONDS", 0.5)
    cluster_id = laptop.cluster()
    job = ["migrate", "-s", source, "-t", target, "--work-uri", laptop.work_uri]
    where = ["--cluster-id", cluster_id, "--processor", "x86_64", "--preinstalled", "--wait"]
    codes: list[int] = []
    submission = threading.Thread(target=lambda: codes.append(main(["submit", *job, *where])))
    submission.start()
    deadline = time.monotonic() + 60
    while not laptop.steps(cluster_id) and time.monotonic() < deadline:
        time.sleep(0.2)
    (step,) = laptop.steps(cluster_id)

    output = carried_out(laptop, step)
    laptop.end_step(cluster_id, step["Id"], "FAILED")
    submission.join(60)

    said = laptop.capsys.readouterr().err
    assert codes == [3], output[-4000:] + said
    assert "FAILED, the job's exit code is 3" in said
    assert f"{OBJECTS:,} of {OBJECTS:,} objects" in said
    assert laptop.aws("s3").list_objects_v2(Bucket=target)["KeyCount"] == OBJECTS - 1
    assert "Warning: target: versioning: Enabled" in output  # the quick part of the doctor, which migrate begins with
    assert "Beginning run" in output
    assert [word for word in SECRETS if word in output + said + str(arguments_of(step))] == []
