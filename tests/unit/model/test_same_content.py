"""Whether two contents are the same: the table above `compare`, row by row, and the form for columns beside it."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.model import etag as etags
from s3sync.model.same_content import LIKENESSES, Content, Likeness, compare, compare_all
from s3sync.model.stored_checksums import StoredChecksum

A, B = "a" * 32, "b" * 32
TWO, OTHER_TWO, THREE = f"{A}-2", f"{B}-2", f"{A}-3"
ONE = etags.of_parts([A])
FULL, OTHER_FULL = {"SHA256": StoredChecksum("x", 0)}, {"SHA256": StoredChecksum("y", 0)}
PARTED, OTHER_PARTED = {"SHA1": StoredChecksum("x-2", 2)}, {"SHA1": StoredChecksum("y-2", 2)}
UNTOLD = {"SHA1": StoredChecksum("x", None)}
UNSURE = {"is_sure": False}
HIDDEN = {"hides_md5": True}


def content(etag: str | None = A, size: int | None = 1, checksums: Any = None, **more: bool) -> Content:
    return Content(size, etag, checksums=checksums or {}, **more)


ROWS = [
    (content(size=None), content(), "size_unknown"),
    (content(size=2), content(), "sizes_differ"),
    (content(size=2, checksums=FULL), content(checksums=FULL), "sizes_differ"),
    (content(size=0), content(B, 0), "empty"),
    (content(size=0, **HIDDEN), content(None, 0), "empty"),
    (content(), content(), "etags_equal"),
    (content(**UNSURE), content(**UNSURE), "etags_equal"),
    (content(TWO), content(TWO), "etags_equal"),
    (content(A.upper()), content(), "etags_equal"),
    (content(A.upper()), content(A.upper()), "etags_equal"),
    (content(TWO.upper()), content(TWO), "etags_equal"),
    (content(A.upper()), content(B), "etags_differ"),
    (content(A.upper()), content(ONE.upper()), "parts_equal"),
    (content("OPAQUE"), content("opaque"), "not_comparable"),
    (content(), content(B), "etags_differ"),
    (content(checksums=FULL), content(B, checksums=FULL), "etags_differ"),
    (content(), content(B, **UNSURE), "etags_may_differ"),
    (content(checksums=FULL), content(B, checksums=FULL, **UNSURE), "checksums_equal"),
    (content(), content(ONE), "parts_equal"),
    (content(B), content(ONE), "parts_differ"),
    (content(), content(ONE, **UNSURE), "not_comparable"),
    # C14: nothing to compare
    (content(), content(TWO), "not_comparable"),
    (content(TWO), content(THREE), "not_comparable"),
    (content(TWO), content(OTHER_TWO), "not_comparable"),
    (content(**HIDDEN), content(), "not_comparable"),
    (content(**HIDDEN), content(ONE), "not_comparable"),
    (content("opaque"), content("opaque"), "not_comparable"),
    (content(None), content(None), "not_comparable"),
    (content(None), content(), "not_comparable"),
    # stored checksums
    (content(TWO, checksums=FULL), content(checksums=FULL), "checksums_equal"),
    (content(TWO, checksums=FULL), content(checksums=OTHER_FULL), "checksums_differ"),
    (content(TWO, checksums=PARTED), content(THREE, checksums=PARTED), "checksums_equal"),
    (content(TWO, checksums=PARTED), content(THREE, checksums=OTHER_PARTED), "not_comparable"),
    (content(TWO, checksums=PARTED), content(THREE, checksums=FULL), "not_comparable"),
    (content(TWO, checksums=UNTOLD), content(checksums=UNTOLD), "not_comparable"),
    (content(checksums=FULL | PARTED, **HIDDEN), content(checksums=OTHER_FULL | PARTED), "checksums_differ"),
]


@pytest.mark.parametrize(("one", "other", "likeness"), ROWS)
def test_each_row(one: Content, other: Content, likeness: str) -> None:
    """C14."""
    assert compare(one, other) is Likeness(likeness)
    assert compare(other, one) is Likeness(likeness)


def test_every_likeness_stands_in_the_table() -> None:
    assert {likeness for *_, likeness in ROWS} == set(Likeness)


def test_what_is_proved() -> None:
    assert {each for each in Likeness if each.is_same} == {"empty", "etags_equal", "parts_equal", "checksums_equal"}
    different = {"sizes_differ", "etags_differ", "parts_differ", "checksums_differ"}
    assert {each for each in Likeness if each.is_different} == different


SIDES = st.tuples(
    st.sampled_from([None, 0, 1]),
    st.sampled_from([None, A, B, TWO, THREE, ONE, "opaque", A.upper(), A + "-0", A + "\n"]),
    st.sampled_from([None, "SSE-S3", "SSE-KMS", "aws:kms", "NOT-SSE", ""]),
)
KINDS = {"size": pa.int64(), "etag": pa.string(), "encryption": pa.string()}


def table(rows: list[Any]) -> pa.Table:
    return pa.table({name: pa.array([row[n] for row in rows], KINDS[name]) for n, name in enumerate(KINDS)})


def single(row: Any, by_default: bool) -> Content:
    size, etag, encryption = row
    hidden = by_default if encryption is None else etags.hides_md5(encryption)
    return Content(size, etag, hidden, encryption is not None)


@given(st.lists(st.tuples(SIDES, SIDES), max_size=12), st.booleans(), st.booleans())
def test_columns_are_compared_as_single_contents(pairs: Any, one_hides: bool, other_hides: bool) -> None:
    """But for what one part tells."""
    found = [compare(single(one, one_hides), single(other, other_hides)) for one, other in pairs]
    by_parts = (Likeness.PARTS_EQUAL, Likeness.PARTS_DIFFER)
    plain = [Likeness.NOT_COMPARABLE if each in by_parts else each for each in found]
    sides = table([one for one, _ in pairs]), table([other for _, other in pairs])
    codes = compare_all(*sides, one_hides_md5=one_hides, other_hides_md5=other_hides)
    assert [LIKENESSES[code] for code in codes] == plain
