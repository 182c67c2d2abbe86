"""The tasks of a plan sent to the queues, for executors to carry out.

enqueued/{batch_id}    the batch's tasks are in the queues: the same command sends only what is not
"""

from collections.abc import Callable
from datetime import UTC, datetime

from s3sync.config.model import Config
from s3sync.errors import ServiceError, UserError
from s3sync.queues.find import find_queues, sqs_client
from s3sync.queues.messages import QueuedTask
from s3sync.queues.send_failures import Route, send_tasks
from s3sync.queues.unfinished import unfinished_tasks
from s3sync.runs.finish import accounts_of, finish_again
from s3sync.runs.folder import RunFolder
from s3sync.runs.lock import TargetLock
from s3sync.runs.plan import Plan
from s3sync.runs.summary import Summary

MARKS = "enqueued/"


def enqueue_run(
    folder: RunFolder, config: Config, say: Callable[[str], None], lock: TargetLock, *, again: bool
) -> Summary:
    """Send what of the run is not settled, under the lock of its target; `again`: also what was sent before, for it may
    have expired. What failed then has its attempts anew, as after a redrive.

    Raises ConfigError and ServiceError where the queues can't be found, ServiceError where some tasks could not be
    sent: the same command sends them. A task that is in a queue twice does no harm (C2, C8).
    """
    began = datetime.now(UTC)
    committed = folder.manifest("plan")
    if committed is None:
        raise UserError(f"{folder.uri}: the run has no plan, so there is nothing to send")
    plan = Plan.from_json(committed)
    sqs = sqs_client(config.access.queue)
    queues = find_queues(sqs, config.sqs.queue_name_pattern or "", config.sqs.dead_queue_name)
    route = Route(queues.work, folder.run_id, (plan.source_bucket, plan.target_bucket), config.sqs.batch_num)
    accounts = accounts_of(folder, plan, stopped_early=True)
    skip = frozenset() if again else frozenset(name.removeprefix(MARKS) for name in folder.names(MARKS))
    # Where very many tasks were tried again a batch comes more than once: no piece of it may stand for the whole.
    in_pieces = len((folder.manifest("retries") or {"settled": [None]})["settled"]) > 1
    sent = unsent = 0
    trouble: str | None = None
    for batch_id, tasks in unfinished_tasks(folder, plan, accounts.done, skip):
        lock.check()
        went = send_tasks(sqs, route, [_anew(queued) for queued in tasks] if again else tasks)
        sent += went.tasks
        unsent += len(tasks) - went.tasks
        trouble = went.trouble or trouble
        if went.trouble is None and not in_pieces:
            folder.put(MARKS + batch_id, b"")
    say(f"Sent {sent:,} tasks of run {folder.run_id} to {len(queues.work)} queues; `s3sync executor` takes them.")
    if unsent:
        raise ServiceError(f"{unsent:,} tasks could not be sent ({trouble}); the same command sends them")
    return finish_again(folder, began)


def _anew(queued: QueuedTask) -> QueuedTask:
    return queued.redriven() if queued.attempt else queued
