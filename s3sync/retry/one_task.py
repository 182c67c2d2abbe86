"""One more attempt at a task that did not go, or that has waited long: look first, pin anew, and only then copy."""

from dataclasses import dataclass, replace
from datetime import datetime

from s3sync.config.model import Mode
from s3sync.copying.dispatch import copy_task
from s3sync.copying.look_source import Head, look_at_source, look_at_target
from s3sync.copying.object_copy import EXISTS, CopyJob
from s3sync.copying.settings import CopySettings
from s3sync.model.conditions import ABSENT
from s3sync.model.outcome import Outcome, Status
from s3sync.model.same_content import Content, compare
from s3sync.model.task import Method, Task
from s3sync.planning.method import method_of
from s3sync.retry.check_task import check_task
from s3sync.s3.engine.operation import Operation

PINNED_ANEW = "pinned_anew"
TOO_OLD = "not_modified_since"  # both as the filters of a plan call them: option by option
TOO_NEW = "modified_since"


@dataclass(frozen=True, slots=True)
class RetryHow:
    """What the options of `retry` and `executor` say about each task; times are those of the source's objects. The
    folder for temporary files is this machine's, whatever the run's own was."""

    mode: Mode = Mode.COPY
    verify: bool = False
    modified_since: datetime | None = None
    not_modified_since: datetime | None = None
    tmp_dir: str | None = None


# The first line that fits decides.
#
# | case                                                | then                                                   |
# |-----------------------------------------------------|--------------------------------------------------------|
# | modified outside of the times asked for             | skipped: modified_since or not_modified_since          |
# | mode check                                          | see `check_task`                                       |
# | verify, and the target is the planned object by ETag | skipped: exists                                       |
# | any other                                           | copied as in a run; `look_first` looks at the target   |
# | ... after verify looked                             | where what it saw still stands (C16)                   |
# | ... which came to `changed`                         | the source is looked at; copied as it is now, once     |
def retry_task(
    task: Task, settings: CopySettings, attempt: int, how: RetryHow, *, look_first: bool
) -> Operation[Outcome]:
    """The operation for one more attempt. Raises ValueError for a method that is not offered."""
    if how.tmp_dir != settings.tmp_dir:
        settings = replace(settings, tmp_dir=how.tmp_dir)
    job = CopyJob(_by_mode(task, how.mode), settings, attempt)
    return _retry(job, how, look_first)


def _retry(job: CopyJob, how: RetryHow, look_first: bool) -> Operation[Outcome]:
    task = job.task
    modified = task.last_modified
    if modified is not None:
        if how.modified_since is not None and modified <= how.modified_since:
            return job.skipped(TOO_NEW, None)
        if how.not_modified_since is not None and modified > how.not_modified_since:
            return job.skipped(TOO_OLD, None)
    if how.mode is Mode.CHECK:
        return (yield from check_task(job))
    if how.verify:
        target = yield from look_at_target(job)
        if isinstance(target, Outcome):
            return target
        if target is not None and _is_planned_object(task, target):
            return job.skipped(EXISTS, target.etag)
        task = task._replace(target_etag=ABSENT if target is None else target.etag)
    outcome = yield from copy_task(task, job.settings, job.attempt, look_first, is_repeat=False)
    if outcome.status is Status.CHANGED:
        outcome = yield from _pinned_anew(job, outcome)
    return outcome._replace(
        requests=outcome.requests + job.requests, milliseconds=outcome.milliseconds + round(job.seconds * 1000)
    )


def _is_planned_object(task: Task, target: Head) -> bool:
    """By the ETag: a size that was not planned is any."""
    planned = Content(target.size_bytes if task.size is None else task.size, task.etag, is_sure=False)
    return task.etag == target.etag and compare(planned, target.content).is_same


def _pinned_anew(job: CopyJob, changed: Outcome) -> Operation[Outcome]:
    """Copy the source as it is now, tied to what this look shows (C4); its reason says so."""
    source = yield from look_at_source(job)
    if isinstance(source, Outcome):
        return source
    job.requests += changed.requests
    job.seconds += changed.milliseconds / 1000
    rule = job.settings.method
    is_relayed = rule.is_relayed or job.task.method is Method.RELAY
    task = job.task._replace(
        size=source.size_bytes,
        etag=source.etag,
        last_modified=source.last_modified,
        storage_class=source.values.get("StorageClass"),
        method=method_of(source.size_bytes, source.etag, replace(rule, is_relayed=is_relayed)),
        reason=PINNED_ANEW,
    )
    return (yield from copy_task(task, job.settings, job.attempt, look_first=True, is_repeat=False))


def _by_mode(task: Task, mode: Mode) -> Task:
    return task._replace(method=Method.RELAY) if mode is Mode.DOWNUP else task
