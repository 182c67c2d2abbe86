"""Dead letters back to work: all of them, or those of an error or a run.

The server's own move (StartMessageMoveTask) knows no filter and keeps the count of attempts, so it is not used.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from s3sync.queues.find import Queues
from s3sync.queues.messages import Message, PoisonError, QueuedTask, from_text
from s3sync.queues.send_failures import Route, send_tasks
from s3sync.queues.sqs import Received, delete, hold, receive

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

WAIT_SECONDS = 1
HOLD_SECONDS = 300
SEEN_MOST = 10  # answers in a row with nothing new in them


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tasks; an empty set lets everything through."""

    error_codes: frozenset[str] = frozenset()
    runs: frozenset[str] = frozenset()

    def takes(self, message: Message, queued: QueuedTask) -> bool:
        is_run = not self.runs or message.run_id in self.runs
        return is_run and (not self.error_codes or queued.code in self.error_codes)


@dataclass(slots=True)
class Redriven:
    """Tasks that went, and those that stay in the dead-letter queue; poison messages stay. `not_sent` counts tasks that
    should have gone, by the reason; `twice` messages of which something is in both queues now, which does no harm (C8).
    """

    sent: int = 0
    stay: int = 0
    poison: int = 0
    not_sent: Counter[str] = field(default_factory=Counter)
    twice: int = 0

    @property
    def lines(self) -> list[str]:
        said = [
            f"{count:,} {what}"
            for count, what in (
                (self.sent, "tasks sent to the work queues"),
                (self.stay, "tasks left"),
                (self.poison, "poison messages left"),
                (self.twice, "messages that are in the dead-letter queue all the same"),
                *((count, f"tasks not sent: {reason}") for reason, count in self.not_sent.items()),
            )
            if count
        ]
        return said or ["Nothing is in the dead-letter queue"]


def redrive(sqs: "SQSClient", queues: Queues, batch_num: int, wanted: Wanted) -> Redriven:
    """Move tasks from the dead-letter queue to the work queues; all their attempts but one are forgiven.

    Each message is looked at once: those that stay are hidden meanwhile, and where they come again it ends (C9). Raises
    ServiceError where the queue can't be read.
    """
    done = Redriven()
    if queues.dead is None:
        return done
    seen: set[str] = set()
    staying: list[Received] = []
    seen_only = 0
    while seen_only < SEEN_MOST and (found := receive(sqs, queues.dead, 10, WAIT_SECONDS, HOLD_SECONDS)):
        new = [received for received in found if received.message_id not in seen]
        seen_only = 0 if new else seen_only + 1
        seen.update(received.message_id for received in new)
        gone = [received for received in new if _Letter(sqs, queues, batch_num, received).redriven(wanted, done)]
        staying.extend(replace(received, body="") for received in found if received not in gone)
        done.twice += len(delete(sqs, gone).messages)
    hold(sqs, staying, 0)
    return done


@dataclass(frozen=True, slots=True)
class _Letter:
    """A dead letter in hand."""

    sqs: "SQSClient"
    queues: Queues
    batch_num: int
    received: Received

    def redriven(self, wanted: Wanted, done: Redriven) -> bool:
        """True where nothing of it is to stay as it is. One of which only some tasks are wanted is divided."""
        try:
            message = from_text(self.received.body)
        except PoisonError:
            done.poison += 1
            return False
        chosen = [queued for queued in message.tasks if wanted.takes(message, queued)]
        rest = [queued for queued in message.tasks if not wanted.takes(message, queued)]
        if not chosen:
            done.stay += len(rest)
            return False
        buckets = (message.source_bucket, message.target_bucket)
        again = [queued.redriven() for queued in chosen]
        sent = send_tasks(self.sqs, Route(self.queues.work, message.run_id, buckets, self.batch_num), again)
        done.sent += sent.tasks
        if sent.left:
            done.not_sent[sent.trouble or "unknown"] += len(chosen) - sent.tasks
            done.twice += bool(sent.tasks)
            return False
        done.stay += len(rest)
        if rest and not self._put_back(message, rest):
            done.twice += 1
            return False
        return True

    def _put_back(self, message: Message, rest: list[QueuedTask]) -> bool:
        """A letter of what stays, with the reasons that the old one has."""
        if self.queues.dead is None:
            return False
        buckets = (message.source_bucket, message.target_bucket)
        route = Route((self.queues.dead,), message.run_id, buckets, self.batch_num)
        return not send_tasks(self.sqs, route, rest, self.received.attributes).left
