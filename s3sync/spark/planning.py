"""Make a plan: read candidates, bring both sides of a key together, decide, write batch files, commit.

    sources ─mapInArrow(read, filter, map keys)─> candidates ─hash by target key, sort─> ─mapInArrow(resolve, write)─>
    one report row a partition ─> the driver checks that all rows are accounted for (C1) and writes the manifest

One action, no recomputation: the files are written in it and the driver reads reports, not files.
"""

import pickle
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812  (Spark's own convention)

from s3sync.errors import InvariantBroken
from s3sync.model.candidates import SIDE_SOURCE
from s3sync.planning.cost import Estimate
from s3sync.planning.mapping import MappingFaults
from s3sync.report.accounting import LIMIT, Counts, verify_plan
from s3sync.runs.folder import RunFolder
from s3sync.runs.plan import Plan
from s3sync.spark.failures import workers_errors
from s3sync.spark.plan_files import REPORT, PartitionReport, WriteJob, writer
from s3sync.spark.rows import ReadJob, reader

CANDIDATE_COLUMNS = (
    "target_key string, side tinyint, source_key string, version_id string, size bigint, last_modified timestamp, "
    "etag string, storage_class string, encryption string, task_id string"
)
READ_TASKS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class PlanJob:
    read: ReadJob
    write: WriteJob
    source_bucket: str
    target_bucket: str
    partitions: int
    limit: int | None
    planned_at: datetime
    listing_pages: int


def make_plan(spark: SparkSession, folder: RunFolder, job: PlanJob) -> Plan:
    """Write and commit the plan. Raises MappingError, InventoryError, InvariantBroken; then nothing is committed."""
    candidates = _candidates(spark, job)
    together = candidates.repartition(job.partitions, "target_key").sortWithinPartitions(
        "target_key", "side", F.col("last_modified").desc(), "source_key"
    )
    with workers_errors():
        rows = together.mapInArrow(writer(job.write), REPORT).collect()
    reports: list[PartitionReport] = [pickle.loads(row["report"]) for row in rows]  # noqa: S301  (written by our own tasks)
    sum((report.faults for report in reports), MappingFaults()).raise_if_any()
    plan = _account(reports, job)
    folder.commit("plan", plan.to_json())
    return plan


def task_id_column(source_bucket: str, target_bucket: str) -> Any:
    """`model.task.task_id` as a Spark expression over source_key, version_id and target_key."""

    def part(value: Any) -> Any:
        text = F.coalesce(value, F.lit(""))
        return F.concat(F.octet_length(text).cast("string"), F.lit(":"), text, F.lit(","))

    source, target = F.lit(source_bucket), F.lit(target_bucket)
    parts = (source, F.col("source_key"), F.col("version_id"), target, F.col("target_key"))
    return F.substring(F.sha2(F.concat(*map(part, parts)), 256), 1, 32)


def _candidates(spark: SparkSession, job: PlanJob) -> DataFrame:
    files = len(job.read.sources)
    indices = spark.range(0, files, 1, max(1, min(files, READ_TASKS_MAX)))
    rows = indices.mapInArrow(reader(job.read), CANDIDATE_COLUMNS)
    if job.limit is not None:
        # The smallest hashes are a sample spread over the key space, and the same one each time.
        objects = rows.where(F.col("side") == SIDE_SOURCE)
        sample = objects.orderBy(F.xxhash64("source_key"), "source_key").limit(job.limit)
        rows = sample.unionByName(rows.where(F.col("side") != SIDE_SOURCE))
    is_source = F.col("side") == SIDE_SOURCE
    return rows.withColumn("task_id", F.when(is_source, task_id_column(job.source_bucket, job.target_bucket)))


def _account(reports: list[PartitionReport], job: PlanJob) -> Plan:
    """The plan's counts, checked: listed = duplicates + delete markers + filtered + planned (C1)."""
    files = [file for report in reports for file in report.files_read]
    if len(files) != len(job.read.sources):
        raise InvariantBroken(f"{len(job.read.sources)} files were to be read but {len(files)} gave their counts")
    source = [file for file in files if file["side"] == SIDE_SOURCE]
    dropped: Counter[str] = Counter()
    for file in source:
        dropped.update(file["dropped"])
    eligible = sum(file["eligible"] for file in source)
    arrived = sum(report.source_rows for report in reports)
    if job.limit is not None:
        dropped[LIMIT] = eligible - arrived
    elif eligible != arrived:
        raise InvariantBroken(f"{eligible} rows were read from the source's listing but {arrived} reached the plan")
    listed = Counts(listed=sum(file["listed"] for file in source)) + Counts.of_dropped(dropped)
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
