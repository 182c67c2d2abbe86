"""A work location on a server that lacks what runs rely on is refused at the first word, before anything is begun."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from s3sync.aws.clients import client
from s3sync.errors import ConfigError
from s3sync.runs.store import S3Store
from tests.contract.copying import access_to
from tests.servers import Server

REFUSAL = b"<Error><Code>NotImplemented</Code><Message>A header you provided implies this.</Message></Error>"


class _Raw:
    def __init__(self, body: bytes) -> None:
        self._body = [body]

    def stream(self, **_: Any) -> list[bytes]:
        return self._body


@pytest.fixture
def s3(server: Server) -> Any:
    """A client to a server that refuses If-None-Match, as some do."""
    made = client("s3", access_to(server), connections=3)

    def refuse(request: Any, **_: Any) -> AWSResponse | None:
        if "If-None-Match" not in request.headers:
            return None
        return AWSResponse(request.url, 501, {"content-type": "application/xml"}, _Raw(REFUSAL))

    made.meta.events.register("before-send.s3.PutObject", refuse, unique_id="refuse-conditions")
    yield made
    made.meta.events.unregister("before-send.s3.PutObject", unique_id="refuse-conditions")


def test_a_server_without_conditions_is_no_work_location(s3: Any, bucket_factory: Callable[..., str]) -> None:
    store = S3Store(s3, bucket_factory(), "work")
    store.put("a", b"1")
    assert store.get("a") == b"1"
    with pytest.raises(ConfigError) as caught:
        store.put_new("b", b"1")
    assert str(caught.value).startswith(f"--work-uri: {store.uri}: its server does not know If-None-Match (501")
    assert "\n" not in str(caught.value)
    assert store.get("b") is None
