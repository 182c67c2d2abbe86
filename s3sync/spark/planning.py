"""Make a plan: read candidates, bring both sides of a key together, decide, write batch files, commit.

    sources ─read, filter, map keys─> portions ─partition by hash of the target key─> sort, resolve, write ─>
    one report a partition ─> the driver checks that all rows are accounted for (C1) and writes the manifest

One action, no recomputation: the files are written in it and the driver reads reports, not files.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyspark import RDD, SparkContext
from pyspark.sql import SparkSession

from s3sync.errors import InvariantBroken
from s3sync.model.candidates import SIDE_SOURCE, SIDE_TARGET
from s3sync.planning.cost import Estimate
from s3sync.planning.mapping import MappingFaults
from s3sync.planning.portions import ReadCounts, read_tasks
from s3sync.report.accounting import LIMIT, Counts, verify_plan
from s3sync.runs.folder import RunFolder
from s3sync.runs.plan import Plan
from s3sync.spark.exchange import brought_together
from s3sync.spark.failures import workers_errors
from s3sync.spark.plan_files import PartitionReport, WriteJob, writer
from s3sync.spark.rows import ReadJob, portion_reader, sampler


@dataclass(frozen=True, slots=True)
class PlanJob:
    read: ReadJob
    write: WriteJob
    source_bucket: str
    target_bucket: str
    estimated_rows: int
    partitions: int
    limit: int | None
    planned_at: datetime
    listing_pages: int


def make_plan(spark: SparkSession, folder: RunFolder, job: PlanJob) -> Plan:
    """Write and commit the plan; the one that is there, where another driver committed its own meanwhile.

    Raises MappingError, InventoryError, InvariantBroken; then nothing is committed."""
    portions = _portions(spark.sparkContext, job)
    with workers_errors():
        reports: list[PartitionReport] = (
            brought_together(portions, job.partitions).mapPartitions(writer(job.write)).collect()
        )
    sum((report.faults for report in reports), MappingFaults()).raise_if_any()
    plan = _account(reports, job)
    if folder.commit_first("plan", plan.to_json()):
        return plan
    return Plan.from_json(folder.manifest("plan") or {})


def _portions(sc: SparkContext, job: PlanJob) -> "RDD[Any]":
    """The rows of both sides, those of the source sampled where there is a limit."""
    sources = job.read.sources
    if job.limit is None:
        return _read(sc, job, list(range(len(sources))), portion_reader(job.read, job.partitions))
    source, target = ([n for n, file in enumerate(sources) if file.side == side] for side in (SIDE_SOURCE, SIDE_TARGET))
    samples = brought_together(_read(sc, job, source, portion_reader(job.read, 1, job.limit)), 1)
    sampled = samples.mapPartitions(sampler(job.limit, job.partitions))
    return sampled.union(_read(sc, job, target, portion_reader(job.read, job.partitions))) if target else sampled


def _read(sc: SparkContext, job: PlanJob, places: list[int], read: Any) -> "RDD[Any]":
    tasks = read_tasks(len(places), job.estimated_rows, job.partitions, sc.defaultParallelism)
    return sc.parallelize(places, tasks).mapPartitions(read)


def _account(reports: list[PartitionReport], job: PlanJob) -> Plan:
    """The plan's counts, checked: listed = duplicates + delete markers + filtered + planned (C1)."""
    read, arrived = ReadCounts(), Counter[int]()
    for report in reports:
        read.add(report.read)
        arrived.update(report.arrived)
    if read.files != len(job.read.sources):
        raise InvariantBroken(f"{len(job.read.sources)} files were to be read but {read.files} gave their counts")
    dropped = read.dropped_source
    if job.limit is not None:
        dropped[LIMIT] = read.sent[SIDE_SOURCE] - arrived[SIDE_SOURCE]
    for side, name in ((SIDE_SOURCE, "source"), (SIDE_TARGET, "target")):
        is_sampled = side == SIDE_SOURCE and job.limit is not None
        if read.sent[side] != arrived[side] and not is_sampled:
            raise InvariantBroken(
                f"{read.sent[side]} rows were read of the {name}'s listing but {arrived[side]} reached the plan"
            )
    listed = Counts(listed=read.listed[SIDE_SOURCE]) + Counts.of_dropped(dropped)
    plan = Plan(
        source_bucket=job.source_bucket,
        target_bucket=job.target_bucket,
        planned_at=job.planned_at,
        counts=sum((report.counts for report in reports), listed),
        reasons=sum((report.reasons for report in reports), Counter()),
        only_on_target=sum(report.only_on_target for report in reports),
        listing_pages=job.listing_pages,
        estimate=sum((report.estimate for report in reports), Estimate()),
        batches=tuple(batch for report in reports for batch in (*report.giants, *report.batches)),
        skip_files=tuple(batch.file for report in reports for batch in report.skips),
    )
    verify_plan(plan.counts)
    return plan
