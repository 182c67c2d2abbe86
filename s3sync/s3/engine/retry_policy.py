"""When a failed request is sent again: the one layer that retries (C9)."""

import math
import random
from dataclasses import dataclass

from s3sync.model.outcome import ErrorClass

# Nothing has succeeded for so long: then a throttled request may fail.
NO_HEADWAY_SECONDS = 600.0
# And whatever else succeeds, after so many attempts it does; with pauses of 15 seconds that is eight hours.
THROTTLED_ATTEMPTS_MOST = 2_000
RETRY_AFTER_MOST_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and after what pause.

    The pause before attempt n+1 is random between the half and the whole of `base * 2 ** (n - 1)`, at most
    `most_seconds`; where the server said how long to wait, that at least, up to `RETRY_AFTER_MOST_SECONDS`. A throttled
    request is the server's word that it will do it later, so it gets more attempts and longer pauses than one that went
    wrong (AWS: "Retry behavior"), and it is not given up while others succeed: that is no fault of its object.
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

    # | class     | attempts made                  | last success        | then                               |
    # |-----------|--------------------------------|---------------------|------------------------------------|
    # | throttled | under max_throttled_attempts   | any                 | pause, from throttled_base_seconds |
    # | throttled | under THROTTLED_ATTEMPTS_MOST  | NO_HEADWAY_SECONDS  | pause, from throttled_base_seconds |
    # |           |                                | ago or later        |                                    |
    # | transient | under max_attempts             | any                 | pause, from base_seconds           |
    # | any other |                                |                     | no retry                           |
    # | any       | as many as allowed             |                     | no retry                           |
    def pause_seconds(
        self,
        error_class: ErrorClass,
        attempts: int,
        chance: random.Random,
        *,
        quiet_seconds: float = math.inf,
        retry_after_seconds: float = 0.0,
    ) -> float | None:
        """The pause before the next attempt, None where there is none. `attempts` counts those made, `quiet_seconds` is
        how long ago any request succeeded."""
        if error_class is ErrorClass.THROTTLED:
            most, base = self.max_throttled_attempts, self.throttled_base_seconds
            if quiet_seconds <= NO_HEADWAY_SECONDS:
                most = max(most, THROTTLED_ATTEMPTS_MOST)
        elif error_class is ErrorClass.TRANSIENT:
            most, base = self.max_attempts, self.base_seconds
        else:
            return None
        if attempts >= most:
            return None
        ceiling = min(self.most_seconds, base * 2.0 ** min(attempts - 1, 32))
        pause = ceiling * (0.5 + 0.5 * chance.random())
        return max(pause, min(retry_after_seconds, RETRY_AFTER_MOST_SECONDS))
