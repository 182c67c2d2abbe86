"""Which rows of both listings a check is about: the table of the module, row by row."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.config.model import FilterConfig
from s3sync.errors import UserError
from s3sync.model.tables import LISTING
from s3sync.selection.check_scope import Scope
from s3sync.selection.filters import Filters
from s3sync.selection.mapping import KeyMapping
from s3sync.selection.sample import is_sampled

WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def batch(*rows):
    """Rows by key and what is special about them."""
    given_rows = [{"key": key, "size": 5, "last_modified": WHEN} | more for key, more in rows]
    return pa.RecordBatch.from_pylist(given_rows, schema=LISTING)


def keys(found):
    return found.column("key").to_pylist()


def scope(prefixes=(), strip="", prefix="", own=(), **filters):
    return Scope(Filters(prefixes, FilterConfig(**filters), own=own), KeyMapping(strip, prefix))


GONE, OLD = {"is_delete_marker": True}, {"is_latest": False}


@pytest.mark.parametrize(
    ("rules", "row", "kept", "left_out", "reason"),
    [
        ({}, ("k", {}), ["k"], [], None),
        ({}, ("k", GONE), [], [], "delete_marker"),
        ({}, ("k", OLD), [], [], "noncurrent"),
        ({"prefixes": ("a/",)}, ("b/k", {}), [], [], "prefix"),
        ({"include": ("*.jpg",)}, ("k.png", {}), [], [], "include"),
        ({"exclude": ("*.png",)}, ("k.png", {}), [], [], "exclude"),
        ({"own": ("work/",)}, ("work/runs/k", {}), [], [], "own_files"),
        ({"own": ("work/",)}, ("work/", GONE), [], [], "delete_marker"),
        ({"own": ("work/",)}, ("worker", {}), ["worker"], [], None),
        ({"min_size_bytes": 6}, ("k", {}), [], ["k"], "size"),
        ({"max_size_bytes": 6}, ("k", {}), ["k"], [], None),
        ({"modified_since": WHEN}, ("k", {}), [], ["k"], "modified"),
        ({"storage_classes": ("GLACIER",)}, ("k", {}), [], ["k"], "storage_class"),
        ({"min_size_bytes": 6, "exclude": ("k",)}, ("k", {}), [], [], "exclude"),
        ({"min_size_bytes": 6}, ("k", GONE), [], [], "delete_marker"),
    ],
)
def test_the_source(rules, row, kept, left_out, reason):
    found, out, dropped = scope(**rules).source(batch(row))
    assert (keys(found), keys(out)) == (kept, left_out)
    assert dict(dropped) == ({reason: 1} if reason else {})
    assert found.schema == out.schema == LISTING


@pytest.mark.parametrize(
    ("rules", "row", "kept", "reason"),
    [
        ({}, ("k", {}), ["k"], None),
        ({}, ("k", GONE), [], "delete_marker"),
        ({}, ("k", OLD), [], "noncurrent"),
        ({"prefix": "to/"}, ("k", {}), [], "other_prefix"),
        ({"prefix": "to/"}, ("to/k", {}), ["to/k"], None),
        ({"prefix": "to/"}, ("to/", {}), [], "other_prefix"),  # of no source key: a key has a character at least
        ({"prefix": "to/", "strip": "a/"}, ("to/", {}), ["to/"], None),  # of a/
        ({"prefix": "to/", "strip": "a/", "prefixes": ("a/b/",)}, ("to/b/k", {}), ["to/b/k"], None),
        ({"prefix": "to/", "strip": "a/", "prefixes": ("a/b/",)}, ("to/c/k", {}), [], "prefix"),
        ({"prefix": "to/", "include": ("k*",)}, ("to/k", {}), ["to/k"], None),
        ({"prefix": "to/", "exclude": ("k*",)}, ("to/k", {}), [], "exclude"),
        ({"own": ("work/",)}, ("work/runs/k", {}), [], "own_files"),
        ({"prefix": "to/", "strip": "a/", "own": ("a/work/",)}, ("to/work/k", {}), [], "own_files"),
        ({"prefix": "to/", "own": ("work/",)}, ("to/worker", {}), ["to/worker"], None),
        ({"strip": "a/", "include": ("a/*",)}, ("k", {}), ["k"], None),
        # what the source's object is like is the source's affair
        ({"min_size_bytes": 6}, ("k", {}), ["k"], None),
        ({"modified_since": WHEN}, ("k", {}), ["k"], None),
    ],
)
def test_the_target(rules, row, kept, reason):
    found, dropped = scope(**rules).target(batch(row))
    assert keys(found) == kept
    assert dict(dropped) == ({reason: 1} if reason else {})


def test_a_filter_that_can_not_be_decided_is_the_users_to_mend():
    with pytest.raises(UserError, match="size"):
        scope(min_size_bytes=6).source(batch(("k", {"size": None})))


some_keys = st.lists(st.text(alphabet="ab/\U0001f600", min_size=1, max_size=6), unique=True, max_size=9)


@given(some_keys, st.sampled_from(["", "a/", "b"]), st.sampled_from(["", "to/", "\U0001f600"]))
def test_what_maps_to_the_target_is_asked_about_there_too(names, strip, prefix):
    """C1: no key falls between the two sides."""
    mapping = KeyMapping(strip, prefix)
    mapped = [strip + name for name in names]
    one = Scope(Filters((), FilterConfig(exclude=("*aa*",))), mapping)
    kept, _, _ = one.source(batch(*((key, {}) for key in mapped)))
    targets = [mapping.target_key(key) for key in mapped]
    found, _ = one.target(batch(*((key, {}) for key in targets)))
    assert keys(found) == [mapping.target_key(key) for key in keys(kept)]
    assert mapping.source_keys(pa.array(targets, pa.string())).to_pylist() == mapped


@given(st.text(max_size=9), st.floats(0.001, 1), st.floats(0.001, 1))
def test_a_larger_sample_has_what_a_smaller_one_has(key, one, other):
    small, large = sorted((one, other))
    assert is_sampled(key, 1.0)
    assert is_sampled(key, large) or not is_sampled(key, small)


def test_a_sample_is_about_its_share():
    assert 800 < sum(is_sampled(f"key {n}", 0.1) for n in range(10_000)) < 1200


def test_what_a_run_copied_is_filtered_by_key_as_the_listings_are():
    copied = pa.array(["to/a.txt", "to/b.bin", "elsewhere/a.txt", "to/old/c.txt"])
    rules = scope(prefixes=("in/",), strip="in/", prefix="to/", include=("*.txt",), exclude=("in/old/*",))
    assert rules.of_targets(copied).to_pylist() == ["to/a.txt"]
    assert scope().of_targets(copied).to_pylist() == copied.to_pylist()


def test_what_is_left_out_and_has_no_target_key_is_dropped():
    """`--prefix data/ --strip-prefix data/ --min-size 6`: a folder's marker is no mistake of the user's."""
    rules = scope(prefixes=("data/",), strip="data/", min_size_bytes=6)
    kept, left_out, dropped = rules.source(
        batch(("data/", {"size": 0}), ("data/small", {}), ("data/large", {"size": 9}))
    )
    assert (keys(kept), keys(left_out), dict(dropped)) == (["data/large"], ["data/small"], {"size": 2})
    prefixed = scope(prefixes=("data/",), strip="data/", prefix="to/", min_size_bytes=6)
    assert keys(prefixed.source(batch(("data/", {"size": 0})))[1]) == ["data/"]
