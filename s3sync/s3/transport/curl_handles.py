"""libcurl's handles: what one is set up for, what goes through it, and those of a kind that are free."""

import os
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

import pycurl

from s3sync import __version__
from s3sync.s3.request import Request
from s3sync.s3.wire.endpoints import Endpoint

CONNECT_TIMEOUT_SECONDS = 10
_AGENT = f"s3sync/{__version__}"


@dataclass(frozen=True, slots=True)
class Shape:
    """What a handle is set up for once; requests of one shape differ in address, headers and body only."""

    endpoint: Endpoint
    method: str
    has_body: bool
    silence_seconds: int
    longest_body_bytes: int = 0  # any


class CurlLane:
    """The handles of one shape that are free."""

    __slots__ = ("idle", "shape")

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.idle: list[Exchange] = []


class Exchange:
    """A handle and what goes through it, once for each `begin`.

    Where a kept connection turns out to be dead, libcurl sends the request again by itself on a new one, uncounted; and
    a server that had carried it out before it went away is asked twice. No option switches that off, so whatever would
    leave a second time ends the transfer (`is_resend`), and the engine decides.
    """

    __slots__ = ("began", "body", "handle", "headers", "is_resend", "is_sent", "lane", "request", "stream", "whole")

    def __init__(self) -> None:
        self.handle = pycurl.Curl()
        self.handle.exchange = self
        self.headers: list[bytes] = []
        self.body: list[bytes] = []
        self.whole: BytesIO | None = None
        self.stream: BinaryIO | None = None
        self.lane: CurlLane
        self.request: Request
        self.began = 0.0
        self.is_sent = self.is_resend = False

    def begin(self, request: Request) -> None:
        self.request = request
        self.is_sent = self.is_resend = False

    def move_to(self, lane: CurlLane) -> None:
        self._set_up(lane.shape)
        self.lane = lane

    def take_body(self) -> None:
        self.whole = BytesIO()
        self.handle.setopt(pycurl.WRITEFUNCTION, self.whole.write)

    def give_body(self, body: bytes | BinaryIO) -> None:
        self.stream, size_bytes = _stream(body)
        self.handle.setopt(pycurl.INFILESIZE_LARGE, size_bytes)

    def end(self) -> tuple[bytes, bytes]:
        """Headers and body of the answer. An idle handle must keep nothing of what it sent and got."""
        headers, body = b"".join(self.headers), b"".join(self.body)
        self.headers.clear()
        self.body.clear()
        if self.whole is not None:
            body, self.whole = self.whole.getvalue(), None
            self.handle.setopt(pycurl.WRITEFUNCTION, self.body.append)
        self.stream = None
        del self.request
        return headers, body

    def _read(self, most: int) -> bytes:
        return b"" if self.stream is None else self.stream.read(most)

    def _before_sending(self, *_connection: object) -> int:
        if self.is_sent:
            self.is_resend = True
            return int(pycurl.PREREQFUNC_ABORT)
        self.is_sent = True
        return int(pycurl.PREREQFUNC_OK)

    def _set_up(self, shape: Shape) -> None:
        handle = self.handle
        handle.reset()
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.PATH_AS_IS, 1)  # keys may hold `..`
        handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        handle.setopt(pycurl.TCP_KEEPALIVE, 1)
        handle.setopt(pycurl.CONNECTTIMEOUT, CONNECT_TIMEOUT_SECONDS)
        handle.setopt(pycurl.LOW_SPEED_LIMIT, 1)
        handle.setopt(pycurl.LOW_SPEED_TIME, shape.silence_seconds)
        # Some servers decode what is stored with a Content-Encoding unless it is asked for as it is; and what comes is
        # passed on as it came.
        handle.setopt(pycurl.ACCEPT_ENCODING, "identity")
        handle.setopt(pycurl.HTTP_CONTENT_DECODING, 0)
        handle.setopt(pycurl.USERAGENT, _AGENT)
        handle.setopt(pycurl.CAINFO, shape.endpoint.ca_bundle)
        handle.setopt(pycurl.PROXY, shape.endpoint.proxy)
        handle.setopt(pycurl.PREREQFUNCTION, self._before_sending)
        handle.setopt(pycurl.MAXFILESIZE_LARGE, shape.longest_body_bytes)
        handle.setopt(pycurl.HEADERFUNCTION, self.headers.append)
        handle.setopt(pycurl.WRITEFUNCTION, self.body.append)
        if shape.method == "HEAD":
            handle.setopt(pycurl.NOBODY, 1)
        elif shape.has_body:
            handle.setopt(pycurl.UPLOAD, 1)
            handle.setopt(pycurl.READFUNCTION, self._read)
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
