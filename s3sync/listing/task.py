"""One task of a listing's round, in a worker: list some ranges, many at a time, until they are done or the time is up.

    ranges ──> sharing (which range next, where to cut) ──> engine (pages in flight) ──> segments and their record
                   ^                                              │
                   └──────── how far the pages moved ─────────────┘      what is left is handed back to the driver

What an earlier attempt at the same task has written counts, so a lost worker costs at most what it held in memory.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pyarrow.compute as pc

from s3sync.config.model import Access, AccessConfig
from s3sync.listing.files import ListingFolder
from s3sync.listing.key_space import Alphabet
from s3sync.listing.page import PageReader
from s3sync.listing.pager import ListOptions, Pager, RangeFailed, RangeProgress, list_pages
from s3sync.listing.rounds import ROUND_SECONDS
from s3sync.listing.segment_writer import RangeLog, SegmentFormat, SegmentLog
from s3sync.listing.split import Lane
from s3sync.listing.split_scheduler import Sharing
from s3sync.listing.state import Calls, Listed, Listing
from s3sync.model.key_range import KeyRange
from s3sync.runs.heartbeat import HubAddress
from s3sync.runs.worker import WorkerSession
from s3sync.s3.engine.operation import Operation
from s3sync.s3.engine.per_process import EngineOptions

REPORT_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class ListContext:
    """What a worker needs for any task of a listing. It travels in the task's closure (C12).

    `options` is without a prefix: each range has its own. `make_format` is called in the worker. Without `may_cut` no
    range is cut or handed back: the server can't start a page anywhere.
    """

    options: ListOptions
    access: Access
    engine: EngineOptions
    make_format: Callable[[], SegmentFormat]
    may_cut: bool = True
    hub: HubAddress | None = None


@dataclass(frozen=True, slots=True)
class ListTask:
    """`name` is the same for each attempt at the task; `enough` is as `Sharing` has it."""

    name: str
    ranges: tuple[Lane, ...]
    alphabet: Alphabet
    enough: int | None = None
    seconds: float = ROUND_SECONDS


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """What a task hands back: what it listed, what is left, and what it learned. `error`: why a range failed."""

    listed: Listed
    rests: tuple[Lane, ...]
    alphabet: Alphabet
    error: str | None = None


def run_list_task(context: ListContext, folder: ListingFolder, task: ListTask, attempt: str) -> TaskEnd:
    """List the task's ranges. A page that can't be had ends the task: what was listed is written and told.

    Raises StoreError where the work location fails.
    """
    before = Listing()
    for earlier in folder.task_records(task.name):
        before.add(earlier)
    log = SegmentLog(folder, f"{task.name}-{attempt}", context.make_format())
    try:
        run = _TaskRun(context, task, attempt, log, _left(task.ranges, before))
        run.run()
        listed = log.finish(run.calls())
    finally:
        log.abandon()
    if any(before.ranges):
        listed = _both(folder, task.name, listed)
    known = task.alphabet
    return TaskEnd(listed, tuple(map(_light, run.sharing.rests)), run.sharing.alphabet.since(known), run.error)


def _left(ranges: tuple[Lane, ...], before: Listing) -> list[Lane]:
    left: list[Lane] = []
    for lane in ranges:
        for part in before.left_of(lane.prefix, KeyRange(lane.after, lane.upto)):
            is_whole = (part.after, part.upto) == (lane.after, lane.upto)
            left.append(lane if is_whole else Lane(lane.prefix, part.after, part.upto, lane.expected_pages))
    return left


def _both(folder: ListingFolder, name: str, own: Listed) -> Listed:
    """What all attempts at the task have listed, this one's being among them."""
    listing, everything = Listing(), Listed(calls=own.calls)
    for listed in folder.task_records(name):
        taken = listing.add(listed)
        everything.segments += taken.segments
        everything.empty += taken.empty
    return everything


def _light(lane: Lane) -> Lane:
    """The lane without what the driver knows anyway."""
    return replace(lane, alphabet=Alphabet())


class _TaskRun:
    """One attempt while it runs."""

    def __init__(
        self,
        context: ListContext,
        task: ListTask,
        attempt: str,
        log: SegmentLog,
        ranges: list[Lane],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.error: str | None = None
        lanes, alphabet = context.engine.in_flight, task.alphabet.copy()
        self.sharing = Sharing(ranges, lanes, alphabet, task.enough, may_cut=context.may_cut)
        self._context = context
        self._task = task
        self._attempt = attempt
        self._log = log
        self._clock = clock
        access = AccessConfig(source=context.access, target=context.access)
        self._session = WorkerSession(access, context.engine, context.hub, task.name, attempt)
        self._session.pages_left = round(self.sharing.estimated_pages)
        self._reader = PageReader(versions=context.options.versions)
        self._reported_at = 0.0
        self._empty = self._overlap = 0

    def run(self) -> None:
        self._ends_at = self._clock() + self._task.seconds
        with self._session as session:
            # What is told to stop is closed, not cut: a range ends with a page, so that nothing is listed twice.
            for _, error in session.run(_Lanes(self), on_tick=self._look_up, should_stop=lambda: False):
                if error is not None:
                    self.error = self.error or error
                    self.sharing.close()

    def next(self) -> tuple[None, Operation[str | None]] | None:
        lane = self.sharing.next()
        return None if lane is None else (None, self._list(lane))

    def calls(self) -> Calls:
        sent, counts = self._session.counted(), self.sharing.counts
        return Calls(
            sent.requests.total(),
            counts.pages,
            self._empty,
            self._overlap,
            counts.cuts,
            counts.misses,
            sent.retries,
            sent.throttled,
        )

    def _list(self, lane: Lane) -> Operation[str | None]:
        """List a range; returns why it failed, None where it did not."""
        options = replace(self._context.options, prefix=lane.prefix)
        pager = Pager(options, self._reader, lane.after, lambda: lane.upto)
        log = self._log.begin(lane.prefix, KeyRange(lane.after, lane.upto))
        try:
            yield from list_pages(pager, lambda progress: self._took(lane, log, progress))
        except RangeFailed as error:
            return str(error)
        return None

    def _took(self, lane: Lane, log: RangeLog, progress: RangeProgress) -> bool:
        objects = progress.objects
        rows, column = objects.num_rows, objects.column("key")
        self._session.settled += rows
        self._session.size_bytes += pc.sum(objects.column("size")).as_py() or 0
        self._overlap += progress.dropped
        is_held_back = self._context.options.versions and not progress.is_last
        self._empty += not rows and not is_held_back
        if progress.is_last:
            log.end(objects, lane.upto)
        else:
            log.add(objects, progress.after)
        keys = [column[at].as_py() for at in (0, rows // 2, rows - 1)] if rows else []
        goes_on = self.sharing.page(lane, keys, rows, is_last=progress.is_last)
        if self._clock() - self._reported_at >= REPORT_SECONDS:
            self._look_up()
        return goes_on or self._must_go_on(progress)

    def _must_go_on(self, progress: RangeProgress) -> bool:
        """Whether to list on though all is closed: what came since the range last moved would come anew in the next
        round, and never be done with where it is more than a round can list, such as the versions of one key."""
        return not progress.is_last and progress.after is None and not self._session.is_orphaned

    def _look_up(self) -> None:
        """Tell the driver how it goes; close where it says so, or the time is up, or it is gone."""
        self._reported_at = self._clock()
        self._session.pages_left = round(self.sharing.estimated_pages)
        self._session.tick()
        is_over = self._clock() >= self._ends_at and self._context.may_cut
        if self._session.stop or is_over:
            self.sharing.close()


class _Lanes(Iterator[tuple[None, Operation[str | None]]]):
    """The engine asks for more whenever it has room: what there was not a moment ago may be there now."""

    def __init__(self, run: _TaskRun) -> None:
        self._run = run

    def __next__(self) -> tuple[None, Operation[str | None]]:
        found = self._run.next()
        if found is None:
            raise StopIteration
        return found
