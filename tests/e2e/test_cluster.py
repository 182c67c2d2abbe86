"""A real cluster of several processes, with the shipped package and dependencies as the only packages there are."""

import json
import platform
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pyspark
import pytest

from s3sync.demo.server import EmbeddedServer
from tests.conftest import connect
from tests.e2e.cluster import Cluster, Shipped, ship
from tests.e2e.planting import KEPT, holding, plant
from tests.servers import Server

pytestmark = pytest.mark.processes

Fill = Callable[[str, int], dict[str, bytes]]

# A server outside this process is filled object by object, so it gets fewer, and copies them too fast for a kill in the
# middle, so it is asked slowly.
OBJECTS, OBJECTS_OUTSIDE, BATCHES = 20_000, 2_000, 40
SLOWLY = ["--max-requests-per-second", "60"]
PATIENCE_SECONDS = 600


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    return ship(tmp_path_factory.mktemp("shipped"))


@pytest.fixture
def manager(_embedded: EmbeddedServer) -> Iterator[Any]:
    """Secrets Manager, which the embedded server has whatever server holds the buckets."""
    found = connect(_embedded.endpoint_url, "AKIAMANAGER", "x", "us-east-1", "secretsmanager")
    yield found
    found.delete_secret(SecretId=KEPT, ForceDeleteWithoutRecovery=True)


@pytest.fixture
def cluster(tmp_path: Path, shipped: Shipped, _embedded: EmbeddedServer) -> Iterator[Cluster]:
    nodes = {"AWS_ENDPOINT_URL_SECRETS_MANAGER": _embedded.endpoint_url, "AWS_DEFAULT_REGION": "us-east-1"}
    with Cluster(tmp_path / "cluster", shipped, nodes) as cluster:
        yield cluster


def environment_page(ui_port: int) -> str:
    """What Spark's page `Environment` shows, with the list of executors."""
    top = f"http://127.0.0.1:{ui_port}/api/v1/applications"
    with urllib.request.urlopen(top, timeout=120) as answer:
        (application, *_) = json.load(answer)
    pages = []
    for page in ("environment", "allexecutors"):
        with urllib.request.urlopen(f"{top}/{application['id']}/{page}", timeout=120) as answer:
            pages.append(answer.read().decode())
    return "".join(pages)


def keys_of(s3: Any, bucket: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


class Tables:
    """The work location on S3: what a run has written there."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self.s3, self.bucket = s3, bucket

    @property
    def batches_done(self) -> int:
        return sum(name.endswith(".done.json") for name in keys_of(self.s3, self.bucket))

    def fetched(self, folder: Path) -> Path:
        """All of it as files; gives the run's folder."""
        for name in keys_of(self.s3, self.bucket):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.s3.get_object(Bucket=self.bucket, Key=name)["Body"].read())
        (run,) = (folder / "s3sync" / "runs").iterdir()
        return run


@pytest.mark.timeout(2 * PATIENCE_SECONDS)
def test_c1_c12_a_lost_worker_costs_time_only_and_secrets_are_nowhere(
    cluster: Cluster,
    server: Server,
    server_env: dict[str, str],
    tmp_path: Path,
    s3: Any,
    bucket_factory: Callable[..., str],
    fill: Fill,
    manager: Any,
) -> None:
    source, target, tables = bucket_factory(), bucket_factory(), Tables(s3, bucket_factory())
    count = OBJECTS if server.name == "embedded" else OBJECTS_OUTSIDE
    bodies = fill(source, count)
    planted = plant(server, server_env, cluster.folder, cluster.driver, manager)
    arguments = ["migrate", "-s", source, "-t", target, "--work-uri", f"s3://{tables.bucket}/s3sync"]
    arguments += ["--batch-objects", str(count // BATCHES), *(SLOWLY if server.name != "embedded" else ())]

    with cluster.job(planted.environ, *arguments) as driver:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while tables.batches_done < BATCHES // 5 or len(cluster.busy_workers()) < 2:
            assert driver.poll() is None, cluster.output[-4000:]
            assert time.monotonic() < deadline, cluster.output[-4000:]
            time.sleep(0.5)
        page, commands = environment_page(cluster.ui_port), cluster.commands()
        assert cluster.kill("worker-1") >= 3  # its own JVM, its executor's, Python
        done_before = tables.batches_done
        assert driver.wait(PATIENCE_SECONDS) == 0, cluster.output[-4000:]

    assert done_before < BATCHES * 4 // 5, "the worker was killed near the end, so this shows little"
    assert sorted(keys_of(s3, target)) == sorted(bodies)
    for key in sorted(bodies)[::200]:
        assert s3.get_object(Bucket=target, Key=key)["Body"].read() == bodies[key]
    run = tables.fetched(tmp_path / "tables")
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["state"], summary["exit_code"], summary["remaining"]) == ("complete", 0, 0)
    assert summary["counts"]["listed"] == summary["statuses"]["copied"]["objects"] == count
    manifest = json.loads((run / "outcomes" / "manifest.json").read_text())
    rows = [key for part in manifest["parts"] for key in pq.read_table(run / part)["target_key"].to_pylist()]
    assert sorted(rows) == sorted(bodies)

    assert '"spark.executorEnv.PYTHONPATH"' in page
    assert f"spark://127.0.0.1:{cluster.port}" in page  # the job ran on the cluster, and not in its driver alone
    assert json.dumps("0") in page
    assert json.dumps("1") in page
    assert any("migrate -s" in command for command in commands)
    assert list(cluster.event_log.iterdir()), "there is no event log, so this shows nothing"
    assert len(set(planted.secrets)) >= (14 if server.name == "embedded" else 1)
    assert [word for word in planted.secrets for text in (page, *commands) if word in text] == []
    assert holding(tmp_path, planted.secrets, planted.places) == []
    assert len(holding(tmp_path, planted.secrets)) >= 3, "what is searched for would be found"


@pytest.mark.timeout(PATIENCE_SECONDS)
def test_the_doctor_as_a_job_looks_at_the_workers(
    cluster: Cluster, server_env: dict[str, str], s3: Any, bucket_factory: Callable[..., str]
) -> None:
    source, target, work = bucket_factory(), bucket_factory(), bucket_factory()
    s3.put_object(Bucket=source, Key="a", Body=b"x")
    with cluster.job(server_env, "doctor", "-s", source, "-t", target, "--work-uri", f"s3://{work}/s3sync") as driver:
        assert driver.wait(PATIENCE_SECONDS) == 0, cluster.output[-4000:]
    said = " ".join(cluster.output.split())
    assert f"machines, Python {platform.python_version()}, Spark {pyspark.__version__} on the driver" in said
    assert "workers: pyarrow" not in said, "the workers have the driver's packages, so nothing is said about them"


def test_a_secret_that_leaked_would_be_found(tmp_path: Path) -> None:
    import pyarrow as pa

    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "events").write_text('{"name": "PLANTEDKEYx"}')
    pq.write_table(pa.table({"a": ["PLANTEDKEYx" * 3]}), tmp_path / "t.parquet", compression="zstd")
    (tmp_path / "clean").write_text("nothing")
    assert len(holding(tmp_path, ["PLANTEDKEYx"])) == 2
