"""What every stage of a run works with, and what is known before anything is written."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from pyspark.sql import SparkSession

from s3sync.aws.buckets import BucketFacts, look_at_bucket
from s3sync.aws.clients import with_endpoint
from s3sync.config.model import Config
from s3sync.config.partitions import share_names
from s3sync.inventory.manifest import Manifest
from s3sync.listing.own_places import own_places
from s3sync.planning.resolve import is_relayed
from s3sync.planning.sources import find_manifests
from s3sync.runs.folder import RunFolder
from s3sync.runs.follow_up import followed_check
from s3sync.selection.mapping import KeyMapping, check_mapping
from s3sync.selection.own_prefixes import OwnPlaces, left_out_lines
from s3sync.spark.task import cancel_jobs


@dataclass(frozen=True, slots=True)
class Preparation:
    """The configuration, with the source's name where an inventory gave it, and what both buckets are like. What is
    `own` is left out of listings, plans and copies."""

    config: Config
    manifests: tuple[Manifest, ...]
    source: BucketFacts
    target: BucketFacts
    own: OwnPlaces

    @property
    def source_place(self) -> str:
        return f"s3://{self.config.source.bucket}/{', '.join(self.config.source.prefixes[:3])}"

    @property
    def target_place(self) -> str:
        return f"s3://{self.config.target.bucket}/{self.config.target.prefix}"

    @property
    def left_out(self) -> list[str]:
        """What is left out as this program's own, for people."""
        return left_out_lines(self.own, self.config.source.bucket or "", self.config.target.bucket or "")


@dataclass(frozen=True, slots=True)
class RunContext:
    """One driver's part in a run; `epoch` counts the drivers, `say` shows a line to the user."""

    prepared: Preparation
    folder: RunFolder
    epoch: int
    spark: SparkSession
    say: Callable[[str], None]

    @property
    def config(self) -> Config:
        return self.prepared.config

    @property
    def is_relayed(self) -> bool:
        """Whether the bytes go through the workers."""
        access = self.config.access
        return is_relayed(self.config.copy.mode, with_endpoint(access.source), with_endpoint(access.target))

    def cancel(self) -> None:
        cancel_jobs(self.spark)


def prepare(config: Config) -> Preparation:
    """Look at what the configuration names. Raises UserErrors; nothing was written yet."""
    config = followed_check(config)
    manifests = find_manifests(config) if config.inventory.manifests else ()
    if manifests:
        config = replace(config, source=replace(config.source, bucket=manifests[0].source_bucket))
    source, target = config.source.bucket or "", config.target.bucket or ""
    access = config.access
    check_mapping(
        source,
        config.source.prefixes,
        target,
        KeyMapping.of(config.target),
        same_names=share_names(with_endpoint(access.source), with_endpoint(access.target)),
    )
    own = own_places(config)
    return Preparation(
        config,
        manifests,
        look_at_bucket(access.source, source, "--source-bucket", config.source.expected_owner),
        look_at_bucket(access.target, target, "--target-bucket", config.target.expected_owner),
        own,
    )
