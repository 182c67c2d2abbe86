"""The queues of a test, and the options that name them."""

from dataclasses import dataclass, field
from typing import Any

from s3sync.aws.queues import Queue, Queues, depth_of


@dataclass(frozen=True)
class Wired:
    sqs: Any
    queues: Queues
    options: tuple[str, ...]
    held: list[tuple[Queue, str]] = field(default_factory=list)  # messages that a test looked at

    @property
    def left(self) -> int:
        return sum(depth_of(self.sqs, queue).total for queue in self.queues.work)
