"""How many requests may be in flight: found out from the answers, round by round.

A round is as many answers as the window had room for when it began, so about one round trip. At its end the window
changes at most once:

| in the round                                              | then the window                                    |
|-----------------------------------------------------------|----------------------------------------------------|
| a share f of the answers was throttled                    | times 1 - f, at least times `MOST_CUT`             |
| answers took much longer than the shortest ones known     | times `SLOW_CUT`, not below `SLOW_FLOOR`           |
| neither, and it was never cut                             | doubles (slow start)                               |
| neither                                                   | grows by a part, a larger one with each such round |

After a cut the answers that were on their way are let pass before the next round begins: they tell of the old window.
The cut is the share that was refused, not a half each time: a server that takes 95 % of what it gets is close to its
limit, and what 200 workers all halve, none of them uses.

How many requests a worker keeps in flight: a window that follows what the servers answer.
"""

from s3sync.model.limits import MIB
from s3sync.model.outcome import ErrorClass
from s3sync.s3.engine.error_class import classify
from s3sync.s3.request import Reply

ROUND_LEAST = 4
MOST_CUT = 0.5
GROWTH_STEP = 0.1
GROWTH_SHARE = 0.005
GROWTH_ROUNDS = 4
SLOW_CUT = 0.8
SLOW_FLOOR = 8.0
SLOW_TIMES = 2.0
SLOW_SECONDS = 0.010
SLOW_TRIES = 5
SLOW_TRIES_HELP = 0.8
MEDIAN_STEP = 1.05


class Gauge:
    """How long answers of one kind take: a running median, by small steps, so that single slow ones say nothing, and
    the lowest that it ever was at the end of a round."""

    __slots__ = ("lowest", "median", "samples")

    def __init__(self) -> None:
        self.median = 0.0
        self.lowest = 0.0
        self.samples = 0

    def add(self, seconds: float) -> None:
        if seconds > self.median:
            self.median = self.median * MEDIAN_STEP or seconds
        else:
            self.median /= MEDIAN_STEP
        self.samples += 1

    @property
    def is_slow(self) -> bool:
        return self.lowest > 0 and self.median > SLOW_TIMES * self.lowest + SLOW_SECONDS

    def end_round(self) -> bool:
        """True where the round says that answers got slow."""
        if self.samples < ROUND_LEAST:
            return False
        self.samples = 0
        if not self.lowest or self.median < self.lowest:
            self.lowest = self.median
        return self.is_slow


class Window:
    """`limit` is what may be in flight, 1 to `most`. Tell each answer with `throttled`, where it was, and `answered`.

    Latency is a hint only. Where `SLOW_TRIES` cuts on end do not make the answers quicker, the load was not ours: what
    they take now becomes the measure, and the window goes back to where it was.
    """

    __slots__ = (
        "_clean_rounds",
        "_gauges",
        "_is_settling",
        "_left",
        "_most",
        "_refused",
        "_round",
        "_slow_from",
        "_slow_tries",
        "_start_upto",
        "limit",
        "size",
    )

    def __init__(self, start: int, most: int) -> None:
        self._most = most
        self.size = float(min(start, most))
        self.limit = int(self.size)
        self._start_upto = float(most)
        self._gauges: list[Gauge] = []
        self._refused = 0
        self._clean_rounds = 0
        self._is_settling = False
        self._slow_tries = 0
        self._slow_from: tuple[float, tuple[float, ...]] = (self.size, ())
        self._begin(self.limit)

    def gauge(self) -> Gauge:
        """A new gauge, for answers of one kind, that the window heeds."""
        self._gauges.append(Gauge())
        return self._gauges[-1]

    def throttled(self) -> None:
        self._refused += 1

    def answered(self) -> None:
        self._left -= 1
        if self._left <= 0:
            self._end_round()

    def _begin(self, answers: int) -> None:
        self._round = self._left = max(ROUND_LEAST, answers)
        self._refused = 0

    def _end_round(self) -> None:
        before = self.limit
        if self._is_settling:
            self._is_settling = False
            for gauge in self._gauges:
                gauge.samples = 0
        elif self._refused:
            self._cut(max(MOST_CUT, 1.0 - self._refused / self._round), 1.0)
        elif self._is_slow():
            self._on_slow_answers()
        else:
            self._slow_tries = 0
            self._grow()
        self._begin(before if self._is_settling else self.limit)

    def _is_slow(self) -> bool:
        slow = [gauge.end_round() for gauge in self._gauges]  # each of them ends its round
        return any(slow)

    def _grow(self) -> None:
        if self.size < self._start_upto:
            self._set(min(2.0 * self.size, self._start_upto))
            return
        self._clean_rounds = min(self._clean_rounds + 1, GROWTH_ROUNDS)
        self._set(self.size + (GROWTH_STEP + GROWTH_SHARE * self.size) * self._clean_rounds)

    def _cut(self, times: float, least: float) -> None:
        self._clean_rounds = 0
        self._start_upto = 0.0
        self._is_settling = True
        self._set(max(self.size * times, least))

    def _on_slow_answers(self) -> None:
        medians = tuple(gauge.median for gauge in self._gauges)
        if not self._slow_tries:
            self._slow_from = (self.size, medians)
        size, at_first = self._slow_from
        if self._slow_tries < SLOW_TRIES:
            self._slow_tries += 1
            self._cut(SLOW_CUT, min(SLOW_FLOOR, self.size))
            return
        self._slow_tries = 0
        helped = [now <= SLOW_TRIES_HELP * then for now, then in zip(medians, at_first, strict=True)]
        for gauge, has_helped in zip(self._gauges, helped, strict=True):
            if gauge.is_slow and not has_helped:
                gauge.lowest = gauge.median
        if not any(gauge.is_slow for gauge in self._gauges):
            self._start_upto = size

    def _set(self, size: float) -> None:
        self.size = max(1.0, min(size, float(self._most)))
        self.limit = int(self.size)


START = 16
SMALL_BYTES = 1 * MIB
# What takes the same time each time, unless the server is busy. How long a part or a body takes says nothing.
TIMED = ("CopyObject", "HeadObject", "GetObjectTagging")


class AdaptivePace:
    """At least 1, at most `most` requests in flight, from `START` on; it is kept with the engine, so that a batch goes
    on where the last one of its worker ended. The time of a copy counts only where it moves `SMALL_BYTES` or less."""

    def __init__(self, most: int, start: int = START) -> None:
        self._window = Window(start, most)
        self._gauges: dict[str, Gauge] = {operation: self._window.gauge() for operation in TIMED}

    @property
    def limit(self) -> int:
        return self._window.limit

    def on_reply(self, reply: Reply) -> None:
        if reply.code is None:
            request = reply.request
            gauge = self._gauges.get(request.operation)
            if gauge is not None and request.size_bytes <= SMALL_BYTES:
                gauge.add(reply.seconds)
        elif classify(reply.status, reply.code) is ErrorClass.THROTTLED:
            self._window.throttled()
        self._window.answered()
