"""The writing half of planning: from the portions of one partition to batch files, in the workers.

A partition holds the rows of one batch or little more (`planning.batches.partition_count`), so it is planned in one
piece. What a task writes does not exist until the driver commits it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.config.model import Access
from s3sync.model.accounting import Counts
from s3sync.model.estimate import Estimate
from s3sync.model.tables import CANDIDATES, ORDER, SIDE_SOURCE, SIDE_TARGET
from s3sync.model.tally import counted
from s3sync.planning.batches import BatchLimits, cut, separate
from s3sync.planning.cost import CostOptions, estimate
from s3sync.planning.large_objects import GiantRule
from s3sync.planning.resolve import Resolved, ResolveOptions, resolve
from s3sync.runs.folder import RunFolder
from s3sync.runs.outcomes import parquet_bytes
from s3sync.runs.plan import Batch
from s3sync.runs.store import open_store
from s3sync.selection.mapping import MappingFaults
from s3sync.spark.shuffle import Portion, ReadCounts, received, table_of
from s3sync.spark.task import this_attempt, this_partition

# Keys, ids and ETags seldom repeat within a batch: a dictionary of them is work that is thrown away.
_PARQUET = {"use_dictionary": ["storage_class", "action", "reason", "method"], "write_statistics": False}


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
    """What one partition of the plan amounts to. `read` are the readers' counts that came along."""

    read: ReadCounts = field(default_factory=ReadCounts)
    arrived: Counter[int] = field(default_factory=Counter)
    only_on_target: int = 0
    counts: Counts = field(default_factory=Counts)
    reasons: Counter[str] = field(default_factory=Counter)
    estimate: Estimate = field(default_factory=Estimate)
    faults: MappingFaults = field(default_factory=MappingFaults)
    batches: list[Batch] = field(default_factory=list)
    giants: list[Batch] = field(default_factory=list)
    skips: list[Batch] = field(default_factory=list)

    def add(self, resolved: Resolved, cost: CostOptions) -> None:
        self.counts += Counts(duplicates=resolved.duplicates) + Counts.of_plan(resolved.plan)
        self.reasons.update(counted(resolved.plan, "reason"))
        self.estimate += estimate(resolved.plan, cost)
        self.only_on_target += resolved.only_on_target
        self.faults += resolved.faults


def writer(job: WriteJob) -> Callable[[Iterable[Portion]], Iterator[PartitionReport]]:
    """For `mapPartitions`: a partition's portions come in; its report goes out, and its files are written."""

    def write(portions: Iterable[Portion]) -> Iterator[PartitionReport]:
        bodies, counts = received(portions)
        report = PartitionReport(read=counts)
        if bodies:
            _PartitionFiles(job, report).write(table_of(bodies, CANDIDATES))
        yield report

    return write


class _PartitionFiles:
    def __init__(self, job: WriteJob, report: PartitionReport) -> None:
        self._job = job
        self._report = report
        self._folder = RunFolder(open_store(job.store_uri, job.work_access), job.run_id)
        self._partition = this_partition()
        self._attempt = this_attempt(job.epoch)

    def write(self, candidates: pa.Table) -> None:
        """Plan these rows, whatever their order, and write what is to be done, and what is skipped."""
        report, job = self._report, self._job
        for side in (SIDE_SOURCE, SIDE_TARGET):
            report.arrived[side] = pc.sum(pc.equal(candidates["side"], side)).as_py()
        resolved = resolve(candidates.take(pc.sort_indices(candidates, ORDER)), job.resolve)
        report.add(resolved, job.cost)
        work, skips = separate(resolved.plan)
        self._put("skips", report.skips, skips)
        giants, work = job.giants.separate(work)
        for row in range(giants.num_rows):
            self._put("giant", report.giants, giants.slice(row, 1))
        for batch in cut(work, job.limits):
            self._put("batch", report.batches, batch)

    def _put(self, kind: str, entries: list[Batch], rows: pa.Table) -> None:
        if not rows.num_rows:
            return
        is_giant = kind == "giant"
        batch_id = f"{self._partition:05d}-{'g' if is_giant else ''}{len(entries):03d}"
        name = f"plan/{kind}-{batch_id}-{self._attempt}.parquet"
        self._folder.put(name, parquet_bytes(rows, **_PARQUET))
        size_bytes = pc.sum(rows["size"]).as_py() or 0
        entries.append(Batch(batch_id, name, rows.num_rows, size_bytes, is_giant))
