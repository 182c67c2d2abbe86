"""Places in a key space: order, what lies behind a prefix, and numbers for keys (C5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.listing.key_space import Alphabet, Ruler, behind, common_length, family, shared_by_all

KEYS = st.text(st.characters(codec="utf-8"), max_size=12)


@given(KEYS, KEYS)
def test_common_length(left: str, right: str) -> None:
    length = common_length(left, right)
    assert left[:length] == right[:length]
    assert left[length : length + 1] != right[length : length + 1] or length == len(left) == len(right)


@given(KEYS.filter(bool), KEYS, KEYS)
def test_behind_a_prefix_lies_nothing_that_begins_so(prefix: str, tail: str, other: str) -> None:
    place = behind(prefix)
    if place is None:
        assert set(prefix) == {"\U0010ffff"}
        return
    assert prefix + tail < place
    assert place.encode().decode() == place  # no surrogate: it can be sent
    if prefix <= other < place:
        assert other.startswith(prefix.rstrip("\U0010ffff"))


@pytest.mark.parametrize(
    ("prefix", "place"),
    [("hot/", "hot0"), ("a\U0010ffff", "b"), ("\ud7ff", "\ue000"), ("", None), ("\U0010ffff", None)],
)
def test_behind(prefix: str, place: str | None) -> None:
    assert behind(prefix) == place


@given(KEYS, KEYS, KEYS)
def test_shared_by_all(low: str, high: str, key: str) -> None:
    shared = shared_by_all(low, high) if low < high else shared_by_all(low, None)
    if low < key < high:
        assert key.startswith(shared)


@pytest.mark.parametrize(
    ("low", "high", "shared"),
    [("hot/a", "hot0", "hot/"), ("hot/a", "hot1", "hot"), ("", "b", ""), ("a", None, ""), ("x/1", "x/9", "x/")],
)
def test_shared_where_the_end_is_just_behind_a_prefix(low: str, high: str | None, shared: str) -> None:
    assert shared_by_all(low, high) == shared


@pytest.mark.parametrize(("character", "others"), [("7", "09"), ("m", "az"), ("Я", "яа"), ("中", "日"), ("/", "/")])
def test_family(character: str, others: str) -> None:
    assert all(ord(other) in family(character) for other in others)


@given(st.lists(st.text("0123456789abcdef", min_size=6, max_size=6), min_size=2, max_size=20))
def test_a_ruler_keeps_the_order(keys: list[str]) -> None:
    ruler = Ruler("", keys, Alphabet())
    ordered = sorted(set(keys))
    places = [ruler.place(key) for key in ordered]
    assert places == sorted(set(places))
    assert all(0 <= place < ruler.end for place in places)
    assert [ruler.text(place, 0) for place in places] == ordered


@given(KEYS, st.lists(KEYS, min_size=1), st.fractions(0, 1), st.integers(0, 100))
def test_a_text_is_never_beyond_its_place(shared: str, tails: list[str], part: float, tolerance: int) -> None:
    ruler = Ruler(shared, [shared + tail for tail in tails], Alphabet())
    place = int(ruler.end * part)
    text = ruler.text(place, tolerance)
    assert text.startswith(shared)
    assert ruler.place(text) <= place


def test_hexadecimal_digits_are_known_by_the_first_name() -> None:
    ruler = Ruler("hot/", ["hot/04e69e00.bin"], Alphabet())
    assert ruler.text(ruler.end // 2, ruler.end // 32) == "hot/8"


def test_an_alphabet_is_believed_once_it_has_seen_enough() -> None:
    """The days of a month never begin with 7."""
    alphabet, days = Alphabet(), [f"2024/05/{day:02d}/x" for day in range(1, 29)]
    assert alphabet.at("2024/05/") is None
    for key in days:
        alphabet.learn(key)
    assert alphabet.at("2019/11/") == frozenset("012")
    assert Ruler("2019/11/", ["2019/11/03/x"], alphabet).text(1, 0) == "2019/11/0"
    assert Ruler("2019/11/", ["2019/11/03/x"], alphabet).end < Ruler("2019/11/", ["2019/11/03/x"], Alphabet()).end


def test_what_was_learned_can_be_told_and_merged() -> None:
    here, there = Alphabet(), Alphabet()
    for each in range(30):
        here.learn(f"a{each}")
    before = here.copy()
    for each in range(30):
        there.learn(f"b{each}")
        here.learn(f"b{each}")
    assert here.since(before).at("") == frozenset("b")
    before.merge(there)
    assert before.at("") == here.at("") == frozenset("ab")
