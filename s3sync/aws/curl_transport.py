"""The transport over libcurl's multi interface: many requests in flight from one thread.

Handles are kept, and their connections with them. Everything is made in the process that uses it: Spark forks its
workers, and a connection does not survive that.
"""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import pycurl

from s3sync import __version__
from s3sync.aws.endpoints import Endpoint, Endpoints
from s3sync.aws.messages import one_line
from s3sync.aws.pumps import pump_for
from s3sync.aws.sigv4 import EMPTY_SHA256, UNSIGNED, Signer
from s3sync.aws.transport import Reply, Request, Side
from s3sync.aws.wire import MalformedRequest, Wire, reply_of, wire_of
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

    __slots__ = ("began", "body", "handle", "headers", "request", "shape")

    def __init__(self) -> None:
        self.handle = pycurl.Curl()
        self.handle.exchange = self
        self.headers: list[bytes] = []
        self.body: list[bytes] = []
        self.shape: _Shape | None = None
        self.request: Request
        self.began = 0.0

    def take(self, shape: _Shape) -> None:
        if shape != self.shape:
            self._set_up(shape)
            self.shape = shape

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
            handle.setopt(pycurl.READFUNCTION, BytesIO(wire.body).read)
            handle.setopt(pycurl.INFILESIZE_LARGE, len(wire.body))
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
        if self._made >= self._capacity:
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
        if error_number:
            code = _OWN_CODES.get(error_number, "ConnectionError")
            reply = Reply(request, 0, code, one_line(error_text), seconds=seconds)
        else:
            status = handle.getinfo(pycurl.RESPONSE_CODE)
            reply = reply_of(request, status, b"".join(exchange.headers), b"".join(exchange.body), seconds)
        exchange.headers.clear()
        exchange.body.clear()
        assert exchange.shape is not None  # noqa: S101  (set when it was taken)
        self._idle.setdefault(exchange.shape, deque()).append(exchange)
        return reply

    def close(self) -> None:
        self._pump.close()
        self._idle.clear()
