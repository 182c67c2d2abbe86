"""What the pictures of a report are drawn from: time axes, treemaps, shares, bars."""

import re
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.model.finding import Verdict
from s3sync.report.charts import LEAST_WIDTH, stacked, ticks, treemap
from s3sync.report.check_page import CELLS_MAX, CheckView, share_text
from s3sync.report.time_axis import COLUMNS_MAX, COLUMNS_MIN, coarsened, hours, on_axis, time_axis
from tests.unit.report.test_check_summary import WHEN, finding, summary_of, tally_of


@pytest.mark.parametrize(
    ("moments", "unit", "first", "last", "count"),
    [
        (["2026-02-03T22", "2026-02-04T11"], "hour", "2026-02-03T22", "2026-02-04T11", 14),
        (["2026-02-03T22", "2026-02-04T01"], "hour", "2026-02-03T14", "2026-02-04T01", COLUMNS_MIN),
        (["2026-02-03T02"], "hour", "2026-02-02T15", "2026-02-03T02", COLUMNS_MIN),
        (["2026-02"], "month", "2025-03", "2026-02", COLUMNS_MIN),
        (["2026"], "year", "2015", "2026", COLUMNS_MIN),
        (["0001-01-01T00"], "hour", "0001-01-01T00", "0001-01-01T00", 1),
        (["9999-12-31T23"], "hour", "9999-12-31T12", "9999-12-31T23", COLUMNS_MIN),
        (["2026-02-03T22", "2026-03-01T01", "unknown"], "day", "2026-02-03", "2026-03-01", 27),
        (["2023-12-31T23", "2026-01"], "month", "2023-12", "2026-01", 26),
        (["2026-02-03T22", "2026-02-04"], "day", "2026-01-24", "2026-02-04", COLUMNS_MIN),
        (["1999-02-03T22", "2026-02-04"], "year", "1999", "2026", 28),
        (["1899", "2026"], "year", "1899", "2018", COLUMNS_MAX),
    ],
)
def test_an_axis_is_in_the_finest_unit_that_fits_and_has_no_gap(moments, unit, first, last, count):
    axis = time_axis(moments)
    assert axis is not None
    assert (axis.unit, axis.moments[0], axis.moments[-1], len(axis.moments)) == (unit, first, last, count)


def test_no_axis_without_a_time():
    assert time_axis([]) is None
    assert time_axis(["unknown"]) is None


def test_counts_stand_on_the_axis():
    places = Counter({("2026-02-03T22", "a"): 2, ("2026-02-03T23", "b"): 1, ("2026-02-05T01", "a"): 4})
    axis = time_axis(moment for moment, _ in places)
    assert axis is not None
    found = on_axis(axis, places)
    assert len(found) == 28
    assert [n for n, column in enumerate(found) if column] == [0, 1, 27]
    assert found[0] == {"a": 2}


def test_hours_of_timestamps():
    times = pa.chunked_array([pa.array([WHEN, WHEN, None], pa.timestamp("us", tz="UTC"))])
    assert hours(times) == {"2026-02-03T00": 2, "unknown": 1}


def test_coarsened_counts_add_up_in_any_order():
    places = Counter({(f"2026-{m:02}-{d:02}T{h:02}", "a"): 1 for m in (1, 2) for d in range(1, 29) for h in range(4)})
    assert coarsened(places, 224) == places
    days = coarsened(places, 223)
    assert set(map(len, {moment for moment, _ in days})) == {10}
    assert coarsened(days + Counter({("2026-03-01T00", "a"): 1}), 223)["2026-03-01", "a"] == 1
    assert coarsened(places, 1) == {("2026", "a"): 224}


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=30), st.sampled_from([1.0, 2.6]))
def test_a_treemap_has_each_value_as_an_area_and_nothing_overlaps(values, aspect):
    values.sort(reverse=True)
    places = treemap(values, aspect=aspect)
    total = sum(values)
    for value, place in zip(values, places, strict=True):
        assert place.width * place.height == pytest.approx(value / total, rel=1e-6)
        assert place.left >= -1e-9
        assert place.left + place.width <= 1 + 1e-6
        assert place.top + place.height <= 1 + 1e-6
    for at, one in enumerate(places):
        for other in places[:at]:
            across = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
            down = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
            assert across < 1e-6 or down < 1e-6


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "-"),
        (0, 5, "0 %"),
        (5, 5, "100 %"),
        (9_999_999, 10_000_000, "99.99 %"),
        (1, 10_000_000, "< 0.01 %"),
        (1, 3, "33.33 %"),
        (1, 2, "50 %"),
    ],
)
def test_what_is_not_all_is_never_shown_as_all(part, whole, text):
    assert share_text(part, whole) == text


def widths(svg):
    return [float(width) for width in re.findall(r'width="([0-9.]+)"', svg)]


def test_a_single_object_among_millions_is_seen_and_the_bar_stays_as_wide():
    found = widths(stacked([("match", 1 - 3e-7), ("error", 1e-7), ("others", 2e-7), ("failed", 0)]))
    assert found[1:] == [LEAST_WIDTH, LEAST_WIDTH]
    assert sum(found) == pytest.approx(1000, abs=0.05)
    assert widths(stacked([("a", 0.25), ("b", 0.5)])) == [250, 500]


def test_ticks():
    assert ticks(["a"]) == ["a"]
    assert ticks(["a", "b"]) == ["a", "b"]
    assert ticks(list("abcde")) == ["a", "c", "e"]


def test_the_treemap_is_of_all_that_does_not_match():
    keys = [f"{n // 7}/{n % 7}/{n}" for n in range(7 * CELLS_MAX)]
    view = CheckView(summary_of(tally_of(*(finding(key, Verdict.ERROR) for key in keys))))
    assert sum(count for cell in view.cells for _, count in cell.parts) == len(keys)
    assert len(view.cells) == CELLS_MAX + 1
    assert view.cells[0].label == "all other prefixes"
    assert CheckView(summary_of(tally_of(finding("a/b"), finding("c/d")))).cells == []
