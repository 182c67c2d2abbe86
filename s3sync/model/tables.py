"""The Arrow schemas of the tables that a run writes; docs/tables.md describes them column by column.

The table between listing and plan: the rows of both sides, brought together under the target's key.

In the order of `planning.resolve.ORDER`, all rows of a target key in one piece, it is what `planning.resolve` turns
into plan rows.
"""

import pyarrow as pa
import pyarrow.compute as pc

TIMESTAMP = pa.timestamp("us", tz="UTC")
_FINER = r"(\.[0-9]{6})[0-9]+"


def moments(texts: pa.Array) -> pa.Array:
    """ISO 8601 as TIMESTAMP. S3 knows milliseconds; what a server tells beyond microseconds is cut. Raises
    ArrowInvalid."""
    try:
        return texts.cast(TIMESTAMP)
    except pa.ArrowInvalid:
        return pc.replace_substring_regex(texts, _FINER, r"\1").cast(TIMESTAMP)


def _required(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


LISTING = pa.schema(
    [
        _required("key", pa.string()),
        ("version_id", pa.string()),
        ("is_latest", pa.bool_()),
        ("is_delete_marker", pa.bool_()),
        ("size", pa.int64()),
        ("last_modified", TIMESTAMP),
        ("etag", pa.string()),
        ("storage_class", pa.string()),
        ("encryption", pa.string()),
        ("owner", pa.string()),
    ]
)

PLAN = pa.schema(
    [
        _required("task_id", pa.string()),
        _required("source_key", pa.string()),
        ("version_id", pa.string()),
        _required("target_key", pa.string()),
        ("size", pa.int64()),
        ("etag", pa.string()),
        ("last_modified", TIMESTAMP),
        ("storage_class", pa.string()),
        _required("action", pa.string()),
        _required("reason", pa.string()),
        _required("method", pa.string()),
        ("target_etag", pa.string()),
    ]
)

OUTCOMES = pa.schema(
    [
        _required("task_id", pa.string()),
        _required("source_key", pa.string()),
        _required("target_key", pa.string()),
        _required("attempt", pa.int32()),
        _required("status", pa.string()),
        _required("reason", pa.string()),
        ("error_code", pa.string()),
        ("error_class", pa.string()),
        ("message", pa.string()),
        ("size", pa.int64()),
        ("target_etag", pa.string()),
        ("pinned", pa.string()),
        ("verified", pa.string()),
        _required("requests", pa.int32()),
        _required("milliseconds", pa.int32()),
    ]
)

UPLOAD_PARTS = pa.schema([_required("part_number", pa.int32()), _required("etag", pa.string())])

FINDINGS = pa.schema(
    [
        _required("target_key", pa.string()),
        _required("source_key", pa.string()),
        _required("verdict", pa.string()),
        _required("evidence", pa.string()),
        ("detail", pa.string()),
        ("source_size", pa.int64()),
        ("source_etag", pa.string()),
        ("source_last_modified", TIMESTAMP),
        ("source_storage_class", pa.string()),
        ("target_size", pa.int64()),
        ("target_etag", pa.string()),
        ("target_last_modified", TIMESTAMP),
        ("target_storage_class", pa.string()),
        _required("requests", pa.int32()),
        _required("read_bytes", pa.int64()),
    ]
)


SIDE_SOURCE = 0
SIDE_TARGET = 1
SIDE_LEFT_OUT = 3  # a source object that a filter left out: its copy on the target is no extra (a check's rows)
SIDE_COPIED = 4  # an object that a run says it copied (a check's rows)
OUTDATED = {SIDE_SOURCE: 5, SIDE_TARGET: 6}  # rows of a report that a newer one of the same inventory stands beside

CANDIDATES = pa.schema(
    [
        pa.field("target_key", pa.string(), nullable=False),
        pa.field("side", pa.int8(), nullable=False),
        ("source_key", pa.string()),  # null on the target side
        ("version_id", pa.string()),
        ("size", pa.int64()),
        ("last_modified", TIMESTAMP),
        ("etag", pa.string()),
        ("storage_class", pa.string()),
        ("encryption", pa.string()),
    ]
)

# What a check brings together. The source key follows from the target key, so it need not travel.
COMPARED = pa.schema(
    [
        pa.field("target_key", pa.string(), nullable=False),
        pa.field("side", pa.int8(), nullable=False),
        ("size", pa.int64()),
        ("last_modified", TIMESTAMP),
        ("etag", pa.string()),
        ("storage_class", pa.string()),
        ("encryption", pa.string()),
    ]
)


# The order that `resolve` wants. All columns that the choice of a row depends on, so that rows which came in another
# order make the same plan.
ORDER = [
    ("target_key", "ascending"),
    ("side", "ascending"),
    ("last_modified", "descending"),
    ("source_key", "ascending"),
    ("etag", "ascending"),
    ("size", "ascending"),
    ("storage_class", "ascending"),
    ("encryption", "ascending"),
]
