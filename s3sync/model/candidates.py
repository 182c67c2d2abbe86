"""The table between listing and plan: the rows of both sides, brought together under the target's key.

In the order of `planning.resolve.ORDER`, all rows of a target key in one piece, it is what `planning.resolve` turns
into plan rows.
"""

import pyarrow as pa

from s3sync.model.tables import TIMESTAMP

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
