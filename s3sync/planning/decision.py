"""Copy or skip: what is done with an object, given what the target has under its key."""

from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from s3sync.model.same_content import LIKENESSES, Likeness, as_mask, compare_all
from s3sync.model.task import Action, Overwrite


class Reason(StrEnum):
    """Why a planned row is copied or skipped: the column `reason` of `plan/`."""

    NOT_LOOKED = "not_looked"
    MISSING = "missing"
    ALWAYS = "always"
    EXISTS = "exists"
    UNKNOWN_SIZE = "unknown_size"
    SIZE_DIFFERS = "size_differs"
    EMPTY = "empty"
    ETAG_EQUAL = "etag_equal"
    ETAG_DIFFERS = "etag_differs"
    UNKNOWN_TIME = "unknown_time"
    SIZE_AND_TIME = "size_and_time"
    SOURCE_IS_NEWER = "source_is_newer"

    @property
    def action(self) -> Action:
        return Action.SKIP if self in _SKIPPED else Action.COPY


_SKIPPED = frozenset({Reason.EXISTS, Reason.EMPTY, Reason.ETAG_EQUAL, Reason.SIZE_AND_TIME})
REASONS = tuple(Reason)  # a reason's place here is its code in `decide_all`


# What contents show by `model.same_content`, for a plan: to copy is the safe side.
_REASONS = {
    Likeness.SIZE_UNKNOWN: Reason.UNKNOWN_SIZE,
    Likeness.SIZES_DIFFER: Reason.SIZE_DIFFERS,
    Likeness.EMPTY: Reason.EMPTY,
    Likeness.ETAGS_EQUAL: Reason.ETAG_EQUAL,
    Likeness.ETAGS_DIFFER: Reason.ETAG_DIFFERS,
    Likeness.ETAGS_MAY_DIFFER: Reason.ETAG_DIFFERS,
}


# The first line that fits decides; "unknown" is on either side. `planning.resolve` knows the first two.
#
# | target        | overwrite | sizes   | ETags                     | times            | then                 |
# |---------------|-----------|---------|---------------------------|------------------|----------------------|
# | not looked at |           |         |                           |                  | copy not_looked      |
# | absent        |           |         |                           |                  | copy missing         |
# | present       | always    |         |                           |                  | copy always          |
# | present       | never     |         |                           |                  | skip exists          |
# | present       | changed   | unknown |                           |                  | copy unknown_size    |
# | present       | changed   | differ  |                           |                  | copy size_differs    |
# | present       | changed   | 0       |                           |                  | skip empty           |
# | present       | changed   | equal   | comparable, the same      |                  | skip etag_equal      |
# | present       | changed   | equal   | comparable, plain, differ |                  | copy etag_differs    |
# | present       | changed   | equal   | not comparable            | unknown          | copy unknown_time    |
# | present       | changed   | equal   | not comparable            | target is newer  | skip size_and_time   |
# | present       | changed   | equal   | not comparable            | any others       | copy source_is_newer |
#
# Comparable ETags: see `model.same_content`; where a row names no encryption, as in a live listing, `hides_md5` of its
# side says it. S3 tells times in whole seconds: a source that was written again in the second of its copy has the
# copy's time, so it counts as newer.
def decide_all(
    source: pa.Table,
    target: pa.Table,
    overwrite: Overwrite,
    *,
    source_hides_md5: bool = False,
    target_hides_md5: bool = False,
) -> npt.NDArray[np.int8]:
    """What is done with rows whose target is present: the codes of the reasons, places in `REASONS`.

    Both tables have as many rows, pair by pair, and the columns size, etag, last_modified, encryption.
    """
    if overwrite is not Overwrite.CHANGED:
        flat = Reason.ALWAYS if overwrite is Overwrite.ALWAYS else Reason.EXISTS
        return np.full(source.num_rows, REASONS.index(flat), np.int8)
    newer = pc.greater(target["last_modified"], source["last_modified"])
    likeness = compare_all(source, target, one_hides_md5=source_hides_md5, other_hides_md5=target_hides_md5)
    lines = (
        *((reason, likeness == LIKENESSES.index(shown)) for shown, reason in _REASONS.items()),
        (Reason.UNKNOWN_TIME, as_mask(pc.is_null(newer))),
        (Reason.SIZE_AND_TIME, as_mask(newer)),
    )
    codes = np.full(source.num_rows, REASONS.index(Reason.SOURCE_IS_NEWER), np.int8)
    for reason, fits in reversed(lines):
        codes[fits] = REASONS.index(reason)
    return codes
