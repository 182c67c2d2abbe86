"""A place to run jobs in, and buckets with many objects."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from s3sync.demo.server import SeedObject, seed
from tests.e2e.jobs import Job
from tests.servers import Server


@pytest.fixture
def job(tmp_path: Path, server_env: dict[str, str]) -> Job:
    return Job(tmp_path, server_env)


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
