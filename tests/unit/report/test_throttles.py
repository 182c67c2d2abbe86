"""Throttled requests by prefix: on their way through tallies and tables, and shown to a person."""

from collections import Counter
from io import StringIO

import pyarrow as pa
import pytest
from rich.console import Console

from s3sync.model.tables import OUTCOMES
from s3sync.model.tally import Tally, tally, with_engine_counts
from s3sync.report.console import PREFIXES, summary_view
from s3sync.report.progress import Standing, line
from s3sync.runs.summary import Summary
from tests.unit.runs.test_summary import FULL

BEFORE = Standing(10, 0, 0, 0, 0)


def test_they_travel_with_the_rows() -> None:
    engine = Tally(throttled=3, throttled_by_prefix=Counter({"b/x/": 2, "b/y/": 1}))
    table = with_engine_counts(pa.table([pa.array([], f.type) for f in OUTCOMES], schema=OUTCOMES), engine)
    found = Tally()
    found.add(tally(table))
    found.add(Tally.from_json(tally(table).to_json()))
    assert (found.throttled, found.throttled_by_prefix) == (6, {"b/x/": 4, "b/y/": 2})


def test_a_table_and_a_record_from_before_have_none() -> None:
    record = Tally().to_json()
    del record["throttled_by_prefix"]
    assert Tally.from_json(record) == Tally()


def test_c11_a_run_with_many_prefixes_keeps_the_largest_and_loses_none() -> None:
    whole = Tally()
    for n in range(1000):
        whole.add(Tally(throttled=2, throttled_by_prefix=Counter({f"b/{n}/": 1, "b/hot/": 1})))
    assert whole.throttled_by_prefix["b/hot/"] == 1000
    assert whole.throttled_by_prefix.total() == 2000
    assert len(whole.throttled_by_prefix) <= 50


def test_they_are_in_the_summary_and_come_back_from_it() -> None:
    assert Summary.from_json(FULL.to_json()).throttled_by_prefix == {"b/x/": 1}


def test_the_console_shows_the_largest() -> None:
    prefixes = Counter({f"b/{n}/": 100 - n for n in range(20)} | {"b/\x1b[31m/": 1000})
    out = StringIO()
    summary = Summary.from_json(FULL.to_json().replace('"b/x/": 1', ", ".join(_members(prefixes))))
    Console(file=out, width=120).print(summary_view(summary))
    shown = [text for text in out.getvalue().splitlines() if "throttled in" in text]
    assert len(shown) == PREFIXES
    assert "\x1b" not in out.getvalue()
    assert "1,000" in shown[0]


def _members(prefixes: Counter[str]) -> list[str]:
    return [f'"{name}": {n}'.replace("\x1b", "\\u001b") for name, n in prefixes.most_common()]


@pytest.mark.parametrize(
    ("standing", "text"),
    [
        (Standing(10, 5, 0, 0, 7, ("b/x/", 4)), "7 throttled, 4 of them in b/x/"),
        (Standing(10, 5, 0, 0, 7), "7 throttled, "),
        (Standing(10, 5, 0, 0, 0), "0 failed, "),
    ],
)
def test_progress_names_the_hottest_prefix(standing: Standing, text: str) -> None:
    assert text in line(standing, BEFORE, 1.0)


def test_progress_is_silent_where_nothing_was_throttled() -> None:
    assert "throttled" not in line(Standing(10, 5, 0, 0, 0), BEFORE, 1.0)
