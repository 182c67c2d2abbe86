"""How an engine holds back: what is throttled tries on for so long, no second has more requests than the rate (C9)."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from s3sync.s3.engine.engine import Engine
from s3sync.s3.engine.rate_limit import TokenBucket
from s3sync.s3.engine.retry_policy import NO_HEADWAY_SECONDS
from s3sync.s3.request import Request
from tests.unit.s3.engine.engines import POLICY, engine_of, fails_first, one
from tests.unit.scripted import Answer, FakeTransport, VirtualClock, error, ok


class Endless:
    """Throttles `bad` keys for so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.until = 1000.0 + seconds
        self.clock: VirtualClock

    def __call__(self, request: Request) -> Answer:
        is_bad = request.params["Key"].startswith("bad") and self.clock.now < self.until
        return error(503, "SlowDown") if is_bad else ok()


def throttled_for(seconds: float) -> tuple[Engine, FakeTransport, VirtualClock]:
    answer = Endless(seconds)
    engine, transport, clock = engine_of(answer)
    answer.clock = clock
    return engine, transport, clock


def test_without_any_headway_a_throttled_request_fails_in_the_end() -> None:
    """C9: bounded in attempts, and in time where nothing succeeds."""
    engine, transport, clock = throttled_for(1e9)
    ((_, reply),) = engine.run([(1, one("X", Key="bad"))])
    assert reply.code == "SlowDown"
    assert NO_HEADWAY_SECONDS < clock.now - 1000 < NO_HEADWAY_SECONDS + 2 * POLICY.most_seconds
    assert engine.counts.throttled_by_prefix == {"/": len(transport.sent)}


def test_while_the_engine_makes_headway_a_throttled_request_goes_on_trying() -> None:
    """An hour and more than a hundred attempts, against six that the policy has for one without headway."""
    engine, _, clock = throttled_for(3_600)

    def slow_stream() -> Iterator[tuple[str, Any]]:
        yield "bad", one("X", Key="bad")
        while clock.now < 1000 + 3_600:
            clock.now += 60
            yield "good", one("X", Key="good")

    replies = dict(engine.run(slow_stream()))
    assert replies["bad"].ok
    assert replies["bad"].attempts > POLICY.max_throttled_attempts


def test_headway_elsewhere_counts_as_well() -> None:
    engine, _, _ = throttled_for(3_600)
    ((_, reply),) = engine.run([(1, one("X", Key="bad"))], on_tick=engine.note_headway)
    assert reply.ok
    assert reply.attempts > POLICY.max_throttled_attempts


def test_the_server_says_when_to_come_again() -> None:
    engine, transport, clock = engine_of(fails_first(1, error(503, "SlowDown")))
    wait = transport.wait

    def with_retry_after(timeout_seconds: float) -> Any:
        replies = wait(timeout_seconds)
        for reply in replies:
            reply.retry_after_seconds = 0.0 if reply.ok else 45.0
        return replies

    transport.wait = with_retry_after  # type: ignore[method-assign]
    ((_, reply),) = engine.run([(1, one("X", Key="bad"))])
    assert reply.ok
    assert 45 <= clock.now - 1000 <= 46


def rated(
    rate: float, *, capacity: int = 64, answer: Answer | None = None
) -> tuple[Engine, FakeTransport, list[float]]:
    clock = VirtualClock()
    sent_at: list[float] = []

    def note(_: Request) -> Answer:
        sent_at.append(clock.now)
        return answer or ok()

    transport = FakeTransport(clock, note, capacity)
    engine = Engine(
        transport,
        POLICY,
        rate=TokenBucket(rate, 1000, clock),
        clock=clock,
        sleep=clock.sleep,
        chance=random.Random(7),
    )
    return engine, transport, sent_at


@pytest.mark.parametrize("rate", [0.5, 3, 100, 700])
def test_no_second_has_more_requests_than_the_rate(rate: float) -> None:
    """Evenly: in each second, and, with a burst of a tenth, in any part of one."""
    engine, _, sent_at = rated(rate)
    count = max(5, round(4 * rate))
    assert len(list(engine.run((n, one("X")) for n in range(count)))) == count
    assert sent_at[-1] - 1000 == pytest.approx(count / rate, rel=0.05, abs=0.1)
    for n, at in enumerate(sent_at):
        assert sum(1 for other in sent_at[n:] if other < at + 1) <= rate * 1.1 + 1


def test_retries_are_requests_too() -> None:
    engine, transport, sent_at = rated(10, answer=error(500, "InternalError"))
    list(engine.run((n, one("X")) for n in range(20)))
    assert len(transport.sent) == 60
    assert sent_at[-1] - 1000 >= 5.9


def test_a_share_of_nothing_waits_for_the_next_one() -> None:
    engine, _, sent_at = rated(0)
    assert engine.rate is not None
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        if ticks == 5:
            engine.rate.set_rate(10)

    assert len(list(engine.run([(n, one("X")) for n in range(3)], on_tick=tick))) == 3
    assert sent_at[0] - 1000 > 5


def test_a_rate_that_is_not_reached_changes_nothing() -> None:
    engine, transport, _ = rated(1_000_000, capacity=8)
    list(engine.run((n, one("X")) for n in range(100)))
    assert transport.most_in_flight == 8
