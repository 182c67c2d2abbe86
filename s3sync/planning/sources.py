"""Where a plan's rows come from: inventory reports, or live listings that are committed first."""

from dataclasses import dataclass, replace
from math import ceil

from pyspark.sql import SparkSession

from s3sync.aws.clients import client
from s3sync.config.model import Access, Config, Owner
from s3sync.errors import InventoryError
from s3sync.inventory.locate import find_manifest, inventory_of
from s3sync.inventory.manifest import FileFormat, Manifest
from s3sync.listing.hints import given_hints
from s3sync.listing.pager import ListOptions
from s3sync.listing.stage import ListingJob, list_side, outermost
from s3sync.model.finding import Verdict
from s3sync.model.tables import SIDE_SOURCE, SIDE_TARGET
from s3sync.planning.read_stage import FindingsFile, InventoryFile, SegmentFile, Source
from s3sync.runs.folder import RunFolder
from s3sync.runs.follow_up import findings_of_check
from s3sync.runs.store import Store
from s3sync.s3.engine.per_process import EngineOptions
from s3sync.selection.mapping import KeyMapping

# Bytes of data file for a row, on the low side: the estimate decides only into how many partitions rows are hashed.
ROW_BYTES = {FileFormat.CSV: 35, FileFormat.PARQUET: 30, FileFormat.ORC: 30}


@dataclass(frozen=True, slots=True)
class Sources:
    files: tuple[Source, ...]
    estimated_rows: int
    estimated_bytes: int = 0
    pages: int = 0

    def __add__(self, other: "Sources") -> "Sources":
        return Sources(
            self.files + other.files,
            self.estimated_rows + other.estimated_rows,
            self.estimated_bytes + other.estimated_bytes,
            self.pages + other.pages,
        )


def find_manifests(config: Config, side: int = SIDE_SOURCE) -> tuple[Manifest, ...]:
    """The reports that `-m` (or, of the target, `--target-manifest-path`) names, checked. Raises InventoryError where
    they are of different buckets, or of another one than `-s` (or `-t`) says."""
    if side == SIDE_SOURCE:
        name, uris, given = "source", config.inventory.manifests, config.source.bucket
    else:
        name, uris, given = "target", config.inventory.target_manifests, config.target.bucket
    if not uris:
        return ()  # and nobody's credentials are asked for
    s3 = client("s3", config.access.inventory if side == SIDE_SOURCE else config.access.target)
    manifests = tuple(find_manifest(s3, uri) for uri in uris)
    for manifest in manifests:
        expected = given or manifests[0].source_bucket
        if manifest.source_bucket != expected:
            raise InventoryError(
                manifest.uri, f"is an inventory of {manifest.source_bucket!r}, but the {name} is {expected!r}"
            )
    return manifests


def outdated(manifests: tuple[Manifest, ...]) -> frozenset[str]:
    """The URIs of reports that a newer one of the same inventory is named beside: what only they show was deleted
    since, as far as anybody knows."""
    newest: dict[str, Manifest] = {}
    for manifest in manifests:
        inventory = inventory_of(manifest.uri) or manifest.uri
        newest[inventory] = max(newest.get(inventory, manifest), manifest, key=lambda each: each.created_at)
    return frozenset(each.uri for each in manifests) - {each.uri for each in newest.values()}


def inventory_sources(manifests: tuple[Manifest, ...], side: int = SIDE_SOURCE) -> Sources:
    old = outdated(manifests)
    files = tuple(
        InventoryFile(manifest, file, side, manifest.uri in old) for manifest in manifests for file in manifest.files
    )
    rows = sum(ceil(file.file.size_bytes / ROW_BYTES[file.manifest.file_format]) for file in files)
    return Sources(files, rows)


def findings_sources(store: Store, check_run: str, chosen: tuple[Verdict, ...]) -> Sources:
    """What a check found missing, different or changed; of the chosen verdicts only, where some are."""
    summary = RunFolder(store, check_run).get_json("summary.json") or {"verdicts": {}}
    verdicts = {Verdict(name): amount for name, amount in summary["verdicts"].items()}
    wanted = [
        amount for verdict, amount in verdicts.items() if verdict in (chosen or Verdict) and verdict.is_copied_again
    ]
    paths = findings_of_check(store, check_run)
    files = tuple(FindingsFile(check_run, path, chosen, side) for side in (SIDE_SOURCE, SIDE_TARGET) for path in paths)
    return Sources(files, sum(a["objects"] for a in wanted), sum(a["bytes"] for a in wanted))


def listed_source(spark: SparkSession, folder: RunFolder, config: Config, epoch: int) -> Sources:
    """List the source bucket (or take the listing that the run has)."""
    options = tuple(
        ListOptions(
            bucket=config.source.bucket or "",
            prefix=prefix,
            fetch_owner=config.filters.owner is not Owner.ANY,
            expected_owner=config.source.expected_owner,
            requester_pays=config.source.requester_pays,
        )
        for prefix in outermost(config.source.prefixes)
    )
    return _listed(spark, folder, config, epoch, SIDE_SOURCE, options, config.access.source)


def listed_target(spark: SparkSession, folder: RunFolder, config: Config, epoch: int) -> Sources:
    """List the part of the target that the mapping can reach (or take the listing that the run has)."""
    mapping = KeyMapping.of(config.target)
    prefixes = {mapping.source_prefix_to_target(prefix) for prefix in outermost(config.source.prefixes)}
    options = tuple(
        ListOptions(config.target.bucket or "", prefix, expected_owner=config.target.expected_owner)
        for prefix in outermost(tuple(prefixes))
    )
    return _listed(spark, folder, config, epoch, SIDE_TARGET, options, config.access.target)


def _listed(
    spark: SparkSession,
    folder: RunFolder,
    config: Config,
    epoch: int,
    side: int,
    options: tuple[ListOptions, ...],
    access: Access,
) -> Sources:
    stage = "listing-source" if side == SIDE_SOURCE else "listing-target"
    workers = spark.sparkContext.defaultParallelism
    engine = replace(EngineOptions.of(config.copy, workers), in_flight=config.listing.in_flight)
    job = ListingJob(
        stage,
        options,
        access,
        config.access.work,
        config.run.work_uri,
        folder.run_id,
        epoch,
        config.run.progress_seconds,
        engine,
    )
    if side == SIDE_SOURCE:
        job = replace(job, hints=given_hints(config))
    list_side(spark, folder, job)
    ranges = (folder.manifest(stage) or {})["ranges"]
    segments = tuple(SegmentFile(side, path) for listed in ranges for path in listed["segments"])
    size_bytes = sum(listed["size_bytes"] for listed in ranges) if side == SIDE_SOURCE else 0
    rows = sum(listed["objects"] for listed in ranges)
    return Sources(segments, rows, size_bytes, sum(listed["pages"] for listed in ranges))
