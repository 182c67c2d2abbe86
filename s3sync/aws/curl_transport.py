"""The transport over libcurl's multi interface: many requests in flight from one thread.

Handles are kept, and their connections with them. Everything is made in the process that uses it: Spark forks its
workers, and a connection does not survive that.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

import pycurl

from s3sync import __version__
from s3sync.aws.endpoints import Endpoint, Endpoints
from s3sync.aws.http_text import MalformedRequest, Wire
from s3sync.aws.messages import one_line
from s3sync.aws.pumps import pump_for
from s3sync.aws.sigv4 import EMPTY_SHA256, UNSIGNED, Signer
from s3sync.aws.transport import Reply, Request, Side
from s3sync.aws.wire import reply_of, wire_of
from s3sync.config.model import Access
from s3sync.errors import S3SyncError

CONNECT_TIMEOUT_SECONDS = 10
# No timeout cuts a request that is merely large (C9): what is watched is silence, and S3 is silent while it copies.
SILENCE_SECONDS = 60
COPY_SILENCE_SECONDS = 900
_COPIES = frozenset({"CopyObject", "UploadPartCopy", "CompleteMultipartUpload"})
# libcurl sends a request again by itself where a kept connection turns out to be dead. That is as good as one request,
# but not for one that would open a second upload.
_ONCE = frozenset({"CreateMultipartUpload"})
# A handle that is set up for another shape costs as much as a small request: so a relay, which reads as often as it
# writes, has handles for both.
HANDLES_A_REQUEST = 2
# A body is put together as it comes: a list of pieces that is joined in the end needs its memory twice.
_BODIES = frozenset({"GetObject"})
_AGENT = f"s3sync/{__version__}"

_OWN_CODES = {pycurl.E_OPERATION_TIMEDOUT: "Timeout", pycurl.E_PARTIAL_FILE: "Truncated"}


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a handle is set up for once; requests of one shape differ in address, headers and body only."""

    endpoint: Endpoint
    method: str
    has_body: bool
    silence_seconds: int


class _Exchange:
    """A handle and what goes through it."""

    __slots__ = ("began", "body", "handle", "headers", "request", "shape", "whole")

    def __init__(self) -> None:
        self.handle = pycurl.Curl()
        self.handle.exchange = self
        self.headers: list[bytes] = []
        self.body: list[bytes] = []
        self.whole: BytesIO | None = None
        self.shape: _Shape | None = None
        self.request: Request
        self.began = 0.0

    def take(self, shape: _Shape) -> None:
        if shape != self.shape:
            self._set_up(shape)
            self.shape = shape

    def take_body(self) -> None:
        self.whole = BytesIO()
        self.handle.setopt(pycurl.WRITEFUNCTION, self.whole.write)

    def end(self) -> tuple[bytes, bytes]:
        """Headers and body of the answer. An idle handle must keep nothing of what it sent and got."""
        headers, body = b"".join(self.headers), b"".join(self.body)
        self.headers.clear()
        self.body.clear()
        if self.whole is not None:
            body, self.whole = self.whole.getvalue(), None
            self.handle.setopt(pycurl.WRITEFUNCTION, self.body.append)
        if self.shape is not None and self.shape.has_body:
            self.handle.setopt(pycurl.READFUNCTION, _nothing)
            self.handle.setopt(pycurl.SEEKFUNCTION, _nowhere)
        del self.request
        return headers, body

    def _set_up(self, shape: _Shape) -> None:
        handle = self.handle
        handle.reset()
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.PATH_AS_IS, 1)  # keys may hold `..`
        handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        handle.setopt(pycurl.TCP_KEEPALIVE, 1)
        handle.setopt(pycurl.CONNECTTIMEOUT, CONNECT_TIMEOUT_SECONDS)
        handle.setopt(pycurl.LOW_SPEED_LIMIT, 1)
        handle.setopt(pycurl.LOW_SPEED_TIME, shape.silence_seconds)
        handle.setopt(pycurl.USERAGENT, _AGENT)
        handle.setopt(pycurl.CAINFO, shape.endpoint.ca_bundle)
        handle.setopt(pycurl.PROXY, shape.endpoint.proxy)
        handle.setopt(pycurl.HEADERFUNCTION, self.headers.append)
        handle.setopt(pycurl.WRITEFUNCTION, self.body.append)
        if shape.method == "HEAD":
            handle.setopt(pycurl.NOBODY, 1)
        elif shape.has_body:
            handle.setopt(pycurl.UPLOAD, 1)
            handle.setopt(pycurl.CUSTOMREQUEST, shape.method)
        elif shape.method != "GET":
            handle.setopt(pycurl.CUSTOMREQUEST, shape.method)


def _stream(body: bytes | BinaryIO) -> tuple[BinaryIO, int]:
    """The body from its beginning, and how long it is."""
    if isinstance(body, bytes):
        return BytesIO(body), len(body)
    size_bytes = body.seek(0, os.SEEK_END)
    body.seek(0)
    return body, size_bytes


def _nothing(_most: int) -> bytes:
    return b""


def _nowhere(_offset: int, _whence: int) -> int:
    return int(pycurl.SEEKFUNC_FAIL)


def _rewinder(stream: BinaryIO) -> Callable[[int, int], int]:
    """For libcurl, which begins anew where a kept connection turns out to be dead."""

    def seek(offset: int, whence: int) -> int:
        stream.seek(offset, whence)
        return int(pycurl.SEEKFUNC_OK)

    return seek


class CurlTransport:
    """`capacity` requests in flight to both sides together. `silences` are the seconds without a byte after which a
    request is given up: of copies, and of all others."""

    def __init__(
        self,
        source: Access,
        target: Access,
        capacity: int,
        silences: tuple[int, int] = (COPY_SILENCE_SECONDS, SILENCE_SECONDS),
    ) -> None:
        self._copy_silence_seconds, self._silence_seconds = silences
        self._capacity = capacity
        self._endpoints = {Side.SOURCE: Endpoints(source), Side.TARGET: Endpoints(target)}
        self._signers: dict[tuple[Side, str], Signer] = {}
        self._pump = pump_for(capacity)
        self._idle: dict[_Shape, deque[_Exchange]] = {}
        self._made = 0
        self._refused: list[Reply] = []

    @property
    def capacity(self) -> int:
        return self._capacity

    def submit(self, request: Request) -> None:
        try:
            wire = wire_of(request)
            endpoint = self._endpoints[request.side].of(request.params["Bucket"])
        except MalformedRequest as error:
            self._refused.append(Reply(request, 0, "InvalidParameters", one_line(str(error))))
            return
        except S3SyncError as error:
            self._refused.append(Reply(request, 0, "ConnectionError", one_line(str(error))))
            return
        silence_seconds = self._copy_silence_seconds if request.operation in _COPIES else self._silence_seconds
        exchange = self._exchange(_Shape(endpoint, wire.method, wire.body is not None, silence_seconds))
        exchange.request = request
        if request.operation in _BODIES:
            exchange.take_body()
        exchange.handle.setopt(pycurl.FRESH_CONNECT, request.operation in _ONCE)
        self._address(exchange.handle, request.side, endpoint, wire)
        exchange.began = time.monotonic()
        self._pump.add(exchange.handle)

    def _address(self, handle: pycurl.Curl, side: Side, endpoint: Endpoint, wire: Wire) -> None:
        path = endpoint.path + wire.path
        headers = [("host", endpoint.host), *wire.headers]
        payload = EMPTY_SHA256
        if wire.body:
            payload = UNSIGNED
        signed = self._signer(side, endpoint).sign(wire.method, path, wire.query, headers, payload)
        if wire.body is not None:
            stream, size_bytes = _stream(wire.body)
            handle.setopt(pycurl.READFUNCTION, stream.read)
            handle.setopt(pycurl.SEEKFUNCTION, _rewinder(stream))
            handle.setopt(pycurl.INFILESIZE_LARGE, size_bytes)
            signed.append("Expect:")
        elif wire.method not in ("GET", "HEAD"):
            signed.append("Content-Length: 0")
        handle.setopt(pycurl.URL, f"{endpoint.origin}{path}?{wire.query}" if wire.query else endpoint.origin + path)
        handle.setopt(pycurl.HTTPHEADER, signed)

    def _signer(self, side: Side, endpoint: Endpoint) -> Signer:
        key = (side, endpoint.region)
        if key not in self._signers:
            self._signers[key] = Signer(self._endpoints[side].credentials, endpoint.region)
        return self._signers[key]

    def _exchange(self, shape: _Shape) -> _Exchange:
        idle = self._idle.get(shape)
        if idle:
            return idle.pop()
        exchange = None
        if self._made >= HANDLES_A_REQUEST * self._capacity:
            exchange = next((others.pop() for others in self._idle.values() if others), None)
        if exchange is None:
            exchange = _Exchange()
            self._made += 1
        exchange.take(shape)
        return exchange

    def wait(self, timeout_seconds: float) -> Sequence[Reply]:
        if self._refused:
            refused, self._refused = self._refused, []
            return refused
        return [self._reply(*each) for each in self._pump.pump(timeout_seconds)]

    def _reply(self, handle: pycurl.Curl, error_number: int, error_text: str) -> Reply:
        exchange: _Exchange = handle.exchange
        request = exchange.request
        seconds = time.monotonic() - exchange.began
        headers, body = exchange.end()
        assert exchange.shape is not None  # noqa: S101  (set when it was taken)
        self._idle.setdefault(exchange.shape, deque()).append(exchange)
        if error_number:
            code = _OWN_CODES.get(error_number, "ConnectionError")
            return Reply(request, 0, code, one_line(error_text), seconds=seconds)
        return reply_of(request, handle.getinfo(pycurl.RESPONSE_CODE), headers, body, seconds)

    def close(self) -> None:
        self._pump.close()
        self._idle.clear()
