"""What is in the queues, for a person; emptying them."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from s3sync.model.keys import printable
from s3sync.queues.find import Queue, Queues, asked, depth_of
from s3sync.queues.messages import REASON_ATTRIBUTE, PoisonError, from_text
from s3sync.queues.sqs import Received, hold, receive
from s3sync.report.console import duration_text

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SAMPLE_MESSAGES = 10
LOOK_SECONDS = 30  # a message that is looked at is hidden for so long, then let go at once
WAIT_SECONDS = 1


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
            sample.codes.update(queued.code for queued in from_text(each.body).tasks)
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
        why = f"{queued.code}: {printable(queued.message or '')}" if queued.status else "not tried yet"
        yield f"  {printable(queued.task.source_key)}: attempt {queued.attempt}: {why}"


def purge(sqs: "SQSClient", queue: Queue) -> None:
    """Raises ServiceError; SQS takes a minute for it, and lets nobody ask again meanwhile."""
    asked(f"queue {queue.name} cannot be emptied", lambda: sqs.purge_queue(QueueUrl=queue.url))


def _all(queues: Queues) -> tuple[Queue, ...]:
    return (*queues.work, *((queues.dead,) if queues.dead else ()))
