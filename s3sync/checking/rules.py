"""What two listings say of an object that is, or should be, on both sides: the first step of a check.

What they leave open is looked at object by object (checking/evidence_headers.py).
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from s3sync.model.finding import Ruling
from s3sync.model.same_content import LIKENESSES, Bools, Likeness, as_mask, compare_all
from s3sync.model.tables import TIMESTAMP

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
def rule_all(
    source: pa.Table, target: pa.Table, has_source: Bools, has_target: Bools, compared: Compared
) -> npt.NDArray[np.int8]:
    """What the listings show of rows: the codes of the rulings, places in `RULINGS`.

    Both tables have as many rows, pair by pair, and the columns size, etag, last_modified, encryption; a side that is
    absent has nulls there. `compared.of_run` must be set where rows have neither side.
    """
    moments, pairs = compared.moments, has_source & has_target
    newer = _newer(source, moments.changed_after)
    late_source, late_target = _newer(source, moments.target_seen_at), _newer(target, moments.source_seen_at)
    codes_of_content = compare_all(
        source, target, one_hides_md5=compared.source_hides_md5, other_hides_md5=compared.target_hides_md5
    )
    shown = {each: pairs & (codes_of_content == place) for place, each in enumerate(LIKENESSES)}
    differs = shown[Likeness.SIZES_DIFFER] | shown[Likeness.ETAGS_DIFFER]
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
        (Ruling.SIZE_UNKNOWN, shown[Likeness.SIZE_UNKNOWN]),
        (Ruling.EMPTY, shown[Likeness.EMPTY]),
        (Ruling.ETAGS_EQUAL, shown[Likeness.ETAGS_EQUAL]),
        (Ruling.CHANGED, differs & newer),
        (Ruling.LATE, differs & (late_source | late_target)),
        (Ruling.SIZES_DIFFER, shown[Likeness.SIZES_DIFFER]),
        (Ruling.ETAGS_DIFFER, differs),
    )
    codes = np.full(source.num_rows, RULINGS.index(Ruling.NOT_COMPARABLE), np.int8)
    for ruling, fits in reversed(lines):
        codes[fits] = RULINGS.index(ruling)
    return codes


def _newer(side: pa.Table, moment: datetime | None) -> Bools:
    if moment is None:
        return np.zeros(side.num_rows, np.bool_)
    return as_mask(pc.greater(side["last_modified"], pa.scalar(moment, TIMESTAMP)))


def _is_unreported(no_source: Bools, no_target: Bools, compared: Compared) -> Bools:
    return (no_source & compared.source_is_report) | (no_target & compared.target_is_report)
