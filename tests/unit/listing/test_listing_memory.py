"""What the driver holds of a listing grows with segments and ranges, not with objects (C11)."""

import random
import tracemalloc

import pytest

from s3sync.listing.state import Listed, ListedRange, Listing, Segment

SEGMENT = 100_000
PIECES = 16


def listed(segments: int) -> list[Listed]:
    """Rounds of segments, each with a piece of 16 ranges, that come in any order."""
    chance = random.Random(1)
    stretch = segments  # pieces of one lane follow one another
    rounds: list[Listed] = []
    for at in range(segments):
        rows = []
        for lane in range(PIECES):
            place = lane * stretch + at
            after, upto = ("" if not place else f"{place:012d}"), f"{place + 1:012d}"
            last = None if place == PIECES * stretch - 1 else upto
            rows.append(ListedRange("", after, last, upto, upto, SEGMENT // PIECES, 1, 7, (f"s-{at}",)))
        rounds.append(Listed([Segment(f"listing/00000-00000-0001-{at:08d}.parquet", SEGMENT, SEGMENT, 1, tuple(rows))]))
    chance.shuffle(rounds)
    return rounds


@pytest.mark.parametrize("segments", [300, 3000])
def test_c11_an_object_costs_the_driver_next_to_nothing(segments: int) -> None:
    """10**9 objects are 10,000 segments."""
    rounds = listed(segments)
    tracemalloc.start()
    listing = Listing()
    while rounds:
        listing.add(rounds.pop())
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert listing.objects == segments * SEGMENT
    assert held_bytes / segments < 1500
    assert len(list(listing.ranges)) <= 2 * listing.objects / 1_000_000 + PIECES
