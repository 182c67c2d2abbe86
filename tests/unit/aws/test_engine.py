import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from s3sync.aws.engine import WIND_DOWN_SECONDS, Engine, StopOperation
from s3sync.aws.flights import EngineCounts, FixedPace
from s3sync.aws.retries import NO_HEADWAY_SECONDS, RetryPolicy
from s3sync.aws.transport import Reply, Request, Side
from s3sync.planning.rate import TokenBucket
from tests.unit.aws.scripted import Answer, FakeTransport, VirtualClock, error, ok

POLICY = RetryPolicy(max_attempts=3, max_throttled_attempts=6, base_seconds=1, throttled_base_seconds=1)


def ask(name: str, **params: Any) -> Request:
    return Request(name, Side.TARGET, params)


def one(name: str, **params: Any) -> Any:
    (reply,) = yield (ask(name, **params),)
    return reply


def engine_of(
    answer: Callable[[Request], Answer], *, capacity: int = 4, **options: Any
) -> tuple[Engine, FakeTransport, VirtualClock]:
    clock = VirtualClock()
    transport = FakeTransport(clock, answer, capacity)
    engine = Engine(transport, POLICY, clock=clock, sleep=clock.sleep, chance=random.Random(7), **options)
    return engine, transport, clock


def fails_first(times: int, failure: Answer) -> Callable[[Request], Answer]:
    seen: Counter[str] = Counter()

    def answer(request: Request) -> Answer:
        key = request.params.get("Key", "")
        seen[key] += 1
        return failure if key.startswith("bad") and seen[key] <= times else ok(Key=key)

    return answer


def test_results_carry_their_tags_and_requests_are_counted() -> None:
    engine, transport, _ = engine_of(lambda request: ok(Key=request.params["Key"]))
    results = dict(engine.run((n, one("CopyObject", Key=str(n))) for n in range(50)))
    assert {tag: reply.values["Key"] for tag, reply in results.items()} == {n: str(n) for n in range(50)}
    assert engine.counts == EngineCounts(Counter(CopyObject=50))
    assert transport.most_in_flight == 4


def test_no_more_in_flight_than_the_pace_allows() -> None:
    engine, transport, _ = engine_of(lambda _: ok(), capacity=8, pace=FixedPace(2))
    assert len(list(engine.run((n, one("X")) for n in range(20)))) == 20
    assert transport.most_in_flight == 2


def test_the_pace_sees_every_reply() -> None:
    class Seeing:
        limit = 3
        seen: list[int]

        def __init__(self) -> None:
            self.seen = []

        def on_reply(self, reply: Reply) -> None:
            self.seen.append(reply.status)

    pace = Seeing()
    engine, _, _ = engine_of(fails_first(2, error(503, "SlowDown")), pace=pace)
    list(engine.run([(1, one("X", Key="bad")), (2, one("X", Key="good"))]))
    assert sorted(pace.seen) == [200, 200, 503, 503]


def test_operations_are_started_as_there_is_room() -> None:
    """C11: what has begun is bounded by the window, however many operations there are."""
    begun = 0

    def operations() -> Iterator[tuple[int, Any]]:
        nonlocal begun
        for n in range(1000):
            begun += 1
            yield n, one("X")

    engine, _, _ = engine_of(lambda _: ok(), capacity=4)
    for ended, _ in enumerate(engine.run(operations()), start=1):
        assert begun - ended <= 3 * 4
    assert begun == 1000


def test_replies_of_one_yield_keep_the_order_of_its_requests() -> None:
    def many() -> Any:
        replies = yield [ask("X", Key=str(n), Slow=9 - n) for n in range(10)]
        return [reply.values["Key"] for reply in replies]

    engine, transport, _ = engine_of(lambda r: Answer({"Key": r.params["Key"]}, seconds=r.params["Slow"]), capacity=3)
    assert list(engine.run([("a", many())])) == [("a", [str(n) for n in range(10)])]
    assert transport.most_in_flight == 3


@pytest.mark.parametrize(
    ("failure", "failures", "sent", "code", "throttled"),
    [
        (error(500, "InternalError"), 2, 3, None, 0),
        (error(500, "InternalError"), 3, 3, "InternalError", 0),
        (error(0, "ConnectionError"), 99, 3, "ConnectionError", 0),
        (error(503, "SlowDown"), 5, 6, None, 5),
        (error(200, "SlowDown"), 1, 2, None, 1),
        (error(403, "AccessDenied"), 99, 1, "AccessDenied", 0),
        (error(412, "PreconditionFailed"), 99, 1, "PreconditionFailed", 0),
    ],
)
def test_retries(failure: Answer, failures: int, sent: int, code: str | None, throttled: int) -> None:
    """C9: one layer retries, throttled and transient ones only, and each a bounded number of times."""
    engine, transport, _ = engine_of(fails_first(failures, failure))
    ((_, reply),) = engine.run([(1, one("X", Key="bad"))])
    assert len(transport.sent) == sent == reply.attempts
    assert reply.code == code
    assert engine.counts == EngineCounts(
        Counter(X=sent), sent - 1, throttled, Counter({"/": throttled} if throttled else {})
    )


def test_pauses_grow_and_are_slept_not_spun() -> None:
    engine, transport, clock = engine_of(fails_first(2, error(500, "InternalError")))
    began = clock.now
    ((_, reply),) = engine.run([(1, one("X", Key="bad"))])
    assert len(clock.slept) == 3  # the second pause is over a second: a tick comes between
    assert all(pause > 0 for pause in clock.slept)
    assert 1.5 <= clock.now - began - 3 * 0.05 <= 3
    assert reply.earlier_seconds == pytest.approx(clock.now - began - 0.05)
    assert transport.waits + len(clock.slept) < 12


def test_a_waiting_request_blocks_nobody() -> None:
    engine, _, _ = engine_of(fails_first(5, error(503, "SlowDown")), capacity=1)
    order = [tag for tag, _ in engine.run([("bad", one("X", Key="bad")), *((n, one("X", Key="g")) for n in range(9))])]
    assert order == [*range(9), "bad"]


def test_ticks_come_about_once_a_second() -> None:
    engine, _, clock = engine_of(lambda _: Answer(seconds=10.0))
    ticks: list[float] = []
    began = clock.now
    list(engine.run([(1, one("X"))], on_tick=lambda: ticks.append(clock.now - began)))
    assert ticks == pytest.approx(list(range(1, 11)))


def test_an_operation_may_end_without_a_request() -> None:
    def nothing() -> Any:
        return "done"
        yield

    engine, transport, _ = engine_of(lambda _: ok(), capacity=2)
    assert [tag for tag, _ in engine.run((n, nothing()) for n in range(100))] == list(range(100))
    assert transport.sent == []


def test_a_yield_without_requests_is_a_defect() -> None:
    def empty() -> Any:
        yield []

    engine, _, _ = engine_of(lambda _: ok())
    with pytest.raises(ValueError, match="yielded no request"):
        list(engine.run([(1, empty())]))


def upload(parts: int, log: list[str]) -> Any:
    """An operation that tidies up after itself, as multipart copies do."""
    yield [ask("Create")]
    try:
        yield [ask("Part", Key=str(n)) for n in range(parts)]
        yield [ask("Complete")]
    except Exception as caught:
        log.append(type(caught).__name__)
        yield [ask("Abort")]
        raise
    return "completed"


def test_stop_lets_flights_land_and_tidies_up() -> None:
    """C7: an upload that is stopped in its middle is aborted, after its parts in flight have come back."""
    stop = False

    def answer(request: Request) -> Answer:
        nonlocal stop
        stop = stop or request.operation == "Part"
        return Answer(seconds=3.0 if request.operation == "Part" else 0.1)

    engine, transport, _ = engine_of(answer, capacity=3)
    log: list[str] = []
    operations = [("up", upload(10, log)), ("one", one("Copy")), *((n, one("Late")) for n in range(50))]
    results = [tag for tag, _ in engine.run(operations, lambda: stop)]
    sent = [request.operation for request in transport.sent]
    assert "up" not in results
    assert log == ["StopOperation"]
    assert sent[-1] == "Abort"
    assert sent.count("Part") <= 3
    assert sent.count("Late") < 10
    assert len(results) == sent.count("Late") + sent.count("Copy")


def test_stop_cuts_the_pauses_short() -> None:
    """A request that had attempts left is no failure of its object: it has no result, so it stays planned."""
    engine, transport, _ = engine_of(lambda _: error(503, "SlowDown"))
    results = list(engine.run([(n, one("X")) for n in range(3)], lambda: len(transport.sent) >= 4))
    assert results == []
    assert len(transport.sent) <= 8


def test_stop_before_anything_starts_nothing() -> None:
    engine, transport, _ = engine_of(lambda _: ok())
    assert list(engine.run([(1, one("X"))], lambda: True)) == []
    assert transport.sent == []
    assert len(list(engine.run([(1, one("X"))]))) == 1  # and the engine can be used again


def test_an_abort_is_retried_while_stopping() -> None:
    aborts = 0

    def answer(request: Request) -> Answer:
        nonlocal aborts
        if request.operation == "Abort":
            aborts += 1
            return error(503, "SlowDown") if aborts < 3 else ok()
        return Answer(seconds=2.0)

    engine, transport, _ = engine_of(answer)
    log: list[str] = []
    assert list(engine.run([("up", upload(2, log))], lambda: len(transport.sent) > 1)) == []
    assert aborts == 3


def test_closing_the_iterator_stops_the_rest() -> None:
    """C7, where the caller goes away."""
    engine, transport, _ = engine_of(lambda r: Answer(seconds=5.0 if r.operation == "Part" else 0.1))
    log: list[str] = []
    results = engine.run([("up", upload(2, log)), ("one", one("Copy")), ("two", one("Copy"))])
    assert next(results)[0] == "one"
    results.close()
    assert [request.operation for request in transport.sent][-1] == "Abort"
    assert log == ["StopOperation"]
    assert transport.in_flight == 0


def test_a_defect_is_raised_and_the_others_tidy_up() -> None:
    def broken() -> Any:
        yield [ask("Copy")]
        raise KeyError("defect")

    engine, transport, _ = engine_of(lambda r: Answer(seconds=2.0 if r.operation == "Part" else 0.1))
    log: list[str] = []
    with pytest.raises(KeyError, match="defect"):
        list(engine.run([("up", upload(2, log)), ("bad", broken())]))
    assert [request.operation for request in transport.sent][-1] == "Abort"


def test_winding_down_is_bounded_and_late_replies_are_dropped() -> None:
    engine, transport, clock = engine_of(lambda r: Answer(seconds=500.0 if r.operation == "Slow" else 0.1))
    results = engine.run([("slow", one("Slow")), ("one", one("Copy"))])
    next(results)
    began = clock.now
    results.close()
    assert clock.now - began <= WIND_DOWN_SECONDS + 1
    clock.now += 1000
    assert [tag for tag, _ in engine.run([("next", one("Copy"))])] == ["next"]
    assert transport.in_flight == 0


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


def test_counts_can_be_taken_apart() -> None:
    counts = EngineCounts(Counter(A=3, B=1), 2, 1)
    earlier = counts.copy()
    counts.requests["A"] += 2
    counts.retries += 1
    assert counts.since(earlier) == EngineCounts(Counter(A=2), 1, 0)


def test_stop_operation_is_an_ordinary_exception() -> None:
    """Operations tidy up in `except Exception`, which must see it."""
    assert issubclass(StopOperation, Exception)
