"""The writing half of planning: from sorted candidate rows to batch files, in the workers.

What a task writes does not exist until the driver commits it; each task tells what it wrote in rows of its own.
"""

import json
import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.aws.store import open_store
from s3sync.config.model import Access
from s3sync.model.candidates import SIDE_COUNTS, SIDE_SOURCE
from s3sync.planning.batches import BatchCutter, BatchLimits, separate
from s3sync.planning.cost import CostOptions, Estimate, estimate
from s3sync.planning.giants import GiantRule
from s3sync.planning.mapping import MappingFaults
from s3sync.planning.resolve import Resolved, ResolveOptions, resolve
from s3sync.report.accounting import Counts
from s3sync.report.tally import counted
from s3sync.runs.folder import RunFolder
from s3sync.runs.outcome_log import parquet_bytes
from s3sync.runs.plan import Batch
from s3sync.spark.attempts import this_attempt, this_partition

CHUNK_ROWS = 100_000
REPORT = "report binary"  # pickled, as Spark itself hands results to the driver
_REPORT_SCHEMA = pa.schema([pa.field("report", pa.binary())])


@dataclass(frozen=True, slots=True)
class WriteJob:
    resolve: ResolveOptions
    limits: BatchLimits
    giants: GiantRule
    cost: CostOptions
    work_access: Access
    store_uri: str
    run_id: str
    epoch: int


@dataclass(slots=True)
class PartitionReport:
    """What one partition of the plan amounts to. `files_read` are the readers' count rows that came along."""

    source_rows: int = 0
    only_on_target: int = 0
    counts: Counts = field(default_factory=Counts)
    reasons: Counter[str] = field(default_factory=Counter)
    estimate: Estimate = field(default_factory=Estimate)
    faults: MappingFaults = field(default_factory=MappingFaults)
    files_read: list[dict[str, Any]] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    giants: list[Batch] = field(default_factory=list)
    skips: list[Batch] = field(default_factory=list)

    def add(self, resolved: Resolved, cost: CostOptions) -> None:
        self.counts += Counts(duplicates=resolved.duplicates) + Counts.of_plan(resolved.plan)
        self.reasons.update(counted(resolved.plan, "reason"))
        self.estimate += estimate(resolved.plan, cost)
        self.only_on_target += resolved.only_on_target
        self.faults += resolved.faults


def writer(job: WriteJob) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """For `mapInArrow`: a partition's candidates, sorted, come in; one row with its PartitionReport goes out."""

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        report = PartitionWriter(job).write(batches)
        yield pa.record_batch([pa.array([pickle.dumps(report)])], schema=_REPORT_SCHEMA)

    return write


def whole_keys(batches: Iterable[pa.RecordBatch], rows: int = CHUNK_ROWS) -> Iterator[pa.Table]:
    """The stream in tables of about `rows` rows, never cut between two rows of one target key."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        if not batch.num_rows:
            continue
        held.append(batch)
        if sum(part.num_rows for part in held) < rows:
            continue
        table = pa.Table.from_batches(held)
        keys = table["target_key"]
        cut = pc.index(pc.equal(keys, keys[-1]), True).as_py()  # keys are sorted: the last one's run is the end
        if cut:
            yield table.slice(0, cut)
            held = table.slice(cut).to_batches()
    if held:
        yield pa.Table.from_batches(held)


class PartitionWriter:
    def __init__(self, job: WriteJob) -> None:
        self._job = job
        self._folder = RunFolder(open_store(job.store_uri, job.work_access), job.run_id)
        self._partition = this_partition()
        self._attempt = this_attempt(job.epoch)
        self._report = PartitionReport()

    def write(self, batches: Iterable[pa.RecordBatch]) -> PartitionReport:
        report = self._report
        cutter = BatchCutter(self._job.limits)
        for table in whole_keys(batches):
            plan = self._plan(table)
            work, skips = separate(plan)
            self._write("skips", report.skips, skips)
            giants, work = self._job.giants.separate(work)
            for row in range(giants.num_rows):
                self._write("giant", report.giants, giants.slice(row, 1))
            for batch in cutter.feed(work):
                self._write("batch", report.batches, batch)
        for batch in cutter.close():
            self._write("batch", report.batches, batch)
        return report

    def _plan(self, table: pa.Table) -> pa.Table:
        """The plan's rows of these candidates; counts what they are."""
        report = self._report
        counts = table.filter(pc.equal(table["side"], SIDE_COUNTS))
        report.files_read.extend(json.loads(text) for text in counts["source_key"].to_pylist())
        candidates = table.filter(pc.not_equal(table["side"], SIDE_COUNTS))
        report.source_rows += pc.sum(pc.equal(candidates["side"], SIDE_SOURCE)).as_py() or 0
        resolved = resolve(candidates, self._job.resolve)
        report.add(resolved, self._job.cost)
        return resolved.plan

    def _write(self, kind: str, entries: list[Batch], rows: pa.Table) -> None:
        if not rows.num_rows:
            return
        is_giant = kind == "giant"
        batch_id = f"{self._partition:05d}-{'g' if is_giant else ''}{len(entries):03d}"
        name = f"plan/{kind}-{batch_id}-{self._attempt}.parquet"
        self._folder.put(name, parquet_bytes(rows))
        size_bytes = pc.sum(rows["size"]).as_py() or 0
        entries.append(Batch(batch_id, name, rows.num_rows, size_bytes, is_giant))
