"""What workers do for giants: open their uploads, carry parts, finish them. Each may be called again at any point (C2).

open_giants ──> carry_piece, for each portion of parts ──> finish_giants ──> settled, or once more from the beginning
"""

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from s3sync.copying.batch import FLUSH_SECONDS, CopyContext
from s3sync.copying.large_object.operations import carry_part, finish_giant, open_giant, parted
from s3sync.copying.object_copy import CopyJob
from s3sync.model.outcome import Outcome, Status
from s3sync.model.part_layout import Part
from s3sync.model.tally import Tally
from s3sync.model.task import Task
from s3sync.model.throttled_prefixes import most_of
from s3sync.planning.large_objects import Next, is_passing, piece_bytes, pieces, telling
from s3sync.queues.send_failures import FailureSender
from s3sync.runs.folder import RunFolder
from s3sync.runs.heartbeat import HubClient, Report
from s3sync.runs.outcomes import OutcomeLog, engine_tally, read_parquet
from s3sync.runs.plan import Batch, tasks_of
from s3sync.runs.store import Store
from s3sync.runs.upload_log import COUNTS_ONLY, OpenGiant, OpenUpload, Piece, UploadLog
from s3sync.s3.engine.circuit_breaker import is_hopeless
from s3sync.s3.engine.operation import Operation
from s3sync.s3.engine.per_process import engine_for, rate_for


@dataclass(frozen=True, slots=True)
class Opening:
    """Giants that one task opens. `all_bytes` is the size of all giants together; `is_first`: of this driver's rounds,
    so that parts which are there already are shown as an earlier driver's."""

    name: str
    giants: tuple[Batch, ...]
    all_bytes: int
    is_first: bool


@dataclass(frozen=True, slots=True)
class PieceEnd:
    """`failure`: why parts are missing, where it is no stop."""

    batch_id: str
    failure: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Finishing:
    """Giants that one task finishes, each with what went wrong with its parts. `is_last`: no round follows."""

    name: str
    giants: tuple[tuple[OpenGiant, Outcome | None], ...]
    is_last: bool


class _Desk:
    """One task's tools: its engine, what was counted since something was written, its line to the driver."""

    def __init__(self, context: CopyContext, store: Store, work: str, attempt: str) -> None:
        self.context = context
        self.attempt = attempt
        self.folder = RunFolder(store, context.run_id)
        self.hub = HubClient(context.hub, rate_for(context.engine))
        self.stop = False
        self.size_bytes = 0
        self._work = work
        self._settled = 0
        self._failed = 0
        self._hopeless: Counter[str] = Counter()
        self._parent = os.getppid()
        self.engine = engine_for(context.access, context.engine)
        self._began = self._written = self._reported = self.engine.counts.copy()
        self._written_at = time.monotonic()
        buckets = (context.settings.source_bucket, context.settings.target_bucket)
        self._sender = FailureSender(context.access.queue, context.failures, context.run_id, buckets)
        self.tick()

    def tick(self, *, is_ended: bool = False) -> None:
        """Called about once a second, and once at the end."""
        counts = self.engine.counts.copy()
        report = Report(
            self._work,
            self.attempt,
            self._settled,
            self.size_bytes,
            self._failed,
            counts.throttled - self._began.throttled,
            dict(self._hopeless),
            is_ended=is_ended,
            throttled_by_prefix=most_of(counts.since(self._reported).throttled_by_prefix),
        )
        self.stop = self.hub.report(report) or self.stop or os.getppid() != self._parent
        self._reported = counts
        if self.hub.moves:
            self.engine.note_headway()
        if is_ended:
            self.hub.close()

    @property
    def unwritten_seconds(self) -> float:
        return time.monotonic() - self._written_at

    def counted(self) -> Tally:
        """What the engine counted since this was last asked for: to be written now."""
        found = engine_tally(self.engine.counts.since(self._written), self.unwritten_seconds)
        self._written, self._written_at = self.engine.counts.copy(), time.monotonic()
        return found

    def task(self, file: str) -> Task:
        return next(tasks_of(read_parquet(self.folder.get(file)).to_batches()))

    def log(self, batch_id: str) -> OutcomeLog:
        return OutcomeLog(self.folder, batch_id, self.attempt, self._sender.send)

    def settle(self, batch_id: str, task: Task, outcome: Outcome) -> None:
        """Write the outcome, with all that the giant took, and commit its batch."""
        log = self.log(batch_id)
        prior = log.begin(is_new=False)
        if prior.done is None:
            if task.task_id not in prior.settled:
                counts = self.counted()
                counts.add(UploadLog(self.folder, batch_id).counted())
                self._sender.note(task, outcome)
                log.add(outcome)
                log.flush(counts)
            log.finish(1)
        self.note_settled(outcome)

    def note_settled(self, outcome: Outcome | None) -> None:
        """For progress and the circuit. None: it was settled before."""
        self._settled += 1
        if outcome is not None and outcome.status is Status.FAILED:
            self._failed += 1
            if is_hopeless(outcome) and outcome.error_code:
                self._hopeless[outcome.error_code] += 1


def open_giants(context: CopyContext, store: Store, opening: Opening, attempt: str) -> list[OpenGiant]:
    """Those whose upload is open afterwards; the others are settled, or the run is stopping."""
    desk = _Desk(context, store, opening.name, attempt)
    found: list[OpenGiant] = []
    needless: list[tuple[None, Operation[str | None]]] = []

    def operations() -> Iterator[tuple[tuple[Batch, Task, int, int], Operation[OpenUpload | Outcome]]]:
        for batch in opening.giants:
            log = desk.log(batch.batch_id)
            prior = log.begin()
            if prior.done is None and prior.settled:  # whoever settled it died before its commit
                log.finish(1)
            if prior.done is not None or prior.settled:
                desk.note_settled(None)
                continue
            task = desk.task(batch.file)
            generation, opened = UploadLog(desk.folder, batch.batch_id).current()
            number = 2 if prior.was_begun else 1
            job = CopyJob(task, context.settings, number, is_repeat=prior.was_begun)
            look_first = prior.was_begun or context.is_late
            yield (batch, task, generation, number), open_giant(job, opened, look_first=look_first)

    for (batch, task, generation, number), result in desk.engine.run(operations(), lambda: desk.stop, desk.tick):
        if isinstance(result, Outcome):
            desk.settle(batch.batch_id, task, result)
            continue
        uploads = UploadLog(desk.folder, batch.batch_id)
        upload = uploads.put_open(generation, result)
        if upload.upload_id != result.upload_id:
            needless.append((None, parted(CopyJob(task, context.settings, number), result).abort()))
        uploads.put_parts(generation, attempt, COUNTS_ONLY, 0, {}, desk.counted())
        there = uploads.carried(generation).etags
        sizes = upload.cut.layout.part_sizes
        if opening.is_first:
            desk.size_bytes += sum(sizes[part - 1] for part in there)
        missing = tuple(pieces(sizes, there, piece_bytes(upload.size_bytes, opening.all_bytes)))
        found.append(OpenGiant(batch.batch_id, batch.file, generation, number, missing))
    for _ in desk.engine.run(needless):
        pass
    desk.tick(is_ended=True)
    return found


def carry_piece(context: CopyContext, store: Store, piece: Piece, attempt: str) -> PieceEnd:
    """Copy the parts of the piece that no earlier attempt at it left; those that are there are written down as they
    come. What no further try mends ends it."""
    desk = _Desk(context, store, piece.name, attempt)
    uploads = UploadLog(desk.folder, piece.batch_id)
    opened, task, first = uploads.opened(piece.generation), desk.task(piece.file), piece.numbers[0]
    before = uploads.carried(piece.generation, first).etags
    parts = {part.number: part for part in opened.cut.layout.parts() if part.number in piece.numbers}
    desk.size_bytes = sum(parts[number].size_bytes for number in before if number in parts)
    pending: dict[int, str] = {}
    files = 0

    def operations() -> Iterator[tuple[Part, Operation[str | Outcome]]]:
        for number in piece.numbers:
            if number not in before:
                job = CopyJob(task, context.settings, piece.attempt)
                yield parts[number], carry_part(job, opened, parts[number])

    def flush() -> None:
        nonlocal files
        uploads.put_parts(piece.generation, attempt, first, files, pending, desk.counted())
        pending.clear()
        files += 1

    def tick() -> None:
        desk.tick()
        if pending and desk.unwritten_seconds >= FLUSH_SECONDS:
            flush()

    failure: Outcome | None = None
    for part, result in desk.engine.run(operations(), lambda: desk.stop, tick):
        if isinstance(result, Outcome):
            failure = telling([failure, result] if failure is not None else [result])
            desk.stop = desk.stop or not is_passing(result.error_class)
        else:
            pending[part.number] = result
            desk.size_bytes += part.size_bytes
    flush()
    desk.tick(is_ended=True)
    return PieceEnd(piece.batch_id, failure)


def finish_giants(context: CopyContext, store: Store, finishing: Finishing, attempt: str) -> list[OpenGiant]:
    """Settle giants whose parts were tried; those that are to be tried once more come back."""
    desk = _Desk(context, store, finishing.name, attempt)
    again: list[OpenGiant] = []

    def operations() -> Iterator[tuple[tuple[OpenGiant, Task], Operation[tuple[Outcome, Next]]]]:
        for giant, failure in finishing.giants:
            if desk.log(giant.batch_id).begin(is_new=False).done is not None:
                desk.note_settled(None)
                continue
            task = desk.task(giant.file)
            uploads = UploadLog(desk.folder, giant.batch_id)
            opened, carried = uploads.opened(giant.generation), uploads.carried(giant.generation)
            etags = _in_order(carried.etags, len(opened.cut.layout))
            if etags is None and failure is None:
                continue  # its tasks were told to stop
            job = CopyJob(task, context.settings, giant.attempt)
            job.requests = opened.requests + carried.tally.requests.total()
            job.seconds = opened.milliseconds / 1000 + carried.tally.engine_seconds
            yield (giant, task), finish_giant(job, opened, etags, failure, is_last=finishing.is_last)

    for (giant, task), (outcome, following) in desk.engine.run(operations(), lambda: desk.stop, desk.tick):
        if following is Next.SETTLE:
            desk.settle(giant.batch_id, task, outcome)
            continue
        uploads = UploadLog(desk.folder, giant.batch_id)
        if following is Next.OPEN_ANEW:
            uploads.put_gone(giant.generation)
        uploads.put_parts(giant.generation, attempt, COUNTS_ONLY, 0, {}, desk.counted())
        again.append(giant)
    desk.tick(is_ended=True)
    return again


def _in_order(etags: dict[int, str], parts: int) -> list[str] | None:
    """The ETags of all parts, None where some are missing."""
    return [etags[number] for number in range(1, parts + 1)] if len(etags) == parts else None
