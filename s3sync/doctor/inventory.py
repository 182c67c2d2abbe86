"""The inventory: that it is there and whole, how old it is, and what it lacks."""

from collections.abc import Iterator
from datetime import UTC, datetime

from s3sync.aws.clients import client
from s3sync.config.model import Config
from s3sync.doctor.sides import RefusedCall, asked
from s3sync.doctor.symptom import Symptom, ok, problem, warning
from s3sync.inventory.columns import Column
from s3sync.inventory.locate import find_manifest
from s3sync.inventory.manifest import Manifest

STALE_SECONDS = 2 * 24 * 3600  # a daily report that is two days old was missed once
_WANTED = {
    Column.ETAG: "copies are pinned to the time of the last change instead",
    Column.SIZE: "batches cannot be packed by size, and large objects are found only when their copy is refused",
    Column.LAST_MODIFIED: "--modified-since cannot be used, nor copies pinned by time",
    Column.STORAGE_CLASS: (
        "copies by CopyObject are STANDARD unless --storage-class names a class, and archived objects are found only "
        "when their copy is refused"
    ),
}


def inventory(config: Config) -> Iterator[Symptom]:
    for uri in config.inventory.manifests:
        topic = f"inventory {uri}"
        manifest = asked(lambda uri=uri: find_manifest(client("s3", config.access.inventory), uri))  # type: ignore[misc]
        if isinstance(manifest, RefusedCall):
            yield problem(topic, manifest.message, "correct -m, or let the inventory's credentials read it")
            continue
        yield age_of(topic, manifest, datetime.now(UTC))
        yield from _lacking(topic, manifest)
        expected = config.source.bucket
        if expected is not None and manifest.source_bucket != expected:
            yield problem(topic, f"lists {manifest.source_bucket}, not {expected}", "correct -m or -s")


def age_of(topic: str, manifest: Manifest, now: datetime) -> Symptom:
    """
    | age of the report | then                                              |
    |-------------------|---------------------------------------------------|
    | up to two days    | ok                                                |
    | more              | warning: what came since is not in it             |
    """
    age = (now - manifest.created_at).total_seconds()
    found = f"{len(manifest.files):,} data files, made {manifest.created_at:%Y-%m-%d %H:%M} UTC"
    if age <= STALE_SECONDS:
        return ok(topic, found)
    return warning(
        topic,
        f"{found}, {age / 86400:.0f} days ago: what was written since is not in it",
        "see whether the bucket still makes reports; or leave -m away, and the bucket is listed",
    )


def _lacking(topic: str, manifest: Manifest) -> Iterator[Symptom]:
    held = {column.lower().replace("_", "") for column in manifest.columns}
    for column, consequence in _WANTED.items():
        if column not in held:
            yield warning(topic, f"has no {column}: {consequence}", "add the field to the inventory's configuration")
