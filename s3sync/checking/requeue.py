"""Findings of a check sent to the dead-letter queue, for `s3sync retry -d` to copy.

The messages name the check's run, whose folder gets the recipe of the copies (runs/recipe.py); what a retry comes to is
written there. The tables stay the authority: `migrate --from-findings` needs no queue.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from s3sync.aws.clients import with_endpoint
from s3sync.checking.batch import findings_of
from s3sync.config.model import Config
from s3sync.config.partitions import service
from s3sync.copying.settings import CopySettings
from s3sync.copying.settings_file import put_recipe, recipe_of
from s3sync.errors import ConfigError, ServiceError
from s3sync.model.conditions import ABSENT, AS_S3, NONE_HEEDED
from s3sync.model.finding import Finding, Verdict
from s3sync.model.limits import TIME_STEP
from s3sync.model.task import Action, Overwrite, Task, task_id
from s3sync.planning.from_findings import copied_again
from s3sync.planning.method import method_of
from s3sync.planning.resolve import is_relayed
from s3sync.queues.find import DEAD_OPTION, find_queue, sqs_client
from s3sync.queues.messages import REASON_ATTRIBUTE, QueuedTask
from s3sync.queues.send_failures import Route, send_tasks
from s3sync.runs.folder import RunFolder
from s3sync.runs.follow_up import findings_of_check
from s3sync.runs.outcomes import read_parquet

ROWS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Requeued:
    """What went to the queue, and which queue that is."""

    tasks: int
    queue: str


def task_of(finding: Finding, settings: CopySettings) -> Task:
    """The copy that settles a finding."""
    buckets = settings.source_bucket, settings.target_bucket
    return Task(
        task_id=task_id(buckets[0], finding.source_key, None, buckets[1], finding.target_key),
        source_key=finding.source_key,
        version_id=None,
        target_key=finding.target_key,
        size=finding.source_size,
        etag=finding.source_etag,
        last_modified=finding.source_last_modified,
        storage_class=finding.source_storage_class,
        action=Action.COPY,
        reason=finding.verdict.value,
        method=method_of(finding.source_size, finding.source_etag, settings.method),
        target_etag=ABSENT if finding.verdict is Verdict.MISSING_ON_TARGET else finding.target_etag,
    )


def requeue(folder: RunFolder, config: Config, of_run: str | None, seen_at: datetime) -> Requeued:
    """Send what a copy settles. `seen_at` is the target server's time when the check began.

    Raises ConfigError where there is no such queue, ServiceError where it can't be asked, or not all could be sent: the
    same findings sent again do no harm (C2, C8).
    """
    sqs = sqs_client(config.access.queue)
    name = config.sqs.dead_queue_name or ""
    dead = find_queue(sqs, name)
    if dead is None:
        raise ConfigError(DEAD_OPTION, f"there is no queue {name!r}; `s3sync init` creates it")
    settings = copy_settings_of(folder, config, of_run, seen_at)
    put_recipe(folder, settings)
    route = Route((dead,), folder.run_id, (settings.source_bucket, settings.target_bucket), config.sqs.batch_num)
    tasks = 0
    for portion in _portions(folder, settings):
        sent = send_tasks(sqs, route, portion, {REASON_ATTRIBUTE: f"found by check {folder.run_id}"})
        tasks += sent.tasks
        if sent.trouble is not None:
            raise ServiceError(f"findings could not all be sent to {dead.name}: {sent.trouble}")
    return Requeued(tasks, dead.name)


def copy_settings_of(folder: RunFolder, config: Config, of_run: str | None, seen_at: datetime) -> CopySettings:
    """As the run that was checked copies, or as the options say; but what it left alone on the target (`never`) is what
    the findings are about, so it is overwritten. What another server than AWS's heeds is not tried here, since that
    writes: none of its conditions counts as heeded, so that targets are looked at first (C4, C16)."""
    planned_at = seen_at + TIME_STEP  # what was written in the second in which the check began was found by it
    access = config.access
    relayed = is_relayed(config.copy.mode, with_endpoint(access.source), with_endpoint(access.target))
    earlier = recipe_of(RunFolder(folder.store, of_run)) if of_run is not None else None
    if earlier is not None:
        relayed = relayed or earlier.is_relayed
        return replace(earlier, planned_at=planned_at, overwrite=Overwrite.ALWAYS, is_relayed=relayed)
    conditions = AS_S3 if service(with_endpoint(access.target)) is None else NONE_HEEDED
    return CopySettings.of(config, planned_at, conditions, is_relayed=relayed)


def _portions(folder: RunFolder, settings: CopySettings) -> Iterator[list[QueuedTask]]:
    for file in findings_of_check(folder.store, folder.run_id):
        table = copied_again(read_parquet(folder.get(file)))
        for start in range(0, table.num_rows, ROWS_AT_ONCE):
            findings = findings_of(table.slice(start, ROWS_AT_ONCE))
            yield [QueuedTask(task_of(each, settings)) for each in findings]
