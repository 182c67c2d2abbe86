"""Queue names by a pattern, row by row of the module's table."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.queues.find import expression, literal_beginning, names_for, number_in


@pytest.mark.parametrize("pattern", [r"s3sync-\d+", "s3sync-[0-9]+", "s3sync-{index}", r"s3sync\-\d+"])
def test_what_a_pattern_creates_it_finds(pattern: str) -> None:
    names = names_for(pattern, 12)
    assert names[0] == "s3sync-0"
    assert names[11] == "s3sync-11"
    assert all(expression(pattern).fullmatch(name) for name in names)
    assert [number_in(pattern, name) for name in names] == list(range(12))
    assert literal_beginning(pattern) == "s3sync-"
    assert not expression(pattern).fullmatch("s3sync-1x")


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("s3sync-.*", "exactly one"),
        (r"a\d+-\d+", "exactly one"),
        ("s3sync", "exactly one"),
        (r"s3sync-\d+.*", "only letters"),
        (r"(a|b)-\d+", "only letters"),
    ],
)
def test_what_creates_nothing_says_why(pattern: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        names_for(pattern, 1)


@pytest.mark.parametrize(
    ("pattern", "beginning"),
    [
        ("s3sync-.*", "s3sync-"),
        (r"a?b-\d+", ""),
        ("ab*c", "a"),
        ("ab{2}", "a"),
        ("ab+", "ab"),
        ("a|b", ""),
        (r"\d+-a", ""),
        ("a-{index}-b", "a-"),
        (r"a\-?b", "a"),
    ],
)
def test_the_literal_beginning(pattern: str, beginning: str) -> None:
    assert literal_beginning(pattern) == beginning


@given(st.from_regex(r"[a-z-]{0,5}(\\d\+|[a-z]\?|[a-z]\*|\{index\}|\[ab\]|\.\*)?[a-z]{0,3}", fullmatch=True))
def test_every_match_begins_with_the_literal_beginning(pattern: str) -> None:
    for name in ("a", "ab", "abc", "a-1", "-1", "1", "b", "aab", "ab-12x"):
        if expression(pattern).fullmatch(name):
            assert name.startswith(literal_beginning(pattern))


def test_a_number_that_cannot_be_told() -> None:
    assert number_in(r"(a|b)-\d+", "a-3") is None
    assert number_in("q-.*", "q-3") is None
    assert number_in(r"q-\d+", "other") is None
    assert re.compile(r"q-\d+")
