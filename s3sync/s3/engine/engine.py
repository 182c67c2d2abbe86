"""Runs operations: many requests in flight, retries at this one place, in one thread.

An operation is a generator without any I/O of its own. Each `yield` hands over one or more requests, which may run in
parallel, and gets their replies in the same order, after the throttled and transient ones have been sent again as
often as the policy allows. What it returns is its result. One that yields no request goes on after the next tick: what
the tick writes of it is written by then.

    operations ──> started as the window has room ──> requests ──> transport
                        ^                                              │
                        └── replies, when all of a yield are there <───┴──> pauses, then sent again
"""

import heapq
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, TypeVar

from s3sync.model.limits import MIB
from s3sync.model.outcome import ErrorClass
from s3sync.s3.engine.body_budget import BodyMemory
from s3sync.s3.engine.error_class import classify
from s3sync.s3.engine.operation import EngineCounts, FixedPace, Flight, Live, Operation, Pace
from s3sync.s3.engine.rate_limit import TokenBucket
from s3sync.s3.engine.retry_policy import RetryPolicy
from s3sync.s3.request import Reply, Request, Transport

Tag = TypeVar("Tag")
Result = TypeVar("Result")

TICK_SECONDS = 1.0
EARLY_TICK_SECONDS = 0.5  # where operations wait for one
WIND_DOWN_SECONDS = 30.0
MEMORY_BYTES = 64 * MIB


class StopOperation(Exception):
    """Thrown into an operation that is not to go on. It may still hand over what tidies up, and must then end."""


class Engine:
    """One engine belongs to one transport and one thread; it can run again and again, and `counts` go on.

    `pace` says how many requests may be in flight; `rate`, where there is one, how many may be sent in a second; its
    share may change while the engine runs. `sleep` is used only where nothing is in flight. Memory is bounded by the
    window: at most two operations for each request that may be in flight have begun at any time. What they hold of
    bodies (`Request.memory_bytes`) is bounded by `memory_bytes`; one that alone holds more has its turn alone.
    """

    def __init__(
        self,
        transport: Transport,
        policy: RetryPolicy,
        *,
        pace: Pace | None = None,
        rate: TokenBucket | None = None,
        memory_bytes: int = MEMORY_BYTES,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: random.Random | None = None,
    ) -> None:
        self.counts = EngineCounts()
        self.rate = rate
        self._transport = transport
        self._policy = policy
        self._pace: Pace = pace or FixedPace(transport.capacity)
        self._clock = clock
        self._sleep = sleep
        self._chance = chance or random.Random()
        self._memory: BodyMemory[Live, list[Flight]] = BodyMemory(memory_bytes)
        self._live: set[Live] = set()
        self._ready: deque[Flight] = deque()
        self._paused: list[tuple[float, int, Flight]] = []  # a heap by the time when the pause is over
        self._arrived: deque[Reply] = deque()  # each is taken, whatever the one before it makes of its operation
        self._cut: deque[Live] = deque()  # stopped, and to be told so
        self._until_tick: deque[Live] = deque()  # handed over no request
        self._in_flight = 0
        self._pauses = 0
        self._is_stopping = False
        self._is_held = False
        self._succeeded = False
        self._succeeded_at = clock()

    def note_headway(self) -> None:
        """Something succeeded elsewhere in the run: what is throttled here goes on trying."""
        self._succeeded = True

    def run(
        self,
        operations: Iterable[tuple[Tag, Operation[Result]]],
        should_stop: Callable[[], bool] = lambda: False,
        on_tick: Callable[[], None] = lambda: None,
    ) -> Iterator[tuple[Tag, Result]]:
        """The results, in the order in which they come.

        `operations` is read as there is room. `on_tick` is called about once a second. Once `should_stop` says so, no
        operation is started; those whose requests are in flight may end with the replies, the others get
        StopOperation, and have no result. An exception of an operation's own code is a defect: it is raised here. On
        it, and where the iterator is closed early, the other operations are stopped within WIND_DOWN_SECONDS (C7).
        """
        self._is_stopping = False
        try:
            yield from self._run(iter(operations), should_stop, on_tick)
        finally:
            if self._live:
                self._wind_down()

    def _run(
        self,
        operations: Iterator[tuple[Any, Operation[Any]]],
        should_stop: Callable[[], bool],
        on_tick: Callable[[], None],
    ) -> Iterator[tuple[Any, Any]]:
        done: list[tuple[Any, Any]] = []
        self._succeeded_at = self._clock()
        tick_at = self._succeeded_at + TICK_SECONDS
        while True:
            if not self._is_stopping and should_stop():
                self._stop(done)
            is_exhausted = self._fill(operations, done)
            yield from done
            done.clear()
            if not self._live and (is_exhausted or self._is_stopping):
                return
            due_at = tick_at - (TICK_SECONDS - EARLY_TICK_SECONDS if self._until_tick else 0)
            self._arrived.extend(self._replies(due_at))
            self._take_all(done)
            now = self._clock()
            if self._succeeded:
                self._succeeded, self._succeeded_at = False, now
            if now >= due_at:
                waiting = len(self._until_tick)
                on_tick()
                tick_at = self._clock() + TICK_SECONDS
                for _ in range(waiting):
                    self._advance(self._until_tick.popleft(), done)

    def _fill(self, operations: Iterator[tuple[Any, Operation[Any]]], done: list[tuple[Any, Any]]) -> bool:
        """Send what the window has room for; True where no operation is left to start."""
        paused, ready = self._paused, self._ready
        if paused:
            now = self._clock()
            while paused and paused[0][0] <= now:
                ready.append(heapq.heappop(paused)[2])
        window = limit = max(1, min(self._pace.limit, self._transport.capacity))
        before, rate = self._in_flight, self.rate
        if rate is not None:
            limit = min(window, before + rate.available())
        is_exhausted = False
        try:
            while self._in_flight < limit and len(done) <= window:
                if ready:
                    self._submit(ready.popleft())
                elif self._is_stopping or len(self._live) >= 2 * window:
                    break
                else:
                    begun = next(operations, None)
                    if begun is None:
                        is_exhausted = True
                        break
                    self._advance(Live(*begun), done)
        finally:
            if rate is not None:
                rate.take(self._in_flight - before)
                self._is_held = limit <= self._in_flight < window
        return is_exhausted

    def _submit(self, flight: Flight) -> None:
        try:
            self._transport.submit(flight.request)
        except BaseException:
            self._ready.append(flight)  # not sent: it is cut like any other that waits
            raise
        flight.attempts += 1
        self._in_flight += 1
        self.counts.requests[flight.request.operation] += 1

    def _replies(self, until: float) -> Sequence[Reply]:
        if self._paused:
            until = min(until, self._paused[0][0])
        if self._is_held and self.rate is not None:
            until = min(until, self._clock() + self.rate.pause_seconds())
        timeout = max(0.0, until - self._clock())
        if self._in_flight:
            return self._transport.wait(timeout)
        if self._live or self._is_held:
            self._sleep(timeout)
        return ()

    def _take_all(self, done: list[tuple[Any, Any]]) -> None:
        """No name holds a reply, and its body, while the next ones are waited for."""
        while self._arrived:
            self._take(self._arrived.popleft(), done)

    def _take(self, reply: Reply, done: list[tuple[Any, Any]]) -> None:
        self._in_flight -= 1
        self._pace.on_reply(reply)
        flight: Flight = reply.request.note
        live = flight.live
        if live not in self._live:
            return  # given up by an earlier run
        if reply.defect is not None:
            self._lose(live)
            raise reply.defect
        pause = None
        if reply.code is None:
            self._succeeded = True
        else:
            pause = self._pause_after(flight, reply)
        if pause is not None and (live.is_closing or not self._is_stopping):
            self._send_later(flight, reply.seconds, pause)
            return
        if pause is not None:
            live.is_cut = True  # it had attempts left, so this reply is no answer yet
        if flight.attempts > 1:
            reply.attempts = flight.attempts
            reply.earlier_seconds = flight.earlier_seconds
        live.replies[flight.place] = reply
        reply.request.note = None  # else the two keep each other, and a body, until the garbage collector comes
        live.missing -= 1
        if not live.missing:
            self._advance(live, done)

    def _lose(self, live: Live) -> None:
        """One of its replies will never come."""
        live.is_cut = True
        live.missing -= 1
        if not live.missing:
            self._cut.append(live)

    def _pause_after(self, flight: Flight, reply: Reply) -> float | None:
        error_class = classify(reply.status, reply.code or "")
        if error_class is ErrorClass.THROTTLED:
            self.counts.count_throttled(reply.request)
        return self._policy.pause_seconds(
            error_class,
            flight.attempts,
            self._chance,
            quiet_seconds=0.0 if self._succeeded else self._clock() - self._succeeded_at,
            retry_after_seconds=reply.retry_after_seconds,
        )

    def _send_later(self, flight: Flight, seconds: float, pause: float) -> None:
        self.counts.retries += 1
        self._pauses += 1  # the second key keeps the heap from comparing flights
        flight.earlier_seconds += seconds + pause
        heapq.heappush(self._paused, (self._clock() + pause, self._pauses, flight))

    def _advance(self, live: Live, done: list[tuple[Any, Any]]) -> None:
        """Begin an operation, or go on with it now that its replies are there."""
        operation, is_new = live.operation, not live.replies
        self._live.add(live)
        try:
            if not live.is_cut:
                requests = next(operation) if is_new else operation.send(live.replies)
            if live.is_cut or (self._is_stopping and not live.is_closing):
                live.is_cut, live.is_closing = False, True
                requests = operation.throw(StopOperation())
        except StopIteration as end:
            self._end(live)
            done.append((live.tag, end.value))
            return
        except StopOperation:
            self._end(live)
            return
        except BaseException:
            self._end(live)
            raise
        self._hand_over(live, requests)

    def _hand_over(self, live: Live, requests: Sequence[Request]) -> None:
        live.missing = len(requests)
        if live.missing == 1 and not requests[0].memory_bytes:  # a small object's only request
            live.replies = [None]
            flight = requests[0].note = Flight(live, 0, requests[0])
            self._ready.append(flight)
            return
        if not live.missing:
            live.replies = []
            self._until_tick.append(live)
            return
        live.replies = [None] * live.missing
        memory_bytes = 0
        flights = []
        for place, request in enumerate(requests):
            flight = request.note = Flight(live, place, request)
            flights.append(flight)
            memory_bytes += request.memory_bytes
        if not memory_bytes or self._memory.is_holding(live):
            self._ready.extend(flights)
        else:
            self._go_on(self._memory.ask(live, memory_bytes, flights))

    def _end(self, live: Live) -> None:
        self._live.discard(live)
        if self._memory.is_holding(live):
            self._go_on(self._memory.give_back(live))

    def _go_on(self, admitted: list[list[Flight]]) -> None:
        for flights in admitted:
            self._ready.extend(flights)

    def _stop(self, done: list[tuple[Any, Any]]) -> None:
        """What is in flight may come back; what is not sent yet, or waits to be sent again, is cut."""
        self._is_stopping = True
        unsent = [*self._ready, *(flight for _, _, flight in self._paused), *chain(*self._memory.drop_waiting())]
        self._ready.clear()
        self._paused.clear()
        for flight in unsent:
            self._lose(flight.live)
        for live in self._until_tick:
            live.is_cut = True
            self._cut.append(live)
        self._until_tick.clear()
        self._advance_cut(done)

    def _advance_cut(self, done: list[tuple[Any, Any]]) -> None:
        while self._cut:
            self._advance(self._cut.popleft(), done)

    def _wind_down(self) -> None:
        """Stop what has begun, for an iterator that ended early: nobody takes results any more.

        An exception is on its way already, or the caller is gone; so what else is raised is passed over, and each of
        the others still gets its turn.
        """
        deadline = self._clock() + WIND_DOWN_SECONDS
        dropped: list[tuple[Any, Any]] = []
        if not self._is_stopping:
            with suppress(Exception):
                self._stop(dropped)
        while self._live and self._clock() < deadline:
            dropped.clear()
            with suppress(Exception):
                self._take_all(dropped)
                self._advance_cut(dropped)
                self._fill(iter(()), dropped)
            if not self._arrived and not self._cut:
                self._arrived.extend(self._replies(min(deadline, self._clock() + TICK_SECONDS)))
        for live in self._live:
            with suppress(Exception):
                live.operation.close()
            self._memory.give_back(live)
        self._live.clear()
        self._take_all(dropped)  # of operations that are closed: only counted
        self._cut.clear()
        self._until_tick.clear()
        self._ready.clear()
        self._paused.clear()
