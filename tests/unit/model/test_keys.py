"""C10: a key is decoded once where it enters and encoded once where it leaves."""

import re
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.model import keys

HARD = st.text(
    alphabet=st.one_of(st.characters(codec="utf-8"), st.sampled_from("+% /?#&=~.\\\"'\n\r\t\0é€😀\uffff\ufffe")),
    min_size=1,
)


@given(HARD)
def test_a_key_comes_back_from_a_path(key):
    assert keys.from_url(keys.to_path(key)) == key


@given(HARD)
def test_a_key_comes_back_from_an_inventory(key):
    """CSV inventories and listings write a space as `+`."""
    assert keys.from_url(quote_plus(key)) == key


@given(HARD)
def test_a_path_holds_only_what_needs_no_escape(key):
    assert re.fullmatch(r"(?:[A-Za-z0-9_.~/-]|%[0-9A-F]{2})*", keys.to_path(key))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("a+b", "a b"),
        ("a%2Bb", "a+b"),
        ("a%20b", "a b"),
        ("a%252Fb", "a%2Fb"),
        ("100%25", "100%"),
        ("%E2%82%AC", "€"),
        ("%F0%9F%98%80", "😀"),
        ("a%2F%2Fb%2F", "a//b/"),
        ("%00", "\0"),
    ],
)
def test_from_url_decodes_once(text, key):
    assert keys.from_url(text) == key


def test_from_url_refuses_bytes_that_are_no_utf8():
    with pytest.raises(UnicodeDecodeError):
        keys.from_url("%FF%FE")


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("a b+c", "a%20b%2Bc"),
        ("a%2Fb", "a%252Fb"),
        ("/a//b/../c/", "/a//b/../c/"),
        ("q?x=1#y&z", "q%3Fx%3D1%23y%26z"),
        ("~._-", "~._-"),
        ("é", "%C3%A9"),
    ],
)
def test_to_path(key, path):
    assert keys.to_path(key) == path


@given(st.lists(HARD, max_size=20))
def test_the_order_of_str_is_the_order_of_the_bytes(many):
    """C5: Python's order is that of S3's listings, which go by UTF-8 bytes."""
    assert sorted(many) == sorted(many, key=str.encode)


def test_the_order_of_the_jvm_is_another():
    """The negative control of the property above: UTF-16 puts 😀, a surrogate pair, before U+FFFF."""
    pair = ["\uffff", "😀"]
    assert sorted(pair) == pair
    assert sorted(pair, key=lambda key: key.encode("utf-16-be")) == pair[::-1]


@pytest.mark.parametrize(
    ("key", "length", "too_long"),
    [("a" * 1024, 1024, False), ("a" * 1025, 1025, True), ("é" * 512, 1024, False), ("😀" * 256 + "a", 1025, True)],
)
def test_length_is_counted_in_bytes(key, length, too_long):
    assert keys.byte_length(key) == length
    assert keys.is_too_long(key) is too_long


@given(HARD)
def test_printable_is_one_line_without_control_characters(key):
    assert keys.printable(key).isprintable()


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("a/b c", "a/b c"),
        ("a\nb", "a\\nb"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a" * 200, "a" * 200),
        ("a" * 201, "a" * 200 + "…"),
    ],
)
def test_printable(key, shown):
    assert keys.printable(key) == shown
