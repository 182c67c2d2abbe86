"""Tasks of a run tried again without a queue: taken from its tables in files, carried out file by file.

retries/{drain}/tasks-{number}.json    a message as in a queue, with more tasks in it
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from s3sync.config.model import AccessConfig
from s3sync.copying.settings import CopySettings
from s3sync.copying.settings_file import recipe_of
from s3sync.errors import ConfigError, StoreError
from s3sync.model.outcome import Outcome
from s3sync.queues.messages import Message, QueuedTask, from_text, to_text
from s3sync.retry.drain import DrainTally
from s3sync.retry.one_task import RetryHow, retry_task
from s3sync.runs.folder import RunFolder
from s3sync.runs.follow_up import FINDINGS
from s3sync.runs.heartbeat import HubAddress
from s3sync.runs.retry_outcomes import PREFIX, RetryLog
from s3sync.runs.store import open_store
from s3sync.runs.worker import WorkerSession
from s3sync.s3.engine.operation import Operation
from s3sync.s3.engine.per_process import EngineOptions

FILE_TASKS = 5_000


@dataclass(frozen=True, slots=True)
class RedoContext:
    """What any worker needs; it travels in the task's closure (C12)."""

    drain_id: str
    run_id: str
    access: AccessConfig
    store_uri: str
    engine: EngineOptions
    how: RetryHow
    settings: CopySettings
    hub: HubAddress | None = None


def recipe_or_refuse(folder: RunFolder) -> CopySettings:
    """How the run of `--from-run` copies. Raises ConfigError where nothing of it can be tried again yet."""
    if folder.described() is None:
        raise ConfigError("--from-run", f"there is no run {folder.run_id} in {folder.store.uri}; see --work-uri")
    if folder.manifest(FINDINGS) is not None:
        command = f"s3sync migrate --from-findings {folder.run_id}"
        raise ConfigError("--from-run", f"run {folder.run_id} is a check; `{command}` copies what it found")
    settings = recipe_of(folder)
    if settings is None or folder.get_json("summary.json") is None:
        raise ConfigError("--from-run", f"run {folder.run_id} has not ended; give its own command again first")
    return settings


def write_task_files(
    folder: RunFolder, drain_id: str, settings: CopySettings, batches: Iterable[tuple[str, list[QueuedTask]]]
) -> list[str]:
    """The tasks in files, each good for one Spark task; returns their names."""
    names: list[str] = []
    for _, tasks in batches:
        for start in range(0, len(tasks), FILE_TASKS):
            message = Message(
                folder.run_id, settings.source_bucket, settings.target_bucket, tuple(tasks[start : start + FILE_TASKS])
            )
            names.append(f"{PREFIX}{drain_id}/tasks-{len(names):05d}.json")
            if not folder.put_new(names[-1], to_text(message).encode()):
                raise StoreError(f"{folder.uri}/{names[-1]}: is there already, written by somebody else")
    return names


def redo_file(context: RedoContext, name: str, attempt: str) -> DrainTally:
    """One more attempt at each task of the file. What fails stays failed in the tables; nothing is sent anywhere."""
    folder = RunFolder(open_store(context.store_uri, context.access.work), context.run_id)
    message = from_text(folder.get(name).decode())
    worker = f"{name.rpartition('/')[2].removesuffix('.json')}-{attempt}"
    log = RetryLog(folder, context.drain_id, worker)
    told = DrainTally(messages=1)
    pending: list[Outcome] = []
    with WorkerSession(context.access, context.engine, context.hub, name, attempt) as session:

        def flush() -> None:
            if pending:
                log.put(pending, session.counted())
                pending.clear()

        for _, outcome in session.run(_operations(context, message), flush=flush):
            pending.append(outcome)
            told.by_status[outcome.status] += 1
            session.settle(outcome.copied_bytes, is_failed=not outcome.status.is_complete)
        session.end()
        flush()
    return told


def _operations(context: RedoContext, message: Message) -> Iterator[tuple[None, Operation[Outcome]]]:
    for queued in message.tasks:
        yield None, retry_task(queued.task, context.settings, queued.attempt + 1, context.how, look_first=True)
