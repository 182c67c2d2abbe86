"""The comparison of a check: both sides read and judged in one pass, and committed.

    sources ─read, filter, map keys─> portions ─partition by hash─> judge ─> findings, open batches, one report each

Nothing here asks S3 for single objects. One action; its files count once the driver has written the manifest.
"""

from collections import Counter
from dataclasses import dataclass

from pyspark.sql import SparkSession

from s3sync.checking.compare_read_stage import CheckRead, portion_reader
from s3sync.checking.compare_write_stage import JudgeJob, JudgeReport, judge
from s3sync.checking.comparison import Judged
from s3sync.checking.prepare import CheckPreparation
from s3sync.errors import InvariantBroken
from s3sync.model.tables import OUTDATED, SIDE_SOURCE, SIDE_TARGET
from s3sync.planning.read_stage import ReadJob
from s3sync.planning.sources import Sources, inventory_sources, listed_source, listed_target
from s3sync.report.check_summary import CheckCounts, verify_verdicts
from s3sync.report.check_tally import CheckTally
from s3sync.runs.folder import RunFolder
from s3sync.runs.lock import TargetLock
from s3sync.selection.mapping import KeyMapping
from s3sync.spark.shuffle import ReadCounts, brought_together, read_tasks
from s3sync.spark.task import workers_errors

PARTITION_ROWS = 300_000  # some 40 MB in a worker
PARTITIONS_MAX = 20_000
STAGE = "judged"


@dataclass(frozen=True, slots=True)
class CheckRun:
    """One driver's part in a check, of which one at a time works on it: `lock` is the check's own."""

    prepared: CheckPreparation
    folder: RunFolder
    lock: TargetLock
    epoch: int
    spark: SparkSession


def judged(run: CheckRun) -> Judged:
    """The comparison that the run has, or a new one. Raises UserErrors, InvariantBroken; then nothing is committed."""
    committed = run.folder.manifest(STAGE)
    if committed is not None:
        return Judged.from_json(committed)
    sources = _sources(run)
    found = compare_listings(run, sources)
    run.lock.check()
    run.folder.commit(STAGE, found.to_json())
    return found


def _sources(run: CheckRun) -> Sources:
    prepared, config = run.prepared, run.prepared.config
    if prepared.source_manifests:
        source = inventory_sources(prepared.source_manifests)
    else:
        source = listed_source(run.spark, run.folder, config, run.epoch)
    if prepared.target_manifests:
        return source + inventory_sources(prepared.target_manifests, SIDE_TARGET)
    return source + listed_target(run.spark, run.folder, config, run.epoch)


def compare_listings(run: CheckRun, sources: Sources) -> Judged:
    """Judge what is committed of both sides. Writes files, and commits nothing."""
    sc = run.spark.sparkContext
    partitions = max(1, min(PARTITIONS_MAX, max(sc.defaultParallelism, -(-sources.estimated_rows // PARTITION_ROWS))))
    prepared = run.prepared
    job = ReadJob.of(prepared.config, sources.files, run.folder.run_id, prepared.own)
    read = CheckRead(job, prepared.copied, partitions)
    files = len(read.sources)
    tasks = read_tasks(files, sources.estimated_rows, partitions, sc.defaultParallelism)
    portions = sc.parallelize(range(files), tasks).mapPartitions(portion_reader(read))
    with workers_errors():
        reports: list[JudgeReport] = (
            brought_together(portions, partitions).mapPartitions(judge(_judge_job(run))).collect()
        )
    return _account(reports, files, sources.pages)


def _judge_job(run: CheckRun) -> JudgeJob:
    config = run.prepared.config
    return JudgeJob(
        compared=run.prepared.compared,
        mapping=KeyMapping.of(config.target),
        check=config.check,
        work_access=config.access.work,
        store_uri=config.run.work_uri,
        run_id=run.folder.run_id,
        epoch=run.epoch,
    )


def _account(reports: list[JudgeReport], files: int, pages: int) -> Judged:
    """The reports added up, and checked: each row that was read was judged (C1)."""
    read, tally, counts = ReadCounts(), CheckTally(), CheckCounts()
    for report in reports:
        read.add(report.read)
        tally.add(report.tally)
        for name in ("duplicates", "left_out", "not_of_run", "compared"):
            setattr(counts, name, getattr(counts, name) + getattr(report, name))
    if read.files != files:
        raise InvariantBroken(f"{files} files were to be read but {read.files} gave their counts")
    for side, name in ((SIDE_SOURCE, "source_rows"), (SIDE_TARGET, "target_rows")):
        arrived = sum(getattr(report, name) for report in reports)
        sent = read.sent[side] + read.sent[OUTDATED[side]]
        if sent != arrived:
            raise InvariantBroken(f"{sent} rows were read of one side's listing but {arrived} were judged")
    counts.source_rows, counts.target_rows = read.listed[SIDE_SOURCE], read.listed[SIDE_TARGET]
    counts.dropped_source, counts.dropped_target = Counter(read.dropped_source), Counter(read.dropped_target)
    found = Judged(
        counts=counts,
        tally=tally,
        findings=tuple(name for report in reports for name in report.findings),
        open=tuple(batch for report in reports for batch in report.open),
        part_requests=sum(report.part_requests for report in reports),
        listing_pages=pages,
    )
    verify_verdicts(counts, tally, found.open_objects)
    return found
