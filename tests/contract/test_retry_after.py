"""Both transports tell what a server's Retry-After asks for."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from s3sync.demo.server import EmbeddedServer
from s3sync.demo.wire import App, Environ, StartResponse, error_body
from s3sync.s3.request import Reply, Request, Side
from tests.contract.copying import TRANSPORTS, transport_to
from tests.servers import Server


@pytest.fixture
def busy(server: Server) -> Iterator[tuple[Server, dict[str, str]]]:
    """A server that throttles all, and the headers that it answers with, to be filled by the test."""
    headers: dict[str, str] = {}

    def wrap(_: App) -> App:
        def layer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            body = (
                b""
                if environ["REQUEST_METHOD"] == "HEAD"
                else error_body("SlowDown", "Please reduce your request rate.")
            )
            start_response("503 Slow Down", [("Content-Length", str(len(body))), *headers.items()])
            return [body]

        return layer

    with EmbeddedServer(wrap=wrap) as other:
        yield replace(server, s3_endpoint=other.endpoint_url), headers


def ask(server: Server, kind: str, operation: str, **params: Any) -> Reply:
    transport = transport_to(server, kind)
    try:
        transport.submit(Request(operation, Side.TARGET, {"Bucket": "bucket", "Key": "key", **params}))
        (reply,) = transport.wait(20)
        return reply
    finally:
        transport.close()


@pytest.mark.parametrize("kind", TRANSPORTS)
@pytest.mark.parametrize(
    ("operation", "params"), [("HeadObject", {}), ("CopyObject", {"CopySource": {"Bucket": "bucket", "Key": "source"}})]
)
def test_retry_after_is_told(
    busy: tuple[Server, dict[str, str]], kind: str, operation: str, params: dict[str, Any]
) -> None:
    server, headers = busy
    assert ask(server, kind, operation, **params).retry_after_seconds == 0
    headers["Retry-After"] = "17"
    reply = ask(server, kind, operation, **params)
    assert (reply.status, reply.retry_after_seconds) == (503, 17)
