"""Copy or skip: what is done with an object, given what the target has under its key.

`decide` says it for one object, `decide_all` for columns; both follow the one table above `decide`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from s3sync.model import etag as etags
from s3sync.model.task import Action, Overwrite

Bools = npt.NDArray[np.bool_]


class Reason(StrEnum):
    """Why a planned row is copied or skipped: the column `reason` of `plan/`."""

    NOT_LOOKED = "not_looked"
    MISSING = "missing"
    ALWAYS = "always"
    EXISTS = "exists"
    UNKNOWN_SIZE = "unknown_size"
    SIZE_DIFFERS = "size_differs"
    ETAG_EQUAL = "etag_equal"
    ETAG_DIFFERS = "etag_differs"
    UNKNOWN_TIME = "unknown_time"
    SIZE_AND_TIME = "size_and_time"
    SOURCE_IS_NEWER = "source_is_newer"

    @property
    def action(self) -> Action:
        return Action.SKIP if self in _SKIPPED else Action.COPY


_SKIPPED = frozenset({Reason.EXISTS, Reason.ETAG_EQUAL, Reason.SIZE_AND_TIME})
REASONS = tuple(Reason)  # a reason's place here is its code in `decide_all`


@dataclass(frozen=True, slots=True)
class Seen:
    """One side of an object, as its listing shows it: size in bytes, ETag unquoted; None where it is not known."""

    size: int | None
    etag: str | None
    last_modified: datetime | None
    encryption: str | None = None


# The first line that fits decides; "unknown" is on either side.
#
# | target        | overwrite | sizes   | ETags                     | times            | then                 |
# |---------------|-----------|---------|---------------------------|------------------|----------------------|
# | not looked at |           |         |                           |                  | copy not_looked      |
# | absent        |           |         |                           |                  | copy missing         |
# | present       | always    |         |                           |                  | copy always          |
# | present       | never     |         |                           |                  | skip exists          |
# | present       | changed   | unknown |                           |                  | copy unknown_size    |
# | present       | changed   | differ  |                           |                  | copy size_differs    |
# | present       | changed   | equal   | comparable, the same      |                  | skip etag_equal      |
# | present       | changed   | equal   | comparable, plain, differ |                  | copy etag_differs    |
# | present       | changed   | equal   | not comparable            | unknown          | copy unknown_time    |
# | present       | changed   | equal   | not comparable            | target is newer  | skip size_and_time   |
# | present       | changed   | equal   | not comparable            | any others       | copy source_is_newer |
#
# Comparable ETags: both are MD5s by their form, plain or of parts, and neither side's encryption hides the MD5
# (model/etag.py); where a row names no encryption, as in a live listing, `hides_md5` of its side says it. Two ETags of
# parts that differ are not comparable: the same content may be cut in other places. S3 tells times in whole seconds: a
# source that was written again in the second of its copy has the copy's time, so it counts as newer.
def decide(
    source: Seen,
    target: Seen | None,
    overwrite: Overwrite,
    *,
    looked: bool = True,
    source_hides_md5: bool = False,
    target_hides_md5: bool = False,
) -> Reason:
    """The reason, whose `action` is what to do. `hides_md5` of a side: what lies there is encrypted so by default."""
    if not looked:
        return Reason.NOT_LOOKED
    if target is None:
        return Reason.MISSING
    if overwrite is not Overwrite.CHANGED:
        return Reason.ALWAYS if overwrite is Overwrite.ALWAYS else Reason.EXISTS
    if source.size is None or target.size is None:
        return Reason.UNKNOWN_SIZE
    if source.size != target.size:
        return Reason.SIZE_DIFFERS
    hidden = hides_md5(source, source_hides_md5) or hides_md5(target, target_hides_md5)
    return (None if hidden else _by_etag(source.etag, target.etag)) or _by_time(source, target)


def hides_md5(side: Seen, by_default: bool) -> bool:
    return by_default if side.encryption is None else etags.hides_md5(side.encryption)


def _by_etag(source: str | None, target: str | None) -> Reason | None:
    if source == target and (etags.is_plain(source) or etags.part_count(source)):
        return Reason.ETAG_EQUAL
    return Reason.ETAG_DIFFERS if etags.is_plain(source) and etags.is_plain(target) else None


def _by_time(source: Seen, target: Seen) -> Reason:
    if source.last_modified is None or target.last_modified is None:
        return Reason.UNKNOWN_TIME
    return Reason.SIZE_AND_TIME if target.last_modified > source.last_modified else Reason.SOURCE_IS_NEWER


def decide_all(
    source: pa.Table,
    target: pa.Table,
    overwrite: Overwrite,
    *,
    source_hides_md5: bool = False,
    target_hides_md5: bool = False,
) -> npt.NDArray[np.int8]:
    """`decide` for rows where the target is present: the codes of the reasons, places in `REASONS`.

    Both tables have as many rows, pair by pair, and the columns size, etag, last_modified, encryption.
    """
    if overwrite is not Overwrite.CHANGED:
        flat = Reason.ALWAYS if overwrite is Overwrite.ALWAYS else Reason.EXISTS
        return np.full(source.num_rows, REASONS.index(flat), np.int8)
    newer = pc.greater(target["last_modified"], source["last_modified"])
    same_size = pc.equal(source["size"], target["size"])
    hidden = hides_md5_mask(source["encryption"], source_hides_md5)
    hidden = hidden | hides_md5_mask(target["encryption"], target_hides_md5)
    equal, both_plain = etag_relations(source["etag"], target["etag"], ~hidden)
    lines = (
        (Reason.UNKNOWN_SIZE, as_mask(pc.is_null(same_size))),
        (Reason.SIZE_DIFFERS, as_mask(pc.invert(same_size))),
        (Reason.ETAG_EQUAL, equal),
        (Reason.ETAG_DIFFERS, both_plain),
        (Reason.UNKNOWN_TIME, as_mask(pc.is_null(newer))),
        (Reason.SIZE_AND_TIME, as_mask(newer)),
    )
    codes = np.full(source.num_rows, REASONS.index(Reason.SOURCE_IS_NEWER), np.int8)
    for reason, fits in reversed(lines):
        codes[fits] = REASONS.index(reason)
    return codes


def etag_relations(source: pa.ChunkedArray, target: pa.ChunkedArray, wanted: Bools) -> tuple[Bools, Bools]:
    """Where the ETags are one text of an MD5's form, and where both are plain. False where not `wanted`."""
    same = as_mask(pc.equal(source, target)) & wanted
    other = ~same & wanted
    equal, both_plain = same.copy(), other.copy()
    equal[same] = _matches(source.filter(pa.array(same)), etags.PLAIN_OR_PARTS_PATTERN)
    both_plain[other] = _matches(source.filter(pa.array(other)), etags.PLAIN_PATTERN)
    both_plain[both_plain] = _matches(target.filter(pa.array(both_plain)), etags.PLAIN_PATTERN)
    return equal, both_plain


def hides_md5_mask(encryption: pa.ChunkedArray, by_default: bool) -> Bools:
    """`hides_md5` for a column."""
    hiding = [kind for kind in encryption.unique().to_pylist() if etags.hides_md5(kind)]
    hidden = as_mask(pc.is_in(encryption, pa.array(hiding, pa.string())))
    return hidden | as_mask(pc.is_null(encryption)) if by_default else hidden


def _matches(texts: pa.ChunkedArray, pattern: str) -> Bools:
    return as_mask(pc.match_substring_regex(texts, pattern))


def as_mask(values: pa.ChunkedArray) -> Bools:
    """A mask of Arrow as one of numpy; null is false."""
    filled: Bools = pc.fill_null(values, False).to_numpy(zero_copy_only=False)
    return filled
