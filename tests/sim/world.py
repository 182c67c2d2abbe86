"""The world of one schedule: the model of S3, its clock, what was written by whom, and everybody who acts.

Only one object matters, on two sides. `Writes` and states are kept as they come to be, so that an oracle can say what
was there at any moment.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from s3sync.demo.s3_model import Refused, Service
from s3sync.demo.s3_model.stored import Bucket, Upload, Version
from tests.sim.choices import Choices

if TYPE_CHECKING:
    from tests.sim.network import Flight, Sender

SOURCE, TARGET, KEY = "source", "target", "key"
BEGINNING = 1_800_000_000.0
WRITES = frozenset({"CopyObject", "PutObject", "CompleteMultipartUpload"})
State = tuple[float, Version | None]  # since when, and what is there; None: nothing


class Violation(Exception):
    """An oracle's word: what must hold did not. `kind` is what many schedules may show alike."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind


@dataclass(slots=True)
class Write:
    """An object that came to be at the target: in the place of what, and by which request; None: by somebody else."""

    version: Version
    replaced: Version | None
    flight: "Flight | None"


@dataclass(slots=True)
class Opened:
    """An upload of the run. `is_late`: opened when whoever asked for it was dead, or waited no more for the answer.
    `is_noted`: written down, so that a later attempt can abort it."""

    sender: "Sender"
    is_late: bool
    is_noted: bool = False


class World:
    def __init__(self, choices: Choices, departs: frozenset[str] = frozenset()) -> None:
        self.choices = choices
        self.story: list[str] | None = None
        self.s3 = Service(departs=departs)
        self.s3.now = BEGINNING
        self.s3.on_write = self._on_write
        self.s3.on_open = self._on_open
        self.on_target_write: Callable[[Write], None] = lambda _: None
        self.writes: list[Write] = []
        self.source_states: list[State] = []
        self.target_states: list[State] = []
        self.source_tags: list[dict[str, str]] = []  # all that the source ever had
        self.opened: dict[str, Opened] = {}
        self.acts: Sequence[Callable[[World], None]] = ()
        self.act_probability = 0.0
        self.is_large = False  # the object is copied by parts
        self.had_fault = False  # some request of the run met one
        self.is_disturbed = False  # somebody else acted
        self.tidying_failed = False
        self.deaths = 0
        self.retagged_at = 0.0
        self._flight: Flight | None = None
        self._replaced: Version | None = None

    def tell(self, line: str) -> None:
        """One line of the story. Where it is costly to make, ask first whether there is a story."""
        if self.story is not None:
            self.story.append(f"{self.s3.now - BEGINNING:8.2f} s  {line}")

    def somebody_acts(self) -> None:
        """Now and then one of those beside the run does something."""
        if self.act_probability and self.choices.happens(self.act_probability):
            self.acts[self.choices.pick(len(self.acts))](self)

    def perform(self, flight: "Flight", call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """A request of the run takes effect."""
        self._flight = flight
        if flight.request.operation in WRITES:
            self._replaced = self.s3.buckets[TARGET].current(KEY)
        return call()

    def others(self, operation: str, bucket: str, **params: Any) -> None:
        """A request of somebody else. One that is refused changes nothing, and is told."""
        self._flight = None
        if operation in WRITES and bucket == TARGET:
            self._replaced = self.s3.buckets[TARGET].current(KEY)
        self.is_disturbed = True
        try:
            self.s3.call(operation, {"Bucket": bucket, "Key": KEY, **params})
        except Refused as refused:
            self.tell(f"somebody else: {operation} on the {bucket} is refused: {refused.code}")
            return
        if operation == "DeleteObject":
            (self.source_states if bucket == SOURCE else self.target_states).append((self.s3.now, None))
        self.tell(f"somebody else: {operation} on the {bucket}")

    def _on_write(self, bucket: Bucket, _key: str, version: Version) -> None:
        if bucket.name == SOURCE:
            self.source_states.append((self.s3.now, version))
            self.source_tags.append(version.described.tags)
            return
        self.target_states.append((self.s3.now, version))
        write = Write(version, self._replaced, self._flight)
        self.writes.append(write)
        self.on_target_write(write)

    def _on_open(self, _bucket: Bucket, upload: Upload) -> None:
        flight = self._flight
        if flight is not None:
            self.opened[upload.upload_id] = Opened(flight.sender, flight.is_given_up or flight.sender.is_dead)


def during(states: Sequence[State], since: float, until: float) -> list[Version | None]:
    """What was there at any moment from one time to the other."""
    found: list[Version | None] = []
    for at, (time, version) in enumerate(states):
        ends = states[at + 1][0] if at + 1 < len(states) else float("inf")
        if time <= until and ends >= since:
            found.append(version)
    if not states or states[0][0] > since:
        found.append(None)
    return found
