"""When a failed request is sent again: the one layer that retries (C9)."""

import random
from dataclasses import dataclass

from s3sync.model.outcome import ErrorClass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and after what pause.

    The pause before attempt n+1 is random between the half and the whole of `base * 2 ** (n - 1)`, at most
    `most_seconds`. A throttled request is the server's word that it will do it later, so it gets more attempts and
    longer pauses than one that went wrong (AWS: "Retry behavior").
    """

    max_attempts: int = 6
    max_throttled_attempts: int = 24
    base_seconds: float = 0.2
    throttled_base_seconds: float = 0.5
    most_seconds: float = 20.0

    @classmethod
    def of(cls, max_attempts: int) -> "RetryPolicy":
        """`max_attempts` for what went wrong, four times as many for what was throttled."""
        return cls(max_attempts=max_attempts, max_throttled_attempts=4 * max_attempts)

    # | class     | attempts made                | then                                     |
    # |-----------|------------------------------|------------------------------------------|
    # | throttled | under max_throttled_attempts | pause, from throttled_base_seconds       |
    # | transient | under max_attempts           | pause, from base_seconds                 |
    # | any other |                              | no retry                                 |
    # | any       | as many as allowed           | no retry                                 |
    def pause_seconds(self, error_class: ErrorClass, attempts: int, chance: random.Random) -> float | None:
        """The pause before the next attempt, None where there is none. `attempts` counts those made."""
        if error_class is ErrorClass.THROTTLED:
            most, base = self.max_throttled_attempts, self.throttled_base_seconds
        elif error_class is ErrorClass.TRANSIENT:
            most, base = self.max_attempts, self.base_seconds
        else:
            return None
        if attempts >= most:
            return None
        ceiling = min(self.most_seconds, base * 2.0 ** min(attempts - 1, 32))
        return ceiling * (0.5 + 0.5 * chance.random())
