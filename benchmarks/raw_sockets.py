"""The limit: what any client in Python must pay. Sockets and an epoll loop; no retries, no parsing but for the length
of the answer and the ETag in it.

    python -m benchmarks.raw_sockets once ENDPOINT_URL IN_FLIGHT KEYS_FILE     one signature for all requests
    python -m benchmarks.raw_sockets each ENDPOINT_URL IN_FLIGHT KEYS_FILE     each request signed
"""

import select
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.own_report import WorkClock
from benchmarks.s3_server import ACCESS_KEY, REGION, SECRET_KEY, SOURCE_BUCKET, TARGET_BUCKET, certificate
from s3sync.s3.wire.sigv4 import Signer

READ_BYTES = 65536
WARM_UP = 200
CRLF = "\r\n"
Write = Callable[[str], bytes]  # a key to the request that copies it


def signed_once(host: str) -> Write:
    """The size of a signed request, without the work of signing: only key and source differ."""
    headers = (
        f"host: {host}\r\ncontent-length: 0\r\nx-amz-content-sha256: {'0' * 64}\r\nx-amz-date: 20260101T000000Z\r\n"
        f"authorization: AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/{REGION}/s3/aws4_request, "
        f"SignedHeaders=host;x-amz-content-sha256;x-amz-copy-source;x-amz-date, Signature={'0' * 64}\r\n\r\n"
    ).encode()

    def write(key: str) -> bytes:
        start = f"PUT /{TARGET_BUCKET}/{key} HTTP/1.1\r\nx-amz-copy-source: /{SOURCE_BUCKET}/{key}\r\n"
        return start.encode() + headers

    return write


@dataclass(frozen=True, slots=True)
class _Credentials:
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY
    token: str | None = None


def signed_each(host: str) -> Write:
    """Signed with s3sync's own signer; the keys need no encoding."""
    signer = Signer(_Credentials, REGION)

    def write(key: str) -> bytes:
        path = f"/{TARGET_BUCKET}/{key}"
        headers = signer.sign("PUT", path, "", [("host", host), ("x-amz-copy-source", f"/{SOURCE_BUCKET}/{key}")])
        return f"PUT {path} HTTP/1.1\r\n{CRLF.join(headers)}\r\ncontent-length: 0\r\n\r\n".encode()

    return write


SIGNED = {"once": signed_once, "each": signed_each}


class Line:
    """One connection: a request out, its answer in, the next request."""

    __slots__ = ("_answer", "_socket", "_write")

    def __init__(self, endpoint_url: str, write: Write) -> None:
        parts = urlsplit(endpoint_url)
        host, port = parts.hostname or "", parts.port or 0
        self._socket = socket.create_connection((host, port))
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=str(certificate()))
            self._socket = context.wrap_socket(self._socket, server_hostname=host)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._write = write
        self._answer = b""

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, key: str) -> None:
        self._socket.send(self._write(key))

    def receive(self) -> bool:
        """Read what there is; True when the answer is whole. Raises RuntimeError where it is no success."""
        try:
            self._answer += self._socket.recv(READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found:
            return False
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return False
        if not head.startswith(b"HTTP/1.1 200") or b"<ETag>" not in body:
            raise RuntimeError(head.decode())
        self._answer = b""
        return True


def copy_all(lines: dict[int, Line], poll: "select.epoll", keys: Iterator[str]) -> None:
    busy = 0
    for line, key in zip(lines.values(), keys, strict=False):
        line.send(key)
        busy += 1
    while busy:
        for number, _ in poll.poll():
            line = lines[number]
            if line.receive():
                following = next(keys, None)
                if following is None:
                    busy -= 1
                else:
                    line.send(following)


def main(signed: str, endpoint_url: str, in_flight: int, keys_file: str) -> None:
    write = SIGNED[signed](urlsplit(endpoint_url).netloc)
    keys = Path(keys_file).read_text().splitlines()
    lines = {line.fileno(): line for line in (Line(endpoint_url, write) for _ in range(in_flight))}
    poll = select.epoll()
    for number in lines:
        poll.register(number, select.EPOLLIN)
    copy_all(lines, poll, iter(keys[:WARM_UP]))
    clock = WorkClock()
    copy_all(lines, poll, iter(keys[WARM_UP:]))
    clock.report(len(keys) - WARM_UP)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
