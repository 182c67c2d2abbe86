"""Whether two objects have the same content, as far as what was seen of them tells: the one judgement of it.

A plan, a check, a look at a target and a retry go by it, each with its own words for what follows. `compare` says it
for one pair, `compare_all` for columns of listings; both follow the one table above `compare`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from s3sync.model import etag as etags
from s3sync.model.stored_checksums import StoredChecksum

Bools = npt.NDArray[np.bool_]


class Likeness(StrEnum):
    SIZE_UNKNOWN = "size_unknown"
    SIZES_DIFFER = "sizes_differ"
    EMPTY = "empty"
    ETAGS_EQUAL = "etags_equal"
    ETAGS_DIFFER = "etags_differ"
    ETAGS_MAY_DIFFER = "etags_may_differ"  # they would, if it were known that no encryption hides their MD5s
    PARTS_EQUAL = "parts_equal"
    PARTS_DIFFER = "parts_differ"
    CHECKSUMS_EQUAL = "checksums_equal"
    CHECKSUMS_DIFFER = "checksums_differ"
    NOT_COMPARABLE = "not_comparable"

    @property
    def is_same(self) -> bool:
        """True where the contents are proved equal."""
        return self in _SAME

    @property
    def is_different(self) -> bool:
        """True where they are proved unequal."""
        return self in _DIFFERENT


_SAME = frozenset({Likeness.EMPTY, Likeness.ETAGS_EQUAL, Likeness.PARTS_EQUAL, Likeness.CHECKSUMS_EQUAL})
_DIFFERENT = frozenset({Likeness.SIZES_DIFFER, Likeness.ETAGS_DIFFER, Likeness.PARTS_DIFFER, Likeness.CHECKSUMS_DIFFER})
LIKENESSES = tuple(Likeness)  # a likeness's place here is its code in `compare_all`


@dataclass(frozen=True, slots=True)
class Content:
    """What was seen of an object's content: size in bytes, ETag unquoted, None where it is not known. `hides_md5`: its
    encryption makes the ETag no MD5; `is_sure` False: that is an assumption, for the encryption was not seen."""

    size: int | None
    etag: str | None
    hides_md5: bool = False
    is_sure: bool = True
    checksums: Mapping[str, StoredChecksum] = field(default_factory=dict)


# The first line that fits decides. "Show MD5s": no encryption hides them, as far as is known. A checksum counts where
# both sides have it of one algorithm and one kind; a full one is of the content, a composite one of its parts'
# checksums. Hexadecimal digits have no case. ETags of parts that differ prove nothing: the same content may be cut in
# other places.
#
# | sizes         | ETags                                             | stored checksums  | likeness         |
# |---------------|---------------------------------------------------|-------------------|------------------|
# | one not known |                                                   |                   | size_unknown     |
# | differ        |                                                   |                   | sizes_differ     |
# | 0             |                                                   |                   | empty            |
# | equal         | show MD5s, of an MD5's form or of parts, equal    |                   | etags_equal      |
# | equal         | show MD5s for sure, both plain, differ            |                   | etags_differ     |
# | equal         | show MD5s for sure, a plain one, one of 1 part    |                   | parts_equal, or  |
# |               |                                                   |                   | parts_differ     |
# | equal         | any other                                         | full, equal       | checksums_equal  |
# | equal         | any other                                         | full, differ      | checksums_differ |
# | equal         | any other                                         | composite, equal  | checksums_equal  |
# | equal         | show MD5s, not for sure, both plain, differ       | any other, none   | etags_may_differ |
# | equal         | any other                                         | any other, none   | not_comparable   |
def compare(one: Content, other: Content) -> Likeness:
    """What is proved of two contents (C14)."""
    if one.size is None or other.size is None:
        return Likeness.SIZE_UNKNOWN
    if one.size != other.size:
        return Likeness.SIZES_DIFFER
    if not one.size:
        return Likeness.EMPTY
    by_etag = None if one.hides_md5 or other.hides_md5 else _by_etags(one.etag, other.etag)
    is_sure = one.is_sure and other.is_sure
    if by_etag is not None and (is_sure or by_etag is Likeness.ETAGS_EQUAL):
        return by_etag
    by_checksum = _by_checksums(one.checksums, other.checksums)
    if by_checksum is not None:
        return by_checksum
    return Likeness.ETAGS_MAY_DIFFER if by_etag is Likeness.ETAGS_DIFFER else Likeness.NOT_COMPARABLE


def _by_etags(one: str | None, other: str | None) -> Likeness | None:
    one, other = etags.folded(one), etags.folded(other)
    if one == other and (etags.is_plain(one) or etags.part_count(one)):
        return Likeness.ETAGS_EQUAL
    if etags.is_plain(one) and etags.is_plain(other):
        return Likeness.ETAGS_DIFFER
    for plain, of_parts in ((one, other), (other, one)):
        if plain is not None and etags.is_plain(plain) and etags.part_count(of_parts) == 1:
            return Likeness.PARTS_EQUAL if etags.of_parts([plain]) == of_parts else Likeness.PARTS_DIFFER
    return None


def _by_checksums(one: Mapping[str, StoredChecksum], other: Mapping[str, StoredChecksum]) -> Likeness | None:
    common = [(one[name], other[name]) for name in one if name in other]
    full = [mine.value == its.value for mine, its in common if mine.is_full and its.is_full]
    if full:
        return Likeness.CHECKSUMS_EQUAL if all(full) else Likeness.CHECKSUMS_DIFFER
    composite = [mine.value == its.value for mine, its in common if mine.is_composite and its.is_composite]
    return Likeness.CHECKSUMS_EQUAL if composite and all(composite) else None


def compare_all(
    one: pa.Table, other: pa.Table, *, one_hides_md5: bool = False, other_hides_md5: bool = False
) -> npt.NDArray[np.int8]:
    """`compare` for rows of listings: the codes of the likenesses, places in `LIKENESSES`.

    Both tables have as many rows, pair by pair, and the columns size, etag and encryption. `hides_md5` of a side says
    it for rows whose encryption is null. A listing has no checksums, and no row is worth an MD5 of its own: what would
    be told by parts is not comparable here.
    """
    same_size = pc.equal(one["size"], other["size"])
    hidden = _hides_md5(one["encryption"], one_hides_md5) | _hides_md5(other["encryption"], other_hides_md5)
    is_sure = as_mask(pc.and_(pc.is_valid(one["encryption"]), pc.is_valid(other["encryption"])))
    equal, both_plain = _etag_relations(one["etag"], other["etag"], as_mask(same_size) & ~hidden)
    lines = (
        (Likeness.SIZE_UNKNOWN, as_mask(pc.is_null(same_size))),
        (Likeness.SIZES_DIFFER, as_mask(pc.invert(same_size))),
        (Likeness.EMPTY, as_mask(pc.equal(one["size"], 0))),
        (Likeness.ETAGS_EQUAL, equal),
        (Likeness.ETAGS_DIFFER, both_plain & is_sure),
        (Likeness.ETAGS_MAY_DIFFER, both_plain),
    )
    codes = np.full(one.num_rows, LIKENESSES.index(Likeness.NOT_COMPARABLE), np.int8)
    for likeness, fits in reversed(lines):
        codes[fits] = LIKENESSES.index(likeness)
    return codes


def _etag_relations(one: pa.ChunkedArray, other: pa.ChunkedArray, wanted: Bools) -> tuple[Bools, Bools]:
    """Where the ETags are one text, but for capitals, of an MD5's form, and where both are plain and differ. False
    where not `wanted`."""
    one, other = _folded(one), _folded(other)
    same = as_mask(pc.equal(one, other)) & wanted
    unlike = ~same & wanted
    equal, both_plain = same.copy(), unlike.copy()
    equal[same] = _matches(one.filter(pa.array(same)), etags.PLAIN_OR_PARTS_PATTERN)
    both_plain[unlike] = _matches(one.filter(pa.array(unlike)), etags.PLAIN_PATTERN)
    both_plain[both_plain] = _matches(other.filter(pa.array(both_plain)), etags.PLAIN_PATTERN)
    return equal, both_plain


def _folded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """`etag.folded` for a column."""
    return pc.utf8_lower(column) if pc.any(pc.match_substring_regex(column, "[A-F]")).as_py() else column


def _hides_md5(encryption: pa.ChunkedArray, by_default: bool) -> Bools:
    hiding = [kind for kind in encryption.unique().to_pylist() if etags.hides_md5(kind)]
    hidden = as_mask(pc.is_in(encryption, pa.array(hiding, pa.string())))
    return hidden | as_mask(pc.is_null(encryption)) if by_default else hidden


def _matches(texts: pa.ChunkedArray, pattern: str) -> Bools:
    return as_mask(pc.match_substring_regex(texts, pattern))


def as_mask(values: pa.ChunkedArray) -> Bools:
    """A mask of Arrow as one of numpy; null is false."""
    filled: Bools = pc.fill_null(values, False).to_numpy(zero_copy_only=False)
    return filled
