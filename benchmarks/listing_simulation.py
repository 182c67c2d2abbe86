"""List key spaces of 10**9 keys in virtual time: how many calls, and how busy the workers are.

The decisions are the real ones (planning/splitting, sharing, rounds); requests, processors and Spark are clocks. A
page takes about 100 ms, then 2.5 ms of the worker's one processor; a round costs what Spark takes to start a stage.
`benchmarks.simulated_listings` is the command.
"""

import heapq
import random
from dataclasses import dataclass, field

from benchmarks.key_spaces import KeySpace
from s3sync.listing.key_space import Alphabet
from s3sync.listing.rounds import ROUND_SECONDS, IdleWatch, first_ranges, share_out
from s3sync.listing.split import PAGE_KEYS, Lane
from s3sync.listing.split_scheduler import MIN_PAGES, Sharing
from s3sync.model.key_range import KeyRange, tiles

LATENCY_SECONDS = 0.1
PARSE_SECONDS = 0.0025
STAGE_SECONDS = 0.15  # from one stage's end to the next one's first task
HAND_BACK_SECONDS = 0.15  # a task's end: its last segment is written
WATCH_SECONDS = 0.25


@dataclass(slots=True)
class Worker:
    """One task of a round: its lanes, its processor, and when it did anything."""

    sharing: Sharing
    cpu_free_at: float
    in_flight: int = 0
    busy_since: float = 0.0
    busy_seconds: float = 0.0
    lane_seconds: float = 0.0
    ended_at: float = 0.0


@dataclass(slots=True)
class Simulation:
    """`early`: rounds that were ended because workers idled; `needless_seconds`: workers' time without work while
    another one really had more than `MIN_PAGES` pages left."""

    space: KeySpace
    workers: int
    lanes: int
    alphabet: Alphabet = field(default_factory=Alphabet)
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    now: float = 0.0
    calls: int = 0
    empty: int = 0
    keys: int = 0
    rounds: int = 0
    early: int = 0
    busy_seconds: float = 0.0
    lane_seconds: float = 0.0
    needless_seconds: float = 0.0
    done: list[KeyRange] = field(default_factory=list)

    def run(self) -> None:
        ranges = [Lane("")]
        while ranges:
            ranges = self._round(ranges)
            self.rounds += 1
        if self.keys != self.space.count or not tiles(KeyRange(), self.done):
            raise AssertionError(f"{self.keys} keys of {self.space.count}")

    @property
    def busy_share(self) -> float:
        return self.busy_seconds / (self.now * self.workers)

    @property
    def needless_share(self) -> float:
        return self.needless_seconds / (self.now * self.workers)

    @property
    def lanes_share(self) -> float:
        return self.lane_seconds / (self.now * self.workers * self.lanes)

    def _round(self, ranges: list[Lane]) -> list[Lane]:
        shares = share_out(ranges, self.workers)
        enough = first_ranges(len(shares), self.workers, self.lanes) if not self.rounds else None
        began = self.now + STAGE_SECONDS
        known = self.alphabet.copy()
        workers = [Worker(Sharing(share, self.lanes, known.copy(), enough), began) for share in shares]
        Round(self, workers, began).run()
        self.now = max(worker.ended_at for worker in workers)
        self.busy_seconds += sum(worker.busy_seconds for worker in workers)
        self.lane_seconds += sum(worker.lane_seconds for worker in workers)
        for worker in workers:
            self.alphabet.merge(worker.sharing.alphabet.since(known))
        return [lane for worker in workers for lane in worker.sharing.rests]


class Round:
    """One stage: events in virtual time, until no request is in flight."""

    def __init__(self, simulation: Simulation, workers: list[Worker], began: float) -> None:
        self._simulation = simulation
        self._workers = workers
        self._began = began
        self._watch = IdleWatch()
        self._watch_at = began + WATCH_SECONDS
        self._events: list[tuple[float, int, Worker, Lane]] = []
        self._starts: dict[int, str] = {}
        self._asked_again: set[int] = set()
        self._number = 0

    def run(self) -> None:
        for worker in self._workers:
            self._fill(worker, self._began)
        while self._events:
            at, _, worker, lane = heapq.heappop(self._events)
            while self._watch_at <= at:
                self._look()
            at = worker.cpu_free_at = max(at, worker.cpu_free_at) + PARSE_SECONDS
            worker.lane_seconds += LATENCY_SECONDS
            if self._page(worker, lane):
                self._send(worker, lane, at)
            else:
                worker.in_flight -= 1
            self._fill(worker, at)
            if not worker.in_flight:
                worker.busy_seconds += at - worker.busy_since
                worker.ended_at = at + HAND_BACK_SECONDS
        for worker in self._workers:
            for lane in worker.sharing.rests:
                began = self._starts.get(id(lane), lane.after)
                if began != lane.after:
                    self._simulation.done.append(KeyRange(began, lane.after))

    def _look(self) -> None:
        running = [each for each in self._workers if not each.ended_at]
        left = sum(each.sharing.estimated_pages for each in running)
        idle = self._simulation.workers - len(running)
        if idle and any(self._pages_left(each) > MIN_PAGES for each in running):
            self._simulation.needless_seconds += idle * WATCH_SECONDS
        is_early = self._watch.should_end(self._watch_at, self._simulation.workers, len(running), left)
        if is_early or self._watch_at - self._began > ROUND_SECONDS:
            self._simulation.early += is_early and not self._workers[0].sharing.is_closed
            for each in self._workers:
                each.sharing.close()
        self._watch_at += WATCH_SECONDS

    def _pages_left(self, worker: Worker) -> float:
        """What is really left, which no worker knows."""
        space = self._simulation.space
        ends = [(lane.after, lane.end) for lane in worker.sharing.rests]
        keys = sum((space.count if end is None else space.behind(end)) - space.behind(after) for after, end in ends)
        return keys / PAGE_KEYS

    def _fill(self, worker: Worker, at: float) -> None:
        while (lane := worker.sharing.next()) is not None:
            if not worker.in_flight:
                worker.busy_since = at
            worker.in_flight += 1
            self._starts[id(lane)] = lane.after
            self._send(worker, lane, at)

    def _send(self, worker: Worker, lane: Lane, at: float) -> None:
        self._number += 1
        self._simulation.calls += 1
        latency = LATENCY_SECONDS * self._simulation.chance.lognormvariate(0, 0.25)
        heapq.heappush(self._events, (at + latency, self._number, worker, lane))

    def _page(self, worker: Worker, lane: Lane) -> bool:
        simulation, space = self._simulation, self._simulation.space
        begin = space.behind(lane.after) if lane.after else 0
        end = min(begin + PAGE_KEYS, space.count)
        last = space.key(end - 1) if end > begin else ""
        is_last = end == space.count
        if lane.upto is not None and end > begin and last >= lane.upto:
            end, is_last = min(end, space.behind(lane.upto)), True
        simulation.keys += end - begin
        simulation.empty += end == begin
        if end == space.count and (lane.upto is None or last < lane.upto) and id(lane) not in self._asked_again:
            self._asked_again.add(id(lane))  # as aws.listing does: nothing that follows is asked for twice
            is_last = False
        if is_last:
            simulation.done.append(KeyRange(self._starts[id(lane)], lane.upto))
            return worker.sharing.page(lane, (), end - begin, is_last=True)
        keys = [space.key(begin), space.key((begin + end) // 2), last] if last else []
        return worker.sharing.page(lane, keys, end - begin, is_last=False)
