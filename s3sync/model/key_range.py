"""Ranges of the key space: `(after, upto]`, so a boundary belongs to the range on its left (C5).

Keys compare by code point, which is the order of their UTF-8 bytes and of S3's listings. `after` is "" at the
beginning (no key is empty); `upto` is None where the range has no end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class KeyRange:
    after: str = ""
    upto: str | None = None

    def __post_init__(self) -> None:
        if self.upto is not None and self.upto <= self.after:
            raise ValueError(f"a range must end behind its beginning: ({self.after!r}, {self.upto!r}]")

    def holds(self, key: str) -> bool:
        return key > self.after and (self.upto is None or key <= self.upto)

    def split(self, cuts: Iterable[str]) -> list["KeyRange"]:
        """The ranges that `cuts` make of this one; cuts outside of it are passed over."""
        inside = sorted({cut for cut in cuts if cut != self.upto and self.holds(cut)})
        edges = [self.after, *inside]
        return [KeyRange(low, high) for low, high in zip(edges, [*inside, self.upto], strict=True)]


def tiles(whole: KeyRange, parts: Sequence[KeyRange]) -> bool:
    """True where the parts cover the whole, each key once."""
    if not parts:
        return False
    ordered = sorted(parts, key=lambda part: part.after)
    ends_meet = all(left.upto == right.after for left, right in pairwise(ordered))
    return ends_meet and (ordered[0].after, ordered[-1].upto) == (whole.after, whole.upto)


def gaps(whole: KeyRange, parts: Iterable[KeyRange]) -> list[KeyRange]:
    """What of the whole no part covers, in order. Parts may overlap one another and reach beyond the whole."""
    found: list[KeyRange] = []
    after = whole.after
    for part in sorted(parts, key=lambda part: part.after):
        if part.after > after:
            if whole.upto is not None and part.after >= whole.upto:
                break
            found.append(KeyRange(after, part.after))
        if part.upto is None:
            return found
        after = max(after, part.upto)
    if whole.upto is None or after < whole.upto:
        found.append(KeyRange(after, whole.upto))
    return found


def overlaps(left: KeyRange, right: KeyRange) -> bool:
    """True where a key could lie in both."""
    return (right.upto is None or left.after < right.upto) and (left.upto is None or right.after < left.upto)
