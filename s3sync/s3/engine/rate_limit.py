"""A limit on requests a second, held by many workers without asking for each request.

The driver lends the whole limit out in shares. Every worker says once a second which share it holds and how much it
could use, and hears its share for the time to come:

    worker   "I hold 120/s, I could use 300/s"   ──>   RateShares   ──>   "hold 150/s"   ──>   TokenBucket

A share counts as lent from the moment it is promised until its holder says that it holds less, so an answer that is
lost lends nothing twice. What a worker does not say good-bye to comes back `SILENT_SECONDS` after its last word.
"""

import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

BURST_SECONDS = 0.1
SILENT_SECONDS = 60.0
GATHER_SECONDS = 5.0
LEVEL_SECONDS = 0.2
HEADROOM = 1.25
UNUSED_SHARE = 0.05
LEAST_PAUSE_SECONDS = 0.002
_ROUNDING = 1e-6


class TokenBucket:
    """What one worker may send: `rate` requests a second, evenly. At most one and `BURST_SECONDS` of them can
    be saved up, and it begins empty. `name` tells workers apart; `limit` is that of the whole run."""

    def __init__(self, rate: float, limit: float, clock: Callable[[], float]) -> None:
        self.name = uuid.uuid4().hex[:16]
        self.rate = self._first_rate = rate
        self._limit = limit
        self._clock = clock
        self._tokens = 0.0
        self._filled_at = self._told_at = clock()
        self._taken = 0
        self._unused = 0.0
        self._has_left = True

    def available(self) -> int:
        """How many requests may be sent now."""
        self._fill()
        return int(self._tokens + _ROUNDING)

    def take(self, requests: int) -> None:
        """Requests were sent, no more than were available."""
        self._tokens -= requests
        self._taken += requests

    def pause_seconds(self) -> float:
        """How long until the next one is available; not so short that waiting would cost more than sending."""
        if self.rate <= 0:
            return math.inf
        return max(LEAST_PAUSE_SECONDS, (1.0 - self._tokens) / self.rate)

    def set_rate(self, rate: float) -> None:
        self._fill()
        self.rate = rate
        self._tokens = min(self._tokens, self._most)

    def word(self) -> dict[str, Any]:
        """What the driver is told: see `RateShares.report`. A worker that had left holds nothing until it is answered;
        unanswered it goes on with what it had."""
        held, self._has_left = 0.0 if self._has_left else self.rate, False
        return {"worker": self.name, "held": held, "wanted": self.wanted()}

    def last_word(self) -> dict[str, Any]:
        """That nothing is sent until the next `word`."""
        self._has_left = True
        return {"worker": self.name, "held": 0.0, "wanted": None}

    def unanswered(self) -> None:
        """The driver can't be reached: go on with what there is, and with the first share where that was nothing."""
        if not self.rate:
            self.set_rate(self._first_rate)

    def wanted(self) -> float:
        """Requests a second that this worker could use: as many as it sent since the last call, where it let some
        pass unused, else as many as there are."""
        self._fill()
        seconds = self._filled_at - self._told_at
        taken, unused = self._taken, self._unused
        if seconds > 0:
            self._taken, self._unused, self._told_at = 0, 0.0, self._filled_at
        if seconds <= 0 or unused <= UNUSED_SHARE * self.rate * seconds:
            return self._limit
        return taken / seconds

    @property
    def _most(self) -> float:
        return 1.0 + self.rate * BURST_SECONDS

    def _fill(self) -> None:
        now = self._clock()
        tokens = self._tokens + (now - self._filled_at) * self.rate
        self._filled_at = now
        self._tokens = min(tokens, self._most)
        self._unused += tokens - self._tokens


@dataclass(slots=True)
class _Lease:
    lent: float
    wanted: float
    heard_at: float


class RateShares:
    """The driver's side. All shares that are lent never exceed `limit` together, however workers come and go; only one
    that is silent for `SILENT_SECONDS` and sends on all the same is beyond it.

    Each gets what it could use where that is under an even share; what is left is spread over the others. In the first
    seconds places are kept for the `expected` workers, so that the first one does not take all.
    """

    def __init__(self, limit: float, expected: int, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._expected = expected
        self._clock = clock
        self._began_at: float | None = None
        self._leases: dict[str, _Lease] = {}
        self._lent = 0.0
        self._level = (0.0, 0.0)
        self._level_at = -math.inf

    @property
    def lent(self) -> float:
        return self._lent

    def report(self, worker: str, held: float, wanted: float) -> float:
        """A worker's word; returns the share it may use from now on."""
        now = self._clock()
        if self._began_at is None:
            self._began_at = now
        lease = self._leases.get(worker)
        if lease is None:
            lease = self._leases[worker] = _Lease(0.0, 0.0, now)
            self._level_at = -math.inf
        lease.wanted, lease.heard_at = min(wanted * HEADROOM + 1.0, self._limit), now
        if now - self._level_at >= LEVEL_SECONDS:
            self._take_back(now)
            self._level, self._level_at = self._even_level(now), now
        most, bonus = self._level
        free = self._limit - (self._lent - lease.lent)
        share = max(0.0, min(min(lease.wanted, most) + bonus, free))
        self._lend(lease, max(share, held))
        return share

    def leave(self, worker: str) -> None:
        """The worker sends nothing until it reports again, with a share of 0."""
        lease = self._leases.pop(worker, None)
        if lease is not None:
            self._lent -= lease.lent
            self._level_at = -math.inf

    def _lend(self, lease: _Lease, share: float) -> None:
        self._lent += share - lease.lent
        lease.lent = share

    def _take_back(self, now: float) -> None:
        for worker in [name for name, lease in self._leases.items() if now - lease.heard_at > SILENT_SECONDS]:
            self.leave(worker)
        self._lent = math.fsum(lease.lent for lease in self._leases.values())

    def _even_level(self, now: float) -> tuple[float, float]:
        """The most that any gets, and what each gets on top where all have what they want."""
        is_gathering = self._began_at is not None and now - self._began_at < GATHER_SECONDS
        places = max(len(self._leases), self._expected if is_gathering else 0)
        wanted = sorted(lease.wanted for lease in self._leases.values())
        wanted += [self._limit] * (places - len(wanted))
        left = self._limit
        for n, each in enumerate(wanted):
            even = left / (places - n)
            if each >= even:
                return even, 0.0
            left -= each
        return self._limit, left / places
