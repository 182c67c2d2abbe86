import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.s3.wire.http import retry_after_seconds

DATE = "Mon, 01 Jun 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("retry_after", "date", "seconds"),
    [
        (None, DATE, 0),
        ("7", None, 7),
        (" 1.5 ", DATE, 1.5),
        ("Mon, 01 Jun 2026 10:01:30 GMT", DATE, 90),
        ("Mon, 01 Jun 2026 09:00:00 GMT", DATE, 0),
        ("Mon, 01 Jun 2026 10:01:30 GMT", None, 0),
        ("Mon, 01 Jun 2026 10:01:30 GMT", "yesterday", 0),
        ("soon", DATE, 0),
        ("-3", DATE, 0),
        ("1e9", DATE, 0),
        ("", DATE, 0),
    ],
)
def test_each_row(retry_after: str | None, date: str | None, seconds: float) -> None:
    given_headers = {"retry-after": retry_after, "date": date}
    assert retry_after_seconds({name: value for name, value in given_headers.items() if value is not None}) == seconds


@given(st.text(max_size=40), st.text(max_size=40))
def test_nothing_that_a_server_says_breaks_it(retry_after: str, date: str) -> None:
    assert retry_after_seconds({"retry-after": retry_after, "date": date}) >= 0
