"""What workers do for giants: open their uploads, carry parts, finish them. Each may be called again at any point (C2).

open_giants ──> carry_piece, for each portion of parts ──> finish_giants ──> settled, or once more from the beginning
"""

from collections.abc import Iterator
from dataclasses import dataclass

from s3sync.copying.batch import CopyContext, session_of
from s3sync.copying.large_object.operations import carry_part, finish_giant, open_giant, parted
from s3sync.copying.object_copy import CopyJob
from s3sync.model.outcome import Outcome, Status
from s3sync.model.part_layout import Part
from s3sync.model.task import Task
from s3sync.planning.large_objects import Next, is_passing, piece_bytes, pieces, telling
from s3sync.queues.send_failures import FailureSender
from s3sync.runs.folder import RunFolder
from s3sync.runs.outcomes import OutcomeLog, read_parquet
from s3sync.runs.plan import Batch, tasks_of
from s3sync.runs.store import Store
from s3sync.runs.upload_log import COUNTS_ONLY, OpenGiant, OpenUpload, Piece, UploadLog
from s3sync.runs.worker import WorkerSession
from s3sync.s3.engine.circuit_breaker import is_hopeless
from s3sync.s3.engine.operation import Operation


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
    """What one task of giants works with."""

    def __init__(self, context: CopyContext, store: Store, session: WorkerSession) -> None:
        self.folder = RunFolder(store, context.run_id)
        self.session = session
        buckets = (context.settings.source_bucket, context.settings.target_bucket)
        self._sender = FailureSender(context.access.queue, context.failures, context.run_id, buckets)

    def task(self, file: str) -> Task:
        return next(tasks_of(read_parquet(self.folder.get(file)).to_batches()))

    def log(self, batch_id: str) -> OutcomeLog:
        return OutcomeLog(self.folder, batch_id, self.session.attempt, self._sender.send)

    def settle(self, batch_id: str, task: Task, outcome: Outcome) -> None:
        """Write the outcome, with all that the giant took, and commit its batch."""
        log = self.log(batch_id)
        prior = log.begin(is_new=False)
        if prior.done is None:
            if task.task_id not in prior.settled:
                counts = self.session.counted()
                counts.add(UploadLog(self.folder, batch_id).counted())
                self._sender.note(task, outcome)
                log.add(outcome)
                log.flush(counts)
            log.finish(1)
        self.note_settled(outcome)

    def note_settled(self, outcome: Outcome | None) -> None:
        """For progress and the circuit. None: it was settled before."""
        is_failed = outcome is not None and outcome.status is Status.FAILED
        hopeless = outcome.error_code if outcome is not None and is_hopeless(outcome) else None
        self.session.settle(is_failed=is_failed, hopeless=hopeless)


def open_giants(context: CopyContext, store: Store, opening: Opening, attempt: str) -> list[OpenGiant]:
    """Those whose upload is open afterwards; the others are settled, or the run is stopping."""
    with session_of(context, opening.name, attempt) as session:
        return _open(context, _Desk(context, store, session), opening)


def _open(context: CopyContext, desk: _Desk, opening: Opening) -> list[OpenGiant]:
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
            look_first = prior.was_begun or context.looks_first(task)
            yield (batch, task, generation, number), open_giant(job, opened, look_first=look_first)

    for (batch, task, generation, number), result in desk.session.run(operations()):
        if isinstance(result, Outcome):
            desk.settle(batch.batch_id, task, result)
            continue
        uploads = UploadLog(desk.folder, batch.batch_id)
        upload = uploads.put_open(generation, result)
        if upload.upload_id != result.upload_id:
            needless.append((None, parted(CopyJob(task, context.settings, number), result).abort()))
        uploads.put_parts(generation, desk.session.attempt, COUNTS_ONLY, 0, {}, desk.session.counted())
        there = uploads.carried(generation).etags
        sizes = upload.cut.layout.part_sizes
        if opening.is_first:
            desk.session.size_bytes += sum(sizes[part - 1] for part in there)
        missing = tuple(pieces(sizes, there, piece_bytes(upload.size_bytes, opening.all_bytes)))
        found.append(OpenGiant(batch.batch_id, batch.file, generation, number, missing))
    for _ in desk.session.run(needless, should_stop=lambda: False):
        pass
    return found


def carry_piece(context: CopyContext, store: Store, piece: Piece, attempt: str) -> PieceEnd:
    """Copy the parts of the piece that no earlier attempt at it left; those that are there are written down as they
    come. What no further try mends ends it."""
    with session_of(context, piece.name, attempt) as session:
        return _carry(context, _Desk(context, store, session), piece)


def _carry(context: CopyContext, desk: _Desk, piece: Piece) -> PieceEnd:
    session = desk.session
    uploads = UploadLog(desk.folder, piece.batch_id)
    opened, task, first = uploads.opened(piece.generation), desk.task(piece.file), piece.numbers[0]
    before = uploads.carried(piece.generation, first).etags
    parts = {part.number: part for part in opened.cut.layout.parts() if part.number in piece.numbers}
    session.size_bytes = sum(parts[number].size_bytes for number in before if number in parts)
    pending: dict[int, str] = {}
    files = 0

    def operations() -> Iterator[tuple[Part, Operation[str | Outcome]]]:
        for number in piece.numbers:
            if number not in before:
                job = CopyJob(task, context.settings, piece.attempt)
                yield parts[number], carry_part(job, opened, parts[number])

    def flush() -> None:
        nonlocal files
        uploads.put_parts(piece.generation, session.attempt, first, files, pending, session.counted())
        pending.clear()
        files += 1

    failure: Outcome | None = None
    for part, result in session.run(operations(), flush=flush):
        if isinstance(result, Outcome):
            failure = telling([failure, result] if failure is not None else [result])
            session.stop = session.stop or not is_passing(result.error_class)
        else:
            pending[part.number] = result
            session.size_bytes += part.size_bytes
    session.end()
    flush()
    return PieceEnd(piece.batch_id, failure)


def finish_giants(context: CopyContext, store: Store, finishing: Finishing, attempt: str) -> list[OpenGiant]:
    """Settle giants whose parts were tried; those that are to be tried once more come back."""
    with session_of(context, finishing.name, attempt) as session:
        return _finish(context, _Desk(context, store, session), finishing)


def _finish(context: CopyContext, desk: _Desk, finishing: Finishing) -> list[OpenGiant]:
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

    for (giant, task), (outcome, following) in desk.session.run(operations()):
        if following is Next.SETTLE:
            desk.settle(giant.batch_id, task, outcome)
            continue
        uploads = UploadLog(desk.folder, giant.batch_id)
        if following is Next.OPEN_ANEW:
            uploads.put_gone(giant.generation)
        uploads.put_parts(giant.generation, desk.session.attempt, COUNTS_ONLY, 0, {}, desk.session.counted())
        again.append(giant)
    return again


def _in_order(etags: dict[int, str], parts: int) -> list[str] | None:
    """The ETags of all parts, None where some are missing."""
    return [etags[number] for number in range(1, parts + 1)] if len(etags) == parts else None
