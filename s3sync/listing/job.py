"""`s3sync list`: any bucket as files, and the proof that nothing is missing.

{output}/{round}-{task}-{attempt}-{segment}.parquet     the objects
{output}/_s3sync/manifest.json                          the proof; once it is there the listing is complete
{output}/_s3sync/locks/...                              one listing at a time, see runs/lock.py
"""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from s3sync.aws.buckets import look_at_bucket, own_owner_id
from s3sync.config.load import describe
from s3sync.config.model import AccessConfig, Config, Owner
from s3sync.errors import EXIT_DONE, ConfigError, InvariantBroken, LockHeld
from s3sync.listing.files import ListingFolder
from s3sync.listing.hints import given_hints, remember, remembered
from s3sync.listing.output_format import ListedFiles
from s3sync.listing.own_places import own_places_of_listing
from s3sync.listing.pager import ListOptions, starts_at_any_place
from s3sync.listing.stage import ListingPlace, ListingStage, outermost
from s3sync.listing.task import ListContext
from s3sync.model.keys import printable
from s3sync.report.progress import ProgressView
from s3sync.runs.interrupts import interruptible
from s3sync.runs.lock import TargetLock
from s3sync.runs.lock_place import folder_place
from s3sync.runs.store import open_store
from s3sync.s3.engine.per_process import EngineOptions, engine_for
from s3sync.selection.filters import Filters
from s3sync.selection.own_prefixes import left_out_lines
from s3sync.spark.session import open_session

STATE = "_s3sync/"
_OURS = re.compile(r"[0-9]{5}-[0-9]{5}-[0-9]{4}-[0-9]{8}-[0-9]{4}\.(?:parquet|csv|jsonl)")
_SETTINGS = re.compile(r"(source|filters|access\.source)\.")


def list_bucket(config: Config, console: Console) -> int:
    """List a bucket, or go on with it. Raises S3SyncError where it ends before it is complete."""
    bucket = config.source.bucket or ""
    look_at_bucket(config.access.source, bucket, "-s/--source-bucket", config.source.expected_owner)
    place = ListingPlace(config.listing.output or "", config.access.work, "", "", STATE)

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    uri, timeout_seconds = place.open().uri, config.run.lock_timeout_seconds
    for line in left_out_lines(own_places_of_listing(config), bucket, ""):
        say(line)
    locks = open_store(f"{uri}/{STATE}", config.access.work)
    with TargetLock(locks, folder_place(uri), "of `s3sync list`", timeout_seconds, say) as lock:
        return _list(config, console, place, lock, say)


def _list(config: Config, console: Console, place: ListingPlace, lock: TargetLock, say: Callable[[str], None]) -> int:
    bucket, folder = config.source.bucket or "", place.open()
    is_known = _begin(folder, config)
    epoch = folder.begin_epoch()
    say(f"{'Going on with the listing' if is_known else 'Listing'} of s3://{bucket} into {folder.uri}")
    work = open_store(config.run.work_uri, config.access.work)
    endpoint_url = config.access.source.endpoint_url
    hints = given_hints(config) if config.listing.hint else remembered(work, bucket, endpoint_url)
    spark = open_session(f"s3sync list {bucket}", say)
    prefixes = outermost(config.source.prefixes)
    stopping = threading.Event()

    def stop() -> bool:
        stopping.set()
        return True

    with ProgressView(console, "Listing", config.run.progress_seconds) as view, interruptible(stop, say, lock):
        context = _context(config, spark.sparkContext.defaultParallelism)
        listing = ListingStage(spark, place, context, prefixes, epoch, view, hints, stopping).run()
    if not folder.is_newest(epoch):
        raise LockHeld(
            f"{folder.uri}: another `s3sync list` has begun to list into this folder; it goes on, and this one leaves "
            "what it found to it"
        )
    manifest = listing.to_json(bucket, prefixes)
    _keep_only(folder, {segment.file for segment in listing.segments})
    folder.commit({**manifest, "finished_at": datetime.now(UTC).isoformat()})
    remember(work, bucket, endpoint_url, manifest["ranges"])
    for line in _summary(manifest, folder, "versions" if config.listing.all_versions else "objects"):
        say(line)
    return EXIT_DONE


def _context(config: Config, workers: int) -> ListContext:
    filters, listing = config.filters, config.listing
    by_owner = filters.owner is not Owner.ANY
    owner_id = own_owner_id(config.access.source) if by_owner else None
    owners = listing.owners or by_owner
    options = ListOptions(
        config.source.bucket or "",
        "",
        fetch_owner=owners,
        expected_owner=config.source.expected_owner,
        requester_pays=config.source.requester_pays,
        versions=listing.all_versions,
    )
    files = ListedFiles(
        listing.format,
        Filters.of(config.source, filters, owner_id, own_places_of_listing(config).source),
        owners=owners,
        versions=listing.all_versions,
    )
    engine = replace(EngineOptions.of(config.copy, workers), in_flight=listing.in_flight)
    access = config.access.source
    here = engine_for(AccessConfig(source=access, target=access), replace(engine, in_flight=1))
    first = replace(options, prefix=outermost(config.source.prefixes)[0])
    may_cut = not listing.all_versions or starts_at_any_place(here, first)
    return ListContext(options, access, engine, files, may_cut=may_cut)


def _described(config: Config) -> dict[str, Any]:
    """What makes this listing this one."""
    listing = config.listing
    own = {"format": listing.format.value, "all_versions": listing.all_versions, "owners": listing.owners}
    return {name: value for name, value in describe(config).items() if _SETTINGS.match(name)} | own


def _begin(folder: ListingFolder, config: Config) -> bool:
    """True where an unfinished listing with the same options lies there. Raises ConfigError where another one does, or
    a finished one."""
    options, known = _described(config), folder.options()
    if known is None:
        folder.put_options(options)
        return False
    if known != json.loads(json.dumps(options)):
        raise ConfigError("-o/--output", f"{folder.uri} holds a listing with other options; name another folder")
    if folder.manifest() is not None:
        raise ConfigError("-o/--output", f"{folder.uri} holds a finished listing already; name another folder")
    return True


def _keep_only(folder: ListingFolder, files: set[str]) -> None:
    """Remove what attempts left that do not count: whoever reads all files of the folder must see each key once.
    Raises InvariantBroken where a file that counts is not there (C5)."""
    there = set(folder.segment_files())
    if missing := files - there:
        raise InvariantBroken(f"{folder.uri}: {len(missing)} files of the listing are gone, such as {min(missing)}")
    for file in there - files:
        if _OURS.fullmatch(file):
            folder.drop_segment(file)


def _summary(manifest: dict[str, Any], folder: ListingFolder, named: str) -> list[str]:
    calls, ranges, segments = manifest["calls"], manifest["ranges"], manifest["segments"]
    objects = sum(row["objects"] for row in ranges)
    kept = sum(segment["rows"] for segment in segments)
    size_bytes = sum(row["size_bytes"] for row in ranges)
    per_thousand = 1000 * calls["requests"] / objects if objects else float(calls["requests"])
    needed = f"{per_thousand:.2f} per 1,000; {calls['empty']:,} brought nothing, {calls['overlap']:,} keys came twice"
    lines = [f"{objects:,} {named} of {size_bytes:,} bytes, in {calls['requests']:,} LIST requests ({needed})"]
    if kept != objects:
        lines.append(f"{kept:,} of them pass the filters")
    lines.append(f"{len(segments):,} files in {printable(folder.uri)}; the proof is {STATE}manifest.json")
    return lines
