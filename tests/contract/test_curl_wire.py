"""What libcurl really sends: proxies, virtual hosts, tokens, and credentials that change while it runs."""

import socket
import socketserver
import struct
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import ClientError, CredentialRetrievalError

from s3sync.aws import clients
from s3sync.aws.credentials import hold_credentials
from s3sync.config.model import Access, Secret
from s3sync.s3.engine.engine import Engine
from s3sync.s3.engine.retry_policy import RetryPolicy
from s3sync.s3.request import Request, Side
from s3sync.s3.transport.curl import CurlTransport

COPIED = b"<CopyObjectResult><ETag>&quot;0123456789abcdef0123456789abcdef&quot;</ETag></CopyObjectResult>"


class Recorder(ThreadingHTTPServer):
    """Answers every PUT as a copy that was made, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Recording)
        self.seen = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Recording(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def note(self):
        self.server.seen.append((self.command, self.path, {n.lower(): value for n, value in self.headers.items()}))

    def do_PUT(self):
        self.note()
        self.send_response(200)
        self.send_header("Content-Length", str(len(COPIED)))
        self.end_headers()
        self.wfile.write(COPIED)

    def do_GET(self):
        """A body in chunks, and behind it what would be wrong if it were a header."""
        self.send_response(200)
        self.send_header("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")
        self.send_header("ETag", '"of the header"')
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Trailer", "ETag")
        self.end_headers()
        self.wfile.write(b'4\r\nbody\r\n0\r\nETag: "of the trailer"\r\n\r\n')

    def do_CONNECT(self):
        self.note()
        self.send_error(403)

    def log_message(self, *_):
        pass


@pytest.fixture
def recorder(monkeypatch):
    monkeypatch.setattr(clients, "_sessions", {})
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    made = Recorder()
    yield made
    made.shutdown()
    made.server_close()


def to(url, style="path", token=None, capacity=4):
    access = Access(
        region_name="us-east-1",
        aws_access_key_id="AKIAONE",
        aws_secret_access_key=Secret("secret"),
        aws_session_token=Secret(token) if token else None,
        endpoint_url=url,
        addressing_style=style,
    )
    return CurlTransport(access, access, capacity)


def copy(transport, key="a/b"):
    params = {"Bucket": "into", "Key": key, "CopySource": {"Bucket": "from", "Key": key}}
    transport.submit(Request("CopyObject", Side.TARGET, params))
    (reply,) = transport.wait(20)
    return reply


def test_a_session_token_is_sent_and_signed(recorder):
    assert copy(to(f"http://127.0.0.1:{recorder.server_port}", token="the/token")).ok
    ((_, path, headers),) = recorder.seen
    assert path == "/into/a/b"
    assert headers["x-amz-security-token"] == "the/token"
    assert "x-amz-security-token" in headers["authorization"].partition("SignedHeaders=")[2]


def test_a_trailer_is_no_header(recorder):
    """And the connection is good for the next request."""
    transport = to(f"http://127.0.0.1:{recorder.server_port}")
    for _ in range(2):
        transport.submit(Request("GetObject", Side.SOURCE, {"Bucket": "into", "Key": "a/b"}))
        (reply,) = transport.wait(20)
        assert (reply.code, reply.values["ETag"], reply.values["Body"]) == (None, '"of the header"', b"body")


class Dropping(socketserver.ThreadingTCPServer):
    """Answers the first request of each connection and drops the connection at the second, without a word."""

    daemon_threads = allow_reuse_address = True

    def __init__(self, *, is_reset):
        super().__init__(("127.0.0.1", 0), Dropped)
        self.is_reset = is_reset
        self.seen = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Dropped(socketserver.StreamRequestHandler):
    def handle(self):
        self.take()
        lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(ANSWER)}", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"]
        body = b"" if self.server.seen[-1] == "HEAD" else ANSWER
        self.wfile.write("\r\n".join([*lines, "", ""]).encode() + body)
        if self.take() and self.server.is_reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def take(self):
        """Read one request to its end; False where none came."""
        length, line = 0, self.rfile.readline()
        if not line:
            return False
        self.server.seen.append(line.split()[0].decode())
        while (header := self.rfile.readline()) not in (b"\r\n", b""):
            name, _, value = header.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        self.rfile.read(length)
        return True


ANSWER = b"<Answer><ETag>&quot;0123456789abcdef0123456789abcdef&quot;</ETag><UploadId>u</UploadId></Answer>"
RESENT = {
    "CopyObject": {"CopySource": {"Bucket": "from", "Key": "k"}},
    "PutObject": {"Body": b"x" * 100_000},
    "HeadObject": {},
    "CreateMultipartUpload": {},
}


@pytest.mark.parametrize("is_reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("operation", RESENT)
@pytest.mark.parametrize("capacity", [4, 300])
def test_c6_what_is_sent_again_is_known_and_counted(recorder, operation, is_reset, capacity):
    """libcurl would send a request again by itself where the server drops a kept connection: the server had it twice,
    and nobody knew. What the engine counts is what the server saw, and the reply tells that it was sent again."""
    server = Dropping(is_reset=is_reset)
    transport = to(f"http://127.0.0.1:{server.server_address[1]}", capacity=capacity)
    engine = Engine(transport, RetryPolicy(base_seconds=0.01))

    def twice():
        params = {"Bucket": "into", "Key": "k", **RESENT[operation]}
        (first,) = yield [Request(operation, Side.TARGET, params)]
        (second,) = yield [Request(operation, Side.TARGET, params)]
        return first, second

    try:
        ((_, (first, second)),) = engine.run([(1, twice())])
    finally:
        server.shutdown()
        server.server_close()
    assert (first.ok, first.attempts) == (True, 1)
    assert second.attempts == 2
    assert engine.counts.requests.total() == len(server.seen) == 3
    assert engine.counts.retries == 1


def test_virtual_hosted_style(recorder):
    """`*.localhost` is this machine for libcurl, whatever the resolver says."""
    assert copy(to(f"http://localhost:{recorder.server_port}", "virtual")).ok
    ((_, path, headers),) = recorder.seen
    assert (path, headers["host"]) == ("/a/b", f"into.localhost:{recorder.server_port}")


def test_a_proxy_gets_the_whole_address_and_dots_stay(recorder, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{recorder.server_port}")
    assert copy(to("http://store.test"), "a/../b//c").ok
    ((_, path, headers),) = recorder.seen
    assert (path, headers["host"]) == ("http://store.test/into/a/../b//c", "store.test")


def test_through_a_proxy_tls_is_a_tunnel(recorder, monkeypatch):
    """One that refuses ends in a failure that is tried again, and hears no header of the request."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{recorder.server_port}")
    reply = copy(to("https://store.test"))
    assert (reply.status, reply.code) == (0, "ConnectionError")
    ((command, path, headers),) = recorder.seen
    assert (command, path) == ("CONNECT", "store.test:443")
    assert "authorization" not in headers


def test_no_proxy_for_those_who_want_none(recorder, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert copy(to(f"http://127.0.0.1:{recorder.server_port}")).ok


def refreshing(transport, refresh):
    """Let botocore's own refreshable credentials stand behind the transport; they are due at once."""
    due = datetime.now(UTC) + timedelta(seconds=1)
    held = RefreshableCredentials("AKIAONE", "secret", "token", due, refresh, "test")
    for each in transport._endpoints.values():
        hold_credentials(each._session, held)


def of(recorder):
    return [headers["authorization"].partition("Credential=")[2].partition("/")[0] for *_, headers in recorder.seen]


def test_credentials_that_botocore_refreshes_come_into_use_in_the_middle_of_a_run(recorder):
    transport, now = to(f"http://127.0.0.1:{recorder.server_port}"), ["AKIAOLD"]

    def refresh():
        until = datetime.now(UTC) + timedelta(seconds=5)  # so close that botocore refreshes at each look
        return {"access_key": now[0], "secret_key": "s", "token": now[0], "expiry_time": until.isoformat()}

    refreshing(transport, refresh)
    assert copy(transport).ok
    now[0] = "AKIANEW"
    time.sleep(1.1)
    assert copy(transport).ok
    assert of(recorder) == ["AKIAOLD", "AKIANEW"]
    assert [headers["x-amz-security-token"] for *_, headers in recorder.seen] == ["AKIAOLD", "AKIANEW"]


@pytest.mark.parametrize(
    "error",
    [
        CredentialRetrievalError(provider="test", error_msg="not now"),
        RuntimeError("Credentials were refreshed, but the refreshed credentials are still expired."),
        ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "AssumeRole"),
    ],
)
def test_credentials_that_cannot_be_refreshed_fail_the_request_and_nothing_else(recorder, error):
    transport, trouble = to(f"http://127.0.0.1:{recorder.server_port}"), [error]

    def refresh():
        if trouble:
            raise trouble.pop()
        until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        return {"access_key": "AKIALATER", "secret_key": "s", "token": "t", "expiry_time": until}

    refreshing(transport, refresh)
    reply = copy(transport)
    assert (reply.status, reply.code) == (0, "CredentialRetrievalError")
    assert copy(transport).ok
    assert of(recorder) == ["AKIALATER"]
