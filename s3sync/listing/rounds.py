"""How a listing's ranges go to the workers: in rounds, each a stage of one task a slot.

A round ends when all its ranges are done, when its time is over, or when slots that idle have cost as much as another
round would: then what is left is handed back and shared out anew.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from s3sync.listing.split import Lane
from s3sync.listing.split_scheduler import MIN_PAGES

ROUND_SECONDS = 30.0
ROUND_COST_SECONDS = 0.4  # what a slot loses between two rounds
FIRST_RANGES_PER_SLOT = 2


def share_out(ranges: Iterable[Lane], slots: int, *, may_cut: bool = True) -> list[list[Lane]]:
    """The ranges as one list a task, at most `slots` of them, with about the same number of pages each.

    While there are fewer ranges than slots, the largest are cut, but only where it is known how their rest is spread.
    """
    lanes = list(ranges)
    while may_cut and 0 < len(lanes) < slots:
        part = _cut_one(lanes)
        if part is None:
            break
        lanes.append(part)
    lanes.sort(key=lambda lane: -lane.estimated_pages)
    tasks: list[list[Lane]] = [[] for _ in range(min(slots, len(lanes)))]
    loads = [0.0] * len(tasks)
    for lane in lanes:
        least = min(range(len(tasks)), key=lambda task: (loads[task], len(tasks[task])))
        tasks[least].append(lane)
        loads[least] += max(lane.estimated_pages, 1.0)
    return tasks


def first_ranges(tasks: int, slots: int, lanes: int) -> int | None:
    """How many ranges each task of the first round is to find before it hands them back; None where all slots have a
    task. A task never has more ranges than it has `lanes`."""
    return min(-(-FIRST_RANGES_PER_SLOT * slots // tasks), lanes) if 0 < tasks < slots else None


def _cut_one(lanes: Sequence[Lane]) -> Lane | None:
    for lane in sorted(lanes, key=lambda lane: -lane.estimated_pages):
        if lane.estimated_pages < 2 * MIN_PAGES:
            return None
        place = None if lane.is_deep else lane.cut()
        if place is not None:
            return lane.split(place)
    return None


@dataclass(slots=True)
class IdleWatch:
    """Decides when a round is to end early, from what is seen of its tasks now and then."""

    idle_seconds: float = 0.0
    _seen_at: float | None = None

    def should_end(self, now: float, slots: int, unfinished: int, pages_left: float) -> bool:
        """`slots` tasks could run now; `unfinished` ones run, or wait for a slot, and think that they have `pages_left`
        together."""
        before = now if self._seen_at is None else self._seen_at
        self._seen_at = now
        idle = slots - unfinished
        if idle <= 0 or unfinished <= 0:
            return False
        self.idle_seconds += idle * (now - before)
        return pages_left > MIN_PAGES * unfinished and self.idle_seconds > ROUND_COST_SECONDS * slots
