import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.model.outcome import ErrorClass
from s3sync.s3.engine.retry_policy import (
    NO_HEADWAY_SECONDS,
    RETRY_AFTER_MOST_SECONDS,
    THROTTLED_ATTEMPTS_MOST,
    RetryPolicy,
)

POLICY = RetryPolicy(max_attempts=3, max_throttled_attempts=5, base_seconds=1, throttled_base_seconds=2, most_seconds=9)


class Chance(random.Random):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def random(self) -> float:
        return self.value


@pytest.mark.parametrize(
    ("error_class", "attempts", "least", "most"),
    [
        (ErrorClass.TRANSIENT, 1, 0.5, 1),
        (ErrorClass.TRANSIENT, 2, 1, 2),
        (ErrorClass.TRANSIENT, 3, None, None),
        (ErrorClass.THROTTLED, 1, 1, 2),
        (ErrorClass.THROTTLED, 2, 2, 4),
        (ErrorClass.THROTTLED, 4, 4.5, 9),
        (ErrorClass.THROTTLED, 5, None, None),
        *((each, 1, None, None) for each in ErrorClass if not each.is_retried),
    ],
)
def test_each_row(error_class: ErrorClass, attempts: int, least: float | None, most: float | None) -> None:
    assert POLICY.pause_seconds(error_class, attempts, Chance(0.0)) == least
    assert POLICY.pause_seconds(error_class, attempts, Chance(1.0)) == most


@given(st.sampled_from(ErrorClass), st.integers(1, 10_000), st.integers(1, 50))
def test_pauses_are_bounded_and_end(error_class: ErrorClass, attempts: int, most: int) -> None:
    """C9: every retry is bounded."""
    policy = RetryPolicy.of(most)
    pause = policy.pause_seconds(error_class, attempts, random.Random(1))
    assert pause is None or 0 < pause <= policy.most_seconds
    assert pause is None or attempts < 4 * most
    assert pause is not None or not error_class.is_retried or attempts >= most


@pytest.mark.parametrize(
    ("error_class", "attempts", "quiet_seconds", "is_retried"),
    [
        (ErrorClass.THROTTLED, 4, NO_HEADWAY_SECONDS + 1, True),
        (ErrorClass.THROTTLED, 5, NO_HEADWAY_SECONDS + 1, False),
        (ErrorClass.THROTTLED, 5, NO_HEADWAY_SECONDS, True),
        (ErrorClass.THROTTLED, THROTTLED_ATTEMPTS_MOST - 1, 0, True),
        (ErrorClass.THROTTLED, THROTTLED_ATTEMPTS_MOST, 0, False),
        (ErrorClass.TRANSIENT, 3, 0, False),
        (ErrorClass.DENIED, 1, 0, False),
    ],
)
def test_c9_throttling_is_no_failure_while_others_succeed(
    error_class: ErrorClass, attempts: int, quiet_seconds: float, is_retried: bool
) -> None:
    pause = POLICY.pause_seconds(error_class, attempts, Chance(0.5), quiet_seconds=quiet_seconds)
    assert (pause is not None) is is_retried


@pytest.mark.parametrize(
    ("asked", "pause"), [(0.0, 1.5), (1.0, 1.5), (30.0, 30.0), (9_999.0, RETRY_AFTER_MOST_SECONDS)]
)
def test_what_the_server_asks_for_is_heeded_within_bounds(asked: float, pause: float) -> None:
    assert POLICY.pause_seconds(ErrorClass.THROTTLED, 1, Chance(0.5), retry_after_seconds=asked) == pause
