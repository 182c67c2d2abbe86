"""The findings of a check that a copy settles, and as a listing of what is to be copied again."""

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.model.finding import Ruling, Verdict
from s3sync.model.tables import LISTING

_COPIED_AGAIN = pa.array([verdict.value for verdict in Verdict if verdict.is_copied_again])
_COLUMNS = ("key", "size", "last_modified", "etag", "storage_class")


def copied_again(findings: pa.Table, verdicts: Collection[Verdict] = ()) -> pa.Table:
    """The rows of findings (schema FINDINGS) that a copy of the source settles; of some `verdicts` only, where they are
    named.

    | verdict                                            | the source was there | then     |
    |----------------------------------------------------|----------------------|----------|
    | missing_on_target, ..._differs, changed_since      | yes                  | kept     |
    | any of them                                        | no                   | left out |
    | match, missing_on_source, unprovable, error        |                      | left out |

    It was there where the finding shows anything of it. A report may list keys and nothing else: then it was there
    unless it changed since, or is gone from both sides.
    """
    size, etag, modified = (pc.is_valid(findings[f"source_{name}"]) for name in ("size", "etag", "last_modified"))
    is_gone = pc.or_(
        pc.equal(findings["verdict"], Verdict.CHANGED_SINCE.value),
        pc.fill_null(pc.equal(findings["detail"], Ruling.GONE_FROM_BOTH.detail), False),
    )
    was_there = pc.or_(pc.or_(size, pc.or_(etag, modified)), pc.invert(is_gone))
    wanted = pa.array([verdict.value for verdict in verdicts]) if verdicts else _COPIED_AGAIN
    is_wanted = pc.and_(pc.is_in(findings["verdict"], wanted), pc.is_in(findings["verdict"], _COPIED_AGAIN))
    return findings.filter(pc.and_(is_wanted, was_there))


# | side   | verdict           | row                                                             |
# |--------|-------------------|-----------------------------------------------------------------|
# | source | any               | yes                                                             |
# | target | missing_on_target | none: the check saw nothing there                               |
# | target | any other         | yes, with what the check saw of it, which may be nothing at all |
def as_listing(findings: pa.Table, verdicts: Collection[Verdict] = (), *, of_target: bool = False) -> pa.Table:
    """One side's objects (schema LISTING), as the check saw them, of the findings that `copied_again` keeps."""
    rows, side = copied_again(findings, verdicts), "source"
    if of_target:
        rows, side = rows.filter(pc.not_equal(rows["verdict"], Verdict.MISSING_ON_TARGET.value)), "target"
    columns = [rows[f"{side}_{f.name}"] if f.name in _COLUMNS else pa.nulls(rows.num_rows, f.type) for f in LISTING]
    return pa.table(columns, schema=LISTING)
