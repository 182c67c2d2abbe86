"""The reading half of a check: from listings of both sides to portions of rows, in the workers.

A portion holds rows of one partition, as one Arrow message: Spark moves a few large pieces instead of many rows, which
takes it a tenth of the time. Rows of one key go to one partition, by a hash of the key, so hot prefixes spread too.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from s3sync.aws.store import open_store
from s3sync.model.candidates import COMPARED, SIDE_COPIED, SIDE_LEFT_OUT, SIDE_SOURCE, SIDE_TARGET
from s3sync.model.outcome import Status
from s3sync.model.task import Action
from s3sync.planning.check_scope import Scope
from s3sync.planning.compare import key_hashes
from s3sync.runs.folder import RunFolder
from s3sync.runs.outcome_log import read_parquet
from s3sync.spark.rows import ReadJob, Source, listing

FLUSH_ROWS = 500_000
PORTION = pa.schema([*COMPARED, pa.field("hash", pa.uint64(), nullable=False)])

_COLUMNS = [name for name in COMPARED.names if name not in ("target_key", "side")]
_READ = ["key", "is_latest", "is_delete_marker", "owner", *_COLUMNS]
_COPIED = pa.array([Status.COPIED.value, Status.SKIPPED.value, Action.SKIP.value])


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """A table of a run that says what it copied, or found on the target already: outcomes, or skipped plan rows."""

    run_id: str
    path: str


CheckSource: TypeAlias = Source | CopiedFile


@dataclass(frozen=True, slots=True)
class CheckRead:
    """`read.sources` are the listings; `copied` what the run says that is checked; rows go to `partitions`."""

    read: ReadJob
    copied: tuple[CopiedFile, ...]
    partitions: int

    @property
    def sources(self) -> tuple[CheckSource, ...]:
        return (*self.read.sources, *self.copied)


@dataclass(slots=True)
class ReadCounts:
    """What was read by one task: rows by side, and why rows did not go on."""

    files: int = 0
    listed: Counter[int] = field(default_factory=Counter)
    sent: Counter[int] = field(default_factory=Counter)
    dropped_source: Counter[str] = field(default_factory=Counter)
    dropped_target: Counter[str] = field(default_factory=Counter)

    def add(self, other: "ReadCounts") -> None:
        self.files += other.files
        for name in ("listed", "sent", "dropped_source", "dropped_target"):
            getattr(self, name).update(getattr(other, name))


Portion: TypeAlias = tuple[int, bytes | ReadCounts]


def portion_reader(job: CheckRead) -> Callable[[Iterable[int]], Iterator[Portion]]:
    """For `mapPartitions`: places in `job.sources` come in; portions, each behind its partition's number, go out, and
    at last the counts, which travel with the rows so that they are exact whatever Spark repeats (C3)."""

    def read(places: Iterable[int]) -> Iterator[Portion]:
        counts = ReadCounts()
        held: list[pa.RecordBatch] = []
        rows = 0
        for place in places:
            counts.files += 1
            for batch in _rows(job, job.sources[place], counts):
                held.append(batch)
                rows += batch.num_rows
                if rows >= FLUSH_ROWS:
                    yield from _portions(held, job.partitions)
                    held, rows = [], 0
        yield from _portions(held, job.partitions)
        yield 0, counts

    return read


def table_of(portions: Iterable[bytes]) -> pa.Table:
    """The rows of some portions, as one table of the schema PORTION."""
    batches = [pa.ipc.read_record_batch(pa.py_buffer(body), PORTION) for body in portions]
    return pa.Table.from_batches(batches, schema=PORTION)


def _portions(batches: list[pa.RecordBatch], partitions: int) -> Iterator[Portion]:
    if not batches:
        return
    whole = pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
    hashes = key_hashes(whole.column(0))
    # Rows of one partition meet again by their hashes, so the place among partitions is taken from other bits.
    partition = (hashes >> np.uint64(32)) % np.uint64(partitions)
    order = np.argsort(partition, kind="stable")
    whole = pa.RecordBatch.from_arrays([*whole.columns, pa.array(hashes)], schema=PORTION).take(pa.array(order))
    ends = np.searchsorted(partition[order], np.arange(partitions, dtype=np.uint64), side="right")
    start = 0
    for number, end in enumerate(ends.tolist()):
        if end > start:
            yield number, whole.slice(start, end - start).serialize().to_pybytes()
        start = end


def _rows(job: CheckRead, source: CheckSource, counts: ReadCounts) -> Iterator[pa.RecordBatch]:
    """The source's rows of the schema COMPARED; counts what they are."""
    if isinstance(source, CopiedFile):
        for batch in _copied(job, source):
            counts.sent[SIDE_COPIED] += batch.num_rows
            yield batch
        return
    scope = Scope(job.read.filters, job.read.mapping)
    for batch in listing(job.read, source, _READ):
        counts.listed[source.side] += batch.num_rows
        if source.side == SIDE_SOURCE:
            kept, left_out, dropped = scope.source(batch)
            counts.dropped_source.update(dropped)
            sides = [(kept, SIDE_SOURCE), (left_out, SIDE_LEFT_OUT)]
        else:
            kept, dropped = scope.target(batch)
            counts.dropped_target.update(dropped)
            sides = [(kept, SIDE_TARGET)]
        for rows, side in sides:
            if rows.num_rows:
                counts.sent[side] += rows.num_rows
                yield _compared(job, rows, side)


def _compared(job: CheckRead, batch: pa.RecordBatch, side: int) -> pa.RecordBatch:
    keys = batch.column("key")
    target_keys = keys if side == SIDE_TARGET else job.read.mapping.target_keys(keys)
    sides = pa.repeat(pa.scalar(side, pa.int8()), batch.num_rows)
    return pa.RecordBatch.from_arrays([target_keys, sides, *map(batch.column, _COLUMNS)], schema=COMPARED)


def _copied(job: CheckRead, source: CopiedFile) -> Iterator[pa.RecordBatch]:
    folder = RunFolder(open_store(job.read.store_uri, job.read.access.work), source.run_id)
    table = read_parquet(folder.get(source.path))
    done = table["status"] if "status" in table.column_names else table["action"]
    table = table.filter(pc.is_in(done, _COPIED)).combine_chunks()
    for batch in table.select(["target_key"]).to_batches():
        known = {"target_key": batch.column(0), "side": pa.repeat(pa.scalar(SIDE_COPIED, pa.int8()), batch.num_rows)}
        columns = [known.get(f.name, pa.nulls(batch.num_rows, f.type)) for f in COMPARED]
        yield pa.RecordBatch.from_arrays(columns, schema=COMPARED)
