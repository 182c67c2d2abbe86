"""A real cluster of several processes, with the shipped package and dependencies as the only packages there are."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.e2e.cluster import Cluster, Shipped, ship

Listed = Callable[[str], dict[str, dict[str, Any]]]
Fill = Callable[[str, int], dict[str, bytes]]

OBJECTS = 2_000
SIDES = ("SOURCE", "TARGET", "INVENTORY", "QUEUE", "WORK", "COPY")


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    return ship(tmp_path_factory.mktemp("shipped"))


@pytest.fixture
def cluster(tmp_path: Path, shipped: Shipped) -> Iterator[Cluster]:
    with Cluster(tmp_path / "cluster", shipped) as cluster:
        yield cluster


def planted(server_env: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """The server's environment with keys of each side that occur nowhere else, and these keys."""
    environ, secrets = dict(server_env), []
    for side in SIDES:
        secret, token = f"PLANTEDKEY{side}x7Qf", f"PLANTEDTOKEN{side}k2Zs"
        environ |= {
            f"{side}_AWS_ACCESS_KEY_ID": f"AKIA{side}",
            f"{side}_AWS_SECRET_ACCESS_KEY": secret,
            f"{side}_AWS_SESSION_TOKEN": token,
        }
        secrets += [secret, token]
    return environ, secrets


def holding(folder: Path, words: list[str]) -> list[str]:
    """Files below the folder that hold one of the words, packed columns of tables included."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
        body = path.read_bytes()
        if path.suffix == ".parquet":
            body += repr(pq.read_table(path).to_pylist()).encode()
        found += [f"{path}: {word}" for word in words if word.encode() in body]
    return found


def environment_page(ui_port: int) -> str:
    """What Spark's page `Environment` shows, with the list of executors."""
    top = f"http://127.0.0.1:{ui_port}/api/v1/applications"
    with urllib.request.urlopen(top, timeout=10) as answer:
        (application, *_) = json.load(answer)
    pages = []
    for page in ("environment", "allexecutors"):
        with urllib.request.urlopen(f"{top}/{application['id']}/{page}", timeout=10) as answer:
            pages.append(answer.read().decode())
    return "".join(pages)


def test_c1_c12_a_lost_worker_costs_time_only_and_secrets_are_nowhere(
    cluster: Cluster,
    server_env: dict[str, str],
    tmp_path: Path,
    s3: Any,
    bucket_factory: Callable[..., str],
    fill: Fill,
    listed: Listed,
) -> None:
    source, target = bucket_factory(), bucket_factory()
    bodies = fill(source, OBJECTS)
    work = tmp_path / "work"
    environ, secrets = planted(server_env)
    arguments = ["migrate", "-s", source, "-t", target, "--work-uri", str(work), "--batch-objects", "100"]

    with cluster.job(environ, *arguments) as driver:
        deadline = time.monotonic() + 180
        while len(listed(target)) < OBJECTS // 5 or len(cluster.busy_workers()) < 2:
            assert driver.poll() is None, cluster.output[-4000:]
            assert time.monotonic() < deadline, cluster.output[-4000:]
            time.sleep(0.2)
        page = environment_page(cluster.ui_port)
        assert cluster.kill("worker-1") >= 3  # its own JVM, its executor's, Python
        before = len(listed(target))
        assert driver.wait(240) == 0, cluster.output[-4000:]

    assert before < OBJECTS, "the worker was killed after the end, so this shows nothing"
    assert listed(target).keys() == bodies.keys()
    for key in sorted(bodies)[::100]:
        assert s3.get_object(Bucket=target, Key=key)["Body"].read() == bodies[key]
    (run,) = (work / "runs").iterdir()
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["state"], summary["exit_code"], summary["remaining"]) == ("complete", 0, 0)
    assert summary["counts"]["listed"] == summary["statuses"]["copied"]["objects"] == OBJECTS
    manifest = json.loads((run / "outcomes" / "manifest.json").read_text())
    rows = [key for part in manifest["parts"] for key in pq.read_table(run / part)["target_key"].to_pylist()]
    assert sorted(rows) == sorted(bodies)

    assert '"spark.executorEnv.PYTHONPATH"' in page
    assert f"spark://127.0.0.1:{cluster.port}" in page  # the job ran on the cluster, and not in its driver alone
    assert json.dumps("0") in page
    assert json.dumps("1") in page
    assert [word for word in secrets if word in page] == []
    assert list(cluster.event_log.iterdir()), "there is no event log, so this shows nothing"
    assert holding(tmp_path, secrets) == []


def test_a_secret_that_leaked_would_be_found(tmp_path: Path) -> None:
    import pyarrow as pa

    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "events").write_text('{"name": "PLANTEDKEYx"}')
    pq.write_table(pa.table({"a": ["PLANTEDKEYx" * 3]}), tmp_path / "t.parquet", compression="zstd")
    (tmp_path / "clean").write_text("nothing")
    assert len(holding(tmp_path, ["PLANTEDKEYx"])) == 2
