"""The server's clock: always a time with an offset, or nothing."""

from datetime import UTC, datetime

import pytest

from s3sync.aws.buckets import server_date

THEN = datetime(2026, 11, 26, 21, 35, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "told"),
    [
        ("Thu, 26 Nov 2026 21:35:07 GMT", THEN),
        ("Thu, 26 Nov 2026 21:35:07 -0000", THEN),
        ("Thu, 26 Nov 2026 22:35:07 +0100", THEN),
        ("Thu, 26 Nov 2026 21:35:07", THEN),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_date_has_an_offset_or_is_none(date: str, told: datetime | None) -> None:
    found = server_date({"date": date})
    assert found == told
    assert found is None or found.tzinfo is not None


def test_no_date() -> None:
    assert server_date({}) is None
