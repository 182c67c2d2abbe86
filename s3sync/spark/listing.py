"""List a bucket from the workers into committed segments.

The driver looks one level down for common prefixes and cuts the key space there; each range is one task. Cutting
anywhere is correct, so a wrong hint costs time only.
"""

from dataclasses import dataclass

from pyspark.sql import SparkSession

from s3sync.aws.clients import client
from s3sync.aws.listing import ListOptions, common_prefixes, list_range
from s3sync.aws.store import open_store
from s3sync.config.model import Access
from s3sync.model.ranges import KeyRange
from s3sync.runs.folder import RunFolder
from s3sync.runs.listing import ListedRange, commit_listing, write_range
from s3sync.spark.attempts import this_attempt
from s3sync.spark.failures import workers_errors

RANGES_MAX = 10_000
TASKS_PER_CORE = 8


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


def outermost(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    """The prefixes without those that lie within another one; `("",)` where there are none."""
    kept: list[str] = []
    for prefix in sorted(set(prefixes or ("",))):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return tuple(kept)


def list_side(spark: SparkSession, folder: RunFolder, job: ListingJob) -> None:
    """List everything and commit it; does nothing where the run has the listing already."""
    if folder.manifest(job.stage) is not None:
        return
    s3 = client("s3", job.access)
    work: list[tuple[ListOptions, KeyRange]] = []
    for options in job.options:
        cuts = common_prefixes(s3, options, RANGES_MAX // len(job.options))
        work.extend((options, part) for part in KeyRange().split(cuts))
    numbered = list(enumerate(work))
    slices = min(len(numbered), TASKS_PER_CORE * spark.sparkContext.defaultParallelism)
    with workers_errors():
        ranges = (
            spark.sparkContext.parallelize(numbered, slices)
            .mapPartitions(lambda items: [_list_one(job, *item) for item in items])
            .collect()
        )
    commit_listing(folder, job.stage, job.options[0].bucket, ranges)


def _list_one(job: ListingJob, number: int, work: tuple[ListOptions, KeyRange]) -> ListedRange:
    options, key_range = work
    folder = RunFolder(open_store(job.store_uri, job.work_access), job.run_id)
    pages = list_range(client("s3", job.access), options, key_range)
    name = f"{number:05d}-{this_attempt(job.epoch)}"
    return write_range(folder, job.stage, name, options.prefix, key_range, pages)
