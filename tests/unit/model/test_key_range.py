"""C5: ranges tile the key space, and a boundary belongs to the left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.model.key_range import KeyRange, tiles

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@given(st.lists(KEYS, max_size=20), KEYS)
def test_c5_each_key_lies_in_one_range_of_a_split(cuts: list[str], key: str) -> None:
    parts = KeyRange().split(cuts)
    assert tiles(KeyRange(), parts)
    assert sum(part.holds(key) for part in parts) == 1


@given(st.lists(KEYS, min_size=2, max_size=20, unique=True), st.data())
def test_c5_a_missing_range_is_noticed(cuts: list[str], data: st.DataObject) -> None:
    parts = KeyRange().split(cuts)
    parts.remove(data.draw(st.sampled_from(parts)))
    assert not tiles(KeyRange(), parts)


def test_c5_a_range_twice_is_noticed() -> None:
    parts = KeyRange().split(["b", "m"])
    assert not tiles(KeyRange(), [*parts, parts[1]])


def test_the_boundary_belongs_to_the_left() -> None:
    left, right = KeyRange().split(["m"])
    assert (left.holds("m"), right.holds("m")) == (True, False)


def test_order_is_that_of_utf8_bytes() -> None:
    high, low = "\U0001f600", "�"
    assert high.encode() > low.encode()
    assert KeyRange(after=low).holds(high)


def test_cuts_outside_are_passed_over() -> None:
    assert KeyRange("b", "d").split(["a", "b", "c", "d", "e"]) == [KeyRange("b", "c"), KeyRange("c", "d")]


def test_an_empty_range_is_refused() -> None:
    with pytest.raises(ValueError, match="must end behind"):
        KeyRange("b", "b")
