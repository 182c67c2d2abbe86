"""What libcurl really sends: proxies, virtual hosts, tokens, and credentials that change while it runs."""

import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import ClientError, CredentialRetrievalError

from s3sync.aws import clients
from s3sync.aws.curl_transport import CurlTransport
from s3sync.aws.held_credentials import hold_credentials
from s3sync.aws.transport import Request, Side
from s3sync.config.model import Access, Secret

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


def to(url, style="path", token=None):
    access = Access(
        region_name="us-east-1",
        aws_access_key_id="AKIAONE",
        aws_secret_access_key=Secret("secret"),
        aws_session_token=Secret(token) if token else None,
        endpoint_url=url,
        addressing_style=style,
    )
    return CurlTransport(access, access, capacity=4)


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
