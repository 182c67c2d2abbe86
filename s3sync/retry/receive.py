"""Taking messages: from any queue that has some, so that a stuck one stops nobody, until there are none."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from s3sync.errors import ServiceError
from s3sync.model.outcome import Outcome
from s3sync.queues.find import Depth, Queue, depth_of
from s3sync.queues.messages import Message, PoisonError, QueuedTask, from_text
from s3sync.queues.sqs import Received, delete, receive
from s3sync.retry.drain import DRAIN_ATTRIBUTE, DrainContext

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LOAD_TASKS = 1_000
LOAD_MESSAGES = 200
SWEEP_WAIT_SECONDS = 1.0  # long polling, however short, asks all of SQS's servers: an empty answer is true
FAILURES_MOST = 3
MARGIN_SECONDS = 15.0
SENT_BACK_SECONDS = 2.0  # until what was sent, with its delay, can be received
# Of those who follow with -d each would take what another has just buried, round and round.
DEAD_REST = timedelta(minutes=15)
OWN_MOST = 10_000
NEEDED = "it needs sqs:DeleteMessage, and finds its work done when it is started again"


@dataclass(slots=True)
class Delivery:
    """A message that is being worked on: what came of its tasks so far."""

    received: Received
    message: Message
    settled: list[tuple[QueuedTask, Outcome]] = field(default_factory=list)

    @property
    def is_settled(self) -> bool:
        return len(self.settled) == len(self.message.tasks)


@dataclass(slots=True)
class Load:
    """What was taken in one go. Poison comes with why it is."""

    deliveries: list[Delivery] = field(default_factory=list)
    poison: list[tuple[Received, PoisonError]] = field(default_factory=list)
    tasks: int = 0

    @property
    def messages(self) -> int:
        return len(self.deliveries) + len(self.poison)


@dataclass(slots=True)
class Intake:
    """One worker's way to its queues. `troubles` counts what SQS refused; a queue that fails thrice in a row is left
    alone: for good, or in a drain that follows until the next round."""

    sqs: "SQSClient"
    context: DrainContext
    troubles: Counter[str] = field(default_factory=Counter)
    clock: Callable[[], float] = time.monotonic
    chance: random.Random = field(default_factory=random.Random)
    left: set[str] = field(default_factory=set)  # ids of messages that stay where they are: nobody waits for them
    done: set[str] = field(default_factory=set)  # ids of messages whose work is written and that could not be deleted
    may_delete: bool = True
    own: list[Received] = field(default_factory=list)  # dead letters of this very drain, met again, without their text
    _failures: Counter[str] = field(default_factory=Counter)
    _progress_at: float = field(init=False)
    _coming_until: float = field(init=False)

    def __post_init__(self) -> None:
        self._progress_at = self._coming_until = self.clock()

    @property
    def usable(self) -> list[Queue]:
        return [queue for queue in self.context.take if self._failures[queue.name] < FAILURES_MOST]

    def forgive(self) -> None:
        """Try the queues that failed again."""
        self._failures.clear()

    def delete(self, messages: Sequence[Received]) -> None:
        """Messages that nobody needs any more. One that can't be deleted comes again: its work is not done again, it is
        only deleted then. Where a permission is missing nothing will ever be, see `may_delete`."""
        refused = delete(self.sqs, messages)
        self.done.difference_update(each.message_id for each in messages)
        self.done.update(each.message_id for each in refused.messages)
        if refused.is_denied and self.may_delete:
            self.may_delete = False
            self.troubles[f"messages may not be deleted, so the drain ended ({refused.trouble}); {NEEDED}"] += 1
        elif refused.messages and self.may_delete:
            self.troubles[f"messages could not be deleted, and come again ({refused.trouble})"] += len(refused.messages)

    def note_progress(self) -> None:
        self._progress_at = self.clock()

    def note_sent_back(self, delay_seconds: float) -> None:
        """Tasks went to the work queues, to be seen after the delay. SQS counts what is in a queue only in a while, so
        what this worker knows itself is not asked."""
        self._coming_until = max(self._coming_until, self.clock() + delay_seconds + SENT_BACK_SECONDS)

    def next_load(self) -> Load:
        """Messages with about LOAD_TASKS tasks, fewer where there are fewer; an empty load after a sweep of all queues
        that found nothing. Each sweep begins at a queue by chance."""
        load = Load()
        while load.tasks < LOAD_TASKS and load.messages < LOAD_MESSAGES:
            found = False
            queues = self.usable
            self.chance.shuffle(queues)
            for queue in queues:
                found = self._take(queue, load) or found
                if load.tasks >= LOAD_TASKS:
                    break
            if not found:
                break
        return load

    def _take(self, queue: Queue, load: Load) -> bool:
        """True where the queue gave anything that this drain has not put there itself."""
        context = self.context
        wait = 0.0 if load.messages else min(SWEEP_WAIT_SECONDS, context.wait_seconds)
        if context.follow and len(context.take) == 1 and not load.messages:
            wait = context.wait_seconds
        try:
            messages = receive(self.sqs, queue, context.max_receive_num, wait, context.hold_seconds)
        except ServiceError as error:
            self._failures[queue.name] += 1
            self.troubles[str(error)] += 1
            return False
        self._failures[queue.name] = 0
        if again := [each for each in messages if each.message_id in self.done]:
            self.delete(again)
            messages = [each for each in messages if each not in again]
        new = [each for each in messages if not self._rests(each)]
        if len(self.own) < OWN_MOST:
            self.own.extend(replace(each, body="") for each in messages if each not in new)
        for received in new:
            try:
                message = from_text(received.body)
            except PoisonError as error:
                load.poison.append((received, error))
            else:
                load.deliveries.append(Delivery(received, message))
                load.tasks += len(message.tasks)
        return bool(new)

    # | dead letter put there by              | in a drain that | then                          |
    # |---------------------------------------|-----------------|-------------------------------|
    # | this drain                            | any             | left: once in a drain         |
    # | another drain, less than 15 minutes ago | follows       | left, for now                 |
    # | any other, or SQS itself              | any             | taken                         |
    def _rests(self, received: Received) -> bool:
        by = received.attributes.get(DRAIN_ATTRIBUTE)
        if by is None or by == self.context.drain_id:
            return by is not None
        is_fresh = received.sent_at is not None and datetime.now(UTC) - received.sent_at < DEAD_REST
        return self.context.follow and is_fresh

    def is_drained(self) -> bool:
        """Whether nothing is left to wait for.

        Messages that others work on may come back, and so do those of a worker that died; but nobody waits longer
        than a message can stay hidden without a sign of life. What lies in the dead-letter queue is not waited for.
        """
        if self.clock() < self._coming_until:
            return False
        depth = Depth()
        for queue in self.usable:
            if queue == self.context.queues.dead:
                continue
            try:
                depth += depth_of(self.sqs, queue)
            except ServiceError as error:
                self._failures[queue.name] += 1
                self.troubles[str(error)] += 1
        if depth.total <= len(self.left | self.done):
            return True
        patience = self.context.hold_seconds + MARGIN_SECONDS
        return not depth.delayed and self.clock() - self._progress_at > patience
