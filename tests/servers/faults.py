"""Faults on purpose: a WSGI layer around the embedded server that breaks chosen requests, and counts all of them.

In process: `faults.add(Fault(Action.SLOW_DOWN, operation="CopyObject", times=3))`. From another process, as JSON:
POST a fault to `/_s3sync/faults`, GET shows the faults with their hits and the requests by operation, DELETE clears.
"""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from io import BytesIO

from s3sync.demo.server import ResetConnection
from s3sync.demo.wire import REASONS, App, Call, Environ, StartResponse, answer, call_of, copy_source, error_body

ADMIN_PATH = "/_s3sync/faults"


class Action(StrEnum):
    SLOW_DOWN = "slow_down"
    INTERNAL_ERROR = "internal_error"
    ERROR_IN_200 = "error_in_200"
    REQUEST_TIMEOUT = "request_timeout"
    EXPIRED_TOKEN = "expired_token"
    DENIED = "denied"
    UNKNOWN_KEY = "unknown_key"
    DENIED_ACROSS_REGIONS = "denied_across_regions"  # as S3 says to a copy that comes through a VPC endpoint
    NO_SUCH_KEY = "no_such_key"  # as S3 says it: the error names the key
    FOREIGN_404 = "foreign_404"  # as a load balancer says it that has lost its servers
    PRECONDITION_FAILED = "precondition_failed"
    RESET = "reset"  # the connection is reset, with no answer
    STALL = "stall"  # `seconds` pass, then all goes its way
    PARTIAL_FAILURE = "partial_failure"  # of a batch call to SQS: the answer is 200, and every other entry failed
    CLOCK_SKEWED = "clock_skewed"
    SHORT_LENGTH = "short_length"  # Content-Length says less than what follows: `keep_bytes`, or a half
    CLOSE = "close"  # the answer is whole, then the connection ends without a word
    CUT = "cut"  # the answer's body ends early: after `keep_bytes`, or in its middle


_ERRORS = {
    Action.SLOW_DOWN: (503, "SlowDown", "Please reduce your request rate."),
    Action.INTERNAL_ERROR: (500, "InternalError", "We encountered an internal error. Please try again."),
    Action.ERROR_IN_200: (200, "InternalError", "We encountered an internal error. Please try again."),
    Action.REQUEST_TIMEOUT: (
        400,
        "RequestTimeout",
        "Your socket connection to the server was not read from or written to within the timeout period.",
    ),
    Action.UNKNOWN_KEY: (403, "InvalidAccessKeyId", "The access key that you gave is not in our records."),
    Action.EXPIRED_TOKEN: (400, "ExpiredToken", "The provided token has expired."),
    Action.CLOCK_SKEWED: (
        403,
        "RequestTimeTooSkewed",
        "The difference between the request time and the current time is too large.",
    ),
    Action.DENIED: (403, "AccessDenied", "Access Denied"),
    Action.DENIED_ACROSS_REGIONS: (403, "AccessDenied", "VPC endpoints do not support cross-region requests"),
    Action.NO_SUCH_KEY: (404, "NoSuchKey", "The specified key does not exist."),
    Action.PRECONDITION_FAILED: (
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
    ),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What to do with which requests. Of several faults the first that matches acts.

    A request matches by operation (`CopyObject`), bucket, a part of its key and one it lacks, each where given. The
    first `skip` matching ones pass; of the others each is hit with `probability` (the same ones for the same `seed`, in
    order of arrival), of those one in `every`, and `times` of them at most (None: all). `is_late` lets the server
    do its work first: only the answer is another one.
    """

    action: Action
    operation: str | None = None
    bucket: str | None = None
    key_contains: str = ""
    key_lacks: str | None = None
    skip: int = 0
    times: int | None = None
    probability: float = 1.0
    every: int = 1
    seed: int = 0
    is_late: bool = False
    seconds: float = 0.0
    keep_bytes: int | None = None

    def matches(self, call: Call) -> bool:
        return (
            self.operation in (None, call.operation)
            and self.bucket in (None, call.bucket)
            and self.key_contains in call.key
            and (self.key_lacks is None or self.key_lacks not in call.key)
        )


class _Armed:
    """A fault and how often it has matched and hit."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.hits = 0
        self._matches = 0
        self._chance = random.Random(fault.seed)

    def takes(self, call: Call) -> bool:
        fault = self.fault
        if not fault.matches(call):
            return False
        self._matches += 1
        if self._matches <= fault.skip or (fault.times is not None and self.hits >= fault.times):
            return False
        if self._chance.random() >= fault.probability or self._matches % fault.every:
            return False
        self.hits += 1
        return True


class Faults:
    """The control, and with `wrap` the layer. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[_Armed] = []
        self._requests: Counter[Call] = Counter()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._armed.append(_Armed(fault))

    def clear(self) -> None:
        """Forget all faults and counts."""
        with self._lock:
            self._armed.clear()
            self._requests.clear()

    def hits(self) -> int:
        """How many requests have been broken since the last `clear`."""
        with self._lock:
            return sum(armed.hits for armed in self._armed)

    def requests(self, operation: str | None = None, *, bucket: str | None = None, key: str | None = None) -> int:
        """How many requests have come since the last `clear`, broken ones included."""
        with self._lock:
            return sum(
                count
                for call, count in self._requests.items()
                if operation in (None, call.operation) and bucket in (None, call.bucket) and key in (None, call.key)
            )

    def by_operation(self) -> dict[str, int]:
        with self._lock:
            totals: Counter[str] = Counter()
            for call, count in self._requests.items():
                totals[call.operation] += count
            return dict(sorted(totals.items()))

    def wrap(self, app: App) -> App:
        return _Layer(self, app)

    def take(self, call: Call) -> Fault | None:
        """Count a request; the fault that hits it, if any."""
        with self._lock:
            self._requests[call] += 1
            return next((armed.fault for armed in self._armed if armed.takes(call)), None)

    def state(self) -> dict[str, object]:
        with self._lock:
            armed = [{**asdict(each.fault), "hits": each.hits} for each in self._armed]
        return {"faults": armed, "requests": self.by_operation()}


class _Layer:
    def __init__(self, faults: Faults, app: App) -> None:
        self._faults = faults
        self._app = app

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if str(environ["RAW_URI"]).partition("?")[0] == ADMIN_PATH:
            return _administer(self._faults, environ, start_response)
        fault = self._faults.take(call_of(environ))
        if fault is None:
            return self._app(environ, start_response)
        if fault.action in _SPOILING:
            return _SPOILING[fault.action](fault, self._app, environ, start_response)
        if fault.action is Action.STALL and not fault.is_late:
            time.sleep(fault.seconds)
            return self._app(environ, start_response)
        if fault.is_late:
            done = list(self._app(environ, start_response if fault.action is Action.STALL else lambda *_: None))
            if fault.action is Action.STALL:
                time.sleep(fault.seconds)
                return done
        if fault.action is Action.RESET:
            raise ResetConnection
        return _refuse(fault, environ, start_response)


def _refuse(fault: Fault, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    if fault.action is Action.FOREIGN_404:
        start_response("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "9")])
        return [b"Not Found"]
    status, code, message = _ERRORS[fault.action]
    call = call_of(environ)
    if call.is_s3:
        key = copy_source(environ)[1] if "HTTP_X_AMZ_COPY_SOURCE" in environ else call.key
        named = {"Key": key} if fault.action is Action.NO_SUCH_KEY else {}
        return answer(environ, start_response, status, error_body(code, message, **named))
    return _answer_json(start_response, status, {"__type": f"com.amazonaws.sqs#{code}", "message": message})


def _answer_json(start_response: StartResponse, status: int, value: dict[str, object]) -> list[bytes]:
    body = json.dumps(value).encode()
    headers = [("Content-Type", "application/x-amz-json-1.0"), ("Content-Length", str(len(body)))]
    start_response(f"{status} {REASONS.get(status, 'Error')}", headers)
    return [body]


def _partly(_fault: Fault, app: App, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Entries 0, 2, 4, ... of a batch call to SQS fail for no fault of the sender's; the others go their way."""
    asked = json.loads(environ["wsgi.input"].read())
    failed = [
        {"Id": entry["Id"], "SenderFault": False, "Code": "InternalError", "Message": "try again"}
        for entry in asked["Entries"][::2]
    ]
    others = asked["Entries"][1::2]
    if not others:
        return _answer_json(start_response, 200, {"Successful": [], "Failed": failed})
    body = json.dumps({**asked, "Entries": others}).encode()
    environ.update({"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))})
    value = json.loads(b"".join(app(environ, lambda *_: None)))
    return _answer_json(start_response, 200, {**value, "Failed": [*value.get("Failed", ()), *failed]})


def _cut(fault: Fault, app: App, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The headers promise the whole body, the connection ends before it does."""
    body = _answered(app, environ, start_response, lambda body: max(1, len(body)))
    return _then_abort(body[: _kept(fault, body)])


def _short_length(fault: Fault, app: App, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The headers promise a part of the body, and the rest comes all the same."""
    return [_answered(app, environ, start_response, lambda body: _kept(fault, body))]


def _close(_fault: Fault, app: App, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return _then_abort(_answered(app, environ, start_response, len))


def _answered(app: App, environ: Environ, start_response: StartResponse, length: Callable[[bytes], int]) -> bytes:
    """The app's body, after its headers went out with another length. To a HEAD the length stays as it is."""
    given: list[tuple[str, list[tuple[str, str]]]] = []
    body = b"".join(app(environ, lambda status, headers, *_: given.append((status, headers))))
    status, headers = given[0]
    if environ["REQUEST_METHOD"] != "HEAD" and status[:3] != "204":
        others = [pair for pair in headers if pair[0].lower() != "content-length"]
        headers = [*others, ("Content-Length", str(length(body)))]
    start_response(status, headers)
    return body


def _kept(fault: Fault, body: bytes) -> int:
    return len(body) // 2 if fault.keep_bytes is None else fault.keep_bytes


def _then_abort(kept: bytes) -> Iterable[bytes]:
    yield kept
    raise ConnectionAbortedError


_SPOILING = {
    Action.PARTIAL_FAILURE: _partly,
    Action.CUT: _cut,
    Action.SHORT_LENGTH: _short_length,
    Action.CLOSE: _close,
}


def _administer(faults: Faults, environ: Environ, start_response: StartResponse) -> list[bytes]:
    status, said = "200 OK", ""
    if environ["REQUEST_METHOD"] == "DELETE":
        faults.clear()
    elif environ["REQUEST_METHOD"] == "POST":
        try:
            given = json.loads(environ["wsgi.input"].read())
            faults.add(Fault(**{**given, "action": Action(given["action"])}))
        except (ValueError, TypeError, KeyError) as error:
            status, said = "400 Bad Request", f"{type(error).__name__}: {error}"
    body = json.dumps({"error": said} if said else faults.state()).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
