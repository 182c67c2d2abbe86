"""How many requests a worker keeps in flight: a window that follows what the servers answer."""

from s3sync.aws.classify import classify
from s3sync.aws.transport import Reply
from s3sync.model.limits import MIB
from s3sync.model.outcome import ErrorClass
from s3sync.planning.window import Gauge, Window

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
