"""Hints give the first cuts, and can't do harm: whatever they say, the ranges tile what is to be listed (C5)."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.config.model import Config, ListingConfig
from s3sync.errors import EXIT_USER, ConfigError
from s3sync.listing.hints import (
    PART_PAGES_MIN,
    REMEMBERED_MAX,
    Hints,
    given_hints,
    of_ranges,
    of_sample,
    remember,
    remembered,
)
from s3sync.model.key_range import KeyRange, tiles
from s3sync.runs.store import LocalStore

TEXTS = st.text(st.characters(codec="utf-8"), max_size=6)
MARKS = st.lists(st.tuples(TEXTS, st.floats(0, 1e9)), max_size=30).map(lambda marks: tuple(sorted(marks)))


@given(MARKS, st.sampled_from(["", "a", "p/"]), TEXTS, TEXTS.filter(bool), st.integers(1, 64))
def test_c5_ranges_tile_whatever_the_hint_says(
    marks: tuple[tuple[str, float], ...], prefix: str, after: str, tail: str, slots: int
) -> None:
    part = KeyRange(after, after + tail)
    lanes = Hints(marks).lanes(prefix, part, slots)
    assert tiles(part, [KeyRange(lane.after, lane.upto) for lane in lanes])
    assert {lane.prefix for lane in lanes} == {prefix}


def test_each_slot_gets_about_as_much() -> None:
    """Nearly all is below `hot/`: there the cuts are."""
    marks = tuple((f"hot/{number:03d}", 100_000.0) for number in range(1000))
    lanes = Hints((("a", 10.0), *marks, ("z", 10.0))).lanes("", KeyRange(), 8)
    assert 8 <= len(lanes) <= 3 * 8 + 1
    assert all((lane.upto or "hot/").startswith("hot/") for lane in lanes)
    assert max(lane.expected_pages for lane in lanes) < 2 * min(lane.expected_pages for lane in lanes)


@pytest.mark.parametrize("objects", [0.0, 1.0, (PART_PAGES_MIN - 1) * 1000.0])
def test_little_is_not_cut(objects: float) -> None:
    assert len(Hints((("k", objects),)).lanes("", KeyRange(), 8)) == 1


def test_what_is_remembered_is_of_bounded_size_and_keeps_the_total(tmp_path: Path) -> None:
    rows = [{"last_key": f"{number:06d}", "objects": 7} for number in range(10 * REMEMBERED_MAX)]
    remember(LocalStore(tmp_path), "b", None, [*rows, {"last_key": None, "objects": 0}])
    hints = remembered(LocalStore(tmp_path), "b", None)
    assert len(hints.marks) <= REMEMBERED_MAX
    assert sum(objects for _, objects in hints.marks) == 7 * len(rows)
    assert hints == of_ranges(rows)
    assert remembered(LocalStore(tmp_path), "b", "http://elsewhere") == Hints()
    assert remembered(LocalStore(tmp_path), "other", None) == Hints()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", json.dumps({"marks": [["a"]]}).encode(), b"\xff"])
def test_what_cannot_be_read_is_no_hint(tmp_path: Path, body: bytes) -> None:
    store = LocalStore(tmp_path)
    remember(store, "b", None, [{"last_key": "k", "objects": 1}])
    (path,) = (tmp_path / "listings").iterdir()
    path.write_bytes(body)
    assert remembered(store, "b", None) == Hints()


def test_a_sample_stands_for_all() -> None:
    hints = of_sample(["b", "a"], 3000.0)
    assert hints.marks == (("a", 1500.0), ("b", 1500.0))


@pytest.mark.parametrize("body", [b"\xff\xfe no JSON", b"{", b'{"ranges": [{"foo": 1}]}', b'{"ranges": 3}'])
def test_a_hint_that_is_no_manifest_is_refused_in_plain_words(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(body)
    with pytest.raises(ConfigError, match=r"manifest\.json is not the manifest of a listing") as refused:
        given_hints(Config(listing=ListingConfig(hint=str(tmp_path))))
    assert refused.value.exit_code == EXIT_USER
