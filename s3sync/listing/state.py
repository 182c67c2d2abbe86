"""What a listing leaves behind: segments with the keys, and rows that prove which ranges they hold completely.

    {folder}{round}-{task}-{attempt}-{segment}.parquet   the keys of several ranges, in order
    {state}tasks/{round}-{task}-{attempt}.json           what this attempt of a task has listed so far
    {state}rounds/{round}.json                           all that the tasks of a round have listed
    {state}manifest.json                                 the commit: all segments and ranges (C5)

A row `(after, upto]` says that all keys of this range are in segments that were written before the row. So whoever
comes later lists what no row covers, and nothing else: at most what was held in memory is listed again.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from s3sync.errors import InvariantBroken
from s3sync.model.key_range import KeyRange, gaps, overlaps, tiles
from s3sync.runs.folder import SCHEMA_VERSION

RANGE_OBJECTS = 1_000_000  # neighbours are told as one range up to this size


@dataclass(frozen=True, slots=True)
class ListedRange:
    """The proof of one range of one prefix: what was found, and that it is all there is.

    A segment holds pieces of several ranges, and is named by the one that comes first in it.
    """

    prefix: str
    after: str
    upto: str | None
    first_key: str | None
    last_key: str | None
    objects: int
    size_bytes: int
    pages: int
    segments: tuple[str, ...] = ()
    done: bool = True

    @property
    def range(self) -> KeyRange:
        return KeyRange(self.after, self.upto)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "ListedRange":
        return cls(**{**value, "segments": tuple(value["segments"])})


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of keys. `objects` were listed into it, `rows` of them it holds, the filters having dropped the others;
    `ranges` are those that it has pieces of, with nothing else in it."""

    file: str
    objects: int
    rows: int
    size_bytes: int
    ranges: tuple[ListedRange, ...]
    dropped: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Segment":
        return cls(**{**value, "ranges": tuple(map(ListedRange.from_json, value["ranges"]))})


@dataclass(frozen=True, slots=True)
class Calls:
    """LIST requests of a listing. `empty`: pages that brought nothing of the range they were asked for; `overlap`:
    objects that came twice and were dropped; `cuts` of ranges, and `misses` of them that cut off nothing."""

    requests: int = 0
    pages: int = 0
    empty: int = 0
    overlap: int = 0
    cuts: int = 0
    misses: int = 0
    retries: int = 0
    throttled: int = 0

    def __add__(self, other: "Calls") -> "Calls":
        return Calls(**{name: getattr(self, name) + getattr(other, name) for name in Calls.__slots__})


@dataclass(slots=True)
class Listed:
    """What a task or a round has listed: segments with their ranges, and ranges that hold nothing."""

    segments: list[Segment] = field(default_factory=list)
    empty: list[ListedRange] = field(default_factory=list)
    calls: Calls = Calls()

    @property
    def ranges(self) -> Iterator[ListedRange]:
        for segment in self.segments:
            yield from segment.ranges
        yield from self.empty

    def to_json(self) -> dict[str, Any]:
        return {
            "schema_version": SCHEMA_VERSION,
            "segments": [segment.to_json() for segment in self.segments],
            "empty": [row.to_json() for row in self.empty],
            "calls": asdict(self.calls),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Listed":
        return cls(
            [Segment.from_json(each) for each in value["segments"]],
            [ListedRange.from_json(each) for each in value["empty"]],
            Calls(**value["calls"]),
        )


class Listing:
    """All that counts of a listing so far. Its memory is that of the ranges, neighbours being one, and file names."""

    def __init__(self) -> None:
        self.segments: list[Segment] = []  # without their ranges
        self.calls = Calls()
        self._ranges: dict[str, list[ListedRange]] = {}  # by prefix, in order

    @property
    def ranges(self) -> Iterator[ListedRange]:
        for prefix in sorted(self._ranges):
            yield from self._ranges[prefix]

    @property
    def objects(self) -> int:
        return sum(row.objects for row in self.ranges)

    @property
    def size_bytes(self) -> int:
        return sum(row.size_bytes for row in self.ranges)

    def add(self, listed: Listed) -> Listed:
        """Take over what overlaps nothing that is there, and return it: two attempts at one task may have listed the
        same keys, and a segment counts as a whole."""
        taken = Listed(calls=listed.calls)
        for segment in listed.segments:
            if self._take(segment.ranges):
                taken.segments.append(segment)
                self.segments.append(replace(segment, ranges=()))
        taken.empty.extend(row for row in listed.empty if self._take((row,)))
        self.calls += listed.calls
        return taken

    def left_of(self, prefix: str, whole: KeyRange) -> list[KeyRange]:
        """What of a range of a prefix is not listed yet."""
        return gaps(whole, (row.range for row in self._ranges.get(prefix, ())))

    def to_json(self, bucket: str, prefixes: Sequence[str]) -> dict[str, Any]:
        """The manifest. Raises InvariantBroken unless the ranges tile each prefix's key space, and the segments hold
        what the ranges say (C5)."""
        for prefix in prefixes:
            if not tiles(KeyRange(), [row.range for row in self._ranges.get(prefix, ()) if row.done]):
                raise InvariantBroken(f"s3://{bucket}/{prefix}: the listed ranges do not cover the key space")
        held = sum(segment.objects for segment in self.segments)
        if held != self.objects:
            raise InvariantBroken(f"s3://{bucket}: the ranges tell of {self.objects} objects, the segments of {held}")
        return {
            "bucket": bucket,
            "prefixes": list(prefixes),
            "segments": [_without_ranges(segment) for segment in self.segments],
            "ranges": [row.to_json() for row in self.ranges],
            "calls": asdict(self.calls),
        }

    def _take(self, rows: Sequence[ListedRange]) -> bool:
        if any(self._overlaps(row) for row in rows):
            return False
        for row in rows:
            self._insert(row)
        return True

    def _overlaps(self, row: ListedRange) -> bool:
        known = self._ranges.get(row.prefix, [])
        at = bisect_left(known, row.after, key=_after)
        return any(overlaps(each.range, row.range) for each in known[max(0, at - 1) : at + 1])

    def _insert(self, row: ListedRange) -> None:
        known = self._ranges.setdefault(row.prefix, [])
        at = bisect_left(known, row.after, key=_after)
        if at < len(known) and (joined := _joined(row, known[at])):
            known[at] = row = joined
        else:
            known.insert(at, row)
        if at > 0 and (joined := _joined(known[at - 1], row)):
            known[at - 1 : at + 1] = [joined]


def _without_ranges(segment: Segment) -> dict[str, Any]:
    told = segment.to_json()
    del told["ranges"]
    return told


def _after(row: ListedRange) -> str:
    return row.after


def _joined(left: ListedRange, right: ListedRange) -> ListedRange | None:
    """Two neighbours as one; None where they are none, or would be too large."""
    if left.upto != right.after or left.objects + right.objects > RANGE_OBJECTS:
        return None
    return ListedRange(
        left.prefix,
        left.after,
        right.upto,
        left.first_key if left.first_key is not None else right.first_key,
        right.last_key if right.last_key is not None else left.last_key,
        left.objects + right.objects,
        left.size_bytes + right.size_bytes,
        left.pages + right.pages,
        left.segments + right.segments,
    )
