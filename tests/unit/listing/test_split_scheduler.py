"""Ranges are cut and shared out without losing or doubling a key, whatever the keys are (C5, C9)."""

import random
from bisect import bisect_right

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.key_spaces import SHAPES, KeySpace
from s3sync.listing.key_space import Alphabet
from s3sync.listing.rounds import IdleWatch, first_ranges, share_out
from s3sync.listing.split import Lane
from s3sync.listing.split_scheduler import MIN_PAGES, Sharing
from s3sync.model.key_range import KeyRange, tiles
from s3sync.spark.session import may_grow_to


class Worked:
    """Works off sharings over sorted keys in memory; pages come back in any order."""

    def __init__(self, keys: list[str], page_keys: int, seed: int) -> None:
        self.keys = keys
        self.found: list[str] = []
        self.done: list[KeyRange] = []
        self.calls = 0
        self._page_keys = page_keys
        self._chance = random.Random(seed)

    def work(self, sharing: Sharing, pages: int) -> list[Lane]:
        """At most so many pages, then what is left."""
        active: list[tuple[Lane, str]] = []
        while True:
            while (lane := sharing.next()) is not None:
                active.append((lane, lane.after))
            if not active:
                return sharing.rests
            if pages <= 0:
                sharing.close()
            lane, began = active.pop(self._chance.randrange(len(active)))
            pages -= 1
            if self._page(sharing, lane):
                active.append((lane, began))
            elif lane in sharing.rests:
                if lane.after != began:
                    self.done.append(KeyRange(began, lane.after))
            else:
                self.done.append(KeyRange(began, lane.upto))

    def _page(self, sharing: Sharing, lane: Lane) -> bool:
        self.calls += 1
        begin = bisect_right(self.keys, lane.after)
        page = self.keys[begin : begin + self._page_keys]
        is_last = begin + len(page) == len(self.keys)
        if lane.upto is not None and page and page[-1] >= lane.upto:
            page, is_last = [key for key in page if key <= lane.upto], True
        self.found += page
        shown = [page[0], page[len(page) // 2], page[-1]] if page else []
        return sharing.page(lane, shown, len(page), is_last=is_last)


ALPHABETS = [
    "01",
    "0123456789abcdef",
    "ab/",
    "/",
    "aZ09-_.",
    "éяא中가🌍",
    "\x01\x02\x7f",
    "\ud7ff\ue000\U0010ffff",
    "z",
]
KEYS = st.sampled_from(ALPHABETS).flatmap(
    lambda letters: st.tuples(
        st.sampled_from(["", "p", "same/" * 30]),
        st.lists(st.text(letters, min_size=1, max_size=14), unique=True, max_size=150),
    ).map(lambda both: sorted(both[0] + key for key in both[1]))
)


@settings(max_examples=300, deadline=None)
@given(KEYS, st.integers(1, 5), st.integers(1, 6), st.integers(1, 4), st.integers(0, 99), st.integers(1, 200))
def test_c5_no_key_is_lost_or_doubled(
    keys: list[str], page_keys: int, lanes: int, slots: int, seed: int, pages: int
) -> None:
    """Over several rounds with several workers, cut wherever it pleases the planning."""
    worked, alphabet = Worked(keys, page_keys, seed), Alphabet()
    rests = [Lane("")]
    while rests:
        shares = share_out(rests, slots)
        assert sum(map(len, shares)) >= len(rests)
        rests = [lane for share in shares for lane in worked.work(Sharing(share, lanes, alphabet), pages)]
    assert sorted(worked.found) == keys
    assert tiles(KeyRange(), worked.done)


@given(KEYS.filter(lambda keys: len(keys) > 3), st.integers(1, 9))
def test_a_cut_lies_within(keys: list[str], taken: int) -> None:
    lane = Lane("", upto=keys[-1])
    lane.took(keys[: max(1, min(taken, len(keys) - 2))])
    place = lane.cut()
    if place is not None:
        assert lane.after < place < keys[-1]
        other = lane.split(place)
        assert (lane.upto, other.after, other.upto) == (place, place, keys[-1])


def simulated(shape: str, count: int, lanes: int) -> Worked:
    space = KeySpace(shape, count, SHAPES[shape])
    worked = Worked([space.select(index, count) for index in range(count)], page_keys=10, seed=1)
    assert worked.work(Sharing([Lane("")], lanes, Alphabet()), 10**9) == []
    return worked


@pytest.mark.parametrize("shape", SHAPES)
def test_few_calls_are_lost_on_any_shape(shape: str) -> None:
    """2,000 pages among 8 lanes; the simulation in benchmarks/ does it with a thousand times more."""
    worked = simulated(shape, 20_000, 8)
    assert len(worked.found) == 20_000
    assert worked.calls <= 1.10 * 2_000


def test_lanes_that_idle_get_work() -> None:
    """One hot prefix: soon all lanes are in it."""
    space = KeySpace("hot", 100_000, SHAPES["hot"])
    keys = [space.select(index, 100_000) for index in range(100_000)]
    worked, sharing = Worked(keys, 10, 1), Sharing([Lane("")], 16, Alphabet(), enough=16)
    rests = worked.work(sharing, 10**9)
    assert worked.calls < 600  # of 10,000
    in_hot = [lane for lane in rests if lane.after.startswith("hot/") or (lane.upto or "").startswith("hot/")]
    assert len(in_hot) >= 8


def test_c9_cuts_that_hit_nothing_are_bounded() -> None:
    """Every key is alone at its place, and nothing lies where cuts are made: the misses stay a share of the pages."""
    keys = sorted("x" * 40 + "\U0010ffff" * (index % 30) + f"{index:05d}" for index in range(20_000))
    worked, sharing = Worked(keys, 10, 3), Sharing([Lane("")], 16, Alphabet())
    assert worked.work(sharing, 10**9) == []
    assert sharing.counts.misses <= 5 + 0.02 * sharing.counts.pages + 16
    assert sorted(worked.found) == keys


def test_small_ranges_are_not_cut() -> None:
    sharing = Sharing([Lane("")], 4, Alphabet())
    lane = sharing.next()
    assert lane is not None
    sharing.page(lane, ["1a", "1b"], 2, is_last=False)
    lane.upto = "1c"
    lane._estimate = MIN_PAGES - 1
    assert sharing.next() is None


def test_shares_are_even() -> None:
    shares = share_out([Lane("", chr(97 + at), chr(98 + at), float(pages)) for at, pages in enumerate([9, 5, 4, 1])], 2)
    assert [sum(lane.estimated_pages for lane in share) for share in shares] == [10.0, 9.0]
    assert share_out([], 4) == []


# | busy | pages left | seconds idle | then      |
@pytest.mark.parametrize(
    ("busy", "pages_left", "seconds", "ends"),
    [
        (4, 1_000, 100, False),  # all are busy
        (3, 1_000, 1, False),  # not for long
        (3, 1_000, 2, True),
        (3, 20, 100, False),  # only a few pages are left
        (0, 0, 100, False),  # the round ends by itself
        (40, 10**6, 100, False),  # the others wait for a slot
    ],
)
def test_a_round_ends_when_idling_costs_more_than_a_round(
    busy: int, pages_left: float, seconds: float, ends: bool
) -> None:
    watch = IdleWatch()
    assert not watch.should_end(10.0, 4, busy, pages_left)
    assert watch.should_end(10.0 + seconds, 4, busy, pages_left) is ends


GROWS = {"spark.dynamicAllocation.enabled": "true"}


@pytest.mark.parametrize(
    ("now", "settings", "slots"),
    [
        (8, {}, 8),
        (8, {"spark.dynamicAllocation.enabled": "false", "spark.dynamicAllocation.maxExecutors": "50"}, 8),
        (2, {**GROWS, "spark.dynamicAllocation.maxExecutors": "50", "spark.executor.cores": "4"}, 200),
        (2, {**GROWS, "spark.dynamicAllocation.maxExecutors": "50", "spark.task.cpus": "2"}, 25),
        (2, GROWS, 512),  # Spark's own default has no bound
        (600, GROWS, 600),
    ],
)
def test_a_cluster_that_grows_gets_a_task_for_each_slot_it_may_have(
    now: int, settings: dict[str, str], slots: int
) -> None:
    """With conf/spark-defaults.conf a listing begins on no executor at all, and Spark asks for some as tasks wait."""
    assert may_grow_to(now, settings, 512) == slots


@pytest.mark.parametrize(
    ("tasks", "slots", "lanes", "ranges"),
    [(1, 8, 16, 16), (1, 200, 16, 16), (4, 8, 16, 4), (8, 8, 16, None), (0, 8, 16, None)],
)
def test_what_the_first_round_is_to_find_can_be_found(tasks: int, slots: int, lanes: int, ranges: int | None) -> None:
    """A task has no more ranges than requests in flight: to wait for more would be to work alone for a whole round."""
    assert first_ranges(tasks, slots, lanes) == ranges
