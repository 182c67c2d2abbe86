"""The plan of a run: the one it has, or a new one from the sources that the configuration names."""

from datetime import datetime

from s3sync.config.files import conf_file
from s3sync.errors import MappingError
from s3sync.model import etag
from s3sync.planning.batches import BatchLimits, partition_count
from s3sync.planning.cost import CostOptions
from s3sync.planning.giants import GiantRule
from s3sync.planning.prices import bill, load_prices
from s3sync.planning.resolve import ResolveOptions
from s3sync.report.console import PlanFigures
from s3sync.runs.plan import Plan, first_looked_at, forget_listings
from s3sync.spark.context import Preparation, RunContext
from s3sync.spark.plan_files import WriteJob
from s3sync.spark.planning import PlanJob, make_plan
from s3sync.spark.rows import ReadJob
from s3sync.spark.sources import Sources, findings_sources, inventory_sources, listed_source, listed_target


def planned(run: RunContext) -> Plan:
    """The run's plan, made and committed now where it has none yet."""
    committed = run.folder.manifest("plan")
    if committed is not None:
        return Plan.from_json(committed)
    config, planned_at = run.config, run.prepared.target.server_time
    is_static = config.plan.from_findings is not None or bool(run.prepared.manifests)
    if config.plan.verify or not is_static:
        planned_at = first_looked_at(run.folder, planned_at)
    if config.plan.from_findings is not None:
        sources = findings_sources(run.folder.store, config.plan.from_findings)
    elif run.prepared.manifests:
        sources = inventory_sources(run.prepared.manifests)
    else:
        sources = listed_source(run.spark, run.folder, config, run.epoch)
    if config.plan.verify:
        sources = sources + listed_target(run.spark, run.folder, config, run.epoch)
    try:
        return make_plan(run.spark, run.folder, _plan_job(run, sources, planned_at))
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
        read=ReadJob.of(config, sources.files, run.folder.run_id),
        write=WriteJob(
            resolve=ResolveOptions.of(
                config,
                source_hides_md5=run.prepared.source.hides_md5,
                target_hides_md5=_target_hides_md5(run.prepared),
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
    )


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
