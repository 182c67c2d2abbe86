"""List key spaces of 10**9 keys in virtual time: how many calls, and how busy the workers are.

    python -m benchmarks.listing_simulation [--keys 1e9] [--shapes flat,hot] [--workers 8] [--lanes 16]

The decisions are the real ones (planning/splitting, sharing, rounds); requests, processors and Spark are clocks. A
page takes about 100 ms, then 2.5 ms of the worker's one processor; a round costs what Spark takes to start a stage.
"""

import argparse
import heapq
import random
import sys
import time
from dataclasses import dataclass, field

from benchmarks.key_spaces import SHAPES, KeySpace
from s3sync.model.ranges import KeyRange, tiles
from s3sync.planning.key_space import Alphabet
from s3sync.planning.rounds import FIRST_RANGES_PER_SLOT, ROUND_SECONDS, IdleWatch, share_out
from s3sync.planning.sharing import Sharing
from s3sync.planning.splitting import PAGE_KEYS, Lane

LATENCY_SECONDS = 0.1
PARSE_SECONDS = 0.0025
STAGE_SECONDS = 0.15  # from one stage's end to the next one's first task
HAND_BACK_SECONDS = 0.15  # a task's end: its last segment is written
WATCH_SECONDS = 0.5
TITLES = ("shape", "keys", "calls", "per_1000", "empty", "rounds", "early", "virtual_s", "busy", "lanes")


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
    done: list[KeyRange] = field(default_factory=list)

    def run(self) -> None:
        ranges = [Lane("")]
        while ranges:
            ranges = self._round(ranges)
            self.rounds += 1
        if self.keys != self.space.count or not tiles(KeyRange(), self.done):
            raise AssertionError(f"{self.keys} keys of {self.space.count}")

    def _round(self, ranges: list[Lane]) -> list[Lane]:
        shares = share_out(ranges, self.workers)
        enough = FIRST_RANGES_PER_SLOT * self.workers if len(shares) < self.workers and not self.rounds else None
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
        self._watch = IdleWatch(simulation.workers)
        self._watch_at = began + WATCH_SECONDS
        self._events: list[tuple[float, int, Worker, Lane]] = []
        self._starts: dict[int, str] = {}
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
        is_early = self._watch.should_end(self._watch_at, len(running), left)
        if is_early or self._watch_at - self._began > ROUND_SECONDS:
            self._simulation.early += is_early and not self._workers[0].sharing.is_closed
            for each in self._workers:
                each.sharing.close()
        self._watch_at += WATCH_SECONDS

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
        if is_last:
            simulation.done.append(KeyRange(self._starts[id(lane)], lane.upto))
            return worker.sharing.page(lane, (), end - begin, is_last=True)
        keys = [space.key(begin), space.key((begin + end) // 2), last]
        return worker.sharing.page(lane, keys, end - begin, is_last=False)


def main() -> None:
    parser = argparse.ArgumentParser(description="List generated key spaces in virtual time.")
    parser.add_argument("--keys", type=float, default=1e8)
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--lanes", type=int, default=16)
    given = parser.parse_args()
    line = "{:>14} {:>11} {:>10} {:>10} {:>7} {:>7} {:>6} {:>9} {:>9} {:>7}\n"
    sys.stdout.write(line.format(*TITLES))
    for shape in given.shapes.split(","):
        began = time.monotonic()
        run = Simulation(KeySpace(shape, int(given.keys), SHAPES[shape]), given.workers, given.lanes)
        run.run()
        slots = run.now * given.workers
        sys.stdout.write(
            line.format(
                shape,
                run.keys,
                run.calls,
                f"{1000 * run.calls / run.keys:.3f}",
                run.empty,
                run.rounds,
                run.early,
                f"{run.now:.1f}",
                f"{100 * run.busy_seconds / slots:.1f} %",
                f"{100 * run.lane_seconds / slots / given.lanes:.0f} %",
            )
        )
        sys.stdout.write(f"{'':>14} simulated in {time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    main()
