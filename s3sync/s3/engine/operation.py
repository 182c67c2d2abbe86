"""What an engine has under way, how much of it there may be, and what it counts."""

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar

from s3sync.model import throttled_prefixes as hot_prefixes
from s3sync.s3.request import Reply, Request

Result = TypeVar("Result")
Operation: TypeAlias = Generator[Sequence[Request], Sequence[Reply], Result]


class Pace(Protocol):
    """How many requests may be in flight: `limit`, at least 1, is read again and again; each reply is shown."""

    @property
    def limit(self) -> int: ...

    def on_reply(self, reply: Reply) -> None: ...


@dataclass(frozen=True, slots=True)
class FixedPace:
    limit: int

    def on_reply(self, reply: Reply) -> None:
        pass


@dataclass(slots=True)
class EngineCounts:
    """Requests sent, by S3 operation and retries included (C6); `throttled` counts replies, not objects, and
    `throttled_by_prefix` the same ones by what they were sent for (`model.throttled_prefixes`)."""

    requests: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    throttled: int = 0
    throttled_by_prefix: Counter[str] = field(default_factory=Counter)

    def copy(self) -> "EngineCounts":
        return EngineCounts(self.requests.copy(), self.retries, self.throttled, self.throttled_by_prefix.copy())

    def since(self, earlier: "EngineCounts") -> "EngineCounts":
        return EngineCounts(
            self.requests - earlier.requests,
            self.retries - earlier.retries,
            self.throttled - earlier.throttled,
            self.throttled_by_prefix - earlier.throttled_by_prefix,
        )

    def count_throttled(self, request: Request) -> None:
        self.throttled += 1
        params = request.params
        hot_prefixes.count(self.throttled_by_prefix, params.get("Bucket", ""), params.get("Key") or "")


class Live:
    """An operation that has begun. `missing` replies are still to come; `is_cut`: some of them never will."""

    __slots__ = ("is_closing", "is_cut", "missing", "operation", "replies", "tag")

    def __init__(self, tag: Any, operation: Operation[Any]) -> None:
        self.tag = tag
        self.operation = operation
        self.replies: list[Any] = []
        self.missing = 0
        self.is_cut = False
        self.is_closing = False


class Flight:
    """A request of a live operation, noted on the request itself: its place among the operation's replies."""

    __slots__ = ("attempts", "earlier_seconds", "live", "place", "request")

    def __init__(self, live: Live, place: int, request: Request) -> None:
        self.live = live
        self.place = place
        self.request = request
        self.attempts = 0
        self.earlier_seconds = 0.0
