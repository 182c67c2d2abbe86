"""The queues of a test, and the options that name them."""

from dataclasses import dataclass
from typing import Any

from s3sync.queues.find import Queues, depth_of


@dataclass(frozen=True)
class Wired:
    sqs: Any
    queues: Queues
    options: tuple[str, ...]

    @property
    def left(self) -> int:
        return sum(depth_of(self.sqs, queue).total for queue in self.queues.work)
