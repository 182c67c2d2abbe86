"""List a side of a run from the workers into committed segments, before anything reads them."""

import sys
from dataclasses import dataclass, field, replace

import pyarrow as pa
from pyspark.sql import SparkSession

from s3sync.aws.listing import ListOptions
from s3sync.aws.workers import EngineOptions
from s3sync.config.model import Access
from s3sync.report.console import console_for
from s3sync.report.progress import ProgressView
from s3sync.runs.folder import RunFolder
from s3sync.runs.list_hints import Hints, remember, remembered
from s3sync.runs.list_task import ListContext
from s3sync.runs.outcome_log import parquet_bytes
from s3sync.runs.segments import SegmentFormat
from s3sync.spark.list_rounds import ListingPlace, ListingStage

LIST_IN_FLIGHT = 16


@dataclass(frozen=True, slots=True)
class ListingJob:
    """One side to be listed: `stage` names its folder in the run, `prefixes` don't contain one another."""

    stage: str
    options: tuple[ListOptions, ...]
    access: Access
    work_access: Access
    store_uri: str
    run_id: str
    epoch: int
    progress_seconds: float
    engine: EngineOptions = field(default_factory=lambda: EngineOptions(in_flight=LIST_IN_FLIGHT))
    hints: Hints = field(default_factory=Hints)


def outermost(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    """The prefixes without those that lie within another one; `("",)` where there are none."""
    kept: list[str] = []
    for prefix in sorted(set(prefixes or ("",))):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return tuple(kept)


def list_side(spark: SparkSession, folder: RunFolder, job: ListingJob) -> None:
    """List everything and commit it; does nothing where the run has the listing already.

    Raises ServiceError where the bucket can't be listed as a whole; the same run goes on with it later.
    """
    if folder.manifest(job.stage) is not None:
        return
    first, prefixes = job.options[0], [options.prefix for options in job.options]
    base, endpoint_url = f"runs/{job.run_id}/", job.access.endpoint_url
    place = ListingPlace(job.store_uri, job.work_access, base, f"{job.stage}/", f"{base}{job.stage}/")
    context = ListContext(replace(first, prefix=""), job.access, job.engine, parquet_segments)
    hints = job.hints if job.hints.marks else remembered(folder.store, first.bucket, endpoint_url)
    with ProgressView(console_for(sys.stderr), "Listing", job.progress_seconds) as view:
        listing = ListingStage(spark, place, context, prefixes, job.epoch, view, hints).run()
    manifest = listing.to_json(first.bucket, prefixes)
    remember(folder.store, first.bucket, endpoint_url, manifest["ranges"])
    place.open().commit(manifest)


def parquet_segments() -> SegmentFormat:
    return SegmentFormat("parquet", _as_parquet)


def _as_parquet(table: pa.Table) -> bytes:
    return parquet_bytes(table)
