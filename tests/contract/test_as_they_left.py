"""Bodies, headers and tags arrive as they left: by parts and through the worker, whatever stands between.

| what                                                  | then                                                   |
|-------------------------------------------------------|--------------------------------------------------------|
| a server that decodes Content-Encoding unless asked    | the bytes as they are stored                           |
| an answer without Content-Length that ends early      | read again; still: failed, and nothing is on the target |
| header values with tabs, or bytes that are not ASCII  | the same bytes                                          |
| tags over the 2 KiB of `x-amz-tagging`                | put after the object, which is not done before          |
"""

import gzip
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from s3sync.demo.server import EmbeddedServer
from s3sync.demo.wire import App, Environ, StartResponse, call_of
from s3sync.model.outcome import Status
from s3sync.model.task import Method, Overwrite
from tests.contract.copying import TRANSPORTS, Migration, access_to, migration_on
from tests.servers.capabilities import EMBEDDED, require
from tests.servers.faults import Action, Fault, Faults

PART = 5 << 20
BY_HAND = [Method.MULTIPART_COPY, Method.RELAY]
TAGS = {f"key-{n}": "a +:/" * 50 for n in range(10)}


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=BY_HAND, ids=str)
def method(request: pytest.FixtureRequest) -> Method:
    return Method(request.param)


@pytest.fixture
def migration(server: Any, s3: Any, bucket_factory: Any, transport: str) -> Migration:
    made = migration_on(server, s3, bucket_factory(), bucket_factory(), transport)
    made.settings = replace(made.settings, part_size_bytes=PART)
    return made


class Between:
    """A layer that spoils what GetObject answers: decodes it unless it is asked for as it is, or cuts it."""

    def __init__(self, app: App) -> None:
        self._app = app

    def __call__(self, environ: Environ, start_response: StartResponse) -> Any:
        call = call_of(environ)
        if call.operation != "GetObject" or not call.key.startswith(("gzip", "short")):
            return self._app(environ, start_response)
        given: list[Any] = []
        body = b"".join(self._app(environ, lambda *told: given.extend(told)))
        status, headers = given[0], dict(given[1])
        if call.key.startswith("gzip") and environ.get("HTTP_ACCEPT_ENCODING") != "identity":
            headers.pop("Content-Encoding", None)
            body = gzip.decompress(body)
        if call.key.startswith("short"):
            body = body[:400]
        headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
        start_response(status, [*headers.items()])
        return [body]  # the server tells the length of what it sends


@pytest.fixture(scope="module")
def spoiled() -> Iterator[Any]:
    with EmbeddedServer(wrap=Between) as embedded:
        yield SimpleNamespace(
            s3_endpoint=embedded.endpoint_url,
            region="us-east-1",
            access_key="key",
            secret_key="secret",
            capabilities=EMBEDDED,
        )


@pytest.fixture
def behind(spoiled: Any, transport: str) -> Migration:
    access = access_to(spoiled)
    s3 = boto3.client(
        "s3",
        endpoint_url=spoiled.s3_endpoint,
        region_name="us-east-1",
        aws_access_key_id=access.aws_access_key_id,
        aws_secret_access_key="secret",
    )
    for bucket in ("spoiled-source", "spoiled-target"):
        s3.create_bucket(Bucket=bucket)
    return migration_on(spoiled, s3, "spoiled-source", "spoiled-target", transport)


def test_bytes_are_asked_for_as_they_are_stored(behind: Migration, transport: str) -> None:
    body, key = gzip.compress(b"text" * 1000), f"gzip-{transport}"
    behind.put(key, body, ContentEncoding="gzip")
    assert behind.copy_one(behind.task(key, method=Method.RELAY)).status is Status.COPIED
    assert behind.target(key)["ContentEncoding"] == "gzip"
    assert behind.target(key)["ContentLength"] == len(body)


@pytest.mark.parametrize("changes", [{}, {"etag": None}], ids=["", "of unknown ETag"])
def test_a_body_that_ends_early_is_no_object(behind: Migration, transport: str, changes: dict[str, Any]) -> None:
    key = f"short-{transport}-{len(changes)}"
    behind.put(key, b"x" * 1000)
    outcome = behind.copy_one(behind.task(key, method=Method.RELAY, **changes))
    assert (outcome.status, outcome.error_code) == (Status.FAILED, "SizeDiffers")
    listed = behind.s3.list_objects_v2(Bucket="spoiled-target", Prefix="short").get("Contents", [])
    assert listed == []


VALUES = ["caf\u00c3\u00a9 \u00e2\u0082\u00ac", "\u00e9", "=?UTF-8?Q?caf=C3=A9?=", "\u00c3\u00a0", "a  b"]


def raw_headers(migration: Migration, bucket: str) -> dict[str, str]:
    """As the server sends them, Latin-1."""
    found = migration.s3.head_object(Bucket=bucket, Key="a")
    return {**found["Metadata"], "content-disposition": found.get("ContentDisposition", "")}


@pytest.mark.parametrize("value", VALUES)
def test_header_values_arrive_as_they_left(
    server: Any, s3: Any, bucket_factory: Any, method: Method, value: str
) -> None:
    """Bytes above ASCII by libcurl only: boto3 refuses to send them."""
    made = migration_on(server, s3, bucket_factory(), bucket_factory(), "curl")
    put_raw(made, "a", value)
    outcome = made.copy_one(made.task("a", method=method))
    assert outcome.status is Status.COPIED, outcome
    source = raw_headers(made, made.settings.source_bucket)
    assert source["content-disposition"] == value
    assert raw_headers(made, made.settings.target_bucket) == source


def put_raw(migration: Migration, key: str, value: str) -> None:
    """Put an object as a client does that sends bytes, by our own transport."""
    from s3sync.s3.request import Request, Side

    bucket = migration.settings.source_bucket
    params = {"Bucket": bucket, "Key": key, "Body": b"x", "Metadata": {"note": value}, "ContentDisposition": value}
    engine = migration.engine
    (result,) = engine.run([(None, one(Request("PutObject", Side.TARGET, params)))])
    assert result[1].ok, result[1]


def one(request: Any) -> Any:
    (reply,) = yield (request,)
    return reply


def test_tags_over_the_header_are_put_after_the_object(migration: Migration, method: Method) -> None:
    migration.put("a", b"x")
    tag(migration, migration.settings.source_bucket, "a")
    outcome = migration.copy_one(migration.task("a", method=method))
    assert outcome.status is Status.COPIED
    assert migration.tags("a") == TAGS
    assert migration.engine.counts.requests["PutObjectTagging"] == 1


def tag(migration: Migration, bucket: str, key: str) -> None:
    tags = [{"Key": name, "Value": value} for name, value in TAGS.items()]
    migration.s3.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": tags})


@pytest.mark.parametrize("overwrite", list(Overwrite))
def test_c2_an_object_is_not_done_before_its_tags_are(
    migration: Migration, server: Any, faults: Faults, method: Method, overwrite: Overwrite
) -> None:
    require(server, "faults")
    migration.settings = replace(
        migration.settings, overwrite=overwrite, planned_at=datetime.now(UTC) - timedelta(hours=1)
    )
    migration.put("a", b"x")
    tag(migration, migration.settings.source_bucket, "a")
    task = migration.task("a", method=method)
    faults.clear()
    faults.add(Fault(Action.DENIED, operation="PutObjectTagging"))
    outcome = migration.copy_one(task)
    assert (outcome.status, outcome.error_code) == (Status.FAILED, "AccessDenied")
    assert migration.tags("a") == {}
    faults.clear()
    outcome = migration.copy_one(task, look_first=True)
    assert (outcome.status, outcome.reason) == (Status.COPIED, "found_on_target")
    assert migration.tags("a") == TAGS
    assert faults.requests("PutObject") + faults.requests("CompleteMultipartUpload") == 0
    outcome = migration.copy_one(task, look_first=True)
    assert outcome.status in (Status.COPIED, Status.SKIPPED)
    assert faults.requests("PutObjectTagging") == 1
