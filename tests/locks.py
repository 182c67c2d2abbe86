"""Locks that a test holds, or takes from whoever holds one."""

from collections.abc import Callable
from pathlib import Path

from s3sync.config.model import Access
from s3sync.config.partitions import service_name
from s3sync.runs.lock import TargetLock
from s3sync.runs.lock_place import LockPlace
from s3sync.runs.store import LocalStore


def lock_of(
    work: Path,
    endpoint_url: str,
    bucket: str,
    run_id: str = "the other run",
    *,
    prefix: str = "",
    timeout_seconds: float = 1.0,
    say: Callable[[str], None] = lambda _: None,
) -> TargetLock:
    """The lock of a target, as another run would hold it."""
    place = LockPlace(service_name(Access(endpoint_url=endpoint_url)), bucket, prefix)
    return TargetLock(LocalStore(work), place, run_id, timeout_seconds, say)


def take_over(work: Path) -> list[Path]:
    """Take all locks of a work location from those who hold them, as one does who has seen them silent for all their
    time; returns the claims."""
    claims = list((work / "locks").glob("buckets/*/*.json"))
    for claim in claims:
        claim.with_suffix(".void").write_bytes(b"{}")
    return claims
