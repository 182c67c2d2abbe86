"""The window finds a server's capacity, keeps a fleet near it, and lets nobody starve; all in virtual time."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.s3.engine.congestion import MOST_CUT, ROUND_LEAST, SLOW_FLOOR, Window
from tests.unit.s3.engine.fleet import FixedRate, Fleet, Queued, Unlimited

SERVERS = {
    "fixed rate": FixedRate(3500),
    "fixed rate without a burst": FixedRate(3500, 0.1, burst_seconds=0.1),
    "refusing costs as well": FixedRate(3500, cost=0.2),
    "a queue": Queued(3000),
    "a queue with an end": Queued(3000, most_seconds=0.2),
}


@pytest.mark.parametrize("workers", [1, 4, 20, 200])
@pytest.mark.parametrize("name", SERVERS)
def test_a_fleet_uses_a_server_well_and_does_not_collapse(name: str, workers: int) -> None:
    server = replace(SERVERS[name])
    seen = Fleet(server, workers, 1024 if workers <= 4 else 64).run(until=30, measured_from=10)
    assert seen.goodput >= 0.85 * server.rate
    assert seen.refused <= 0.2


def test_without_windows_refusals_eat_the_server() -> None:
    """The negative control of the test above: workers that keep 64 in flight whatever they hear."""

    class Stubborn(Window):
        def _set(self, _: float) -> None:
            self.size, self.limit = 64.0, 64

    fleet = Fleet(FixedRate(1000, cost=0.2), 20, 64)
    for member in fleet.members:
        member.window = Stubborn(64, 64)
    seen = fleet.run(until=30, measured_from=10)
    assert seen.goodput < 0.85 * 1000 or seen.refused > 0.2


@pytest.mark.parametrize("workers", [4, 20, 200])
def test_the_workers_of_a_fleet_get_about_the_same(workers: int) -> None:
    seen = Fleet(FixedRate(3500), workers, 64).run(until=90, measured_from=30)
    assert seen.fairness >= 0.9
    assert seen.least >= 0.3


def test_even_one_request_in_flight_each_may_be_too_much_and_nobody_starves() -> None:
    """200 workers at a server for 5 requests a second from each: the pauses between retries do the rest."""
    seen = Fleet(FixedRate(1000, 0.1, burst_seconds=0.1), 200, 64).run(until=240, measured_from=60)
    assert seen.goodput >= 850
    assert seen.least >= 0.1


@pytest.mark.parametrize(("most", "seconds"), [(64, 0.5), (256, 0.6), (1024, 0.8)])
def test_without_throttling_the_most_is_reached_at_once(most: int, seconds: float) -> None:
    seen = Fleet(Unlimited(0.05), 1, most).run(until=seconds, measured_from=0)
    assert seen.windows == [most]


def test_capacity_that_comes_back_is_found_again() -> None:
    """S3 splits a hot prefix while the run goes on."""
    server = FixedRate(500)

    def split(now: float) -> None:
        if now > 15:
            server.rate = 10_000

    fleet = Fleet(server, 1, 1024)
    assert fleet.run(15, 5).goodput <= 600
    assert fleet.run(60, 45, split).goodput >= 8_500


def test_one_worker_holds_the_latency_of_a_queue_down() -> None:
    seen = Fleet(Queued(3000), 1, 1024).run(until=40, measured_from=20)
    assert seen.median_seconds <= 0.15, "50 ms without load; 340 ms with 1,024 in flight"


def test_latency_that_is_not_ours_costs_nothing_for_long() -> None:
    """The service is slower from now on, however little is sent: the window comes back."""
    server = Unlimited(0.03)
    fleet = Fleet(server, 1, 64)
    fleet.run(5, 1)
    server.latency_seconds = 0.12
    seen = fleet.run(60, 40)
    assert seen.windows == [64]


def cut_in_a_round(window: Window, refused: int) -> tuple[int, int]:
    before = window.limit
    for n in range(max(ROUND_LEAST, before)):
        if n < refused:
            window.throttled()
        window.answered()
    return before, window.limit


def grown(size: int) -> Window:
    window = Window(size, size)
    assert window.limit == size
    return window


def test_a_cut_is_the_share_that_was_refused_and_half_at_most() -> None:
    assert cut_in_a_round(grown(100), 10) == (100, 90)
    assert cut_in_a_round(grown(100), 100) == (100, 100 * MOST_CUT)


def test_one_cut_a_round_trip() -> None:
    """What was in flight when the window was cut tells of the old window."""
    window = grown(100)
    cut_in_a_round(window, 50)
    assert window.limit == 50
    for _ in range(100):
        window.throttled()
        window.answered()
    assert window.limit == 50
    cut_in_a_round(window, 25)
    assert window.limit == 25


def test_slow_answers_alone_never_cut_below_the_floor() -> None:
    window = Window(64, 64)
    gauge = window.gauge()
    lowest = 64
    for seconds in (0.05, *(0.05 * 1.2**n for n in range(80))):
        for _ in range(window.limit + ROUND_LEAST):
            gauge.add(seconds)
            window.answered()
        lowest = min(lowest, window.limit)
    assert SLOW_FLOOR <= lowest < 64


@given(st.integers(1, 200), st.integers(1, 4096), st.integers(0), st.floats(0, 1))
def test_the_window_stays_in_its_bounds(start: int, most: int, seed: int, share: float) -> None:
    chance = random.Random(seed)
    window = Window(start, most)
    gauge = window.gauge()
    for _ in range(300):
        if chance.random() < share:
            window.throttled()
        else:
            gauge.add(chance.random() * 10 ** chance.randint(-4, 3))
        window.answered()
        assert 1 <= window.limit <= most
