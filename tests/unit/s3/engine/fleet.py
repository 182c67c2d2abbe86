"""A fleet of workers against a server, in virtual time: each with its window, retries and pauses, as in the engine.

The servers are models: what they answer, and after how long.
"""

import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Protocol

from s3sync.model.outcome import ErrorClass
from s3sync.s3.engine.congestion import Gauge, Window
from s3sync.s3.engine.retry_policy import RetryPolicy


class Model(Protocol):
    """What a request that comes at `now` gets: whether it is taken, and after how many seconds it is answered."""

    def take(self, now: float, chance: random.Random, /) -> tuple[bool, float]: ...


@dataclass
class FixedRate:
    """So many requests a second, `burst_seconds` of them saved up; 503 above. A 503 costs `cost` of a request."""

    rate: float
    latency_seconds: float = 0.05
    burst_seconds: float = 1.0
    cost: float = 0.0
    tokens: float = 0.0
    at: float = 0.0

    def take(self, now: float, chance: random.Random) -> tuple[bool, float]:
        self.tokens = min(self.rate * self.burst_seconds, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens >= 1:
            self.tokens -= 1
            return True, self.latency_seconds * chance.lognormvariate(0, 0.3)
        self.tokens -= self.cost
        return False, self.latency_seconds / 2


@dataclass
class Queued:
    """One queue served at a rate, so latency grows with the load; 503 where that is over `most_seconds`."""

    rate: float
    latency_seconds: float = 0.05
    most_seconds: float = 1e9
    free_at: float = 0.0

    def take(self, now: float, chance: random.Random) -> tuple[bool, float]:
        waits = max(0.0, self.free_at - now)
        if waits > self.most_seconds:
            return False, self.latency_seconds / 2
        self.free_at = max(self.free_at, now) + 1 / self.rate
        return True, waits + self.latency_seconds * chance.lognormvariate(0, 0.3)


@dataclass
class Unlimited:
    latency_seconds: float = 0.05

    def take(self, _: float, chance: random.Random) -> tuple[bool, float]:
        return True, self.latency_seconds * chance.lognormvariate(0, 0.3)


@dataclass
class Member:
    window: Window
    gauge: Gauge
    in_flight: int = 0
    live: int = 0
    done: int = 0
    again: list[int] = field(default_factory=list)  # attempts of requests whose pause is over


@dataclass(frozen=True)
class Seen:
    """What happened after `measured_from`: requests done a second, the share that was refused, how even it was."""

    goodput: float
    refused: float
    least: float  # what the slowest worker did, as a share of the mean
    fairness: float  # Jain's index: 1 is even
    median_seconds: float
    windows: list[float]


class Fleet:
    def __init__(self, server: Model, workers: int, most: int, *, start: int = 16, seed: int = 1) -> None:
        self.chance = random.Random(seed)
        self.server = server
        self.members = []
        for _ in range(workers):
            window = Window(start, most)
            self.members.append(Member(window, window.gauge()))
        self._policy = RetryPolicy()
        self._events: list[tuple[float, int, Member, bool | None, float, int]] = []
        self._numbers = 0
        for member in self.members:
            self._later(self.chance.random() * min(2.0, workers - 1), member, None, 0.0, 0)

    def run(self, until: float, measured_from: float, on_time: Callable[[float], None] = lambda _: None) -> Seen:
        latencies: list[float] = []
        refused = 0
        before = dict.fromkeys(map(id, self.members), 0)
        is_measured = False
        for now, member, is_good, seconds in self._answers(until):
            on_time(now)
            if not is_measured and now >= measured_from:
                is_measured, before = True, {id(each): each.done for each in self.members}
            if is_measured:
                refused += not is_good
                if is_good:
                    latencies.append(seconds)
            self._fill(member, now)
        done = [each.done - before[id(each)] for each in self.members]
        total = sum(done)
        return Seen(
            goodput=total / (until - measured_from),
            refused=refused / max(1, refused + total),
            least=min(done) * len(done) / max(1, total),
            fairness=total**2 / max(1, len(done) * sum(each * each for each in done)),
            median_seconds=median(latencies) if latencies else 0.0,
            windows=[each.window.size for each in self.members],
        )

    def _answers(self, until: float) -> Iterator[tuple[float, Member, bool, float]]:
        while self._events and self._events[0][0] <= until:
            now, _, member, is_good, seconds, attempts = heapq.heappop(self._events)
            if is_good is None:
                if attempts:
                    member.again.append(attempts)
                self._fill(member, now)
                continue
            member.in_flight -= 1
            if is_good:
                member.live -= 1
                member.done += 1
                member.gauge.add(seconds)
            else:
                member.window.throttled()
                pause = self._policy.pause_seconds(ErrorClass.THROTTLED, attempts, self.chance, quiet_seconds=0)
                assert pause is not None, "given up"
                self._later(now + pause, member, None, 0.0, attempts)
            member.window.answered()
            yield now, member, is_good, seconds

    def _fill(self, member: Member, now: float) -> None:
        limit = member.window.limit
        while member.in_flight < limit:
            if member.again:
                attempts = member.again.pop()
            elif member.live >= 2 * limit:
                return
            else:
                attempts, member.live = 0, member.live + 1
            member.in_flight += 1
            is_good, seconds = self.server.take(now, self.chance)
            self._later(now + seconds, member, is_good, seconds, attempts + 1)

    def _later(self, at: float, member: Member, is_good: bool | None, seconds: float, attempts: int) -> None:
        self._numbers += 1
        heapq.heappush(self._events, (at, self._numbers, member, is_good, seconds, attempts))
