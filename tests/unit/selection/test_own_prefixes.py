"""What of the buckets is this program's own, and what that means for keys of either side."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.errors import ConfigError
from s3sync.selection.mapping import KeyMapping
from s3sync.selection.own_prefixes import OwnPlace, OwnPlaces, RunSide, left_out_lines, own_prefixes


def place(uri: str, service: str = "aws", option: str = "--work-uri") -> OwnPlace:
    return OwnPlace(option, uri, service)


def side(*prefixes: str) -> RunSide:
    return RunSide("target", "aws", "dst", prefixes)


@pytest.mark.parametrize(
    ("uri", "service", "found"),
    [
        ("s3://dst/work", "aws", ("work/",)),
        ("s3://dst/work/", "aws", ("work/",)),
        ("s3://dst/a/b", "aws", ("a/b/",)),
        ("s3://dst/work", "h:9000", ()),
        ("s3://other/work", "aws", ()),
        ("s3://other", "aws", ()),
    ],
)
def test_a_place_in_the_bucket_is_its_prefix(uri: str, service: str, found: tuple[str, ...]) -> None:
    assert own_prefixes(side(), [place(uri, service)]) == found


@pytest.mark.parametrize(
    ("uri", "prefixes"),
    [("s3://dst", ()), ("s3://dst/", ("data/",)), ("s3://dst/data", ("data/",)), ("s3://dst/data", ("a/", "data/x/"))],
)
def test_a_place_that_holds_all_that_the_run_is_about_is_refused_with_the_way_out(
    uri: str, prefixes: tuple[str, ...]
) -> None:
    with pytest.raises(
        ConfigError, match=r"^--report-uri: s3://dst.* give them a folder, such as s3://dst/s3sync-work$"
    ):
        own_prefixes(side(*prefixes), [place("s3://dst/apart"), place(uri, option="--report-uri")])


def test_a_place_beside_what_the_run_is_about_is_told_too() -> None:
    assert own_prefixes(side("data/"), [place("s3://dst/work"), place("s3://dst/work")]) == ("work/",)


@given(
    st.sampled_from(["", "a/", "b"]),
    st.sampled_from(["", "to/", "work"]),
    st.text(alphabet="abtowrk/", max_size=8),
)
def test_a_source_key_is_own_if_it_is_or_if_its_copy_would_be(strip: str, prefix: str, rest: str) -> None:
    mapping = KeyMapping(strip, prefix)
    own = OwnPlaces(source=("a/w/",), target=("to/work/", "work/"))
    key = strip + rest
    is_own = key.startswith(own.source) or (prefix + rest).startswith(own.target)
    assert key.startswith(own.as_source_keys(mapping)) is is_own


def test_what_is_left_out_is_said_once() -> None:
    assert left_out_lines(OwnPlaces(), "a", "b") == []
    own = OwnPlaces(("work/",), ("work/", "report/"))
    lines = left_out_lines(own, "one", "one")
    assert lines == [f"Left out, as this program's own files: s3://one/{name}/" for name in ("work", "report")]
