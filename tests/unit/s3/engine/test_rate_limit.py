"""A limit on requests a second holds for all workers together, however they come, go and lose what they are told."""

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3sync.s3.engine.rate_limit import BURST_SECONDS, SILENT_SECONDS, RateShares, TokenBucket
from tests.unit.scripted import VirtualClock


def bucket_of(rate: float, limit: float = 1000) -> tuple[TokenBucket, VirtualClock]:
    clock = VirtualClock()
    return TokenBucket(rate, limit, clock), clock


def test_a_bucket_begins_empty_and_never_holds_more_than_a_burst() -> None:
    bucket, clock = bucket_of(100)
    assert bucket.available() == 0
    clock.now += 0.05
    assert bucket.available() == 5
    clock.now += 3600
    assert bucket.available() == 1 + 100 * BURST_SECONDS


def test_a_small_rate_saves_up_one_request() -> None:
    bucket, clock = bucket_of(0.2)
    clock.now += bucket.pause_seconds()
    assert bucket.available() == 1
    clock.now += 100
    assert bucket.available() == 1


@given(st.floats(0.1, 1e5), st.integers(0), st.integers(10, 300))
def test_no_window_of_time_has_more_than_its_rate_and_one_burst(rate: float, seed: int, steps: int) -> None:
    bucket, clock = bucket_of(rate)
    chance = random.Random(seed)
    sent: list[tuple[float, int]] = []
    for _ in range(steps):
        clock.now += chance.random() * chance.choice((0.001, 0.1, 5))
        taken = min(bucket.available(), chance.randint(0, 100_000))
        bucket.take(taken)
        sent.append((clock.now, taken))
    for first in range(0, steps, 7):
        total = 0
        for at, taken in sent[first:]:
            total += taken
            assert total <= rate * (at - sent[first][0]) + 1.001 + rate * BURST_SECONDS


def test_waiting_for_the_pause_loses_nothing() -> None:
    bucket, clock = bucket_of(250)
    sent = 0
    while clock.now < 1010:
        sent += bucket.available()
        bucket.take(bucket.available())
        clock.now += bucket.pause_seconds()
    assert 2_480 <= sent <= 2_500


def test_what_a_worker_wants() -> None:
    """All there is, while it uses its share; as much as it sends, where it leaves some."""
    bucket, clock = bucket_of(100)
    for _ in range(20):
        clock.now += 0.05
        bucket.take(bucket.available())
    assert bucket.wanted() == 1000
    for _ in range(20):
        clock.now += 0.05
        bucket.take(min(2, bucket.available()))
    assert bucket.wanted() == pytest.approx(40)


def test_a_share_of_nothing_sends_nothing_and_wants_all() -> None:
    bucket, clock = bucket_of(0)
    clock.now += 100
    assert bucket.available() == 0
    assert bucket.wanted() == 1000


@dataclass
class Worker:
    """As in a worker process: it reports once a second, and sends what it may, or what it has to send."""

    bucket: TokenBucket
    appetite: float
    reports_at: float
    is_there: bool = True
    sent: list[float] = field(default_factory=list)


class Crew:
    """Workers and the driver, in steps of 50 ms. `lost` answers never arrive."""

    def __init__(self, limit: float, expected: int, seed: int = 1, lost: float = 0.0) -> None:
        self.clock = VirtualClock(0.0)
        self.chance = random.Random(seed)
        self.shares = RateShares(limit, expected, self.clock)
        self.limit = limit
        self.expected = expected
        self.lost = lost
        self.workers: list[Worker] = []
        self.sent: list[int] = []
        self.most_held = 0.0

    def join(self, count: int, appetite: float = 1e9) -> None:
        for _ in range(count):
            bucket = TokenBucket(self.limit / self.expected, self.limit, self.clock)
            worker = Worker(bucket, appetite, self.clock.now + self.chance.random())
            self.report(worker, is_heard=True)
            self.workers.append(worker)

    def leave(self, count: int, *, says_so: bool) -> None:
        for worker in self.chance.sample(self.workers, count):
            if says_so:
                self.shares.leave(worker.bucket.last_word()["worker"])
            self.workers.remove(worker)

    def report(self, worker: Worker, *, is_heard: bool) -> None:
        share = self.shares.report(**worker.bucket.word())
        if is_heard:
            worker.bucket.set_rate(share)

    def step(self) -> None:
        self.clock.now += 0.05
        sent = 0
        for worker in self.workers:
            if self.clock.now >= worker.reports_at:
                worker.reports_at = self.clock.now + 1.0
                self.report(worker, is_heard=self.chance.random() >= self.lost)
            wanted = worker.appetite * 0.05
            wanted = int(wanted) + (self.chance.random() < wanted % 1)
            taken = min(worker.bucket.available(), wanted)
            worker.bucket.take(taken)
            sent += taken
        self.sent.append(sent)
        self.most_held = max(self.most_held, sum(worker.bucket.rate for worker in self.workers))

    def run(self, seconds: float) -> float:
        """Requests a second of the last half of it."""
        steps = round(seconds * 20)
        for _ in range(steps):
            self.step()
        return sum(self.sent[-steps // 2 :]) / (steps // 2 / 20)

    def most_in_a_second(self) -> int:
        return max(sum(self.sent[n : n + 20]) for n in range(max(1, len(self.sent) - 19)))


@pytest.mark.parametrize("workers", [1, 2, 20, 500])
@pytest.mark.parametrize("limit", [100, 3_000])
def test_the_whole_limit_is_used_and_never_more(workers: int, limit: int) -> None:
    crew = Crew(limit, workers)
    crew.join(workers)
    assert crew.run(20) >= 0.95 * limit
    assert crew.most_held <= limit * (1 + 1e-9)
    assert crew.most_in_a_second() <= limit * (1 + BURST_SECONDS) + workers


def test_shares_go_where_they_are_used() -> None:
    """Half of the workers have little to do: the others get what is left, all alike."""
    crew = Crew(1_000, 20)
    crew.join(10, appetite=10)
    crew.join(10)
    assert crew.run(20) >= 0.85 * 1_000
    busy = [worker.bucket.rate for worker in crew.workers if worker.appetite > 10]
    assert max(busy) <= 1.1 * min(busy)
    assert min(busy) >= 70, "an even share is 50, and 90 were possible"


def test_the_first_worker_leaves_places_for_the_others() -> None:
    crew = Crew(1_000, 10)
    crew.join(1)
    assert crew.workers[0].bucket.rate <= 100
    assert crew.run(20) >= 950, "and takes them when nobody comes"


def test_one_that_comes_late_gets_its_part_within_seconds() -> None:
    crew = Crew(1_000, 1)
    crew.join(1)
    crew.run(10)
    crew.join(1)
    assert crew.workers[1].bucket.rate == 0, "all is lent"
    crew.run(3)
    assert crew.workers[1].bucket.rate == pytest.approx(500, rel=0.1)


@pytest.mark.parametrize("says_so", [True, False])
def test_what_a_worker_that_ends_had_goes_to_the_others(says_so: bool) -> None:
    crew = Crew(1_000, 4)
    crew.join(4)
    crew.run(10)
    crew.leave(2, says_so=says_so)
    crew.run(2 if says_so else SILENT_SECONDS + 3)
    assert sum(worker.bucket.rate for worker in crew.workers) == pytest.approx(1_000, rel=0.05)


@settings(max_examples=15, deadline=None)
@given(
    limit=st.integers(1, 20_000),
    expected=st.integers(1, 500),
    lost=st.floats(0, 0.5),
    seed=st.integers(0),
    acts=st.lists(st.tuples(st.sampled_from(("join", "leave", "vanish")), st.integers(1, 250)), min_size=2, max_size=6),
)
def test_workers_come_and_go_and_answers_are_lost(
    limit: int, expected: int, lost: float, seed: int, acts: list[tuple[str, int]]
) -> None:
    """Up to 500 of them: what they hold together is never more than the limit, and what they send in a second never
    more than that, a burst, and one request each."""
    crew = Crew(limit, expected, seed, lost)
    crew.join(1)
    most = 1
    for act, count in acts:
        if act == "join":
            crew.join(min(count, 500 - len(crew.workers)), appetite=crew.chance.choice((1.0, 50.0, 1e9)))
        else:
            crew.leave(min(count, len(crew.workers) - 1), says_so=act == "leave")
        most += count
        crew.run(3)
    assert crew.most_held <= limit * (1 + 1e-9)
    assert crew.most_in_a_second() <= limit * (1 + BURST_SECONDS) + most


def test_shares_that_are_fixed_would_lose_what_the_idle_have() -> None:
    """The negative control for demand: without reports half of the limit stays unused."""
    crew = Crew(1_000, 20)
    crew.join(10, appetite=1)
    crew.join(10)
    for worker in crew.workers:
        worker.reports_at = 1e9
    assert crew.run(10) <= 0.6 * 1_000


def test_a_worker_without_a_driver_keeps_its_share() -> None:
    bucket, clock = bucket_of(50)
    assert bucket.word()["held"] == 0, "nothing, until it is answered"
    clock.now += 10
    assert bucket.word()["held"] == bucket.rate == 50
    bucket.last_word()
    bucket.unanswered()
    assert bucket.rate == 50


def test_a_worker_that_was_lent_nothing_and_then_lost_the_driver_is_not_stuck() -> None:
    """C9."""
    bucket, _ = bucket_of(50)
    bucket.set_rate(0)
    bucket.unanswered()
    assert bucket.rate == 50
