"""A place to run jobs in, buckets with many objects, and queues."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pyspark.sql import SparkSession

from s3sync.config.model import QueueConfig
from s3sync.demo.server import SeedObject, seed
from s3sync.queues.create import delete_queue, set_up_queues
from s3sync.queues.find import find_queues, sqs_client
from tests.contract.conftest import laptop  # noqa: F401  (a fixture)
from tests.contract.queueing import access_to
from tests.e2e.checking import Checks
from tests.e2e.jobs import Job
from tests.e2e.queues import Wired
from tests.servers import Server


@pytest.fixture
def job(tmp_path: Path, server_env: dict[str, str]) -> Job:
    return Job(tmp_path, server_env)


@pytest.fixture(scope="module")
def _one_session() -> Iterator[None]:
    yield
    session = SparkSession.getActiveSession()
    if session is not None:
        session.stop()


@pytest.fixture
def checks(tmp_path: Path, server_env: dict[str, str], _one_session: None) -> Checks:
    """Checks in this process, on a Spark session that a file's tests share."""
    return Checks(tmp_path, server_env)


@pytest.fixture
def fill(server: Server, s3: Any) -> Callable[[str, int], dict[str, bytes]]:
    """`fill(bucket, count)`: small objects under prefixes of unequal size, each with metadata; gives key -> body."""

    def fill_bucket(bucket: str, count: int) -> dict[str, bytes]:
        bodies = {f"{'hot' if n % 3 else f'p{n % 7}'}/{n:06d} +%.txt": f"body {n}".encode() for n in range(count)}
        if server.name == "embedded":
            seed(bucket, (SeedObject(key, body, metadata={"number": key[-8:-4]}) for key, body in bodies.items()))
            return bodies

        def put(item: tuple[str, bytes]) -> None:
            s3.put_object(Bucket=bucket, Key=item[0], Body=item[1], Metadata={"number": item[0][-8:-4]})

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(put, bodies.items()))
        return bodies

    return fill_bucket


@pytest.fixture
def listed(s3: Any) -> Callable[[str], dict[str, dict[str, Any]]]:
    """`listed(bucket)`: the bucket's objects by key."""

    def list_bucket(bucket: str) -> dict[str, dict[str, Any]]:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return {entry["Key"]: entry for page in pages for entry in page.get("Contents", ())}

    return list_bucket


@pytest.fixture
def wired(server: Server) -> Iterator[Wired]:
    """Two work queues and a dead-letter queue, and the options that name them."""
    mark = f"s3sync-e2e-{uuid4().hex[:8]}"
    config = QueueConfig(rf"{mark}-\d+", 2, f"{mark}-dead", visibility_seconds=10, wait_seconds=1)
    sqs = sqs_client(access_to(server).queue)
    set_up_queues(sqs, config)
    queues = find_queues(sqs, config.queue_name_pattern, config.dead_queue_name)
    names = ("--queue-name-pattern", config.queue_name_pattern, "--dead-queue-name", config.dead_queue_name)
    yield Wired(sqs, queues, names)
    for queue in (*queues.work, queues.dead):
        delete_queue(sqs, queue)
