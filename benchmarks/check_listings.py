"""Committed listings of two buckets that are nearly the same, as `spark/listing.py` leaves them: sorted, in segments.

Of each thousand keys one is missing on the target, one has another size, one another ETag, and one is only there.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from s3sync.listing.segment_writer import SEGMENT_OBJECTS
from s3sync.model.tables import LISTING
from s3sync.runs.outcomes import parquet_bytes

SIDES = ("source", "target")
MISSING, RESIZED, REWRITTEN, EXTRA = 1, 2, 3, 4  # places among each thousand keys
PERIOD = 1_000
MODIFIED_US = 1_767_225_600_000_000
SHAPES = ("spread", "hot", "skewed")


@dataclass(frozen=True, slots=True)
class Expected:
    """What a check of the listings must find."""

    rows: int
    matches: int
    verdicts: dict[str, int]


def write_listings(folder: Path, keys: int, shape: str) -> Expected:
    """`{folder}/{side}-{number}.parquet` for both sides; the rows they have together are about 2 x `keys`."""
    folder.mkdir(parents=True)
    for number, start in enumerate(range(0, keys, SEGMENT_OBJECTS)):
        index = np.arange(start, min(start + SEGMENT_OBJECTS, keys))
        rows = _rows(index, shape)
        place = index % PERIOD
        source = rows.filter(pa.array(place != EXTRA))
        target = _altered(rows, place).filter(pa.array(place != MISSING))
        for side, table in zip(SIDES, (source, target), strict=True):
            (folder / f"{side}-{number:05d}.parquet").write_bytes(parquet_bytes(table))
    of_kind = {kind: len(range(kind, keys, PERIOD)) for kind in (MISSING, RESIZED, REWRITTEN, EXTRA)}
    return Expected(
        rows=2 * keys - of_kind[MISSING] - of_kind[EXTRA],
        matches=keys - sum(of_kind.values()),
        verdicts={
            "missing_on_target": of_kind[MISSING],
            "size_differs": of_kind[RESIZED],
            "unprovable": of_kind[REWRITTEN],  # a live listing tells no encryption, so unequal ETags are looked at
            "missing_on_source": of_kind[EXTRA],
        },
    )


# | shape  | keys                                                          |
# |--------|---------------------------------------------------------------|
# | spread | a thousand in each of many folders                            |
# | hot    | all below one prefix                                          |
# | skewed | nine of ten below one prefix, the others in folders of twenty |
def _rows(index: np.ndarray, shape: str) -> pa.Table:
    number = pc.utf8_lpad(pc.cast(pa.array(index), pa.string()), 12, "0")
    folder = pc.utf8_lpad(pc.cast(pa.array(index // (PERIOD if shape == "spread" else 200)), pa.string()), 9, "0")
    spread = pc.binary_join_element_wise("tables/", folder, "/part-", number, ".snappy.parquet", "")
    hot = pc.binary_join_element_wise("logs/app/2026/11/26/host-", number, ".json.gz", "")
    keys = {"spread": spread, "hot": hot, "skewed": pc.if_else(pa.array(index % 10 != 0), hot, spread)}[shape]
    generator = np.random.default_rng(int(index[0]))
    columns = {
        "key": keys,
        "size": pa.array(generator.integers(1, 1 << 20, index.size)),
        "last_modified": pa.array(MODIFIED_US + index * 1_000_000),
        "etag": _etags(generator.bytes(16 * index.size)),
        "storage_class": pa.repeat("STANDARD", index.size),
    }
    found = [columns[f.name].cast(f.type) if f.name in columns else pa.nulls(index.size, f.type) for f in LISTING]
    made = pa.table(found, schema=LISTING)
    return made.sort_by("key") if shape == "skewed" else made


def _etags(digests: bytes) -> pa.Array:
    count = len(digests) // 16
    offsets = pa.py_buffer(np.arange(0, 32 * (count + 1), 32, dtype=np.int32))
    return pa.Array.from_buffers(pa.string(), count, [None, offsets, pa.py_buffer(digests.hex().encode())])


def _altered(rows: pa.Table, place: np.ndarray) -> pa.Table:
    sizes = pc.add(rows["size"], pa.array((place == RESIZED).astype(np.int64)))
    etags = pc.if_else(pa.array(place == REWRITTEN), pc.utf8_reverse(rows["etag"]), rows["etag"])
    rows = rows.set_column(rows.schema.get_field_index("size"), LISTING.field("size"), sizes)
    return rows.set_column(rows.schema.get_field_index("etag"), LISTING.field("etag"), etags)
