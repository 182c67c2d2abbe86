"""One local Spark session a process of pytest, made by the first run that needs it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from s3sync.demo.demo import QUIET_LOG4J
from s3sync.spark.session import open_session
from tests.servers import Server
from tests.spark.workplace import Workplace

MASTER = "local[2,1]"


@pytest.fixture(scope="session")
def _spark_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Two cores, one try for a task that fails, and a JVM that starts fast; the session is stopped with the tests."""
    log4j = tmp_path_factory.mktemp("spark") / "log4j2.properties"
    log4j.write_text(QUIET_LOG4J.replace("level = error", "level = off"))
    java = f"-Dlog4j2.configurationFile={log4j} -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
    submit = f'--master {MASTER} --driver-java-options "{java}" pyspark-shell'
    settings = {"MASTER": MASTER, "PYSPARK_SUBMIT_ARGS": submit}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        yield
        session = SparkSession.getActiveSession()
        if session is not None:
            session.stop()


@pytest.fixture
def spark(_spark_settings: None) -> SparkSession:
    """The session, or a new one where a test ended it."""
    return open_session("tests")


@pytest.fixture
def workplace(_spark_settings: None, tmp_path: Path, server_env: dict[str, str]) -> Workplace:
    return Workplace(tmp_path / "work", {"PATH": os.environ["PATH"], **server_env})


@pytest.fixture
def objects(s3: Any) -> Callable[[str], dict[str, bytes]]:
    """`objects(bucket)`: all keys of a bucket with their bodies."""

    def read(bucket: str) -> dict[str, bytes]:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    return read


@pytest.fixture
def pair(bucket_factory: Callable[..., str], server: Server) -> tuple[str, str]:
    """A source bucket and a target bucket, both empty."""
    return bucket_factory(), bucket_factory()


@pytest.fixture
def home(bucket_factory: Callable[..., str]) -> str:
    """A bucket for inventory reports."""
    return bucket_factory()
