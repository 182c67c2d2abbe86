"""The transport over libcurl's multi interface: many requests in flight from one thread.

Handles are kept, and their connections with them. Everything is made in the process that uses it: Spark forks its
workers, and a connection does not survive that.
"""

import time
from collections.abc import Sequence

import pycurl
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from s3sync.config.model import Access
from s3sync.errors import S3SyncError
from s3sync.model.keys import one_line
from s3sync.model.limits import KIB
from s3sync.s3.request import LONGEST_ANSWERS, Reply, Request, Side
from s3sync.s3.transport.curl_handles import CurlLane, Exchange, Shape
from s3sync.s3.transport.curl_loop import pump_for
from s3sync.s3.wire.codec import reply_of, wire_of
from s3sync.s3.wire.endpoints import Endpoint, Endpoints
from s3sync.s3.wire.http import MalformedRequest, sendable, signable
from s3sync.s3.wire.sigv4 import EMPTY_SHA256, UNSIGNED, Signer
from s3sync.s3.wire.templates import QUICK, QuickForm

# No timeout cuts a request that is merely large (C9): what is watched is silence, and S3 is silent while it copies.
SILENCE_SECONDS = 60
COPY_SILENCE_SECONDS = 900
_COPIES = frozenset({"CopyObject", "UploadPartCopy", "CompleteMultipartUpload"})
# A handle that is set up for another shape costs as much as a small request: so a relay, which reads as often as it
# writes, has handles for both.
HANDLES_A_REQUEST = 2
# A large body is put together as it comes: a list of pieces that is joined in the end needs its memory twice.
_BODIES = frozenset({"GetObject"})
SMALL_BODY_BYTES = 16 * KIB

LOST = "the connection was closed before an answer came"
_OWN_CODES = {
    pycurl.E_OPERATION_TIMEDOUT: "Timeout",
    pycurl.E_PARTIAL_FILE: "Truncated",
    pycurl.E_FILESIZE_EXCEEDED: "BodyTooLarge",
}


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
        self._lanes: dict[Shape, CurlLane] = {}
        self._lane_of: dict[tuple[Side, str, str, bool], CurlLane] = {}
        self._quick: dict[tuple[str, ...], tuple[QuickForm, CurlLane] | None] = {}
        self._made = 0
        self._refused: list[Reply] = []

    @property
    def capacity(self) -> int:
        return self._capacity

    def submit(self, request: Request) -> None:
        try:
            if request.operation not in QUICK or not self._submit_quick(request):
                self._submit_any(request)
        except MalformedRequest as error:
            self._refuse(request, "InvalidParameters", error)
        except S3SyncError as error:
            self._refuse(request, "ConnectionError", error)
        except (NoCredentialsError, PartialCredentialsError) as error:
            self._refuse(request, "NoCredentials", error)
        except (BotoCoreError, ClientError) as error:  # credentials that were due could not be had
            self._refuse(request, "CredentialRetrievalError", error)

    def _refuse(self, request: Request, code: str, error: Exception) -> None:
        self._refused.append(Reply(request, 0, code, one_line(str(error))))

    def _submit_quick(self, request: Request) -> bool:
        """True where the quick way was open; see `quick_form`."""
        params, operation = request.params, request.operation
        kind = (request.side, operation, params["Bucket"], *params)
        if kind not in self._quick:
            self._quick[kind] = self._quick_form(request)
        quick = self._quick[kind]
        filled = quick[0].fill(params) if quick is not None else None
        if quick is None or filled is None:
            return False
        exchange = self._exchange(quick[1])
        exchange.begin(request)
        if quick[0].has_body:
            exchange.give_body(params["Body"])
        elif _is_large_body(request):
            exchange.take_body()
        self._send(exchange, quick[0].endpoint.origin + filled[0], filled[1])
        return True

    def _quick_form(self, request: Request) -> tuple[QuickForm, CurlLane] | None:
        endpoint = self._endpoints[request.side].of(request.params["Bucket"])
        signer = self._signer(request.side, endpoint)
        form = QuickForm.of(request.operation, list(request.params), endpoint, signer)
        return (form, self._lane(request, form.method, has_body=form.has_body)) if form is not None else None

    def _submit_any(self, request: Request) -> None:
        wire = wire_of(request)
        lane = self._lane(request, wire.method, has_body=wire.body is not None)
        endpoint = lane.shape.endpoint
        path = endpoint.path + wire.path
        headers, unsigned = signable([("host", endpoint.host), *wire.headers])
        signer = self._signer(request.side, endpoint)
        signed = signer.sign(wire.method, path, wire.query, headers, UNSIGNED if wire.body else EMPTY_SHA256)
        lines = [*map(sendable, signed), *(sendable(f"{name}: {value}") for name, value in unsigned)]
        exchange = self._exchange(lane)
        exchange.begin(request)
        if _is_large_body(request):
            exchange.take_body()
        if wire.body is not None:
            exchange.give_body(wire.body)
            lines.append("Expect:")
        elif wire.method not in ("GET", "HEAD"):
            lines.append("Content-Length: 0")
        url = f"{endpoint.origin}{path}?{wire.query}" if wire.query else endpoint.origin + path
        self._send(exchange, url, lines)

    def _send(self, exchange: Exchange, url: str, lines: Sequence[str | bytes]) -> None:
        handle = exchange.handle
        handle.setopt(pycurl.URL, url)
        handle.setopt(pycurl.HTTPHEADER, lines)
        exchange.began = time.monotonic()
        self._pump.add(handle)

    def _signer(self, side: Side, endpoint: Endpoint) -> Signer:
        key = (side, endpoint.region)
        if key not in self._signers:
            self._signers[key] = Signer(self._endpoints[side].credentials, endpoint.region)
        return self._signers[key]

    def _lane(self, request: Request, method: str, *, has_body: bool) -> CurlLane:
        operation = request.operation
        kind = (request.side, request.params["Bucket"], operation, has_body)
        lane = self._lane_of.get(kind)
        if lane is None:
            endpoint = self._endpoints[request.side].of(request.params["Bucket"])
            silence_seconds = self._copy_silence_seconds if operation in _COPIES else self._silence_seconds
            shape = Shape(endpoint, method, has_body, silence_seconds, LONGEST_ANSWERS.get(operation, 0))
            lane = self._lane_of[kind] = self._lanes.setdefault(shape, CurlLane(shape))
        return lane

    def _exchange(self, lane: CurlLane) -> Exchange:
        if lane.idle:
            return lane.idle.pop()
        exchange = None
        if self._made >= HANDLES_A_REQUEST * self._capacity:
            exchange = next((others.idle.pop() for others in self._lanes.values() if others.idle), None)
        if exchange is None:
            exchange = Exchange()
            self._made += 1
        exchange.move_to(lane)
        return exchange

    def wait(self, timeout_seconds: float) -> Sequence[Reply]:
        if self._refused:
            refused, self._refused = self._refused, []
            return refused
        return [self._reply(*each) for each in self._pump.pump(timeout_seconds)]

    def _reply(self, handle: pycurl.Curl, error_number: int, error_text: str) -> Reply:
        exchange: Exchange = handle.exchange
        request = exchange.request
        seconds = time.monotonic() - exchange.began
        headers, body = exchange.end()
        exchange.lane.idle.append(exchange)
        if error_number:
            code = _OWN_CODES.get(error_number, "ConnectionError")
            text = LOST if exchange.is_resend else one_line(error_text)
            return Reply(request, 0, code, text, seconds=seconds)
        try:
            return reply_of(request, handle.getinfo(pycurl.RESPONSE_CODE), headers, body, seconds)
        except Exception as defect:  # noqa: BLE001  (raised again by the engine, which takes the other replies as well)
            return Reply.of_defect(request, defect)

    def close(self) -> None:
        self._pump.close()
        self._lanes.clear()
        self._lane_of.clear()
        self._quick.clear()


def _is_large_body(request: Request) -> bool:
    return request.operation in _BODIES and not 0 < request.memory_bytes <= SMALL_BODY_BYTES
