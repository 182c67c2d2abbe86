"""What failed goes to the queues before its outcome is committed (C8); where it can't, the outcome says so.

The tables are the authority and the queues a way to work: a task that could not be sent is in no queue, and
`s3sync retry --from-run` finds it all the same. So nothing here ever ends a batch.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from s3sync.config.model import Access, Config
from s3sync.errors import S3SyncError
from s3sync.model.outcome import Outcome
from s3sync.model.tally import Tally
from s3sync.model.task import Task
from s3sync.queues.find import Queue, find_queues, sqs_client
from s3sync.queues.messages import QueuedTask, pack, spread
from s3sync.queues.sqs import Sent, send

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

NOT_CONFIGURED = "no queues are configured"
QUIET_SECONDS = 60.0
QUIET_FACTOR = 10  # a worker spends less than a tenth of its time on queues that are in trouble
QUEUES_TRIED = 3

# Of this process, by queues: batch follows batch, and each would find out again, minutes at a time.
_quiet: dict[tuple[Queue, ...], tuple[float, str]] = {}


@dataclass(frozen=True, slots=True)
class Route:
    """To which queues the tasks of a run go, from which bucket to which they lead, and how many fit in a message."""

    queues: tuple[Queue, ...]
    run_id: str
    buckets: tuple[str, str]
    batch_num: int


@dataclass(frozen=True, slots=True)
class FailureQueues:
    """Where failed tasks go; it travels to the workers. Without queues `trouble` says why there are none."""

    queues: tuple[Queue, ...] = ()
    batch_num: int = 100
    trouble: str = NOT_CONFIGURED


def failure_queues(config: Config) -> FailureQueues:
    """The queues that the configuration names. Never raises for them: see `FailureQueues.trouble`."""
    pattern = config.sqs.queue_name_pattern
    if pattern is None:
        return FailureQueues()
    try:
        found = find_queues(sqs_client(config.access.queue), pattern, config.sqs.dead_queue_name)
    except S3SyncError as error:
        return FailureQueues(trouble=str(error))
    return FailureQueues(found.work, config.sqs.batch_num, "")


def send_tasks(
    sqs: "SQSClient",
    route: Route,
    tasks: Sequence[QueuedTask],
    attributes: Mapping[str, str] | None = None,
    delay_seconds: float = 0.0,
    pause: Callable[[float], object] = time.sleep,
) -> Sent:
    """Each task to the queue that its id says; what one queue does not take, to the next ones. Never raises. Where
    nothing answers, nothing more is tried."""
    total = Sent()
    for place, group in spread(tasks, len(route.queues)).items():
        left = list(pack(route.run_id, route.buckets, group, route.batch_num))
        trouble = total.trouble
        for turn in range(0 if total.is_unreachable else min(QUEUES_TRIED, len(route.queues))):
            sent = send(sqs, route.queues[(place + turn) % len(route.queues)], left, attributes, delay_seconds, pause)
            total.tasks += sent.tasks
            total.requests += sent.requests
            left, trouble, total.is_unreachable = sent.left, sent.trouble, sent.is_unreachable
            if not left or sent.is_unreachable:
                break
        total.left.extend(left)
        total.trouble = trouble if left else total.trouble
    return total


@dataclass(slots=True)
class FailureSender:
    """One worker's sender for one batch. After trouble the whole worker is quiet for a minute, or for ten times as long
    as the trouble took: the copies must not wait for SQS."""

    access: Access
    target: FailureQueues
    run_id: str
    buckets: tuple[str, str]
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], object] = time.sleep
    _tasks: dict[str, Task] = field(default_factory=dict)

    def note(self, task: Task, outcome: Outcome) -> None:
        """Remember the task of an outcome that leaves something to do."""
        if not outcome.status.is_complete:
            self._tasks[task.task_id] = task

    def send(self, outcomes: list[Outcome]) -> Tally | None:
        """Send those that leave something to do; what became of that, to be written with the outcomes."""
        failed = [
            QueuedTask.after(self._tasks.pop(outcome.task_id), outcome)
            for outcome in outcomes
            if outcome.task_id in self._tasks
        ]
        if not failed:
            return None
        if not self.target.queues:
            return Tally(unsent=Counter({self.target.trouble: len(failed)}))
        quiet_until, trouble = _quiet.get(self.target.queues, (float("-inf"), ""))
        began = self.clock()
        if began < quiet_until:
            return Tally(unsent=Counter({trouble: len(failed)}))
        route = Route(self.target.queues, self.run_id, self.buckets, self.target.batch_num)
        try:
            sent = send_tasks(sqs_client(self.access), route, failed, pause=self.pause)
        except S3SyncError as error:  # there are no credentials for the queues
            sent = Sent(trouble=str(error))
        tally = Tally(sent=sent.tasks)
        if sent.requests:
            tally.requests["SendMessageBatch"] = sent.requests
        if sent.tasks < len(failed):
            trouble, now = sent.trouble or "unknown", self.clock()
            _quiet[self.target.queues] = now + max(QUIET_SECONDS, QUIET_FACTOR * (now - began)), trouble
            tally.unsent[trouble] = len(failed) - sent.tasks
        return tally
