"""How an object is cut into parts.

Limits: "Amazon S3 multipart upload limits": 1 to 10,000 parts of 5 MiB to 5 GiB, the last one of any size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from s3sync.model.limits import MIB, OBJECT_MAX_BYTES, PART_MAX_BYTES, PART_MIN_BYTES, PARTS_MAX

RELAY_PART_BYTES = 16 * MIB  # a body of this size fits the memory of any worker, and a request is well used by it


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes `first` to `last`, both included; an empty part has `last == first - 1`. Numbers begin at 1."""

    number: int
    first: int
    last: int

    @property
    def size_bytes(self) -> int:
        return self.last - self.first + 1

    @property
    def range_header(self) -> str:
        """The value of `x-amz-copy-source-range`. An empty part has none."""
        return f"bytes={self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class PartLayout:
    """The sizes in bytes of an object's parts, in order. They tile the object; an empty object has one empty part."""

    part_sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.part_sizes) <= PARTS_MAX:
            raise ValueError(f"an upload has 1 to {PARTS_MAX} parts, not {len(self.part_sizes)}")
        if min(self.part_sizes) < 0 or (len(self.part_sizes) > 1 and not min(self.part_sizes)):
            raise ValueError("only the one part of an empty object is empty")

    def __len__(self) -> int:
        return len(self.part_sizes)

    @property
    def size_bytes(self) -> int:
        return sum(self.part_sizes)

    def parts(self) -> Iterator[Part]:
        ends = accumulate(self.part_sizes)
        for number, (size, end) in enumerate(zip(self.part_sizes, ends, strict=True), start=1):
            yield Part(number, end - size, end - 1)


def layout(size_bytes: int, part_size_bytes: int) -> PartLayout:
    """Equal parts of `part_size_bytes`, the last one shorter.

    The part size is brought within S3's limits, and grows, to whole MiB, where the object would have more than 10,000
    parts. Raises ValueError for an object larger than S3 can hold.
    """
    if not 0 <= size_bytes <= OBJECT_MAX_BYTES:
        raise ValueError(f"{size_bytes} bytes: S3 holds objects of up to {OBJECT_MAX_BYTES} bytes")
    smallest = -(-size_bytes // PARTS_MAX)
    if smallest > part_size_bytes:
        part_size_bytes = -(-smallest // MIB) * MIB
    return _equal(size_bytes, min(max(part_size_bytes, PART_MIN_BYTES), PART_MAX_BYTES))


def uniform_guess(size_bytes: int, first_part_bytes: int, parts_count: int) -> PartLayout | None:
    """The layout of equal parts that fits what HEAD with `partNumber=1` shows; None where equal parts can't fit.

    That it fits does not prove that the parts are equal: (10, 6, 8) has the first part and the count of (10, 10, 4).
    """
    if parts_count == 1 and first_part_bytes == size_bytes:
        return PartLayout((size_bytes,))
    if first_part_bytes <= 0 or -(-size_bytes // first_part_bytes) != parts_count or parts_count > PARTS_MAX:
        return None
    return _equal(size_bytes, first_part_bytes)


def measured(size_bytes: int, part_sizes: Sequence[int]) -> PartLayout:
    """The layout of parts that were looked at one by one. Raises ValueError where they do not make up the object."""
    found = PartLayout(tuple(part_sizes))
    if found.size_bytes != size_bytes:
        raise ValueError(f"parts of {found.size_bytes} bytes do not make up an object of {size_bytes}")
    return found


def _equal(size_bytes: int, part_size_bytes: int) -> PartLayout:
    whole, rest = divmod(size_bytes, part_size_bytes)
    return PartLayout((part_size_bytes,) * whole + ((rest,) if rest or not whole else ()))


class Boundaries(StrEnum):
    """What is known of the source's own parts."""

    NONE = "none"  # it has none: it was written in one piece
    UNKNOWN = "unknown"
    GUESSED = "guessed"  # equal parts fit what HEAD shows; the ETags of the copied parts will prove it
    EXACT = "exact"


@dataclass(frozen=True, slots=True)
class Cut:
    """How the copy is cut, and how much of that is the source's own cut."""

    layout: PartLayout
    boundaries: Boundaries
