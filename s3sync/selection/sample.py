"""A sample of objects that is the same each time: it depends on the keys alone."""

from collections.abc import Iterable
from hashlib import sha256

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.model.keys import key_hashes
from s3sync.model.tables import ORDER

SLACK_ROWS = 100_000
_WHOLE = 2**64


def is_sampled(key: str, share: float) -> bool:
    """Whether the key is in a sample of this share of all keys, above 0 and up to 1. A larger share has all keys that
    a smaller one has."""
    return int.from_bytes(sha256(key.encode()).digest()[:8], "big") < share * _WHOLE


def smallest_hashes(batches: Iterable[pa.RecordBatch], count: int) -> pa.Table | None:
    """The `count` rows whose source keys have the smallest hashes, spread over the key space; None of no batches.

    The batches have the schema `model.tables.CANDIDATES`, in any order: the same rows give the same sample, and the
    sample of samples is the sample of all. Holds twice `count` rows and some more, whatever comes.
    """
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        if rows > 2 * count + SLACK_ROWS:
            held = _smallest(pa.Table.from_batches(held), count).to_batches()
            rows = count
    return _smallest(pa.Table.from_batches(held), count) if held else None


def _smallest(table: pa.Table, count: int) -> pa.Table:
    hashes = key_hashes(table["source_key"].combine_chunks())
    ordered = pc.sort_indices(table.append_column("hash", pa.array(hashes)), [("hash", "ascending"), *ORDER])
    return table.take(ordered[:count])
