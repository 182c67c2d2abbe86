"""Make a plan: read candidates, bring both sides of a key together, decide, write batch files, commit.

    sources ─read, filter, map keys─> portions ─partition by hash of the target key─> sort, resolve, write ─>
    one report a partition ─> the driver checks that all rows are accounted for (C1) and writes the manifest

One action, no recomputation: the files are written in it and the driver reads reports, not files.

The plan of a run: the one it has, or a new one from the sources that the configuration names.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyspark import RDD, SparkContext
from pyspark.sql import SparkSession

from s3sync.config.load import conf_file
from s3sync.config.model import ETags
from s3sync.errors import InvariantBroken, MappingError
from s3sync.model import etag
from s3sync.model.accounting import LIMIT, Counts, verify_plan
from s3sync.model.estimate import Estimate
from s3sync.model.tables import SIDE_SOURCE, SIDE_TARGET
from s3sync.planning.batches import BatchLimits, partition_count
from s3sync.planning.context import Preparation, RunContext
from s3sync.planning.cost import CostOptions, bill, load_prices
from s3sync.planning.large_objects import GiantRule
from s3sync.planning.read_stage import ReadJob, portion_reader, sampler
from s3sync.planning.resolve import ResolveOptions
from s3sync.planning.sources import Sources, findings_sources, inventory_sources, listed_source, listed_target
from s3sync.planning.write_stage import PartitionReport, WriteJob, writer
from s3sync.report.console import PlanFigures
from s3sync.runs.folder import RunFolder
from s3sync.runs.follow_up import check_looked_at
from s3sync.runs.lock import TargetLock
from s3sync.runs.plan import FINDINGS, LISTING, REPORT, Origin, Plan, first_looked_at, forget_listings
from s3sync.selection.mapping import MappingFaults
from s3sync.spark.shuffle import ReadCounts, brought_together, read_tasks
from s3sync.spark.task import workers_errors

HIDDEN_ENCRYPTION = (
    "The target's default encryption may not be looked at (s3:GetEncryptionConfiguration). If it is SSE-KMS, ETags "
    "differ though objects are the same, and -v copies all of them again each time: allow it, or give --encryption"
)


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
    made_from: tuple[Origin, ...]


def make_plan(spark: SparkSession, folder: RunFolder, lock: TargetLock, job: PlanJob) -> Plan:
    """Write and commit the plan; the one that is there, where another driver committed its own meanwhile.

    Raises MappingError, InventoryError, InvariantBroken, and Interrupted where the lock is lost; then nothing is
    committed."""
    portions = _portions(spark.sparkContext, job)
    with workers_errors():
        reports: list[PartitionReport] = (
            brought_together(portions, job.partitions).mapPartitions(writer(job.write)).collect()
        )
    sum((report.faults for report in reports), MappingFaults()).raise_if_any()
    plan = _account(reports, job)
    lock.check()
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
        made_from=job.made_from,
    )
    verify_plan(plan.counts)
    return plan


def planned(run: RunContext, lock: TargetLock) -> Plan:
    """The run's plan, made and committed now, under the lock, where it has none yet."""
    committed = run.folder.manifest("plan")
    if committed is not None:
        return Plan.from_json(committed)
    config, planned_at = run.config, run.prepared.target.server_time
    check_run = config.plan.from_findings
    if check_run is not None:
        planned_at = check_looked_at(run.folder.store, check_run)
    elif config.plan.verify or not run.prepared.manifests:
        planned_at = first_looked_at(run.folder, planned_at)
    if check_run is not None:
        sources = findings_sources(run.folder.store, check_run, config.plan.verdicts)
    elif run.prepared.manifests:
        sources = inventory_sources(run.prepared.manifests)
    else:
        sources = listed_source(run.spark, run.folder, config, run.epoch)
    if config.plan.verify:
        if _may_copy_all_again(run.prepared):
            run.say(HIDDEN_ENCRYPTION)
        sources = sources + listed_target(run.spark, run.folder, config, run.epoch)
    try:
        return make_plan(run.spark, run.folder, lock, _plan_job(run, sources, planned_at))
    except MappingError:
        forget_listings(run.folder)
        raise


def _plan_job(run: RunContext, sources: Sources, planned_at: datetime) -> PlanJob:
    config = run.config
    limits = BatchLimits(config.plan.batch_objects, config.plan.batch_size_bytes)
    limits = limits.widened(sources.estimated_rows, sources.estimated_bytes)
    giants = GiantRule.of(config.copy, sources.estimated_bytes)
    cores = run.spark.sparkContext.defaultParallelism
    return PlanJob(
        read=ReadJob.of(config, sources.files, run.folder.run_id, run.prepared.own),
        write=WriteJob(
            resolve=ResolveOptions.of(
                config,
                source_hides_md5=config.copy.etags is ETags.OPAQUE or run.prepared.source.hides_md5,
                target_hides_md5=config.copy.etags is ETags.OPAQUE or _target_hides_md5(run.prepared),
                is_relayed=run.is_relayed,
            ),
            limits=limits,
            giants=giants,
            cost=CostOptions.of(config, giants),
            work_access=config.access.work,
            store_uri=config.run.work_uri,
            run_id=run.folder.run_id,
            epoch=run.epoch,
        ),
        source_bucket=config.source.bucket or "",
        target_bucket=config.target.bucket or "",
        estimated_rows=sources.estimated_rows,
        partitions=partition_count(sources.estimated_rows, sources.estimated_bytes, limits, cores),
        limit=config.plan.limit,
        planned_at=planned_at,
        listing_pages=sources.pages,
        made_from=tuple(_origins(run, planned_at)),
    )


def _origins(run: RunContext, planned_at: datetime) -> Iterator[Origin]:
    prepared, from_findings = run.prepared, run.config.plan.from_findings
    if from_findings is not None:
        ended = (RunFolder(run.folder.store, from_findings).get_json("summary.json") or {}).get("ended_at")
        yield Origin(FINDINGS, from_findings, datetime.fromisoformat(ended) if ended else planned_at)
    elif prepared.manifests:
        yield from (Origin(REPORT, manifest.uri, manifest.created_at) for manifest in prepared.manifests)
    else:
        yield Origin(LISTING, prepared.source_place, planned_at)
    if run.config.plan.verify:
        yield Origin(LISTING, prepared.target_place, planned_at)


def _may_copy_all_again(prepared: Preparation) -> bool:
    """True where ETags are compared that may be no MD5s, for all that is known."""
    config = prepared.config
    asks_for_one = config.target.encryption is not None
    return prepared.target.is_hidden and not asks_for_one and config.copy.etags is ETags.MD5


def _target_hides_md5(prepared: Preparation) -> bool:
    """True where copies get ETags that are no MD5s: what this run asks for alone decides, else the bucket's default."""
    asked = prepared.config.target.encryption
    return etag.hides_md5(asked) if asked else prepared.target.hides_md5


def figures(run: RunContext, plan: Plan) -> PlanFigures:
    """The plan for people: counts, requests and what they cost by conf/prices.yml."""
    prices = load_prices(conf_file("prices.yml"))
    access = run.config.access
    cost = bill(plan.estimate, prices, crosses_regions=access.source.region_name != access.target.region_name)
    notes = [f"prices of {prices.region}, from conf/prices.yml"]
    if cost.unpriced:
        notes.append(f"no price is known for {', '.join(cost.unpriced)}")
    return PlanFigures(
        run.prepared.source_place,
        run.prepared.target_place,
        plan.counts,
        dict(plan.estimate.by_operation),
        len(plan.batches),
        {"requests": cost.requests, "retrieval": cost.retrieval, "transfer": cost.transfer},
        prices.currency,
        tuple(notes),
    )
