"""SQS: at least once, in no order. A message that is received is hidden for a while, and comes back if nobody deletes
it; received too often, it goes to the dead-letter queue.

Sources: "Amazon SQS visibility timeout", "at-least-once delivery", "dead-letter queues" [embedded].
"""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Message:
    message_id: str
    body: str
    visible_at: float = 0.0
    receives: int = 0
    receipt: str = ""  # of the last receive: an older one does not delete [embedded]


@dataclass(slots=True)
class Queue:
    """`pick` chooses among so many messages which one comes: SQS promises no order. `repeats` says of a message that is
    hidden whether it comes all the same: at least once is no exactly once."""

    pick: Callable[[int], int]
    repeats: Callable[[], bool] = lambda: False
    visibility_seconds: float = 30.0
    max_receives: int = 0  # 0: no dead-letter queue
    dead: "Queue | None" = None
    messages: list[Message] = field(default_factory=list)
    numbers: int = 0

    def send(self, body: str, now: float) -> str:
        """A repeat of a send whose answer was lost makes a second message."""
        self.numbers += 1
        self.messages.append(Message(f"m{self.numbers}", body, now))
        return f"m{self.numbers}"

    def receive(self, now: float) -> Message | None:
        """One message, hidden from now on for the visibility timeout; None where none is visible."""
        ready = [each for each in self.messages if each.visible_at <= now or self.repeats()]
        while ready:
            message = ready.pop(self.pick(len(ready)))
            if self.dead is not None and message.receives >= self.max_receives:
                self.messages.remove(message)
                self.dead.messages.append(message)
                continue
            self.numbers += 1
            message.receives += 1
            message.visible_at, message.receipt = now + self.visibility_seconds, f"r{self.numbers}"
            return message
        return None

    def delete(self, receipt: str) -> None:
        """By the receipt of the last receive; any other one is told as done and deletes nothing."""
        self.messages = [each for each in self.messages if each.receipt != receipt]

    def change_visibility(self, receipt: str, seconds: float, now: float) -> None:
        for each in self.messages:
            if each.receipt == receipt:
                each.visible_at = now + seconds
