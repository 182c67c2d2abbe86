"""The reading half of planning: from inventory files and listing segments to portions of candidates, in the workers.

Each source (a file) is read by one task, filtered and mapped in Arrow.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.aws.buckets import own_owner_id
from s3sync.aws.clients import client
from s3sync.config.model import AccessConfig, Config, Owner
from s3sync.inventory.data_file import read_data_file
from s3sync.inventory.locate import fetch_data_file
from s3sync.inventory.manifest import DataFile, FileFormat, Manifest
from s3sync.model.finding import Verdict
from s3sync.model.keys import key_hashes
from s3sync.model.tables import CANDIDATES, LISTING, SIDE_SOURCE, SIDE_TARGET
from s3sync.planning.from_findings import as_listing
from s3sync.runs.folder import RunFolder
from s3sync.runs.outcomes import read_parquet
from s3sync.runs.store import open_store
from s3sync.selection.filters import Dropped, Filters, starts_with_any
from s3sync.selection.mapping import KeyMapping
from s3sync.selection.own_prefixes import OwnPlaces
from s3sync.selection.sample import smallest_hashes
from s3sync.spark.shuffle import Portion, ReadCounts, divided, pieces


@dataclass(frozen=True, slots=True)
class InventoryFile:
    """A data file of an inventory report of the bucket of one side. `is_outdated`: see `sources.outdated`."""

    manifest: Manifest
    file: DataFile
    side: int = SIDE_SOURCE
    is_outdated: bool = False


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """A committed segment of a live listing of one side."""

    side: int
    path: str


@dataclass(frozen=True, slots=True)
class FindingsFile:
    """A file of a check's findings: what of a side is to be copied again, or written over; see `copied_again`."""

    run_id: str
    path: str
    verdicts: tuple[Verdict, ...] = ()
    side: int = SIDE_SOURCE


Source: TypeAlias = InventoryFile | SegmentFile | FindingsFile


@dataclass(frozen=True, slots=True)
class ReadJob:
    sources: tuple[Source, ...]
    filters: Filters
    mapping: KeyMapping
    access: AccessConfig
    verify_files: bool
    tmp_dir: str | None
    store_uri: str
    run_id: str
    own_target: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: Config, sources: tuple[Source, ...], run_id: str, own: OwnPlaces) -> "ReadJob":
        """Asks who owns the source where rows are filtered by owner."""
        mapping = KeyMapping.of(config.target)
        owner_id = own_owner_id(config.access.source) if config.filters.owner is not Owner.ANY else None
        return cls(
            sources=sources,
            filters=Filters.of(config.source, config.filters, owner_id, own.as_source_keys(mapping)),
            mapping=mapping,
            access=config.access,
            verify_files=config.inventory.verify_files,
            tmp_dir=config.run.tmp_dir,
            store_uri=config.run.work_uri,
            run_id=run_id,
            own_target=own.target,
        )


def portion_reader(
    job: ReadJob, partitions: int, limit: int | None = None
) -> Callable[[Iterable[int]], Iterator[Portion]]:
    """For `mapPartitions`: places in `job.sources` come in; portions of the schema CANDIDATES go out, and at last the
    counts. With `limit`, only the rows of these sources that a sample of so many can hold."""

    def read(places: Iterable[int]) -> Iterator[Portion]:
        counts = ReadCounts()
        rows = (batch for place in places for batch in _rows(job, job.sources[place], counts))
        yield from _portions(rows, partitions, limit)
        yield 0, counts

    return read


def sampler(limit: int, partitions: int) -> Callable[[Iterable[Portion]], Iterator[Portion]]:
    """For `mapPartitions`: all portions come in; those of the sample go out, and the counts as they are."""

    def sample(portions: Iterable[Portion]) -> Iterator[Portion]:
        counts = ReadCounts()

        def rows() -> Iterator[pa.RecordBatch]:
            for _, portion in portions:
                if isinstance(portion, ReadCounts):
                    counts.add(portion)
                else:
                    yield pa.ipc.read_record_batch(pa.py_buffer(portion), CANDIDATES)

        yield from _portions(rows(), partitions, limit)
        yield 0, counts

    return sample


def _portions(rows: Iterable[pa.RecordBatch], partitions: int, limit: int | None) -> Iterator[Portion]:
    if limit is not None:
        sample = smallest_hashes(rows, limit)
        rows = sample.to_batches() if sample is not None else []
    for piece in pieces(rows, partitions):
        yield from divided(piece, key_hashes(piece.column("target_key")), partitions)


def _rows(job: ReadJob, source: Source, counts: ReadCounts) -> Iterator[pa.RecordBatch]:
    """The source's candidates; counts what they are."""
    counts.files += 1
    side = source.side
    for batch in listing(job, source):
        counts.listed[side] += batch.num_rows
        kept = batch
        if side == SIDE_SOURCE:
            kept, dropped = job.filters.split(batch)
            counts.dropped_source.update({str(reason): count for reason, count in dropped.items()})
        elif job.own_target:
            kept = batch.filter(pc.invert(starts_with_any(batch.column("key"), job.own_target)))
            counts.dropped_target[Dropped.OWN] += batch.num_rows - kept.num_rows
        counts.sent[side] += kept.num_rows
        if kept.num_rows:
            yield _candidates(kept, side, job.mapping)


def listing(job: ReadJob, source: Source, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The rows of a source (schema LISTING); of a segment only the `columns` named, where some are."""
    if isinstance(source, SegmentFile):
        folder = RunFolder(open_store(job.store_uri, job.access.work), job.run_id)
        yield from read_parquet(folder.get(source.path), columns).to_batches()
        return
    if isinstance(source, FindingsFile):
        folder = RunFolder(open_store(job.store_uri, job.access.work), source.run_id)
        found = read_parquet(folder.get(source.path))
        yield from as_listing(found, source.verdicts, of_target=source.side == SIDE_TARGET).to_batches()
        return
    directory = Path(job.tmp_dir or tempfile.gettempdir())
    s3 = client("s3", job.access.inventory if source.side == SIDE_SOURCE else job.access.target)
    # liborc ends the process at some damaged bytes, so no ORC file is read that was not verified.
    verify = job.verify_files or source.manifest.file_format is FileFormat.ORC
    path = fetch_data_file(s3, source.manifest, source.file, directory, verify)
    try:
        yield from read_data_file(path, source.manifest, source.file)
    finally:
        path.unlink(missing_ok=True)


def _candidates(batch: pa.RecordBatch, side: int, mapping: KeyMapping) -> pa.RecordBatch:
    rows = batch.num_rows
    keys = batch.column(LISTING.get_field_index("key"))
    own = {
        "target_key": mapping.target_keys(keys) if side == SIDE_SOURCE else keys,
        "side": pa.repeat(pa.scalar(side, pa.int8()), rows),
        "source_key": keys if side == SIDE_SOURCE else pa.nulls(rows, pa.string()),
        # The copy of a current object names no version (C4), so the version that was listed is not planned.
        "version_id": pa.nulls(rows, pa.string()),
    }
    columns = [
        own[f.name] if f.name in own else batch.column(f.name) if f.name in LISTING.names else pa.nulls(rows, f.type)
        for f in CANDIDATES
    ]
    return pa.record_batch(columns, schema=CANDIDATES)
