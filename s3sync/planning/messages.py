"""Packing tasks into messages, and messages into calls, within SQS's limits; spreading them over queues.

Sizes are bytes. Source: "Amazon SQS message quotas": a message, and all messages of one call together, up to the same
limit; ten messages a call.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from s3sync.model.limits import MESSAGE_MAX_BYTES, MESSAGES_PER_CALL
from s3sync.model.message import QueuedTask, head_text, joined, task_text

Item = TypeVar("Item")

ATTRIBUTES_BYTES = 1024  # left free in each message for its attributes, which count too


@dataclass(frozen=True, slots=True)
class Packed:
    """The text of a message and how many tasks are in it."""

    text: str
    tasks: int


def queue_of(task_id: str, queues: int) -> int:
    """The place of the queue that a task goes to: always the same one while their number is."""
    return int(task_id[:8], 16) % queues


def spread(tasks: Iterable[QueuedTask], queues: int) -> dict[int, list[QueuedTask]]:
    """The tasks by the place of their queue."""
    found: defaultdict[int, list[QueuedTask]] = defaultdict(list)
    for queued in tasks:
        found[queue_of(queued.task.task_id, queues)].append(queued)
    return dict(found)


def pack(
    run_id: str,
    buckets: tuple[str, str],
    tasks: Iterable[QueuedTask],
    batch_num: int,
    max_bytes: int = MESSAGE_MAX_BYTES - ATTRIBUTES_BYTES,
) -> Iterator[Packed]:
    """Messages of up to `batch_num` tasks and `max_bytes` bytes, in order. `buckets` are source and target.

    A single task is always small enough: a key has 1,024 bytes at most, which JSON makes up to six times as many.
    """
    head = head_text(run_id, *buckets)
    held: list[str] = []
    size = len(head) + 2  # the text is ASCII: a character is a byte
    for queued in tasks:
        text = task_text(queued)
        if held and (len(held) >= batch_num or size + len(text) + 1 > max_bytes):
            yield Packed(joined(head, held), len(held))
            held, size = [], len(head) + 2
        held.append(text)
        size += len(text) + 1
    if held:
        yield Packed(joined(head, held), len(held))


def calls(
    messages: Sequence[Packed], most: int = MESSAGES_PER_CALL, max_bytes: int = MESSAGE_MAX_BYTES
) -> Iterator[list[Packed]]:
    """The messages in portions that one SendMessageBatch takes."""
    held: list[Packed] = []
    size = 0
    for message in messages:
        weight = len(message.text) + ATTRIBUTES_BYTES
        if held and (len(held) >= most or size + weight > max_bytes):
            yield held
            held, size = [], 0
        held.append(message)
        size += weight
    if held:
        yield held
