"""A transport that answers from a script in virtual time, and a driver for single operations."""

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from s3sync.copying.settings import CopySettings
from s3sync.model.outcome import Outcome
from s3sync.model.task import Action, Method, Task
from s3sync.s3.request import Reply, Request, Side

PLAIN = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"
PLANNED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
BEFORE = datetime(2026, 3, 1, 11, tzinfo=UTC)
AFTER = datetime(2026, 3, 1, 13, tzinfo=UTC)


@dataclass
class VirtualClock:
    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class Answer:
    """What a server says; `status` 0 and a code for what the transport says. `values` as in Reply."""

    values: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    code: str | None = None
    message: str = ""
    seconds: float = 0.05
    attempts: int = 1
    earlier_seconds: float = 0.0

    def to(self, request: Request) -> Reply:
        again = self.attempts, self.earlier_seconds
        return Reply(request, self.status, self.code, self.message, dict(self.values), self.seconds, *again)


def ok(**values: Any) -> Answer:
    return Answer(values)


def error(status: int, code: str, message: str = "", **values: Any) -> Answer:
    return Answer(values, status, code, message)


class FakeTransport:
    """`answer` says what each request gets, when it is sent; replies come in virtual time."""

    def __init__(self, clock: VirtualClock, answer: Callable[[Request], Answer], capacity: int = 8) -> None:
        self.capacity = capacity
        self.sent: list[Request] = []
        self.most_in_flight = 0
        self.waits = 0
        self._clock = clock
        self._answer = answer
        self._flying: list[tuple[float, int, Reply]] = []

    @property
    def in_flight(self) -> int:
        return len(self._flying)

    def submit(self, request: Request) -> None:
        assert len(self._flying) < self.capacity, "more in flight than the transport takes"
        reply = self._answer(request).to(request)
        self.sent.append(request)
        heapq.heappush(self._flying, (self._clock.now + reply.seconds, len(self.sent), reply))
        self.most_in_flight = max(self.most_in_flight, len(self._flying))

    def wait(self, timeout_seconds: float) -> Sequence[Reply]:
        self.waits += 1
        assert timeout_seconds >= 0
        until = self._clock.now + timeout_seconds
        if not self._flying or self._flying[0][0] > until:
            self._clock.now = until
            return []
        self._clock.now = max(self._clock.now, self._flying[0][0])
        replies = []
        while self._flying and self._flying[0][0] <= self._clock.now:
            replies.append(heapq.heappop(self._flying)[2])
        return replies

    def close(self) -> None:
        self._flying.clear()


def drive(operation: Any, *script: tuple[str, Answer]) -> tuple[Outcome, list[Request]]:
    """Run an operation by hand: each request must be the script's next one, and the script must be used up."""
    sent: list[Request] = []
    left = list(script)
    try:
        requests = next(operation)
        while True:
            replies = []
            for request in requests:
                assert left, f"unexpected {request.operation} {request.params}"
                name, answer = left.pop(0)
                assert request.operation == name, f"{request.operation} where {name} was expected"
                sent.append(request)
                replies.append(answer.to(request))
            requests = operation.send(replies)
    except StopIteration as end:
        assert not left, f"never asked for: {[name for name, _ in left]}"
        return end.value, sent


def a_task(**changes: Any) -> Task:
    given: dict[str, Any] = {
        "task_id": "t1",
        "source_key": "a/key",
        "version_id": None,
        "target_key": "to/a/key",
        "size": 100,
        "etag": PLAIN,
        "last_modified": BEFORE,
        "storage_class": "STANDARD",
        "action": Action.COPY,
        "reason": "missing",
        "method": Method.COPY_OBJECT,
    }
    return Task(**{**given, **changes})


def some_settings(**changes: Any) -> CopySettings:
    """On servers that are known to have no annotations, unless a test says otherwise."""
    given = {"source_bucket": "from", "target_bucket": "into", "planned_at": PLANNED_AT}
    given["without_annotations"] = set(Side)
    return CopySettings(**{**given, **changes})


def head(etag: str | None = PLAIN, size: int = 100, modified: datetime = BEFORE, **values: Any) -> Answer:
    quoted = {"ETag": f'"{etag}"'} if etag else {}
    return ok(**quoted, ContentLength=size, LastModified=modified, **values)


def copied(etag: str | None = PLAIN, **values: Any) -> Answer:
    return ok(CopyObjectResult={"ETag": f'"{etag}"'} if etag else {}, **values)


GONE = error(404, "404", RequestId="R")  # a HEAD's answer of S3


def gone_by_name(code: str = "NoSuchKey", key: str = "a/key") -> Answer:
    return error(404, code, Key=key)


def page(*keys: str) -> tuple[str, Answer]:
    """What a listing of a key shows: the second witness."""
    entries = "".join(
        f"<Contents><Key>{quote(key)}</Key><LastModified>2026-03-01T11:00:00.000Z</LastModified><Size>1</Size></Contents>"
        for key in keys
    )
    more = f"<EncodingType>url</EncodingType><IsTruncated>{str(bool(keys)).lower()}</IsTruncated>"
    return "ListObjectsV2", ok(Body=f"<ListBucketResult>{more}{entries}</ListBucketResult>".encode())


UNLISTED = page()
Look = Answer | tuple[str, Answer]


def heads(looks: Iterable[Look]) -> list[tuple[str, Answer]]:
    """A script of looks: an answer alone is one to HeadObject."""
    return [look if isinstance(look, tuple) else ("HeadObject", look) for look in looks]


def names(requests: Iterable[Request]) -> list[str]:
    return [request.operation for request in requests]
