"""The limit on requests a second holds for all workers together; throttling is told by prefix, and fails nothing."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from s3sync.demo.server import EmbeddedServer
from s3sync.demo.wire import App, Environ, StartResponse, answer, call_of, error_body
from tests.spark.workplace import Workplace

LIMIT = 40
OBJECTS = 240


class Clocked:
    """A layer that notes when copies arrive, and refuses those of a prefix for some seconds."""

    def __init__(self) -> None:
        self.arrivals: list[float] = []
        self.hot: str | None = None
        self.hot_seconds = 0.0

    def wrap(self, app: App) -> App:
        def layer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            call = call_of(environ)
            if call.operation == "CopyObject" and "s3sync-probe" not in call.key:
                self.arrivals.append(time.monotonic())
                is_hot = self.hot is not None and call.key.startswith(self.hot)
                if is_hot and time.monotonic() - self.arrivals[0] < self.hot_seconds:
                    return answer(
                        environ, start_response, 503, error_body("SlowDown", "Please reduce your request rate.")
                    )
            return app(environ, start_response)

        return layer

    def most_in_a_second(self) -> int:
        times = sorted(self.arrivals)
        return max(sum(1 for other in times if at <= other < at + 1) for at in times)


@contextmanager
def clocked() -> Iterator[tuple[str, Clocked]]:
    clock = Clocked()
    with EmbeddedServer(wrap=clock.wrap) as server:
        yield server.endpoint_url, clock


@pytest.fixture
def filled(pair: tuple[str, str], s3: Any) -> tuple[str, str]:
    for n in range(OBJECTS):
        s3.put_object(Bucket=pair[0], Key=f"{'hot' if n % 3 == 0 else 'cold'}/{n % 2}/{n:04d}", Body=b"x")
    return pair


def test_two_workers_together_stay_under_the_limit(workplace: Workplace, filled: tuple[str, str]) -> None:
    """Several batches, so that workers come and go. Arrivals are a little less even than what is sent."""
    source, target = filled
    with clocked() as (url, clock):
        ended = workplace.at(url).run(
            "-s", source, "-t", target, "--batch-objects", "40", "--max-requests-per-second", str(LIMIT)
        )
    assert ended.code == 0, ended.error
    assert len(clock.arrivals) == OBJECTS
    assert clock.most_in_a_second() <= 1.2 * LIMIT + 4
    assert (OBJECTS - 1) / (max(clock.arrivals) - min(clock.arrivals)) <= 1.05 * LIMIT


def test_without_a_limit_they_are_quicker(workplace: Workplace, filled: tuple[str, str]) -> None:
    """The negative control: the server itself is not what holds the workers back."""
    source, target = filled
    with clocked() as (url, clock):
        assert workplace.at(url).run("-s", source, "-t", target, "--batch-objects", "40").code == 0
    assert clock.most_in_a_second() > 1.2 * LIMIT + 4


def test_a_hot_prefix_is_shown_and_fails_nothing(
    workplace: Workplace, filled: tuple[str, str], objects: Callable[[str], dict[str, bytes]]
) -> None:
    """Refused for so long that one attempt and its retries alone would have given up."""
    source, target = filled
    with clocked() as (url, clock):
        clock.hot, clock.hot_seconds = "hot/0/", 12.0
        ended = workplace.at(url).run("-s", source, "-t", target, "--max-attempts", "1")
    assert ended.code == 0, ended.error
    assert len(objects(target)) == OBJECTS
    summary = ended.summary
    assert max(row["requests"] for row in ended.outcomes().values()) > 4, "the most that --max-attempts 1 gives"
    assert summary["throttled_by_prefix"] == {f"{target}/hot/0/": summary["throttled"]}
    assert f"throttled in {target}/hot/0/" in ended.said
    assert f"of them in {target}/hot/0/" in ended.said
