"""A range while it is listed: what is known of the rest of it, how large that may be, and where to cut it.

Nobody describes the key space. What is known are the keys that came: how far a page moved, and at which character.

| the keys seen so far ...                          | cut                                                     |
|---------------------------------------------------|---------------------------------------------------------|
| differ only deep inside, where nothing says        | behind a prefix half-way between the two levels: either |
| whether more follows at the levels above           | keys lie there, or half of the levels are done with     |
| differ at the first character that can differ      | half-way by the characters seen                         |
| leave no character of these families to the right  | behind all that begin as the last key does              |

A cut is never wrong, whatever lies there: at worst one page comes that holds nothing of its range, and then this is
known of the range for good. Pure: no clock, no requests.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from s3sync.listing.key_space import Alphabet, Ruler, behind, common_length, shared_by_all

PAGE_KEYS = 1000
SAMPLES_MAX = 12
UNKNOWN_PAGES = 32
RECENT_PAGES = 6  # what the estimate looks back at
ESTIMATE_GROWTH = 64  # the rest is taken for at most so many times what was listed


@dataclass(slots=True)
class Lane:
    """A range `(after, upto]` below `prefix` that is listed from its beginning on; `after` moves with the pages.

    `origin` is a key known to lie before the range or in it, `page_firsts` are the first keys of the last pages, the
    newest one last, `samples` some keys seen nearby; `alphabet` is what all keys together have taught.
    `expected_pages` is what whoever made the range thinks of it, and holds until a page has come.
    """

    prefix: str
    after: str = ""
    upto: str | None = None
    expected_pages: float = UNKNOWN_PAGES
    origin: str | None = None
    page_firsts: tuple[str, ...] = ()
    pages: int = 0
    samples: tuple[str, ...] = ()
    alphabet: Alphabet = field(default_factory=Alphabet, repr=False, compare=False)
    _estimate: float | None = field(default=None, repr=False, compare=False)

    def took(self, keys: Sequence[str]) -> None:
        """A page came that goes on behind its last key: `keys` are its first one, some others, and its last one."""
        self.pages += 1
        self.after = keys[-1]
        self.page_firsts = (*self.page_firsts, keys[0])[-RECENT_PAGES:]
        self.origin = self.origin or keys[0]
        self.samples = (*keys, *self.samples)[:SAMPLES_MAX]
        self._estimate = None

    @property
    def end(self) -> str | None:
        """The first place behind the range; None where the key space ends."""
        below = behind(self.prefix)
        return below if self.upto is None or (below is not None and below < self.upto) else self.upto

    @property
    def is_deep(self) -> bool:
        """True where the keys seen say nothing of the levels at which the rest may differ."""
        return self.origin is not None and self._level() > len(self._shared()) + 1

    @property
    def estimated_pages(self) -> float:
        """How many pages are left, roughly; at least 0."""
        if self._estimate is None:
            self._estimate = self._guess()
        return self._estimate

    def cut(self) -> str | None:
        """Where to cut the rest, strictly within it; None where there is no good place."""
        if self.pages == 0 and not self.samples:
            return None
        shared, end = self._shared(), self.end
        level = self._level()
        if level > len(shared) + 1:
            place = behind(self._middle_prefix(shared, level))
        else:
            place = self._half_way(shared, end) or behind(self.after[: len(shared) + 1])
        return place if self._is_inside(place, end) else None

    def split(self, place: str) -> "Lane":
        """Keep what is up to `place`; the returned lane has the rest."""
        half = self.estimated_pages / 2
        other = Lane(self.prefix, place, self.upto, half, self.after or self.origin)
        other.samples, other.alphabet = self.samples, self.alphabet
        self.upto = place
        self._estimate = None
        if self.pages == 0:
            self.expected_pages = half
        return other

    def _shared(self) -> str:
        """What begins all keys of the rest, and the `/` or `-` behind it that all keys seen have there."""
        shared = max(self.prefix, shared_by_all(self.after, self.end), key=len)
        while self.after.startswith(shared):
            following = {
                key[len(shared) : len(shared) + 1] for key in (self.after, *self.samples) if key.startswith(shared)
            }
            if len(following) != 1 or (character := following.pop()) == "" or character.isalnum():
                break
            shared += character
        return shared

    def _level(self) -> int:
        """The first character in which keys differ: those of the last pages where these are enough, else those since
        `origin`."""
        since = self.page_firsts[0] if len(self.page_firsts) == RECENT_PAGES else self.origin
        return common_length(since, self.after) if since is not None else 0

    def _middle_prefix(self, shared: str, level: int) -> str:
        """What the last key begins with, half-way between two levels; whole names where there are any."""
        ends = [at + 1 for at in range(len(shared), level) if not self.after[at].isalnum()]
        return self.after[: ends[len(ends) // 2] if ends else (len(shared) + 1 + level) // 2]

    def _ruler(self, shared: str) -> Ruler:
        return Ruler(shared, (self.after, *self.samples), self.alphabet)

    def _half_way(self, shared: str, end: str | None) -> str | None:
        ruler = self._ruler(shared)
        low = ruler.place(self.after) if self.after.startswith(shared) else 0
        high = ruler.place(end if end is not None and end.startswith(shared) else None)
        place = ruler.text((low + high) // 2, (high - low) // 32)
        return place if self._is_inside(place, end) else None

    def _is_inside(self, place: str | None, end: str | None) -> bool:
        return place is not None and self.after < place and (end is None or place < end)

    def _guess(self) -> float:
        """What is left, by how far the last pages moved."""
        if not self.page_firsts:
            return self.expected_pages
        most = float(ESTIMATE_GROWTH * self.pages)
        shared, end, since = self._shared(), self.end, self.page_firsts[0]
        if self._level() > len(shared) + 1:
            return max(UNKNOWN_PAGES, most / 8)
        common = shared[: common_length(shared, since)]
        ruler = self._ruler(common)
        here = ruler.place(self.after)
        left = ruler.place(end if end is not None and end.startswith(common) else None) - here
        moved = here - ruler.place(since)
        return min(len(self.page_firsts) * left / moved, most) if moved > 0 else most
