"""Filters: each row of the table, and that columns and single rows are judged alike (C1: each row has one place)."""

import pickle
from collections import Counter
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.config.model import FilterConfig, Owner, SourceConfig
from s3sync.errors import UserError
from s3sync.model.tables import LISTING
from s3sync.selection.filters import Dropped, Filters, to_re2

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ROW = {
    "key": "data/a.csv",
    "version_id": None,
    "is_latest": True,
    "is_delete_marker": False,
    "size": 100,
    "last_modified": NOON,
    "etag": None,
    "storage_class": "STANDARD",
    "encryption": None,
    "owner": "me",
}


def batch_of(*rows: dict) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([ROW | row for row in rows], schema=LISTING)


def filters(prefixes=(), own=None, **config) -> Filters:
    return Filters(prefixes, FilterConfig(**config), own)


TABLE = [
    ("delete_marker", filters(), {"is_delete_marker": True}, {"is_delete_marker": None}),
    ("noncurrent", filters(), {"is_latest": False}, {"is_latest": None}),
    ("own_files", Filters((), FilterConfig(), own=("work/",)), {"key": "work/runs/x"}, {"key": "works"}),
    ("own_files", Filters(("work/",), FilterConfig(), own=("work/a/",)), {"key": "work/a/x"}, {"key": "work/b"}),
    ("prefix", filters(("data/", "logs/")), {"key": "dat/x"}, {"key": "logs/x"}),
    ("include", filters(include=("*.csv", "*.txt")), {"key": "a.csv.gz"}, {"key": "x/y\nz.txt"}),
    ("exclude", filters(exclude=("tmp/*", "*.bak")), {"key": "tmp/a/b"}, {"key": "a/tmp/b"}),
    ("exclude", filters(include=("*",), exclude=("a*",)), {"key": "ab"}, {"key": "ba"}),
    ("size", filters(min_size_bytes=100), {"size": 99}, {"size": 100}),
    ("size", filters(max_size_bytes=100), {"size": 101}, {"size": 100}),
    ("modified", filters(modified_since=NOON), {"last_modified": NOON}, {"last_modified": NOON + SECOND}),
    ("modified", filters(not_modified_since=NOON), {"last_modified": NOON + SECOND}, {"last_modified": NOON}),
    ("storage_class", filters(storage_classes=("GLACIER",)), {"storage_class": None}, {"storage_class": "GLACIER"}),
    ("storage_class", filters(storage_classes=("STANDARD",)), {"storage_class": "GLACIER"}, {"storage_class": None}),
    ("owner", filters(own="me", owner=Owner.MINE), {"owner": "you"}, {"owner": "me"}),
    ("owner", filters(own="me", owner=Owner.OTHERS), {"owner": "me"}, {"owner": "you"}),
]


@pytest.mark.parametrize(("reason", "rules", "out", "kept"), TABLE)
def test_each_line_of_the_table(reason, rules, out, kept):
    found, dropped = rules.split(batch_of(out, kept))
    assert dropped == {Dropped(reason): 1}
    assert found.to_pylist() == [ROW | kept]
    assert rules.drop_reason(ROW | out) == reason
    assert rules.drop_reason(ROW | kept) is None


def test_the_table_has_a_line_for_every_reason():
    assert {reason for reason, *_ in TABLE} == set(Dropped)


def test_the_first_reason_counts_and_a_dead_row_is_not_looked_at_further():
    rules = filters(("data/",), min_size_bytes=1, exclude=("*.csv",))
    rows = [{"is_delete_marker": True, "is_latest": False, "size": None}, {"key": "x.csv", "size": 0}, {"size": 0}]
    kept, dropped = rules.split(batch_of(*rows))
    assert (kept.num_rows, dropped) == (0, {Dropped.DELETE_MARKER: 1, Dropped.PREFIX: 1, Dropped.EXCLUDE: 1})


def test_nothing_to_drop_gives_the_batch_itself_and_no_zeros():
    batch = batch_of({}, {})
    kept, dropped = filters().split(batch)
    assert kept is batch
    assert dropped == {}
    assert filters().split(batch.slice(0, 0))[0].num_rows == 0


@pytest.mark.parametrize(
    ("rules", "column", "field"),
    [
        (filters(min_size_bytes=1), "size", "Size"),
        (filters(max_size_bytes=1), "size", "Size"),
        (filters(modified_since=NOON), "last_modified", "LastModifiedDate"),
        (filters(not_modified_since=NOON), "last_modified", "LastModifiedDate"),
        (filters(own="me", owner=Owner.MINE), "owner", "ObjectOwner"),
        (filters(own="me", owner=Owner.OTHERS), "owner", "ObjectOwner"),
    ],
)
def test_what_cannot_be_decided_is_an_error_that_names_the_field_and_a_key(rules, column, field):
    unknown = {"key": "who\nknows", column: None}
    with pytest.raises(UserError, match=field) as of_columns:
        rules.split(batch_of({"size": 1, "last_modified": NOON}, unknown))
    with pytest.raises(UserError, match=field) as of_row:
        rules.drop_reason(ROW | unknown)
    assert str(of_columns.value) == str(of_row.value)
    assert r"who\\nknows" in str(of_row.value)


def test_an_owner_filter_needs_to_know_who_lists():
    with pytest.raises(UserError, match="--owner"):
        filters(owner=Owner.MINE)


def test_too_many_patterns_are_the_users_mistake():
    with pytest.raises(UserError, match=r"filters\.exclude"):
        filters(exclude=tuple(f"x{i:06d}*" for i in range(100_000)))


def test_filters_travel_to_the_workers():
    rules = Filters.of(SourceConfig(prefixes=("a/",)), FilterConfig(include=("*b",)))
    assert pickle.loads(pickle.dumps(rules)) == rules


def test_two_windows_with_one_bound_tile():
    rows = batch_of(*({"last_modified": NOON + n * SECOND} for n in (-1, 0, 1)))
    after, before = filters(modified_since=NOON).split(rows)[0], filters(not_modified_since=NOON).split(rows)[0]
    assert (before.num_rows, after.num_rows) == (2, 1)
    assert sorted(map(str, before.to_pylist() + after.to_pylist())) == sorted(map(str, rows.to_pylist()))


LETTERS = st.sampled_from([*"ab-]![^\\*?.+(){}|$#&~/%", "\n", "\x00", "é", "\u0301", "\uffff", "😀"])
TEXTS = st.text(LETTERS, max_size=6)
GLOBS = st.lists(st.text(LETTERS, max_size=8), min_size=1, max_size=3).map(tuple)


def matches(globs, keys) -> list[bool]:
    return pc.match_substring_regex(pa.array(keys, pa.string()), to_re2(globs)).to_pylist()


@given(GLOBS, st.lists(TEXTS | st.text(max_size=4), min_size=1, max_size=20))
def test_globs_are_those_of_fnmatch(globs, keys):
    assert matches(globs, keys) == [any(fnmatchcase(key, glob) for glob in globs) for key in keys]


@pytest.mark.parametrize(
    ("glob", "key", "found"),
    [
        ("a*c", "a/b\nc", True),
        ("a?c", "a😀c", True),
        ("a?c", "ac", False),
        ("[!a]", "b", True),
        ("[!a]", "\n", True),
        ("[]]", "]", True),
        ("[z-a]", "m", False),
        ("[!z-a]", "m", True),
        ("[a", "[a", True),
        ("a\\*", "a\\b", True),
        ("a.c", "abc", False),
        ("(?i)A", "a", False),
        ("a", "a\n", False),
        ("", "", True),
        ("\x00*", "\x00x", True),
    ],
)
def test_globs_one_by_one(glob, key, found):
    assert matches((glob,), [key]) == [found]


OPTIONAL_BOOL = st.sampled_from([None, True, False])
ROWS = st.fixed_dictionaries(
    {
        "key": TEXTS,
        "is_latest": OPTIONAL_BOOL,
        "is_delete_marker": OPTIONAL_BOOL,
        "size": st.integers(0, 4),
        "last_modified": st.integers(0, 4).map(lambda n: NOON + n * SECOND),
        "storage_class": st.sampled_from([None, "STANDARD", "GLACIER"]),
        "owner": st.sampled_from(["me", "you"]),
    }
)
BOUND = st.none() | st.integers(0, 4)
TIME_BOUND = BOUND.map(lambda n: None if n is None else NOON + n * SECOND)
RULES = st.builds(
    Filters,
    st.lists(st.text(LETTERS, max_size=2), max_size=2).map(tuple),
    st.builds(
        FilterConfig,
        include=st.just(()) | GLOBS,
        exclude=st.just(()) | GLOBS,
        min_size_bytes=BOUND,
        max_size_bytes=BOUND,
        modified_since=TIME_BOUND,
        not_modified_since=TIME_BOUND,
        storage_classes=st.sampled_from([(), ("STANDARD",), ("GLACIER", "X")]),
        owner=st.sampled_from(list(Owner)),
    ),
    st.just("me"),
)


@given(RULES, st.lists(ROWS, max_size=12))
def test_columns_and_rows_agree_and_no_row_is_lost(rules, rows):
    """C1: kept + dropped = listed, and each row is dropped for the reason that the plain function gives."""
    kept, dropped = rules.split(batch_of(*rows))
    reasons = [rules.drop_reason(ROW | row) for row in rows]
    assert dropped == Counter(reason for reason in reasons if reason)
    assert kept.to_pylist() == [ROW | row for row, reason in zip(rows, reasons, strict=True) if reason is None]
    assert kept.num_rows + sum(dropped.values()) == len(rows)
