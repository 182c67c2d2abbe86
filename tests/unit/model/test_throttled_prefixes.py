from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.model.throttled_prefixes import OTHERS, PREFIX_MOST_CHARACTERS, count, hottest, merge, most_of

KEYS = st.text("ab/", max_size=12)


@pytest.mark.parametrize(
    ("key", "prefix"),
    [
        ("logs/2026/01/a", "b/logs/2026/"),
        ("logs/a", "b/logs/"),
        ("a", "b/"),
        ("", "b/"),
        ("/a", "b//"),
        ("a//b", "b/a//"),
    ],
)
def test_the_first_two_folders_count(key: str, prefix: str) -> None:
    counter: Counter[str] = Counter()
    count(counter, "b", key)
    assert counter == {prefix: 1}


def test_without_room_it_is_one_folder_then_all_others() -> None:
    counter: Counter[str] = Counter()
    for n in range(10):
        count(counter, "b", f"x/{n}/key", most=6)
    assert counter == {"b/x/0/": 1, "b/x/1/": 1, "b/x/2/": 1, "b/x/": 7}
    for n in range(10):
        count(counter, "b", f"{n}/y/key", most=6)
    assert counter == {"b/x/0/": 1, "b/x/1/": 1, "b/x/2/": 1, "b/x/": 7, "b/0/": 1, OTHERS: 9}


@given(st.lists(KEYS, max_size=80), st.integers(2, 12))
def test_c11_the_counter_is_bounded_and_loses_nothing(keys: list[str], most: int) -> None:
    counter: Counter[str] = Counter()
    for key in keys:
        count(counter, "b", key, most)
    assert counter.total() == len(keys)
    assert len(counter) <= most


def test_prefixes_are_cut() -> None:
    counter: Counter[str] = Counter()
    count(counter, "b", f"{'x' * 1000}/y")
    assert [len(prefix) for prefix in counter] == [PREFIX_MOST_CHARACTERS]


@given(st.lists(st.dictionaries(KEYS, st.integers(1, 9), max_size=30), max_size=6), st.integers(2, 8))
def test_merging_is_bounded_and_loses_nothing(parts: list[dict[str, int]], most: int) -> None:
    into: Counter[str] = Counter()
    for part in parts:
        merge(into, part, most)
    assert into.total() == sum(sum(part.values()) for part in parts)
    assert len(into) <= most


def test_the_hottest() -> None:
    assert hottest({}) is None
    assert hottest({OTHERS: 9}) is None
    assert hottest({OTHERS: 9, "a/": 2, "b/": 3}) == ("b/", 3)
    assert most_of({"a/": 1, "b/": 3, "c/": 2}, 2) == {"b/": 3, "c/": 2}
