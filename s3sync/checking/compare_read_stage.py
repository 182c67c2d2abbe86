"""The reading half of a check: from listings of both sides to portions of rows, in the workers."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.model.keys import key_hashes
from s3sync.model.outcome import Status
from s3sync.model.tables import COMPARED, OUTDATED, SIDE_COPIED, SIDE_LEFT_OUT, SIDE_SOURCE, SIDE_TARGET
from s3sync.model.task import Action
from s3sync.planning.read_stage import InventoryFile, ReadJob, Source, listing
from s3sync.runs.folder import RunFolder
from s3sync.runs.outcomes import read_parquet
from s3sync.runs.store import open_store
from s3sync.selection.check_scope import Scope
from s3sync.spark.shuffle import Portion, ReadCounts, divided, pieces

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


def portion_reader(job: CheckRead) -> Callable[[Iterable[int]], Iterator[Portion]]:
    """For `mapPartitions`: places in `job.sources` come in; portions, each behind its partition's number, go out, and
    at last the counts."""

    def read(places: Iterable[int]) -> Iterator[Portion]:
        counts = ReadCounts()
        rows = (batch for place in places for batch in _rows(job, job.sources[place], counts))
        for piece in pieces(rows, job.partitions):
            hashes = key_hashes(piece.column(0))
            hashed = pa.RecordBatch.from_arrays([*piece.columns, pa.array(hashes)], schema=PORTION)
            yield from divided(hashed, hashes, job.partitions)
        yield 0, counts

    return read


def _rows(job: CheckRead, source: CheckSource, counts: ReadCounts) -> Iterator[pa.RecordBatch]:
    """The source's rows of the schema COMPARED; counts what they are."""
    counts.files += 1
    if isinstance(source, CopiedFile):
        for batch in _copied(job, source):
            counts.sent[SIDE_COPIED] += batch.num_rows
            yield batch
        return
    scope = Scope(job.read.filters, job.read.mapping)
    own = OUTDATED[source.side] if isinstance(source, InventoryFile) and source.is_outdated else source.side
    for batch in listing(job.read, source, _READ):
        counts.listed[source.side] += batch.num_rows
        if source.side == SIDE_SOURCE:
            kept, left_out, dropped = scope.source(batch)
            counts.dropped_source.update(dropped)
            sides = [(kept, own), (left_out, SIDE_LEFT_OUT)]
        else:
            kept, dropped = scope.target(batch)
            counts.dropped_target.update(dropped)
            sides = [(kept, own)]
        for rows, side in sides:
            if rows.num_rows:
                counts.sent[side] += rows.num_rows
                yield _compared(job, rows, source.side, side)


def _compared(job: CheckRead, batch: pa.RecordBatch, of: int, side: int) -> pa.RecordBatch:
    """The rows of one side's listing, `of`, as rows that count as `side`."""
    keys = batch.column("key")
    target_keys = keys if of == SIDE_TARGET else job.read.mapping.target_keys(keys)
    sides = pa.repeat(pa.scalar(side, pa.int8()), batch.num_rows)
    return pa.RecordBatch.from_arrays([target_keys, sides, *map(batch.column, _COLUMNS)], schema=COMPARED)


def _copied(job: CheckRead, source: CopiedFile) -> Iterator[pa.RecordBatch]:
    """What the run says it copied, as far as the check asks for it: filtered by key, as both listings are."""
    scope = Scope(job.read.filters, job.read.mapping)
    folder = RunFolder(open_store(job.read.store_uri, job.read.access.work), source.run_id)
    table = read_parquet(folder.get(source.path))
    done = table["status"] if "status" in table.column_names else table["action"]
    table = table.filter(pc.is_in(done, _COPIED)).combine_chunks()
    for batch in table.select(["target_key"]).to_batches():
        keys = scope.of_targets(batch.column(0))
        known = {"target_key": keys, "side": pa.repeat(pa.scalar(SIDE_COPIED, pa.int8()), len(keys))}
        columns = [known.get(f.name, pa.nulls(len(keys), f.type)) for f in COMPARED]
        yield pa.RecordBatch.from_arrays(columns, schema=COMPARED)
