"""The findings of a check as a listing of what is to be copied again."""

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.model.finding import Verdict
from s3sync.model.tables import LISTING

_COPIED_AGAIN = pa.array([verdict.value for verdict in Verdict if verdict.is_copied_again])
_COLUMNS = {
    "key": "source_key",
    "size": "source_size",
    "last_modified": "source_last_modified",
    "etag": "source_etag",
    "storage_class": "source_storage_class",
}


def as_listing(findings: pa.Table) -> pa.Table:
    """The source objects (schema LISTING) of the findings that a copy settles.

    | verdict                                            | the source was there | then     |
    |----------------------------------------------------|----------------------|----------|
    | missing_on_target, ..._differs, changed_since      | yes                  | a row    |
    | changed_since (deleted on the source), any of them | no                   | left out |
    | match, missing_on_source, unprovable, error        |                      | left out |
    """
    was_there = pc.or_(pc.is_valid(findings["source_etag"]), pc.is_valid(findings["source_last_modified"]))
    wanted = pc.and_(
        pc.is_in(findings["verdict"], _COPIED_AGAIN), pc.or_(was_there, pc.is_valid(findings["source_size"]))
    )
    rows = findings.filter(wanted)
    columns = [rows[_COLUMNS[f.name]] if f.name in _COLUMNS else pa.nulls(rows.num_rows, f.type) for f in LISTING]
    return pa.table(columns, schema=LISTING)
