"""Engines on a clock of their own, and operations for them."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from s3sync.s3.engine.engine import Engine
from s3sync.s3.engine.retry_policy import RetryPolicy
from s3sync.s3.request import Request, Side
from tests.unit.scripted import Answer, FakeTransport, VirtualClock, ok

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
