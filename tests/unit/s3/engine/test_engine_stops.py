"""An engine that is told to stop, or left, or meets a defect: what has begun ends, and tidies up (C7)."""

from typing import Any

import pytest

from s3sync.s3.engine.engine import WIND_DOWN_SECONDS, Engine, StopOperation
from s3sync.s3.engine.rate_limit import TokenBucket
from s3sync.s3.request import Request
from tests.unit.s3.engine.engines import POLICY, ask, engine_of, one
from tests.unit.scripted import Answer, FakeTransport, VirtualClock, error, ok


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


def broken(code: str) -> Any:
    yield [ask("Copy")]
    raise KeyError(code)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_c7_what_came_together_with_a_defect_is_taken_all_the_same(place: int) -> None:
    """The replies of one `wait`: one operation raises on its own, and the others' uploads are aborted at once."""
    engine, transport, clock = engine_of(lambda _: Answer(seconds=0.1), capacity=8)
    log: list[str] = []
    operations = [("up", upload(2, log)), ("up too", upload(2, log))]
    operations.insert(place, ("bad", broken("one")))
    began = clock.now
    with pytest.raises(KeyError, match="one"):
        list(engine.run(operations))
    assert log == ["StopOperation", "StopOperation"]
    assert [request.operation for request in transport.sent].count("Abort") == 2
    assert clock.now - began < 1, "nobody waits for what has come already"
    assert len(list(engine.run((n, one("Copy")) for n in range(40)))) == 40
    assert transport.most_in_flight == 8
    assert engine._in_flight == transport.in_flight == 0


def test_c7_of_several_defects_the_first_is_raised_and_none_costs_another_its_end() -> None:
    engine, transport, clock = engine_of(lambda _: Answer(seconds=0.1), capacity=8)
    log: list[str] = []
    began = clock.now
    operations = [("bad", broken("first")), ("too", broken("second")), ("up", upload(2, log))]
    with pytest.raises(KeyError, match="first"):
        list(engine.run(operations))
    assert log == ["StopOperation"]
    assert clock.now - began < 1
    assert engine._in_flight == transport.in_flight == 0


def test_c7_one_that_cannot_tidy_up_keeps_no_other_from_it() -> None:
    """Told to stop while their requests wait for a turn: the one raises, the others abort their uploads."""

    def bad_end() -> Any:
        yield [ask("Copy")]
        try:
            yield [ask("Part")]
        except Exception as stopped:
            raise KeyError("bad end") from stopped

    stop = False

    def answer(request: Request) -> Answer:
        nonlocal stop
        stop = stop or request.operation == "Part"
        return error(503, "SlowDown") if request.operation == "Part" else Answer(seconds=0.1)

    engine, transport, clock = engine_of(answer, capacity=8)
    log: list[str] = []
    operations = [pair for n in range(3) for pair in ((f"bad {n}", bad_end()), (n, upload(1, log)))]
    began = clock.now
    with pytest.raises(KeyError, match="bad end"):
        list(engine.run(operations, lambda: stop and clock.now > began + 0.3))
    assert log == ["StopOperation"] * 3
    assert [request.operation for request in transport.sent].count("Abort") == 3
    assert clock.now - began < 5
    assert engine._in_flight == transport.in_flight == 0


def test_a_request_that_could_not_be_handed_over_is_not_in_flight() -> None:
    """A defect of the transport: nothing was sent, so nothing is counted, and the engine is as good as before."""
    engine, transport, clock = engine_of(lambda _: Answer(seconds=0.1), capacity=4)
    hand_over, log = transport.submit, []

    def submit(request: Request) -> None:
        if request.params.get("Key") == "bad":
            raise TypeError("no such parameter")
        hand_over(request)

    transport.submit = submit  # type: ignore[method-assign]
    began = clock.now
    with pytest.raises(TypeError, match="no such parameter"):
        list(engine.run([("up", upload(2, log)), ("bad", one("Copy", Key="bad"))]))
    assert (log, engine._in_flight) == (["StopOperation"], 0)
    assert clock.now - began < 1
    assert engine.counts.requests.total() == len(transport.sent)
    assert len(list(engine.run((n, one("Copy")) for n in range(8)))) == 8


def test_a_source_of_operations_that_fails_is_charged_for_what_was_sent() -> None:
    clock, clock_of_rate = VirtualClock(), VirtualClock()
    rate = TokenBucket(1000, 1000, clock_of_rate)
    transport = FakeTransport(clock, lambda _: ok(), 4)
    engine = Engine(transport, POLICY, rate=rate, clock=clock, sleep=clock.sleep)

    def operations() -> Any:
        yield "one", one("Copy")
        raise OSError("the plan can't be read")

    clock_of_rate.now += 1
    before = rate.available()
    with pytest.raises(OSError, match="plan"):
        list(engine.run(operations()))
    assert before - rate.available() == len(transport.sent) == 1


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


def test_stop_operation_is_an_ordinary_exception() -> None:
    """Operations tidy up in `except Exception`, which must see it."""
    assert issubclass(StopOperation, Exception)
