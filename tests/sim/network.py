"""Requests on their way: each takes effect at an instant of its own, and its answer comes, or does not.

    send ──> (anything may happen) ──> effect ──> (anything may happen) ──> answer ──> the operation goes on
               └── the fate of the request, drawn when it is sent, may cut this short anywhere

A `Sender` is one attempt at one operation. It does what the engine does with answers: those that pass are asked for
again, some times, and the operation sees the last one. A sender that dies leaves its requests on their way.
"""

from collections.abc import Generator, Sequence
from enum import IntEnum
from typing import Any

from s3sync.demo.s3_model import OPERATIONS, Refused
from s3sync.s3.engine.error_class import classify
from s3sync.s3.request import Reply, Request, nameless_code
from tests.sim.world import TARGET, Violation, World

SENDS_MAX = 4
STEPS_MAX = 400
STEP_SECONDS = 0.05
CONDITIONS = {"IfMatch", "IfNoneMatch"}


class Fate(IntEnum):
    """What becomes of one request and of its answer."""

    ANSWERED = 0
    LOST_BEFORE = 1  # the connection breaks, nothing was done
    LOST_AFTER = 2  # it was done, the answer is lost
    SLOW_DOWN = 3  # 503, nothing was done
    ERROR_AFTER = 4  # 500, and it was done all the same
    ERROR_IN_200 = 5  # 200 with an error in its body; nothing was done
    LATE = 6  # given up by who sent it, and done some time later
    EXPIRED = 7  # credentials, in the middle of the run
    CONFLICT = 8  # 409: another write at the same moment; only to a write with a condition
    STRANGER = 9  # 404 of a load balancer, which knows nothing of any object


# As often as it stands here; the first is the plainest.
FATES = (
    *(Fate.ANSWERED,) * 50,
    *(Fate.LOST_BEFORE,) * 2,
    *(Fate.LOST_AFTER,) * 3,
    *(Fate.SLOW_DOWN,) * 2,
    *(Fate.ERROR_AFTER,) * 2,
    Fate.ERROR_IN_200,
    *(Fate.LATE,) * 2,
    Fate.EXPIRED,
    Fate.CONFLICT,
    Fate.STRANGER,
)
_REFUSALS = {
    Fate.LOST_BEFORE: (0, "ConnectionError"),
    Fate.LOST_AFTER: (0, "ConnectionError"),
    Fate.SLOW_DOWN: (503, "SlowDown"),
    Fate.ERROR_AFTER: (500, "InternalError"),
    Fate.ERROR_IN_200: (200, "InternalError"),
    Fate.LATE: (0, "Timeout"),
    Fate.EXPIRED: (400, "ExpiredToken"),
    Fate.CONFLICT: (409, "ConditionalRequestConflict"),
}
_IS_DONE = frozenset({Fate.ANSWERED, Fate.LOST_AFTER, Fate.ERROR_AFTER, Fate.LATE})


class Flight:
    """One request on its way. `sends` counts how often it was sent, this time included."""

    __slots__ = ("fate", "first_sent_at", "is_given_up", "place", "reply", "request", "sender", "sends", "sent_at")

    def __init__(self, sender: "Sender", place: int, request: Request, sends: int, now: float, first: float) -> None:
        self.sender: Sender = sender
        self.place = place
        self.request = request
        self.sends = sends
        self.sent_at = now
        self.first_sent_at = first
        self.fate = Fate.ANSWERED
        self.reply: Reply | None = None
        self.is_given_up = False


class Network:
    def __init__(self, world: World) -> None:
        self.world = world
        self.flights: list[Flight] = []

    def send(self, flight: Flight) -> None:
        fate = FATES[self.world.choices.pick(len(FATES))]
        if fate is not Fate.ANSWERED and (fate is not Fate.CONFLICT or CONDITIONS & flight.request.params.keys()):
            flight.fate = fate
            self.world.had_fault = True
        self.flights.append(flight)

    def run(self, senders: Sequence["Sender"]) -> None:
        """Until each of them is done or dead."""
        steps = 0
        while not all(sender.is_done or sender.is_dead for sender in senders):
            steps += 1
            if steps > STEPS_MAX:
                raise Violation("C9: an operation does not end", f"{senders[0].name}, after {STEPS_MAX} steps")
            self.step()

    def step(self) -> None:
        self.world.somebody_acts()
        self._progress()

    def drain(self) -> None:
        """Until nothing is on its way any more."""
        while self.flights:
            self._progress()

    def _progress(self) -> None:
        """One request goes one step further."""
        world, flights = self.world, self.flights
        at = world.choices.pick(len(flights)) if len(flights) > 1 else 0
        flight = flights[at]
        world.s3.now += STEP_SECONDS
        if flight.reply is not None:
            del flights[at]
            self._deliver(flight, flight.reply)
        elif flight.sender.is_dead or flight.is_given_up:
            del flights[at]
            if flight.fate in _IS_DONE:
                self._effect(flight)
        elif flight.fate is Fate.ANSWERED:
            reply = self._effect(flight)
            if world.choices.happens(0.12):
                flight.reply = reply  # anything may happen before it arrives
            else:
                del flights[at]
                self._deliver(flight, reply)
        else:
            self._go_wrong(flight, at)

    def _go_wrong(self, flight: Flight, at: int) -> None:
        if flight.fate is Fate.LATE:
            flight.is_given_up = True  # and stays on its way
        else:
            del self.flights[at]
            if flight.fate in _IS_DONE:
                self._effect(flight)
        if flight.fate is Fate.STRANGER:
            status, code = 404, nameless_code(flight.request, 404, has_request_id=False)
        else:
            status, code = _REFUSALS[flight.fate]
        if self.world.story is not None:
            name = flight.fate.name.lower().replace("_", " ")
            self.world.tell(f"{flight.sender.name}: {flight.request.operation} gets {code} ({name})")
        self._deliver(flight, Reply(flight.request, status, code))

    def _deliver(self, flight: Flight, reply: Reply) -> None:
        if not flight.sender.is_dead:
            flight.sender.take(flight, reply)

    def _effect(self, flight: Flight) -> Reply:
        """What S3 makes of the request in this instant."""
        request, world = flight.request, self.world
        act = OPERATIONS[request.operation]
        try:
            values = world.perform(flight, lambda: act(world.s3, request.params))
            reply = Reply(request, 200, None, "", {"Body": _page(values)} if request.is_raw else values)
        except Refused as refused:
            values = {**refused.details, "RequestId": "1"}
            reply = Reply(request, refused.status, refused.code, refused.message, values)
        except Violation:
            world.tell(f"{flight.sender.name}: {_named(request)}: done")
            raise
        if world.story is not None:
            late = ", late" if flight.sender.is_dead or flight.is_given_up else ""
            world.tell(f"{flight.sender.name}: {_named(request)}: {reply.code or 'done'}{late}")
        if request.operation == "HeadObject" and request.params["Bucket"] == TARGET:
            flight.sender.has_looked = True
        return reply


class Sender:
    """One attempt. `is_tied`: it may copy only what was planned; `has_looked`: it has seen the target."""

    def __init__(
        self, network: Network, name: str, operation: Generator[Any, Any, Any], *, is_tied: bool = True
    ) -> None:
        self.name = name
        self.is_tied = is_tied
        self.has_looked = False
        self.is_done = False
        self.is_dead = False
        self.result: Any = None
        self.began_at = network.world.s3.now
        self._network = network
        self._operation = operation
        self._replies: list[Any] = []
        self._missing = 0
        self._advance(None)

    def take(self, flight: Flight, reply: Reply) -> None:
        world = self._network.world
        now = world.s3.now
        code = reply.code
        if code is not None:
            if flight.sends < SENDS_MAX and classify(reply.status, code).is_retried:
                again = Flight(self, flight.place, flight.request, flight.sends + 1, now, flight.first_sent_at)
                self._network.send(again)
                return
            if code != "NoSuchUpload" and flight.request.operation in ("AbortMultipartUpload", "ListMultipartUploads"):
                world.tidying_failed = True
        reply.attempts = flight.sends
        reply.seconds = now - flight.sent_at
        reply.earlier_seconds = flight.sent_at - flight.first_sent_at
        self._replies[flight.place] = reply
        self._missing -= 1
        if not self._missing:
            self._advance(self._replies)

    def die(self) -> None:
        """Its requests stay on their way; nobody waits for the answers."""
        self.is_dead = True
        world = self._network.world
        world.deaths += 1
        world.tell(f"{self.name} dies")

    def _advance(self, replies: Sequence[Reply] | None) -> None:
        try:
            requests = next(self._operation) if replies is None else self._operation.send(replies)
            while not requests:  # what it noted is written down by now
                requests = self._operation.send([])
        except StopIteration as end:
            self.result, self.is_done = end.value, True
            if self._network.world.story is not None:
                self._network.world.tell(f"{self.name} ends: {_shown(end.value)}")
            return
        self._replies = [None] * len(requests)
        self._missing = len(requests)
        now = self._network.world.s3.now
        for place, request in enumerate(requests):
            self._network.send(Flight(self, place, request, 1, now, now))


def _page(values: dict[str, Any]) -> bytes:
    """A list as it comes over the wire."""
    if "Annotations" in values:
        return _elements("ListObjectAnnotationsResult", "AnnotationEntry", values["Annotations"])
    rows = [{**row, "LastModified": f"{row['LastModified']:%Y-%m-%dT%H:%M:%S.000Z}"} for row in values["Contents"]]
    more = {"KeyCount": values["KeyCount"], "IsTruncated": str(values["IsTruncated"]).lower()}
    return _elements("ListBucketResult", "Contents", rows, **more)


def _elements(root: str, entry: str, rows: Sequence[dict[str, Any]], **more: object) -> bytes:
    def text(row: dict[str, Any]) -> str:
        return "".join(f"<{name}>{value}</{name}>" for name, value in row.items())

    entries = "".join(f"<{entry}>{text(row)}</{entry}>" for row in rows)
    return f"<{root}>{text(more)}{entries}</{root}>".encode()


def _named(request: Request) -> str:
    conditions = [f"{name} {value}" for name, value in request.params.items() if "If" in name]
    return ", ".join([f"{request.operation} on the {request.params['Bucket']}", *conditions])


def _shown(result: Any) -> str:
    result = getattr(result, "finding", result)
    names = ("status", "verdict", "reason", "error_code", "verified", "evidence", "message", "detail", "upload_id")
    shown = [str(getattr(result, name)) for name in names if getattr(result, name, None)]
    return ", ".join(shown) or str(result)
