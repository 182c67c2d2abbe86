"""A listing's rounds on Spark: ranges out to the tasks, what they listed and what is left back, until nothing is left.

Each round is committed when its tasks have ended. A round that is cut short leaves the records of its tasks; the next
driver lists what none of them covers.

List a side of a run from the workers into committed segments, before anything reads them.
"""

import pickle
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
from pyspark.sql import SparkSession

from s3sync.config.model import Access
from s3sync.errors import Interrupted, InvariantBroken, ServiceError
from s3sync.listing.files import ListingFolder
from s3sync.listing.hints import Hints, remember, remembered
from s3sync.listing.key_space import Alphabet
from s3sync.listing.pager import ListOptions
from s3sync.listing.rounds import IdleWatch, first_ranges, share_out
from s3sync.listing.segment_writer import SegmentFormat
from s3sync.listing.split import Lane
from s3sync.listing.state import Listed, Listing
from s3sync.listing.task import ListContext, ListTask, TaskEnd, run_list_task
from s3sync.model.key_range import KeyRange
from s3sync.report.console import console_for
from s3sync.report.progress import ProgressView, Standing
from s3sync.runs.folder import RunFolder
from s3sync.runs.heartbeat import Hub, Report
from s3sync.runs.outcomes import parquet_bytes
from s3sync.runs.store import open_store
from s3sync.s3.engine.per_process import EngineOptions, shares_of
from s3sync.spark.session import advertised_host, cores_at_most, listening_host
from s3sync.spark.task import this_attempt, workers_errors

WATCH_SECONDS = 0.25
IDLE_ROUNDS_MAX = 3
SLOTS_MAX = 512  # tasks of a round; a cluster that could grow further has no use for more


@dataclass(frozen=True, slots=True)
class ListingPlace:
    """Where a listing lies, as it travels to the workers: see `ListingFolder`."""

    store_uri: str
    access: Access = field(repr=False)
    base: str
    folder: str
    state: str

    def open(self) -> ListingFolder:
        return ListingFolder(open_store(self.store_uri, self.access), self.base, self.folder, self.state)


@dataclass(slots=True)
class ListingStage:
    """List `prefixes`, of which none lies within another, or go on with it. `epoch` counts the drivers.

    `stopping`, once set, ends the stage as soon as what is in flight is written.
    """

    spark: SparkSession
    place: ListingPlace
    context: ListContext
    prefixes: Sequence[str]
    epoch: int
    view: ProgressView
    hints: Hints = field(default_factory=Hints)
    stopping: threading.Event = field(default_factory=threading.Event)
    listing: Listing = field(default_factory=Listing, init=False)
    _alphabet: Alphabet = field(default_factory=Alphabet, init=False)

    def run(self) -> Listing:
        """Raises ServiceError where a range can't be listed, Interrupted where it was told to stop, StoreError,
        InvariantBroken; the same listing goes on later."""
        folder = self.place.open()
        self.listing, number = folder.resume()
        may_cut = self.context.may_cut
        rests = self._left(cores_at_most(self.spark, SLOTS_MAX))
        idle_rounds = 0
        while rests:
            slots = cores_at_most(self.spark, SLOTS_MAX)  # a cluster grows and shrinks
            ends = self._round(number, share_out(rests, slots, may_cut=may_cut), slots, is_first=may_cut and not number)
            listed = self._accept(ends)
            folder.put_round(number, listed)
            # A worker thought dead that went on writing leaves gaps that no task knows of.
            rests = [lane for end in ends for lane in end.rests] or self._left(slots)
            self._raise_if_over(ends, is_left=bool(rests))
            idle_rounds = 0 if any(listed.ranges) else idle_rounds + 1
            if idle_rounds >= IDLE_ROUNDS_MAX:
                raise InvariantBroken(f"{folder.uri}: {idle_rounds} rounds of the listing brought nothing that counts")
            number += 1
        return self.listing

    def _left(self, slots: int) -> list[Lane]:
        return [
            lane
            for prefix in self.prefixes
            for part in self.listing.left_of(prefix, KeyRange())
            for lane in (self.hints if self.context.may_cut else Hints()).lanes(prefix, part, slots)
        ]

    def _accept(self, ends: Iterable[TaskEnd]) -> Listed:
        everything = Listed()
        for end in ends:
            taken = self.listing.add(end.listed)
            everything.segments += taken.segments
            everything.empty += taken.empty
            everything.calls += taken.calls
            self._alphabet.merge(end.alphabet)
        return everything

    def _raise_if_over(self, ends: Iterable[TaskEnd], *, is_left: bool) -> None:
        for end in ends:
            if end.error is not None:
                raise ServiceError(end.error)
        if self.stopping.is_set() and is_left:
            raise Interrupted("stopped; the same command goes on from here")

    def _round(self, number: int, shares: list[list[Lane]], slots: int, *, is_first: bool) -> list[TaskEnd]:
        enough = first_ranges(len(shares), slots, self.context.engine.in_flight) if is_first else None
        tasks = [
            ListTask(f"{number:05d}-{at:05d}", tuple(share), self._alphabet, enough) for at, share in enumerate(shares)
        ]
        sc = self.spark.sparkContext
        ended = threading.Event()
        with Hub(listening_host(self.spark), advertised_host(self.spark), shares_of(self.context.engine)) as hub:
            listed = self.listing
            hub.settled_before([Report("before", "", listed.objects, listed.size_bytes, is_ended=True)])
            watch = threading.Thread(target=self._watch, args=(hub, tasks, ended), name="list-watch", daemon=True)
            watch.start()
            try:
                with workers_errors():
                    run = _runner(replace(self.context, hub=hub.address), self.place, self.epoch)
                    found = sc.parallelize(tasks, len(tasks)).mapPartitions(run).collect()
            finally:
                ended.set()
                watch.join()
        return [pickle.loads(each) for each in found]  # noqa: S301  (written by our own tasks)

    def _watch(self, hub: Hub, tasks: Sequence[ListTask], ended: threading.Event) -> None:
        """Show how it goes; end the round where slots idle while others have work that could be shared."""
        idle = IdleWatch()
        expected = {task.name: sum(lane.estimated_pages for lane in task.ranges) for task in tasks}
        while not ended.wait(WATCH_SECONDS):
            reports = {report.work: report for report in hub.reports() if report.work in expected}
            running = [name for name in expected if name not in reports or not reports[name].is_ended]
            left = sum(reports[name].pages_left if name in reports else expected[name] for name in running)
            slots = self.spark.sparkContext.defaultParallelism  # those that are there now
            is_uneven = idle.should_end(time.monotonic(), slots, len(running), left) and self.context.may_cut
            if self.stopping.is_set() or is_uneven:
                hub.stop_workers()
            self._show(hub)
        self._show(hub)

    def _show(self, hub: Hub) -> None:
        progress = hub.progress()
        self.view.show(Standing(None, progress.settled, progress.size_bytes, 0, progress.throttled))


def _runner(context: ListContext, place: ListingPlace, epoch: int) -> Callable[[Iterable[ListTask]], Iterator[bytes]]:
    def run(tasks: Iterable[ListTask]) -> Iterator[bytes]:
        for task in tasks:
            yield pickle.dumps(run_list_task(context, place.open(), task, this_attempt(epoch)))

    return run


LIST_IN_FLIGHT = 16


@dataclass(frozen=True, slots=True)
class ListingJob:
    """One side to be listed: `stage` names its folder in the run, `prefixes` don't contain one another."""

    stage: str
    options: tuple[ListOptions, ...]
    access: Access
    work_access: Access
    store_uri: str
    run_id: str
    epoch: int
    progress_seconds: float
    engine: EngineOptions = field(default_factory=lambda: EngineOptions(in_flight=LIST_IN_FLIGHT))
    hints: Hints = field(default_factory=Hints)


def outermost(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    """The prefixes without those that lie within another one; `("",)` where there are none."""
    kept: list[str] = []
    for prefix in sorted(set(prefixes or ("",))):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return tuple(kept)


def list_side(spark: SparkSession, folder: RunFolder, job: ListingJob) -> None:
    """List everything and commit it; does nothing where the run has the listing already.

    Raises ServiceError where the bucket can't be listed as a whole; the same run goes on with it later.
    """
    if folder.manifest(job.stage) is not None:
        return
    first, prefixes = job.options[0], [options.prefix for options in job.options]
    base, endpoint_url = f"runs/{job.run_id}/", job.access.endpoint_url
    place = ListingPlace(job.store_uri, job.work_access, base, f"{job.stage}/", f"{base}{job.stage}/")
    context = ListContext(replace(first, prefix=""), job.access, job.engine, parquet_segments)
    hints = job.hints if job.hints.marks else remembered(folder.store, first.bucket, endpoint_url)
    with ProgressView(console_for(sys.stderr), "Listing", job.progress_seconds) as view:
        listing = ListingStage(spark, place, context, prefixes, job.epoch, view, hints).run()
    manifest = listing.to_json(first.bucket, prefixes)
    remember(folder.store, first.bucket, endpoint_url, manifest["ranges"])
    place.open().commit(manifest)


def parquet_segments() -> SegmentFormat:
    return SegmentFormat("parquet", _as_parquet)


def _as_parquet(table: pa.Table) -> bytes:
    return parquet_bytes(table)
