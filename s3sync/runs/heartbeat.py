"""How workers tell the driver what they are doing, every second, and hear whether to go on.

The driver listens on one TCP port; each worker process keeps one connection. A line of JSON goes up, one comes back:

    up    {"token": ..., "work": "b000012", "attempt": "0001-00000007", "settled": 812, "bytes": ..., "failed": ...,
           "throttled": ..., "hopeless": {"AccessDenied": 3},      totals of this attempt so far
           "throttled_by_prefix": {"bucket/logs/": 7},             news since the last report
           "rate": {"worker": ..., "held": 120, "wanted": 300}}    where the run's requests a second are limited
    down  {"stop": false, "moves": true, "share": 150}             `moves`: objects were settled well since the last

The hub serves progress, pace and stopping, nothing that must be true: counts come from the tables. A worker that can't
reach the hub goes on without it, with the share that it has.
"""

import asyncio
import json
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from s3sync.model.throttled_prefixes import hottest, merge
from s3sync.s3.engine.rate_limit import RateShares, TokenBucket

MESSAGE_MAX_BYTES = 64 * 1024
END_SECONDS = 5
AWAY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class HubAddress:
    """Where the hub is. The token keeps strangers out; it opens nothing else and dies with the run."""

    host: str
    port: int
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Report:
    """Totals of one attempt at one piece of work."""

    work: str
    attempt: str
    settled: int = 0
    size_bytes: int = 0
    failed: int = 0
    throttled: int = 0
    hopeless: dict[str, int] = field(default_factory=dict)
    pages_left: int = 0  # of a listing: what the worker thinks is left
    is_ended: bool = False  # nothing more is sent for this piece of work
    throttled_by_prefix: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    settled: int = 0
    size_bytes: int = 0
    failed: int = 0
    throttled: int = 0
    hottest: tuple[str, int] | None = None


class Hub:
    """The driver's end, a thread of its own. Use as a context manager. `shares` divides the run's rate."""

    def __init__(self, host: str, advertised_host: str, shares: RateShares | None = None) -> None:
        self._shares = shares
        self._throttled_by_prefix: Counter[str] = Counter()
        self._host = host
        self._advertised_host = advertised_host
        self.on_settled: Callable[[int, Counter[str]], None] = lambda _settled, _hopeless: None
        self._token = secrets.token_urlsafe(24)
        self._latest: dict[str, Report] = {}
        self._stop = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="hub", daemon=True)
        self._port = 0
        self.reports_seen = 0
        self._moved = 0

    def __enter__(self) -> "Hub":
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, self._host, 0, limit=MESSAGE_MAX_BYTES), self._loop
        ).result()
        self._server = server
        self._port = server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result(END_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(END_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()

    async def _hang_up(self) -> None:
        self._server.close()
        lines = asyncio.all_tasks() - {asyncio.current_task()}
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)

    @property
    def address(self) -> HubAddress:
        return HubAddress(self._advertised_host, self._port, self._token)

    def stop_workers(self) -> None:
        """Tell each worker at its next report to start nothing more."""
        self._stop.set()

    @property
    def is_stopping(self) -> bool:
        return self._stop.is_set()

    def settled_before(self, reports: list[Report]) -> None:
        """Count work that was done before this driver started."""
        self._latest.update({report.work: report for report in reports})

    def reports(self) -> list[Report]:
        """The latest one of each piece of work."""
        return list(self._latest.values())

    def progress(self) -> Progress:
        latest = list(self._latest.values())
        return Progress(
            sum(r.settled for r in latest),
            sum(r.size_bytes for r in latest),
            sum(r.failed for r in latest),
            sum(r.throttled for r in latest),
            hottest(self._throttled_by_prefix.copy()),
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A cancelled task of a stream is shown as a fault (until Python 3.12); this one just ends.
        ends = (asyncio.CancelledError, asyncio.IncompleteReadError, ConnectionError, ValueError, KeyError, TypeError)
        with closing(writer), suppress(*ends):
            told = self._moved
            while line := await reader.readline():
                message = json.loads(line)
                if not secrets.compare_digest(str(message.pop("token")), self._token):
                    break
                share = self._share(message.pop("rate", None))
                self._take(Report(**message))
                moves, told = self._moved != told, self._moved
                answer = {"stop": self._stop.is_set(), "moves": moves, "share": share}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()

    def _share(self, rate: dict[str, Any] | None) -> float | None:
        if rate is None or self._shares is None:
            return None
        if rate["wanted"] is None:
            self._shares.leave(rate["worker"])
            return None
        return self._shares.report(rate["worker"], rate["held"], rate["wanted"])

    def _take(self, report: Report) -> None:
        self.reports_seen += 1
        before = self._latest.get(report.work)
        if before is not None and before.attempt > report.attempt:
            return  # an attempt that was given up still talks
        merge(self._throttled_by_prefix, report.throttled_by_prefix)
        report = replace(report, throttled_by_prefix={})
        self._latest[report.work] = report
        if before is None or before.attempt != report.attempt:
            before = Report(report.work, report.attempt)
        news = Counter(report.hopeless)
        news.subtract(before.hopeless)
        self._moved += max(0, report.settled - report.failed - before.settled + before.failed)
        self._moved += report.size_bytes > before.size_bytes  # parts of a giant
        self.on_settled(report.settled - before.settled, +news)


class HubClient:
    """The worker's end. `report` never raises and never waits longer than `timeout_seconds`. After one that was not
    answered nothing is sent for `AWAY_SECONDS`: whoever reports has requests in flight, which wait meanwhile.

    `rate` is given the share that the driver answers with. `moves` says whether the run settled anything lately, as far
    as is known.
    """

    def __init__(
        self,
        address: HubAddress,
        rate: TokenBucket | None = None,
        *,
        timeout_seconds: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.moves = False
        self._clock = clock
        self._away_until: float | None = None
        self._address = address
        self._rate = rate
        self._timeout_seconds = timeout_seconds
        self._socket: socket.socket | None = None
        self._answers: Any = None

    def report(self, report: Report) -> bool:
        """Send the totals; True where the driver says to stop."""
        self.moves = False
        if self._away_until is not None and self._clock() < self._away_until:
            return False
        message = {"token": self._address.token, **asdict(report)}
        if self._rate is not None:
            message["rate"] = self._rate.last_word() if report.is_ended else self._rate.word()
        try:
            if self._socket is None:
                self._connect()
            assert self._socket is not None  # noqa: S101
            self._socket.sendall(json.dumps(message).encode() + b"\n")
            answer = json.loads(self._answers.readline())
            self.moves = bool(answer["moves"])
            if self._rate is not None and answer["share"] is not None:
                self._rate.set_rate(answer["share"])
            return bool(answer["stop"])
        except (OSError, ValueError, KeyError):
            self.close()
            self._away_until = self._clock() + AWAY_SECONDS
            if self._rate is not None:
                self._rate.unanswered()
            return False

    def _connect(self) -> None:
        self._socket = socket.create_connection((self._address.host, self._address.port), self._timeout_seconds)
        self._answers = self._socket.makefile("rb")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
