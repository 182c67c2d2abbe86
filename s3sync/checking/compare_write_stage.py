"""The judging half of a check: from the portions of one partition to findings and to batches of open objects.

What a task writes does not exist until the driver commits it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from s3sync.checking.compare import Comparison, compare
from s3sync.checking.compare_read_stage import PORTION
from s3sync.checking.rules import Compared
from s3sync.config.model import Access, CheckConfig
from s3sync.model.finding import Verdict
from s3sync.model.same_content import Bools
from s3sync.model.tables import COMPARED, OUTDATED, SIDE_SOURCE, SIDE_TARGET
from s3sync.planning.cost import part_heads
from s3sync.report.check_tally import CheckTally
from s3sync.runs.folder import RunFolder
from s3sync.runs.outcomes import parquet_bytes
from s3sync.runs.plan import Batch
from s3sync.runs.store import open_store
from s3sync.selection.mapping import KeyMapping
from s3sync.spark.shuffle import Portion, ReadCounts, received, table_of
from s3sync.spark.task import this_attempt, this_partition

OPEN_ROWS = 5_000  # to look at an object takes requests: batches that last minutes, not hours


@dataclass(frozen=True, slots=True)
class JudgeJob:
    compared: Compared
    mapping: KeyMapping
    check: CheckConfig
    work_access: Access
    store_uri: str
    run_id: str
    epoch: int


@dataclass(slots=True)
class JudgeReport:
    """What one partition amounts to. `read` are the readers' counts that came along."""

    read: ReadCounts = field(default_factory=ReadCounts)
    source_rows: int = 0
    target_rows: int = 0
    duplicates: int = 0
    left_out: int = 0
    not_of_run: int = 0
    compared: int = 0
    tally: CheckTally = field(default_factory=CheckTally)
    findings: list[str] = field(default_factory=list)
    open: list[Batch] = field(default_factory=list)
    part_requests: int = 0


def judge(job: JudgeJob) -> Callable[[Iterable[Portion]], Iterator[JudgeReport]]:
    """For `mapPartitions`: a partition's portions come in; its report goes out, and its files are written."""

    def run(portions: Iterable[Portion]) -> Iterator[JudgeReport]:
        bodies, counts = received(portions)
        report = JudgeReport(read=counts)
        if bodies:
            _judge(job, report, bodies)
        yield report

    return run


def _judge(job: JudgeJob, report: JudgeReport, bodies: list[bytes]) -> None:
    table = table_of(bodies, PORTION)
    sides = Counter(dict(enumerate(np.bincount(table["side"].to_numpy()).tolist())))
    report.source_rows = sides[SIDE_SOURCE] + sides[OUTDATED[SIDE_SOURCE]]
    report.target_rows = sides[SIDE_TARGET] + sides[OUTDATED[SIDE_TARGET]]
    hashes = table["hash"].to_numpy()
    found = compare(table.select(COMPARED.names), hashes, job.compared)
    report.duplicates, report.left_out, report.not_of_run = found.duplicates, found.left_out, found.not_of_run
    report.compared = found.codes.size
    is_open = _open(job, found)
    is_quiet = found.is_match & ~is_open & (not job.check.all_findings)
    report.tally.add_sizes(Verdict.MATCH.value, found.sizes(is_quiet))
    report.tally.add_matches(found.evidence_of(is_quiet))
    _Files(job, report).write(found, is_open, ~is_open & ~is_quiet)


def _open(job: JudgeJob, found: Comparison) -> Bools:
    """Which keys are looked at, object by object.

    | listings_only | ruling                    | metadata | looked at |
    |---------------|---------------------------|----------|-----------|
    | yes           |                           |          | no        |
    | no            | open                      |          | yes       |
    | no            | match                     | yes      | yes       |
    | no            | any other                 |          | no        |
    """
    if job.check.listings_only:
        return np.zeros(found.codes.size, np.bool_)
    return found.is_open | (found.is_match & job.check.metadata)


class _Files:
    def __init__(self, job: JudgeJob, report: JudgeReport) -> None:
        self._job = job
        self._report = report
        self._folder = RunFolder(open_store(job.store_uri, job.work_access), job.run_id)
        self._partition = this_partition()
        self._attempt = this_attempt(job.epoch)

    def write(self, found: Comparison, is_open: Bools, is_settled: Bools) -> None:
        if is_settled.any():
            settled = found.rows(is_settled, self._job.mapping)
            self._report.tally.add(CheckTally.of(settled))
            name = f"judged/findings-{self._partition:05d}-{self._attempt}.parquet"
            self._folder.put(name, parquet_bytes(settled))
            self._report.findings.append(name)
        if is_open.any():
            rows = found.rows(is_open, self._job.mapping)
            self._report.part_requests = part_heads(rows)
            for start in range(0, rows.num_rows, OPEN_ROWS):
                self._write_open(rows.slice(start, OPEN_ROWS))

    def _write_open(self, rows: pa.Table) -> None:
        report = self._report
        batch_id = f"{self._partition:05d}-{len(report.open):03d}"
        name = f"judged/open-{batch_id}-{self._attempt}.parquet"
        self._folder.put(name, parquet_bytes(rows))
        sizes = (pc.sum(rows[name]).as_py() or 0 for name in ("source_size", "target_size"))
        report.open.append(Batch(batch_id, name, rows.num_rows, sum(sizes)))
