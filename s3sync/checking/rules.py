"""What two listings say of an object that is, or should be, on both sides: the first step of a check.

`rule` says it for one object, `rule_all` for columns; both follow the one table above `rule`. What the listings leave
open is looked at object by object (aws/evidence.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from s3sync.model import etag as etags
from s3sync.model.finding import Ruling
from s3sync.model.tables import TIMESTAMP
from s3sync.planning.decision import Bools, Seen, as_mask, etag_relations, hides_md5, hides_md5_mask

_Some = TypeVar("_Some", bool, Bools)
RULINGS = tuple(Ruling)  # a ruling's place here is its code in `rule_all`


@dataclass(frozen=True, slots=True)
class Moments:
    """When things were seen. None: unknown, or of no importance; an unknown time makes nothing newer.

    `changed_after`: a source object newer than this was not there for the run that is checked (or came while the check
    ran), so a difference is no fault of the copy. `source_seen_at` and `target_seen_at`: the times of the listings or
    reports; an object newer than the other side's shows a difference that time alone may have made.
    """

    changed_after: datetime | None = None
    source_seen_at: datetime | None = None
    target_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """`hides_md5` of a side: its bucket encrypts by default so that ETags are no MD5s; it decides where a row itself
    says nothing of its encryption. `of_run`: only what a run says it copied is asked about. `is_report` of a side: it
    was not listed, and an inventory report may lack what was written or deleted shortly before it.

    Source: "Amazon S3 Inventory consistency" in the S3 documentation: look at an object before acting on what a report
    says of it.
    """

    moments: Moments = Moments()
    source_hides_md5: bool = False
    target_hides_md5: bool = False
    of_run: bool = False
    source_is_report: bool = False
    target_is_report: bool = False


# The first line that fits decides. `newer`: the source is newer than `changed_after`. `late`: the source is newer
# than the target's listing, or the target than the source's. Unreported: a side is absent from a report.
#
# | source  | target  | of a run | differ in                  | newer | late | ruling                                |
# |---------|---------|----------|----------------------------|-------|------|---------------------------------------|
# | any     | any     | yes      | presence, unreported       |       |      | unreported: open                      |
# | absent  | absent  | yes      |                            |       |      | gone_from_both: missing_on_target     |
# | absent  | present | yes      |                            |       |      | gone_from_source: changed_since       |
# | absent  | present | no       |                            |       | yes  | late: open                            |
# | absent  | present | no       |                            |       | no   | extra: missing_on_source              |
# | present | absent  |          |                            | yes   |      | changed: changed_since                |
# | present | absent  |          |                            | no    | yes  | late: open                            |
# | present | absent  |          |                            | no    | no   | absent: missing_on_target             |
# | present | present |          | a size is unknown          |       |      | size_unknown: open                    |
# | present | present |          | nothing: both are empty    |       |      | empty: match                          |
# | present | present |          | nothing: ETags comparable  |       |      | etags_equal: match                    |
# | present | present |          | size                       | yes   |      | changed: changed_since                |
# | present | present |          | size                       | no    | yes  | late: open                            |
# | present | present |          | size                       | no    | no   | sizes_differ: size_differs            |
# | present | present |          | ETags, both sure MD5s      | yes   |      | changed: changed_since                |
# | present | present |          | ETags, both sure MD5s      | no    | yes  | late: open                            |
# | present | present |          | ETags, both sure MD5s      | no    | no   | etags_differ: content_differs         |
# | present | present |          | can't be told              |       |      | not_comparable: open                  |
#
# Comparable and equal: one text of an MD5's form, plain or of parts, and no side is known to hide its MD5.
# Sure MD5s: both plain, and the listing names an encryption on both sides that does not hide the MD5. A live listing
# names none, so unequal ETags of a live listing are looked at: they may be those of SSE-KMS (model/etag.py).
def rule(source: Seen | None, target: Seen | None, compared: Compared) -> Ruling:
    if source is None or target is None:
        return _by_presence(source, target, compared)
    difference = _difference(source, target, compared)
    if difference not in (Ruling.SIZES_DIFFER, Ruling.ETAGS_DIFFER):
        return difference
    if _is_newer(source, compared.moments.changed_after):
        return Ruling.CHANGED
    return Ruling.LATE if _is_late(source, target, compared.moments) else difference


def _by_presence(source: Seen | None, target: Seen | None, compared: Compared) -> Ruling:
    moments = compared.moments
    if compared.of_run and _is_unreported(source is None, target is None, compared):
        return Ruling.UNREPORTED
    if source is None:
        if compared.of_run or target is None:
            return Ruling.GONE_FROM_BOTH if target is None else Ruling.GONE_FROM_SOURCE
        return Ruling.LATE if _is_newer(target, moments.source_seen_at) else Ruling.EXTRA
    if _is_newer(source, moments.changed_after):
        return Ruling.CHANGED
    return Ruling.LATE if _is_newer(source, moments.target_seen_at) else Ruling.ABSENT


def _is_unreported(no_source: _Some, no_target: _Some, compared: Compared) -> _Some:
    """For one object, or for many."""
    return (no_source & compared.source_is_report) | (no_target & compared.target_is_report)


def _difference(source: Seen, target: Seen, compared: Compared) -> Ruling:
    """What the two show, whenever they were written."""
    if source.size is None or target.size is None:
        return Ruling.SIZE_UNKNOWN
    if source.size != target.size:
        return Ruling.SIZES_DIFFER
    return _by_etags(source, target, compared) if source.size else Ruling.EMPTY


def _by_etags(source: Seen, target: Seen, compared: Compared) -> Ruling:
    """ETAGS_EQUAL, ETAGS_DIFFER or NOT_COMPARABLE."""
    hidden = hides_md5(source, compared.source_hides_md5) or hides_md5(target, compared.target_hides_md5)
    if hidden:
        return Ruling.NOT_COMPARABLE
    if source.etag == target.etag and (etags.is_plain(source.etag) or etags.part_count(source.etag)):
        return Ruling.ETAGS_EQUAL
    is_sure = source.encryption is not None and target.encryption is not None
    both_plain = etags.is_plain(source.etag) and etags.is_plain(target.etag)
    return Ruling.ETAGS_DIFFER if is_sure and both_plain else Ruling.NOT_COMPARABLE


def _is_newer(side: Seen, moment: datetime | None) -> bool:
    return moment is not None and side.last_modified is not None and side.last_modified > moment


def _is_late(source: Seen, target: Seen, moments: Moments) -> bool:
    return _is_newer(source, moments.target_seen_at) or _is_newer(target, moments.source_seen_at)


def rule_all(
    source: pa.Table, target: pa.Table, has_source: Bools, has_target: Bools, compared: Compared
) -> npt.NDArray[np.int8]:
    """`rule` for rows: the codes of the rulings, places in `RULINGS`.

    Both tables have as many rows, pair by pair, and the columns size, etag, last_modified, encryption; a side that is
    absent has nulls there. `compared.of_run` must be set where rows have neither side.
    """
    moments, pairs = compared.moments, has_source & has_target
    newer = _newer(source, moments.changed_after)
    late_source, late_target = _newer(source, moments.target_seen_at), _newer(target, moments.source_seen_at)
    same_size = as_mask(pc.equal(source["size"], target["size"]))
    unknown = pairs & as_mask(pc.or_(pc.is_null(source["size"]), pc.is_null(target["size"])))
    equal, sure = _etags(source, target, pairs & same_size, compared)
    differs = pairs & ~unknown & (~same_size | sure)
    only_source, only_target = has_source & ~has_target, has_target & ~has_source
    lines = (
        (Ruling.UNREPORTED, _is_unreported(~has_source, ~has_target, compared) & compared.of_run),
        (Ruling.GONE_FROM_BOTH, ~has_source & ~has_target),
        (Ruling.GONE_FROM_SOURCE, only_target & compared.of_run),
        (Ruling.LATE, only_target & late_target),
        (Ruling.EXTRA, only_target),
        (Ruling.CHANGED, only_source & newer),
        (Ruling.LATE, only_source & late_source),
        (Ruling.ABSENT, only_source),
        (Ruling.SIZE_UNKNOWN, unknown),
        (Ruling.EMPTY, pairs & same_size & as_mask(pc.equal(source["size"], 0))),
        (Ruling.ETAGS_EQUAL, equal),
        (Ruling.CHANGED, differs & newer),
        (Ruling.LATE, differs & (late_source | late_target)),
        (Ruling.SIZES_DIFFER, differs & ~same_size),
        (Ruling.ETAGS_DIFFER, differs),
    )
    codes = np.full(source.num_rows, RULINGS.index(Ruling.NOT_COMPARABLE), np.int8)
    for ruling, fits in reversed(lines):
        codes[fits] = RULINGS.index(ruling)
    return codes


def _etags(source: pa.Table, target: pa.Table, wanted: Bools, compared: Compared) -> tuple[Bools, Bools]:
    """Where the ETags are comparable and equal, and where they differ and are sure to be MD5s."""
    hidden = hides_md5_mask(source["encryption"], compared.source_hides_md5)
    hidden = hidden | hides_md5_mask(target["encryption"], compared.target_hides_md5)
    equal, both_plain = etag_relations(source["etag"], target["etag"], wanted & ~hidden)
    is_sure = as_mask(pc.and_(pc.is_valid(source["encryption"]), pc.is_valid(target["encryption"])))
    return equal, both_plain & is_sure


def _newer(side: pa.Table, moment: datetime | None) -> Bools:
    if moment is None:
        return np.zeros(side.num_rows, np.bool_)
    return as_mask(pc.greater(side["last_modified"], pa.scalar(moment, TIMESTAMP)))
