"""What is known before a check begins: both buckets, how each side is seen, and the run that is checked, if any."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from s3sync.aws.buckets import BucketFacts, look_at_bucket
from s3sync.checking.compare_read_stage import CopiedFile
from s3sync.checking.rules import Compared, Moments
from s3sync.config.model import Config, ETags
from s3sync.errors import InventoryError
from s3sync.inventory.manifest import Manifest
from s3sync.listing.own_places import own_places
from s3sync.model.limits import TIME_STEP
from s3sync.model.tables import SIDE_SOURCE, SIDE_TARGET
from s3sync.planning.sources import find_manifests, outdated
from s3sync.runs.follow_up import followed_migration
from s3sync.runs.store import Store
from s3sync.selection.own_prefixes import OwnPlaces, left_out_lines


@dataclass(frozen=True, slots=True)
class CheckPreparation:
    """The configuration, with the buckets' names where a manifest or a run gave them; `copied` are the tables of the
    run that is checked."""

    config: Config
    of_run: str | None
    source_manifests: tuple[Manifest, ...]
    target_manifests: tuple[Manifest, ...]
    source: BucketFacts
    target: BucketFacts
    copied: tuple[CopiedFile, ...]
    moments: Moments
    own: OwnPlaces

    @property
    def left_out(self) -> list[str]:
        """What is left out as this program's own, for people."""
        return left_out_lines(self.own, self.config.source.bucket or "", self.config.target.bucket or "")

    @property
    def compared(self) -> Compared:
        is_opaque = self.config.copy.etags is ETags.OPAQUE
        return Compared(
            self.moments,
            is_opaque or self.source.hides_md5,
            is_opaque or self.target.hides_md5,
            of_run=self.of_run is not None,
            source_is_report=bool(self.source_manifests),
            target_is_report=bool(self.target_manifests),
        )

    @property
    def source_place(self) -> str:
        return f"s3://{self.config.source.bucket}/{', '.join(self.config.source.prefixes[:3])}"

    @property
    def target_place(self) -> str:
        return f"s3://{self.config.target.bucket}/{self.config.target.prefix}"

    @property
    def target_began_at(self) -> datetime:
        """The target server's time when the check began; with a report of the target, the report's."""
        seen_at = self.moments.target_seen_at or self.target.server_time + TIME_STEP
        return seen_at - TIME_STEP

    def seen(self, side: int) -> str:
        """How a side was seen, for people."""
        manifests = self.source_manifests if side == SIDE_SOURCE else self.target_manifests
        moment = self.moments.source_seen_at if side == SIDE_SOURCE else self.moments.target_seen_at
        at = _told(moment) if moment else "an unknown time"
        return f"inventory report of {at}" if manifests else f"listed at {at}"


def prepare_check(config: Config, store: Store) -> CheckPreparation:
    """Look at what the configuration names. Raises UserErrors; nothing was written yet."""
    of_run, planned_at, run_ended_at = config.run.run_id, None, None
    copied: tuple[CopiedFile, ...] = ()
    if of_run is not None:
        config, migration = followed_migration(config, store, of_run)
        copied = tuple(CopiedFile(of_run, table) for table in migration.tables)
        planned_at, run_ended_at = migration.plan.planned_at, migration.ended_at
    config = replace(config, run=replace(config.run, run_id=None))
    source_manifests = find_manifests(config, SIDE_SOURCE)
    target_manifests = find_manifests(config, SIDE_TARGET)
    _verify_reports(target_manifests, of_run, run_ended_at)
    if source_manifests:
        config = replace(config, source=replace(config.source, bucket=source_manifests[0].source_bucket))
    if target_manifests:
        config = replace(config, target=replace(config.target, bucket=target_manifests[0].source_bucket))
    access, own = config.access, own_places(config)
    source = look_at_bucket(access.source, config.source.bucket or "", "--source-bucket", config.source.expected_owner)
    target = look_at_bucket(access.target, config.target.bucket or "", "--target-bucket", config.target.expected_owner)
    moments = Moments(
        changed_after=(planned_at or source.server_time) + TIME_STEP,
        source_seen_at=_seen_at(source_manifests, source),
        target_seen_at=_seen_at(target_manifests, target),
    )
    return CheckPreparation(config, of_run, source_manifests, target_manifests, source, target, copied, moments, own)


def _verify_reports(manifests: tuple[Manifest, ...], of_run: str | None, ended_at: datetime | None) -> None:
    """A report of the target that is older than the end of the run shows what the run found there, not what it left:
    equal ETags would prove nothing, and differing ones neither (C14)."""
    for manifest in _current(manifests):
        if ended_at is not None and manifest.created_at <= ended_at:
            raise InventoryError(
                manifest.uri,
                f"is of {_told(manifest.created_at)}, and run {of_run} ended at {_told(ended_at)}: it does not show "
                "what the run copied. Name a newer report of the target, or none, and the target is listed",
            )


def _current(manifests: tuple[Manifest, ...]) -> list[Manifest]:
    old = outdated(manifests)
    return [manifest for manifest in manifests if manifest.uri not in old]


def _told(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _seen_at(manifests: tuple[Manifest, ...], bucket: BucketFacts) -> datetime:
    """The oldest report's time; a listing begins after this moment."""
    return min((manifest.created_at for manifest in _current(manifests)), default=bucket.server_time + TIME_STEP)
