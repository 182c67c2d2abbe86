"""What becomes of operations and their requests: results, order, retries, and how many there are at once."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from s3sync.s3.engine.operation import EngineCounts, FixedPace
from s3sync.s3.request import Reply
from tests.unit.s3.engine.engines import ask, engine_of, fails_first, one
from tests.unit.scripted import Answer, error, ok


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


def test_a_yield_without_requests_waits_for_the_next_tick() -> None:
    """C7: what an operation put down before is written by then; other operations go on meanwhile."""
    noted: list[int] = []
    written: list[int] = []

    def noting(number: int) -> Any:
        yield (ask("Create"),)
        noted.append(number)
        assert (yield ()) is None
        assert number in written
        yield (ask("Part"),)
        return number

    engine, transport, clock = engine_of(lambda _: ok(), capacity=4)
    began = clock.now
    operations = [*((n, noting(n)) for n in range(3)), *((n, one("Copy")) for n in range(3, 40))]
    found = dict(engine.run(operations, on_tick=lambda: written.extend(noted)))
    assert [found[n] for n in range(3)] == [0, 1, 2]
    assert len(found) == 40
    sent = [request.operation for request in transport.sent]
    assert sent.index("Part") > sent.index("Copy")
    assert clock.now - began < 1.0, "nobody waits a whole second for it"


def test_c7_a_stop_finds_an_operation_that_waits_for_a_tick() -> None:
    def waiting() -> Any:
        yield (ask("Create"),)
        try:
            yield ()
        finally:
            yield (ask("Abort"),)

    engine, transport, _ = engine_of(lambda _: ok())
    assert list(engine.run([(1, waiting())], should_stop=lambda: bool(transport.sent))) == []
    assert [request.operation for request in transport.sent] == ["Create", "Abort"]


def test_counts_can_be_taken_apart() -> None:
    counts = EngineCounts(Counter(A=3, B=1), 2, 1)
    earlier = counts.copy()
    counts.requests["A"] += 2
    counts.retries += 1
    assert counts.since(earlier) == EngineCounts(Counter(A=2), 1, 0)
