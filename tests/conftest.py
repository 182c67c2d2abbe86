"""Which server the tests run against, and the fixtures that give it to them.

    pytest                        the embedded server, one in each process of pytest
    pytest --server radosgw       the radosgw at $S3SYNC_TEST_ENDPOINT (python -m tests.servers.radosgw -- pytest ...)
    pytest --server localstack    the LocalStack at $S3SYNC_TEST_ENDPOINT (make contract-localstack)
    pytest --server s3            any server that should behave as S3 does, at $S3SYNC_TEST_ENDPOINT

What is asked for and can't be reached ends the run with exit code 1: nothing falls back, nothing is skipped.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
import hypothesis
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.exceptions import MissingBucket
from moto.s3.models import s3_backends

from s3sync.demo.server import EmbeddedServer
from tests.servers import Server
from tests.servers.capabilities import TABLE, require
from tests.servers.control_plane import ControlPlane
from tests.servers.faults import Faults
from tests.servers.proxy import proxy_to

ENDPOINT, ACCESS_KEY, SECRET_KEY, REGION = (
    "S3SYNC_TEST_ENDPOINT",
    "S3SYNC_TEST_ACCESS_KEY",
    "S3SYNC_TEST_SECRET_KEY",
    "S3SYNC_TEST_REGION",
)
SIDES = ("SOURCE", "TARGET", "INVENTORY", "QUEUE", "WORK")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FAULTS = pytest.StashKey[Faults]()

# A slow machine is no failure: how long an example takes says nothing about what is tested.
hypothesis.settings.register_profile("s3sync", deadline=None)
hypothesis.settings.load_profile("s3sync")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("s3sync")
    group.addoption("--server", choices=tuple(TABLE), default="embedded", help="the server for contract and e2e tests")
    group.addoption("--browser", metavar="PROGRAM", help="the browser for the tests of the report, such as chromium")
    group.addoption("--forbid-skips", action="store_true", help="count a skipped test as failed")
    group.addoption(
        "--allow-skip",
        action="append",
        default=[],
        metavar="TEXT",
        help="with --forbid-skips: a skip whose reason ends with TEXT (radosgw:checksums) is all right; repeatable",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    if report.skipped and item.config.getoption("--forbid-skips") and not hasattr(report, "wasxfail"):
        reason = str(call.excinfo.value) if call.excinfo else "no reason"
        if not any(reason.endswith(allowed) for allowed in item.config.getoption("--allow-skip")):
            report.outcome = "failed"
            report.longrepr = f"skipped, which --forbid-skips forbids: {reason}"
    return report


def connect(endpoint: str, access_key: str, secret_key: str, region: str, service: str = "s3") -> Any:
    """A boto3 client for a test: path style, two attempts."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name=region,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 2, "mode": "standard"}),
    )


@pytest.fixture(scope="session")
def _embedded(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    faults = Faults()
    request.config.stash[_FAULTS] = faults
    with EmbeddedServer(wrap=lambda app: faults.wrap(ControlPlane(app))) as server:
        yield server


@pytest.fixture(scope="session")
def _faulty_front(request: pytest.FixtureRequest, _embedded: EmbeddedServer) -> Iterator[str | None]:
    """LocalStack checks no signatures, so what makes faults can stand before it; None for other servers."""
    if request.config.getoption("--server") != "localstack" or ENDPOINT not in os.environ:
        yield None
        return
    behind = proxy_to(os.environ[ENDPOINT])
    with EmbeddedServer(wrap=lambda _: request.config.stash[_FAULTS].wrap(behind)) as front:
        yield front.endpoint_url


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, _embedded: EmbeddedServer, _faulty_front: str | None) -> Server:
    """The server asked for. Where it has no SQS, the embedded one serves the queues."""
    name = request.config.getoption("--server")
    if name == "embedded":
        url = _embedded.endpoint_url
        return Server(name, url, url, "AKIAEMBEDDED", "embedded-secret", "us-east-1", TABLE[name])
    try:
        endpoint, access_key, secret_key = (os.environ[each] for each in (ENDPOINT, ACCESS_KEY, SECRET_KEY))
    except KeyError as missing:
        pytest.exit(f"--server {name}: {missing.args[0]} is not set", returncode=1)
    region = os.environ.get(REGION, "us-east-1")
    try:
        connect(endpoint, access_key, secret_key, region).list_buckets()
    except (BotoCoreError, ClientError, ValueError) as error:
        pytest.exit(f"--server {name}: {endpoint} can't be used: {error}", returncode=1)
    sqs_endpoint = endpoint if TABLE[name].sqs else _embedded.endpoint_url
    if _faulty_front is not None:
        endpoint = sqs_endpoint = _faulty_front
    return Server(name, endpoint, sqs_endpoint, access_key, secret_key, region, TABLE[name])


@pytest.fixture(scope="session")
def s3(server: Server) -> Any:
    client = connect(server.s3_endpoint, server.access_key, server.secret_key, server.region)
    client.meta.events.register("before-parse.s3.ListObjectVersions", _make_legal)
    return client


@pytest.fixture(scope="session")
def sqs(server: Server) -> Any:
    return connect(server.sqs_endpoint, server.access_key, server.secret_key, server.region, "sqs")


@pytest.fixture
def faults(request: pytest.FixtureRequest, server: Server) -> Iterator[Faults]:
    """Faults of the embedded server, none before and none after the test."""
    control = request.config.stash[_FAULTS]
    require(server, "faults")
    control.clear()
    yield control
    control.clear()


@pytest.fixture
def bucket_factory(s3: Any, server: Server) -> Iterator[Callable[..., str]]:
    """`bucket_factory(versioned=False) -> str`: a new bucket, emptied and deleted after the test."""
    made: list[str] = []

    def make(*, versioned: bool = False) -> str:
        name = f"s3sync-test-{uuid4().hex[:16]}"
        s3.create_bucket(Bucket=name)
        made.append(name)
        if versioned:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    yield make
    for name in made:
        if server.name == "embedded":
            forget(name)  # object by object takes minutes where there are many
        drop_bucket(s3, name)


def forget(name: str) -> None:
    """Let the embedded server forget what a bucket holds, at once."""
    with suppress(MissingBucket):
        bucket = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].get_bucket(name)
        bucket.keys.clear()
        bucket.multiparts.clear()


def drop_bucket(s3: Any, name: str) -> None:
    """Delete a bucket with all its uploads and versions; one that is gone already is all right."""
    try:
        s3.head_bucket(Bucket=name)
    except ClientError:
        return
    with suppress(ClientError):
        s3.delete_bucket_policy(Bucket=name)
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=name):
        for upload in page.get("Uploads", []):
            s3.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
    while versions := _some_versions(s3, name):
        _delete(s3, name, versions)
    s3.delete_bucket(Bucket=name)


def _some_versions(s3: Any, bucket: str) -> list[dict[str, Any]]:
    """A first page. Markers are of no use: some servers write them raw, and a control character breaks the XML."""
    page = s3.list_object_versions(Bucket=bucket)
    return [*page.get("Versions", []), *page.get("DeleteMarkers", [])]


def _make_legal(response_dict: dict[str, Any], **_: object) -> None:
    body = response_dict["body"].decode("utf-8", "replace")
    response_dict["body"] = _NOT_XML.sub("?", body).encode()


def _delete(s3: Any, bucket: str, versions: list[dict[str, Any]]) -> None:
    """Those with plain keys in one request; XML has no way to write the others."""
    plain = [each for each in versions if each["Key"].isascii() and each["Key"].isprintable()]
    if plain:
        objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in plain]
        s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
    for each in versions:
        if each not in plain:
            s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])


@pytest.fixture
def server_env(server: Server) -> dict[str, str]:
    """The environment that points s3sync at the server, for every side."""
    env = {}
    for side in SIDES:
        env[f"{side}_ENDPOINT_URL"] = server.sqs_endpoint if side == "QUEUE" else server.s3_endpoint
        env[f"{side}_AWS_ACCESS_KEY_ID"] = server.access_key
        env[f"{side}_AWS_SECRET_ACCESS_KEY"] = server.secret_key
        env[f"{side}_REGION_NAME"] = server.region
        env[f"{side}_ADDRESSING_STYLE"] = "path"
    return env


def pytest_report_header(config: pytest.Config) -> str:
    name = config.getoption("--server")
    at = urlsplit(os.environ.get(ENDPOINT, "")).netloc if name != "embedded" else "in each process"
    return f"server: {name} ({at or 'no endpoint given'})"
