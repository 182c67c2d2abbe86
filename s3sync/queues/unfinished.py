"""The tasks of a run that leave something to do, read from its tables alone."""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.model.outcome import ErrorClass, Status
from s3sync.model.tables import OUTCOMES
from s3sync.model.task import Task
from s3sync.queues.messages import QueuedTask
from s3sync.runs.folder import RunFolder
from s3sync.runs.outcomes import BatchDone, outcome_parts, read_parquet
from s3sync.runs.plan import Batch, Plan, tasks_of
from s3sync.runs.retry_outcomes import best, of_shard, settled_tables

_COMPLETE = pa.array([str(status) for status in Status if status.is_complete])
_LAST = ("task_id", "attempt", "status", "error_code", "error_class", "message")


def unfinished_tasks(
    folder: RunFolder, plan: Plan, done: Mapping[str, BatchDone], skip: frozenset[str] = frozenset()
) -> Iterator[tuple[str, list[QueuedTask]]]:
    """Batch by batch, its id and the tasks that failed, changed, are archived or were never tried.

    Later attempts count as far as they were folded in (`finish.accounts_of`). Batches of `skip` are passed over. A
    batch comes more than once where very many tasks were tried again (C11).
    """
    for shard, settled in settled_tables(folder):
        for batch in plan.batches:
            if batch.batch_id in skip or _is_complete(done.get(batch.batch_id)):
                continue
            tasks = _of_batch(folder, batch, done.get(batch.batch_id), shard, settled)
            if tasks:
                yield batch.batch_id, tasks


def _is_complete(done: BatchDone | None) -> bool:
    return done is not None and not any(done.tally.objects[s] for s in Status if not s.is_complete)


def _of_batch(
    folder: RunFolder, batch: Batch, done: BatchDone | None, shard: str, settled: pa.Table
) -> list[QueuedTask]:
    planned = of_shard(read_parquet(folder.get(batch.file)), shard)
    earlier = [
        of_shard(read_parquet(folder.get(name)).select(OUTCOMES.names).replace_schema_metadata(), shard)
        for name in outcome_parts(folder, batch.batch_id, done)
    ]
    mine = settled.filter(pc.is_in(settled["task_id"], value_set=planned["task_id"].combine_chunks()))
    last = best(pa.concat_tables([*earlier, mine.replace_schema_metadata()]))
    is_complete = pc.is_in(last["status"], value_set=_COMPLETE)
    complete = last.filter(is_complete)["task_id"].combine_chunks()
    left = planned.filter(pc.invert(pc.is_in(planned["task_id"], value_set=complete)))
    rows = last.filter(pc.invert(is_complete)).select(list(_LAST)).to_pylist()
    tried = {row["task_id"]: row for row in rows}
    return [_queued(task, tried.get(task.task_id)) for task in tasks_of(left.to_batches())]


def _queued(task: Task, row: Mapping[str, Any] | None) -> QueuedTask:
    if row is None:
        return QueuedTask(task)
    error_class = row["error_class"]
    return QueuedTask(
        task,
        row["attempt"],
        Status(row["status"]),
        row["error_code"],
        ErrorClass(error_class) if error_class else None,
        row["message"],
    )
