"""What is in the queues, for a person; moving dead letters back; emptying."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from s3sync.aws.queue_traffic import Received, delete, hold, receive
from s3sync.aws.queues import Queue, Queues, asked, depth_of
from s3sync.model.keys import printable
from s3sync.model.message import Message, PoisonError, QueuedTask, from_text
from s3sync.report.console import duration_text
from s3sync.runs.drain import REASON_ATTRIBUTE
from s3sync.runs.failures import Route, send_tasks

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SAMPLE_MESSAGES = 10
LOOK_SECONDS = 30  # a message that is looked at is hidden for so long, then let go at once
WAIT_SECONDS = 1
REDRIVE_HOLD_SECONDS = 300


@dataclass(slots=True)
class Sample:
    """Some messages of a queue: how old the oldest is, and its tasks by error code."""

    messages: list[Received] = field(default_factory=list)
    oldest_seconds: float | None = None
    codes: Counter[str] = field(default_factory=Counter)


def sample_of(sqs: "SQSClient", queue: Queue, most: int = SAMPLE_MESSAGES) -> Sample:
    """Look at up to `most` messages and let them go again; each such look counts as a delivery (SQS has no other)."""
    sample = Sample()
    while len(sample.messages) < most:
        wait = 0 if sample.messages else WAIT_SECONDS
        found = receive(sqs, queue, most - len(sample.messages), wait, LOOK_SECONDS)
        if not found:
            break
        sample.messages.extend(found)
    hold(sqs, sample.messages, 0)
    now = datetime.now(UTC)
    ages = [(now - each.sent_at).total_seconds() for each in sample.messages if each.sent_at]
    sample.oldest_seconds = max(ages, default=None)
    for each in sample.messages:
        try:
            sample.codes.update(_code(queued) for queued in from_text(each.body).tasks)
        except PoisonError as error:
            sample.codes[error.code] += 1
    return sample


def table_of(sqs: "SQSClient", queues: Queues) -> Table:
    """One line a queue. "Oldest" and the error codes are of a sample."""
    table = Table(box=box.SIMPLE_HEAD)
    for title in ("queue", "waiting", "in flight", "delayed", "oldest seen", "tasks by error, of a sample"):
        is_text = title in ("queue", "tasks by error, of a sample")
        table.add_column(title, justify="left" if is_text else "right", overflow="fold")
    for queue in _all(queues):
        depth, sample = depth_of(sqs, queue), sample_of(sqs, queue)
        age = "" if sample.oldest_seconds is None else duration_text(sample.oldest_seconds)
        codes = ", ".join(f"{printable(code)} {count:,}" for code, count in sample.codes.most_common(5))
        figures = (f"{depth.waiting:,}", f"{depth.in_flight:,}", f"{depth.delayed:,}")
        table.add_row(Text(queue.name), *figures, age, Text(codes))
    return table


def peeked_lines(sqs: "SQSClient", queues: Queues, most: int) -> Iterator[str]:
    """Up to `most` messages of each queue, a line a task; keys and texts are shown harmless."""
    for queue in _all(queues) if most else ():
        for received in sample_of(sqs, queue, most).messages:
            reason = received.attributes.get(REASON_ATTRIBUTE)
            yield f"{queue.name}: message {received.message_id}, delivered {received.receives} times" + (
                f": {printable(reason)}" if reason else ""
            )
            yield from _task_lines(received)


def _task_lines(received: Received) -> Iterator[str]:
    try:
        message = from_text(received.body)
    except PoisonError as error:
        yield f"  {error.code}: {error}: {printable(json.dumps(received.body))}"
        return
    yield f"  run {message.run_id}: s3://{message.source_bucket}/ to s3://{message.target_bucket}/"
    for queued in message.tasks:
        why = f"{_code(queued)}: {printable(queued.message or '')}" if queued.status else "not tried yet"
        yield f"  {printable(queued.task.source_key)}: attempt {queued.attempt}: {why}"


def redrive(sqs: "SQSClient", queues: Queues, batch_num: int, error_codes: set[str], runs: set[str]) -> Counter[str]:
    """Move tasks from the dead-letter queue to the work queues, their attempts counted from nought again.

    Empty sets let everything through. Messages that are poison, or are not asked for, stay. The server's own move
    (StartMessageMoveTask) knows no filter and keeps the count of attempts, so it is not used.
    """
    done: Counter[str] = Counter()
    if queues.dead is None:
        return done
    stay: list[Received] = []
    while found := receive(sqs, queues.dead, 10, WAIT_SECONDS, REDRIVE_HOLD_SECONDS):
        gone: list[Received] = []
        for received in found:
            (gone if _redrive_one(sqs, queues, batch_num, received, (error_codes, runs), done) else stay).append(
                received
            )
        if undeleted := delete(sqs, gone):
            done["messages sent that could not be deleted: they are in both queues"] += undeleted
    hold(sqs, stay, 0)
    return done


def _redrive_one(
    sqs: "SQSClient",
    queues: Queues,
    batch_num: int,
    received: Received,
    wanted: tuple[set[str], set[str]],
    done: Counter[str],
) -> bool:
    """True where all of the message's tasks went. A message of which only some are asked for is divided."""
    try:
        message = from_text(received.body)
    except PoisonError:
        done["poison messages left"] += 1
        return False
    codes, runs = wanted
    is_run = not runs or message.run_id in runs
    chosen = [queued for queued in message.tasks if is_run and (not codes or _code(queued) in codes)]
    rest = [queued for queued in message.tasks if queued not in chosen]
    if not chosen:
        done["tasks left"] += len(rest)
        return False
    buckets = (message.source_bucket, message.target_bucket)
    sent = send_tasks(sqs, Route(queues.work, message.run_id, buckets, batch_num), [q.as_attempt(1) for q in chosen])
    if sent.left:
        done[f"tasks not sent ({sent.trouble})"] += len(chosen) - sent.tasks
        return False
    if rest and not _put_back(sqs, queues, message, rest, batch_num):
        return False
    done["tasks sent to the work queues"] += len(chosen)
    if rest:
        done["tasks left"] += len(rest)
    return True


def _put_back(sqs: "SQSClient", queues: Queues, message: Message, rest: Sequence[QueuedTask], batch_num: int) -> bool:
    if queues.dead is None:
        return False
    route = Route((queues.dead,), message.run_id, (message.source_bucket, message.target_bucket), batch_num)
    return not send_tasks(sqs, route, rest).left


def purge(sqs: "SQSClient", queue: Queue) -> None:
    """Raises ServiceError; SQS takes a minute for it, and lets nobody ask again meanwhile."""
    asked(f"queue {queue.name} cannot be emptied", lambda: sqs.purge_queue(QueueUrl=queue.url))


def _all(queues: Queues) -> tuple[Queue, ...]:
    return (*queues.work, *((queues.dead,) if queues.dead else ()))


def _code(queued: QueuedTask) -> str:
    return queued.error_code or (str(queued.status) if queued.status else "not tried yet")
