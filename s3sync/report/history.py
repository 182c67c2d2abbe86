"""A migration over time, as its outcomes tell: when workers wrote what, and below which prefixes objects failed.

Each part of `outcomes/` tells in its metadata when it was written and how many seconds it covers. Parts of runs that
are older than that metadata are left out of the pictures.
"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.model.outcome import ErrorClass, Status
from s3sync.model.tally import ENGINE_KEY
from s3sync.report.check_tally import folders
from s3sync.report.migration_page import BarPiece, Trouble
from s3sync.runs.folder import RunFolder
from s3sync.runs.outcomes import read_parquet
from s3sync.runs.retry_outcomes import of_shard, settled_tables

TROUBLES_MAX = 50
_COLUMNS = ["task_id", "status", "size", "source_key", "error_class"]


def _parts(folder: RunFolder) -> Iterator[pa.Table]:
    """The parts that count, one at a time; those written so far where the run has not committed them."""
    committed = folder.manifest("outcomes")
    names = committed["parts"] if committed else [n for n in folder.names("outcomes/") if n.endswith(".parquet")]
    for name in names:
        yield read_parquet(folder.get(name), _COLUMNS)


def _failed(folder: RunFolder) -> Iterator[pa.Table]:
    """The rows of what failed and still does: those that a later attempt took the place of are left out, and its own
    come (retry_log)."""
    for shard, settled in settled_tables(folder):
        again = settled.select(_COLUMNS)
        ids = again["task_id"].combine_chunks()
        for table in _parts(folder):
            rows = of_shard(table.filter(pc.equal(table["status"], Status.FAILED.value)), shard)
            yield rows.filter(pc.invert(pc.is_in(rows["task_id"], value_set=ids)))
        yield again.filter(pc.equal(again["status"], Status.FAILED.value))


def pieces_of(folder: RunFolder) -> list[BarPiece]:
    found = []
    for table in _parts(folder):
        told = json.loads((table.schema.metadata or {}).get(ENGINE_KEY, b"{}"))
        if "ended_at" not in told:
            continue
        copied = table.filter(pc.equal(table["status"], Status.COPIED.value))
        failed = pc.sum(pc.equal(table["status"], Status.FAILED.value)).as_py() or 0
        found.append(
            BarPiece(
                datetime.fromisoformat(told["ended_at"]),
                told.get("engine_seconds", 0.0),
                copied.num_rows,
                pc.sum(copied["size"]).as_py() or 0,
                failed,
                told.get("throttled", 0),
            )
        )
    return found


def troubles_of(folder: RunFolder) -> list[Trouble]:
    """The prefixes, one level deep, below which most objects failed in the end."""
    failed: Counter[str] = Counter()
    throttled: Counter[str] = Counter()
    for rows in _failed(folder):
        if not rows.num_rows:
            continue
        prefixes = folders(rows["source_key"], 1)
        failed.update(_counted(prefixes))
        throttled.update(_counted(prefixes.filter(pc.equal(rows["error_class"], ErrorClass.THROTTLED.value))))
    return [Trouble(prefix, count, throttled[prefix]) for prefix, count in failed.most_common(TROUBLES_MAX)]


def _counted(values: pa.ChunkedArray) -> dict[str, int]:
    return {entry["values"]: entry["counts"] for entry in pc.value_counts(values).to_pylist()}
