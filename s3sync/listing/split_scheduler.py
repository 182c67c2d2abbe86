"""One worker's ranges, shared out among its requests in flight.

Each lane is one range with one request in flight. Where a lane could run and no range waits, the largest one is cut;
a cut is tried again only when the first page of the new part has shown what lies there. Tries that hit nothing are
bounded by a share of the pages.

    [waiting] ──next()──> [active] ──page()──> done
        ^                    │ cut, while lanes are idle
        └────────────────────┘                      close(): what is left of both is handed back by `rests`
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from s3sync.listing.key_space import Alphabet
from s3sync.listing.split import Lane

MIN_PAGES = 8  # a range that is thought to be smaller is not cut: half a page is lost at each cut
MISSES_FREE = 4
MISSES_FREE_PER_LANE = 2  # for a worker that looks where the work is
MISSES_PER_PAGE = 0.02


@dataclass(slots=True)
class SharingCounts:
    """`misses`: cuts that showed an empty range, or next to nothing in it."""

    pages: int = 0
    cuts: int = 0
    misses: int = 0


class Sharing:
    """`lanes` is how many requests may be in flight. `enough`: close by itself once so many ranges could be handed
    back, for a worker that only finds out where the work is while others wait for it. Without `may_cut` each range
    stays in one piece."""

    def __init__(
        self, ranges: Iterable[Lane], lanes: int, alphabet: Alphabet, enough: int | None = None, *, may_cut: bool = True
    ) -> None:
        self.counts = SharingCounts()
        self.is_closed = False
        self._lanes = lanes
        self._may_cut = may_cut
        self._enough = enough
        self.alphabet = alphabet
        self._misses_free = MISSES_FREE + (0 if enough is None else MISSES_FREE_PER_LANE * lanes)
        self._waiting = sorted(ranges, key=lambda lane: lane.estimated_pages)
        self._active: dict[int, Lane] = {}
        self._on_trial: dict[int, Lane] = {}  # by the new part: the lane that it was cut from

    def next(self) -> Lane | None:
        """A range to list now; None where none is left that could be had, for the time being."""
        if self.is_closed or len(self._active) >= self._lanes:
            return None
        lane = self._waiting.pop() if self._waiting else self._cut()
        if lane is not None:
            lane.alphabet = self.alphabet
            self._active[id(lane)] = lane
        return lane

    def page(self, lane: Lane, keys: Sequence[str], objects: int, *, is_last: bool) -> bool:
        """A page came: `keys` are some of the range's, from the first to the last; True where the lane is to go on."""
        self.counts.pages += 1
        parent = self._on_trial.pop(id(lane), None) if keys or is_last else None
        if parent is not None and keys:
            self.alphabet.learn(keys[0])
        if is_last:
            self._active.pop(id(lane))
            self.counts.misses += parent is not None and objects == 0
            return False
        if keys:
            lane.took(keys)
        if self._enough is not None and self._sharable() >= self._enough:
            self.close()
        return not self.is_closed

    def close(self) -> None:
        """Start nothing more; each lane ends with the page that is in flight, or the next one by which it moves."""
        self.is_closed = True

    @property
    def rests(self) -> list[Lane]:
        """What is not listed yet; complete once no request is in flight."""
        return [*self._waiting, *self._active.values()]

    @property
    def estimated_pages(self) -> float:
        return sum(lane.estimated_pages for lane in self.rests)

    def _sharable(self) -> int:
        return len(self._waiting) + len(self._active) - len(self._on_trial)

    def _cut(self) -> Lane | None:
        if not self._may_cut or self.counts.misses > self._misses_free + MISSES_PER_PAGE * self.counts.pages:
            return None
        tried = {id(lane) for lane in self._on_trial.values()} | self._on_trial.keys()
        for lane in sorted(self._active.values(), key=lambda lane: -lane.estimated_pages):
            if lane.estimated_pages < MIN_PAGES:
                return None
            place = None if id(lane) in tried else lane.cut()
            if place is not None:
                part = lane.split(place)
                self._on_trial[id(part)] = lane
                self.counts.cuts += 1
                return part
        return None
