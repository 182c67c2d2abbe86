"""Rows of both sides brought together, and a plain model beside it."""

from datetime import UTC, datetime, timedelta
from itertools import groupby

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.checking.compare import compare
from s3sync.checking.rules import RULINGS, Compared, Moments
from s3sync.model.finding import Ruling
from s3sync.model.keys import key_hashes
from s3sync.model.tables import COMPARED, FINDINGS, OUTDATED, SIDE_COPIED, SIDE_LEFT_OUT, SIDE_SOURCE, SIDE_TARGET
from s3sync.selection.mapping import KeyMapping
from tests.unit.checking.plain_rules import rule
from tests.unit.planning.plain_decision import Seen

OLD = datetime(2026, 1, 1, tzinfo=UTC)
A, B = "a" * 32, "b" * 32
SAME_KEYS, PLAIN = KeyMapping(), Compared()


def row(key="k", side=SIDE_SOURCE, at=0, **values):
    found = {"target_key": key, "side": side, "size": 1, "etag": A, "last_modified": OLD + timedelta(seconds=at)}
    return found | {"storage_class": "STANDARD", "encryption": "NOT-SSE"} | values


def table_of(rows):
    return pa.Table.from_pylist(rows, schema=COMPARED)


def ruled(rows, compared=PLAIN, hashes=None):
    table = table_of(rows)
    found = compare(table, key_hashes(table["target_key"]) if hashes is None else hashes(table), compared)
    everything = np.ones(found.codes.size, np.bool_)
    written = found.rows(everything, SAME_KEYS)
    assert written.schema == FINDINGS
    by_key = {key: str(ruling) for key, ruling in zip(keys_of(found), (RULINGS[c] for c in found.codes), strict=True)}
    assert written["target_key"].to_pylist() == sorted(by_key)
    return by_key, found


def keys_of(found):
    rows = np.maximum(np.maximum(found.source_rows, found.target_rows), found.copied_rows)
    return found.table["target_key"].take(pa.array(rows)).to_pylist()


def test_each_kind():
    rows = [
        row("both"), row("both", SIDE_TARGET),
        row("absent"),
        row("extra", SIDE_TARGET),
        row("size"), row("size", SIDE_TARGET, size=2),
        row("etag"), row("etag", SIDE_TARGET, etag=B),
    ]  # fmt: skip
    by_key, _ = ruled(rows)
    assert by_key == {
        "both": "etags_equal",
        "absent": "absent",
        "extra": "extra",
        "size": "sizes_differ",
        "etag": "etags_differ",
    }


def test_nothing():
    by_key, found = ruled([])
    assert by_key == {}
    assert found.duplicates == 0


def test_the_newest_row_of_a_side_counts():
    """Overlapping inventories, and such that are days apart, name an object more than once."""
    rows = [row(at=1, etag=B), row(at=9), row(at=5, etag=B), row(side=SIDE_TARGET, at=3), row(side=SIDE_TARGET, etag=B)]
    by_key, found = ruled(rows)
    assert by_key == {"k": "etags_equal"}
    assert found.duplicates == 3


def test_what_only_an_outdated_report_shows_is_open():
    """C14: it may be gone. What a newer report of the inventory shows counts, whatever the times say."""
    old_source, old_target = OUTDATED[SIDE_SOURCE], OUTDATED[SIDE_TARGET]
    rows = [
        row("gone", old_source), row("gone", SIDE_TARGET),
        row("gone too", old_source),
        row("empty", old_source, size=0), row("empty", SIDE_TARGET, size=0),
        row("left", SIDE_SOURCE), row("left", old_target),
        row("there", old_source, at=9, etag=B), row("there"), row("there", SIDE_TARGET),
        row("twice", old_source, at=2), row("twice", old_source), row("twice", SIDE_TARGET),
        row("filtered", old_source), row("filtered", SIDE_LEFT_OUT), row("filtered", SIDE_TARGET),
    ]  # fmt: skip
    by_key, found = ruled(rows)
    assert by_key == {
        "gone": "outdated",
        "gone too": "outdated",
        "empty": "outdated",
        "left": "outdated",
        "there": "etags_equal",
        "twice": "outdated",
    }
    assert found.duplicates == 3
    assert found.left_out == 1


def test_the_twin_of_an_object_that_a_filter_left_out_is_no_extra():
    rows = [row("a", SIDE_LEFT_OUT), row("a", SIDE_TARGET), row("b", SIDE_LEFT_OUT), row("c", SIDE_TARGET)]
    by_key, found = ruled(rows)
    assert by_key == {"c": "extra"}
    assert found.left_out == 2


def test_only_what_the_run_copied_is_asked_about():
    rows = [
        row("a", SIDE_COPIED), row("a"), row("a", SIDE_TARGET),
        row("b"), row("b", SIDE_TARGET),
        row("c", SIDE_COPIED), row("d", SIDE_COPIED), row("d", SIDE_TARGET),
    ]  # fmt: skip
    by_key, found = ruled(rows, Compared(of_run=True))
    assert by_key == {"a": "etags_equal", "c": "gone_from_both", "d": "gone_from_source"}
    assert found.not_of_run == 1


def test_findings_have_both_sides_values_and_the_source_key():
    source = row("to/k", size=5, storage_class="GLACIER")
    target = row("to/k", SIDE_TARGET, at=7, size=6, etag=B)
    table = table_of([target, source])
    found = compare(table, key_hashes(table["target_key"]), Compared())
    written = found.rows(np.ones(1, np.bool_), KeyMapping("from/", "to/")).to_pylist()
    assert written == [
        {
            "target_key": "to/k",
            "source_key": "from/k",
            "verdict": "size_differs",
            "evidence": "size",
            "detail": None,
            "source_size": 5,
            "source_etag": A,
            "source_last_modified": OLD,
            "source_storage_class": "GLACIER",
            "target_size": 6,
            "target_etag": B,
            "target_last_modified": OLD + timedelta(seconds=7),
            "target_storage_class": "STANDARD",
            "requests": 0,
            "read_bytes": 0,
        }
    ]
    assert found.sizes(np.ones(1, np.bool_)).tolist() == [5]


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("side", [SIDE_SOURCE, SIDE_TARGET])
@pytest.mark.parametrize(
    ("other", "ruling"),
    [
        ({"etag": B}, "not_comparable"),
        ({"size": 2}, "not_comparable"),
        ({"etag": None}, "not_comparable"),
        ({}, "etags_equal"),  # the reports agree
        ({"etag": B, "at": -5}, "etags_equal"),  # a time tells
        ({"etag": B, "at": 5, "last_modified": None}, "not_comparable"),  # one has none
    ],
)
def test_c14_what_reports_without_times_say_differently_is_looked_at(side, other, ruling, swap):
    """Any of the two may be the older one, whatever the order in which they come."""
    has_time = "at" in other
    times = {} if has_time else {"last_modified": None}
    twins = [row(side=side, **times), row(side=side, **times, **other)]
    rows = [*(reversed(twins) if swap else twins), row(side=SIDE_SOURCE + SIDE_TARGET - side)]
    by_key, found = ruled(rows)
    assert by_key == {"k": ruling}
    assert found.duplicates == 1


def test_hashes_are_those_of_every_process():
    """Golden values: rows of one key must meet, whoever hashed them. The second one is xxHash's own, of nothing."""
    assert key_hashes(pa.array(["a", "é/🙂"])).tolist() == key_hashes(pa.array(["a", "é/🙂"])).tolist()
    assert key_hashes(pa.array(["a", ""])).tolist() == [16629034431890738719, 0x2D06800538D394C2]


def all_alike(table):
    return np.zeros(table.num_rows, np.uint64)


def by_first_letter(table):
    return np.array([ord(key[0]) if key else 0 for key in table["target_key"].to_pylist()], np.uint64)


keys = st.sampled_from(["", "a", "ab", "b", "ba", "\U0001f600", "\uffff", "a\x00"])
some_sides = st.sampled_from([SIDE_SOURCE, SIDE_TARGET, SIDE_LEFT_OUT, SIDE_COPIED])
rows_of = st.lists(
    st.builds(
        row,
        keys,
        some_sides,
        st.integers(0, 3),
        size=st.sampled_from([None, 0, 1, 2]),
        etag=st.sampled_from([None, A, B]),
        encryption=st.sampled_from([None, "NOT-SSE"]),
    ),
    max_size=20,
)


@pytest.mark.parametrize("hashes", [None, all_alike, by_first_letter])
@given(rows=rows_of, of_run=st.booleans())
def test_it_is_the_plain_model_even_where_hashes_collide(hashes, rows, of_run):
    compared = Compared(Moments(OLD + timedelta(seconds=1), OLD, OLD + timedelta(seconds=2)), of_run=of_run)
    by_key, found = ruled(rows, compared, hashes)
    expected, left_out, not_of_run = {}, 0, 0
    for key, group in groupby(sorted(rows, key=lambda r: r["target_key"]), key=lambda r: r["target_key"]):
        held = {}
        for each in group:
            held.setdefault(each["side"], []).append(each)
        if SIDE_LEFT_OUT in held and SIDE_SOURCE not in held:
            left_out += 1
        elif of_run and SIDE_COPIED not in held:
            not_of_run += 1
        elif SIDE_SOURCE in held or SIDE_TARGET in held or of_run:
            sides = newest(held, SIDE_SOURCE), newest(held, SIDE_TARGET)
            is_unclear = None not in (*sides[0], *sides[1]) and any(len(set(map(said, each))) > 1 for each in sides)
            expected[key] = (
                {Ruling.NOT_COMPARABLE} if is_unclear else {rule(s, t, compared) for s in sides[0] for t in sides[1]}
            )
    assert by_key.keys() == expected.keys()
    assert all(by_key[key] in expected[key] for key in expected)
    assert (found.left_out, found.not_of_run) == (left_out, not_of_run)
    counted = [r for r in rows if r["side"] in (SIDE_SOURCE, SIDE_TARGET)]
    assert found.duplicates == len(counted) - len({(r["target_key"], r["side"]) for r in counted})


def said(seen):
    return seen.size, seen.etag


def newest(held, side):
    """The newest rows, several where they are of one time: any of them may count."""
    rows = held.get(side, [])
    latest = max((r["last_modified"] for r in rows), default=None)
    found = [r for r in rows if r["last_modified"] == latest]
    return [Seen(r["size"], r["etag"], r["last_modified"], r["encryption"]) for r in found] or [None]
