"""One attempt at one piece of work, in a worker process: its engine, its line to the driver, what is done each second.

    begin ──> run: requests in flight ──> end        about once a second, and at the beginning and the end:
                                                     the totals go to the driver; back come a word whether to stop, the
                                                     share of the rate, and whether anything succeeds elsewhere

Whatever a worker does, it does within a `WorkerSession`.
"""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self, TypeVar

from s3sync.config.model import AccessConfig
from s3sync.model.tally import Tally
from s3sync.model.throttled_prefixes import most_of
from s3sync.runs.heartbeat import HubAddress, HubClient, Report
from s3sync.runs.outcomes import engine_tally
from s3sync.runs.worker_memory import keep_small
from s3sync.s3.engine.circuit_breaker import Circuit
from s3sync.s3.engine.engine import Engine
from s3sync.s3.engine.operation import Operation
from s3sync.s3.engine.per_process import EngineOptions, engine_for

Tag = TypeVar("Tag")
Result = TypeVar("Result")

FLUSH_SECONDS = 15.0


def _outliving() -> dict[signal.Signals, Any]:
    """Ignore what would end this process before it has written what is settled: SIGTERM, which YARN sends to a whole
    container, and SIGHUP, which Spark sends to its workers when Java is gone. Both end the process that began this one,
    which is seen within a second. Returns the handlers from before."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGHUP, signal.SIGTERM)}


class WorkerSession:
    """To be used as a context manager. `stop` says that nothing more is to be started: the driver said so, the process
    that began this one is gone, or `circuit_after` objects in a row failed for one reason (`circuit_code`).

    The engine is that of the process and counts on from piece to piece; the session tells and writes what was counted
    since its own beginning. At its end, also by an exception, its share of the rate goes back to the driver. Without a
    hub there is no driver, and nobody's end is this one's.
    """

    def __init__(
        self,
        access: AccessConfig,
        options: EngineOptions,
        hub: HubAddress | None,
        work: str,
        attempt: str,
        circuit_after: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        keep_small()
        self.engine: Engine = engine_for(access, options)
        self.work = work
        self.attempt = attempt
        self.stop = False
        self.settled = 0
        self.failed = 0
        self.size_bytes = 0
        self.pages_left = 0  # of a listing
        self._hub = HubClient(hub, self.engine.rate) if hub is not None else None
        self._parent = os.getppid() if hub is not None else None
        self._circuit = Circuit(circuit_after) if circuit_after is not None else None
        self._hopeless: Counter[str] = Counter()
        self._unseen: Counter[str] = Counter()
        self._unseen_settled = 0
        self._flush: Callable[[], None] | None = None
        self._before: dict[signal.Signals, Any] = {}
        self._clock = clock
        self._began = self._told = self._written = self.engine.counts.copy()
        self._written_at = clock()

    def __enter__(self) -> Self:
        if self._hub is not None:
            self._before = _outliving()
        self.tick()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def circuit_code(self) -> str | None:
        """The code for which nearly everything failed, None where that is not so."""
        return self._circuit.open_code if self._circuit is not None else None

    @property
    def is_orphaned(self) -> bool:
        """The process that began this one is gone, and so is the driver."""
        return self._parent is not None and os.getppid() != self._parent

    def run(
        self,
        operations: Iterable[tuple[Tag, Operation[Result]]],
        *,
        flush: Callable[[], None] | None = None,
        on_tick: Callable[[], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Iterator[tuple[Tag, Result]]:
        """As `Engine.run`. `flush` is called `FLUSH_SECONDS` after `counted` was, and is to write what is settled. One
        who gives `on_tick` calls `tick` there; who gives `should_stop` heeds `stop`."""
        self._flush = flush
        try:
            yield from self.engine.run(operations, should_stop or self._is_stopped, on_tick or self.tick)
        finally:
            self._flush = None

    def settle(self, size_bytes: int = 0, *, is_failed: bool = False, hopeless: str | None = None) -> None:
        """One more object is settled; `hopeless` is a failure's code where it may be everybody's (C15)."""
        self.settled += 1
        self.size_bytes += size_bytes
        self.failed += is_failed
        self._unseen_settled += 1
        if hopeless is not None:
            self._unseen[hopeless] += 1
            if self._circuit is not None and self._unseen.total() >= self._circuit.window:
                self.tick()  # a fast worker would send thousands more within the second

    def tick(self) -> None:
        """To be called about once a second while there is work."""
        self._report()
        self.stop = self.stop or self.is_orphaned or self.circuit_code is not None
        if self._flush is not None and self._clock() - self._written_at >= FLUSH_SECONDS:
            self._flush()

    def end(self) -> None:
        """No request follows: say so, and give the share of the rate back. Again does no harm."""
        if self._hub is not None:
            self._report(is_ended=True)
            self._hub.close()
            self._hub = None

    def counted(self) -> Tally:
        """What the engine counted since this was last asked for, to be written now."""
        counts, now = self.engine.counts.copy(), self._clock()
        found = engine_tally(counts.since(self._written), now - self._written_at)
        self._written, self._written_at = counts, now
        return found

    def _is_stopped(self) -> bool:
        return self.stop

    def _report(self, *, is_ended: bool = False) -> None:
        self._observe()
        if self._hub is None:
            return
        counts = self.engine.counts.copy()
        report = Report(
            self.work,
            self.attempt,
            self.settled,
            self.size_bytes,
            self.failed,
            counts.throttled - self._began.throttled,
            dict(self._hopeless),
            pages_left=0 if is_ended else self.pages_left,
            is_ended=is_ended,
            throttled_by_prefix=most_of(counts.since(self._told).throttled_by_prefix),
        )
        self._told = counts
        self.stop = self._hub.report(report) or self.stop
        if self._hub.moves:
            self.engine.note_headway()

    def _observe(self) -> None:
        if self._circuit is not None:
            self._circuit.observe(self._unseen_settled, self._unseen)
        self._hopeless.update(self._unseen)
        self._unseen_settled, self._unseen = 0, Counter()
