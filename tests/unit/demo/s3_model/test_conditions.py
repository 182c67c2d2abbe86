"""The tables of conditions in s3sync/demo/s3_model/conditions.py, row by row."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from s3sync.demo.s3_model.conditions import check_target, failing
from s3sync.demo.s3_model.stored import Refused

ETAG, OTHER = "a" * 32, "b" * 32
THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BEFORE, LATER = THEN - timedelta(seconds=1), THEN + timedelta(seconds=1)


@dataclass
class Seen:
    etag: str = ETAG
    last_modified: datetime = THEN


@pytest.mark.parametrize(
    ("match", "unmodified", "none_match", "modified", "expected"),
    [
        (OTHER, None, None, None, "If-Match"),
        (OTHER, LATER, None, None, "If-Match"),
        (ETAG, BEFORE, None, None, None),
        ("*", None, None, None, None),
        (f'"{ETAG}"', None, None, None, None),
        (ETAG, None, ETAG, None, "If-None-Match"),
        (None, BEFORE, None, None, "If-Unmodified-Since"),
        (None, BEFORE, OTHER, None, "If-Unmodified-Since"),
        (None, THEN, None, None, None),
        (None, LATER, None, LATER, "If-Modified-Since"),
        (None, None, ETAG, None, "If-None-Match"),
        (None, None, "*", None, "If-None-Match"),
        (None, None, OTHER, LATER, None),
        (None, None, None, THEN, "If-Modified-Since"),
        (None, None, None, BEFORE, None),
        (None, None, None, None, None),
    ],
)
def test_conditions_of_reads_and_sources(
    match: str | None,
    unmodified: datetime | None,
    none_match: str | None,
    modified: datetime | None,
    expected: str | None,
) -> None:
    assert failing(Seen(), match, unmodified, none_match, modified) == expected


def test_times_are_compared_by_the_second() -> None:
    seen = Seen(last_modified=THEN + timedelta(milliseconds=900))
    assert failing(seen, None, THEN, None, None) is None
    assert failing(seen, None, None, None, THEN) == "If-Modified-Since"


@pytest.mark.parametrize(
    ("seen", "match", "none_match", "expected"),
    [
        (None, None, "*", None),
        (Seen(), None, "*", (412, "PreconditionFailed")),
        (None, ETAG, None, (404, "NoSuchKey")),
        (None, "*", None, (404, "NoSuchKey")),
        (Seen(), ETAG, None, None),
        (Seen(), f'"{ETAG}"', None, None),
        (Seen(), OTHER, None, (412, "PreconditionFailed")),
        (Seen(), "*", None, None),
        (Seen(), None, None, None),
        (None, None, None, None),
    ],
)
def test_conditions_of_writes(
    seen: Seen | None, match: str | None, none_match: str | None, expected: tuple[int, str] | None
) -> None:
    if expected is None:
        check_target("key", seen, match, none_match)
        return
    with pytest.raises(Refused) as caught:
        check_target("key", seen, match, none_match)
    assert (caught.value.status, caught.value.code) == expected
