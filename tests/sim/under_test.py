"""What is under test, and the values that it takes: the one place of the simulation that knows their shape."""

from collections.abc import Generator
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeAlias

from s3sync.checking.evidence_body import read_bodies
from s3sync.checking.evidence_headers import look
from s3sync.checking.object_check import LookSettings
from s3sync.copying.dispatch import copy_task
from s3sync.copying.large_object.operations import carry_part, finish_giant, open_giant
from s3sync.copying.object_copy import CopyJob
from s3sync.copying.orphan_uploads import abort_noted as _abort_noted
from s3sync.copying.settings import CopySettings as Settings
from s3sync.model.conditions import AS_S3, NONE_HEEDED
from s3sync.model.finding import Evidence, Finding, Verdict
from s3sync.model.limits import MIB
from s3sync.model.task import Action, Method, Overwrite, Task
from s3sync.planning.large_objects import ROUNDS, Next, telling
from s3sync.retry.one_task import RetryHow, retry_task
from s3sync.runs.upload_log import OpenUpload
from tests.sim.world import KEY, SOURCE, TARGET

__all__ = [
    "ROUNDS",
    "Next",
    "OpenUpload",
    "RetryHow",
    "Settings",
    "carry_part",
    "copy_task",
    "finish_giant",
    "look",
    "open_giant",
    "read_bodies",
    "retry_task",
    "telling",
]

Operation: TypeAlias = Generator[Any, Any, Any]


@lru_cache(maxsize=4096)
def _settings(planned_at: datetime, overwrite: Overwrite, *, heeds: bool, encryption: str | None) -> Settings:
    return Settings(
        source_bucket=SOURCE,
        target_bucket=TARGET,
        planned_at=planned_at,
        conditions=AS_S3 if heeds else NONE_HEEDED,
        overwrite=overwrite,
        default_encryption=encryption,
        part_size_bytes=5 * MIB,
    )


def settings(planned_at: datetime, overwrite: Overwrite, *, heeds: bool, encryption: str | None) -> Settings:
    """`encryption` is the target bucket's default. One value serves many schedules, but for what a worker learns of the
    servers."""
    found = _settings(planned_at, overwrite, heeds=heeds, encryption=encryption)
    found.without_annotations.clear()
    return found


def job(task: Task, copying: Settings, attempt: int, *, is_repeat: bool = False) -> CopyJob:
    return CopyJob(task, copying, attempt, is_repeat=is_repeat)


def abort_noted(copying: Settings, upload_id: str) -> Operation:
    return _abort_noted(copying, KEY, upload_id)


def look_settings(copying: Settings, *, metadata: bool) -> LookSettings:
    return LookSettings(copying, metadata=metadata)


def task(
    method: Method, size: int | None, etag: str | None, last_modified: datetime | None, target_etag: str | None
) -> Task:
    """`target_etag` is what the plan saw on the target: "" where nothing was there, None where it did not look."""
    return Task(
        "0" * 32, KEY, None, KEY, size, etag, last_modified, "STANDARD", Action.COPY, "new", method, target_etag
    )


def finding() -> Finding:
    """An object that the listings left open."""
    nothing = (None,) * 4
    return Finding(KEY, KEY, Verdict.UNPROVABLE, Evidence.NONE, None, *nothing, *nothing, 0, 0)
