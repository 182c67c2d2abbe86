"""From pages to segments: rows of several ranges gathered in memory, written behind the listing's back.

A segment is written when `SEGMENT_OBJECTS` have come, by a thread of its own, so that the requests go on meanwhile; a
task's record follows its segments, never precedes them. Memory: the objects gathered and those of two segments that
are being written. A range of which more than a segment holds is not written yet waits for the writing: so whoever goes
on after a kill lists at most one segment a range again.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.listing.files import ListingFolder
from s3sync.listing.state import Calls, Listed, ListedRange, Segment
from s3sync.model.key_range import KeyRange

SEGMENT_OBJECTS = 100_000
WRITING_MAX = 2

Rows = tuple[pa.Table, dict[str, int]]


@dataclass(frozen=True, slots=True)
class SegmentFormat:
    """`suffix` of the file, `encode` a table; `select` the rows and columns to keep, and why others are dropped."""

    suffix: str
    encode: Callable[[pa.Table], bytes]
    select: Callable[[pa.Table], Rows] = lambda table: (table, {})


@dataclass(slots=True)
class _Piece:
    """What came of one range since it was last written: `(after, upto]`, `upto` being how far it is listed."""

    prefix: str
    after: str
    upto: str | None
    batches: list[pa.RecordBatch] = field(default_factory=list)
    pages: int = 0

    def row(self, segment: str | None) -> ListedRange:
        keys = [batch.column("key") for batch in self.batches]
        sizes = (pc.sum(batch.column("size")).as_py() or 0 for batch in self.batches)
        return ListedRange(
            self.prefix,
            self.after,
            self.upto,
            keys[0][0].as_py() if keys else None,
            keys[-1][-1].as_py() if keys else None,
            sum(batch.num_rows for batch in self.batches),
            sum(sizes),
            self.pages,
            (segment,) if segment else (),
        )


class RangeLog:
    """One range of a task, on its way into the task's segments."""

    __slots__ = ("_log", "_piece", "held", "writing")

    def __init__(self, log: "SegmentLog", prefix: str, key_range: KeyRange) -> None:
        self.held = 0  # objects in memory
        self.writing = 0  # objects in segments that are not known to be written
        self._log = log
        self._piece = _Piece(prefix, key_range.after, key_range.after)

    def add(self, objects: pa.RecordBatch, after: str | None) -> None:
        """A page; the range is now listed up to `after`, where that is told."""
        self._put(objects)
        if after is not None:
            self._piece.upto = after
        self.held += objects.num_rows
        self._log.took(objects)
        if self.held + self.writing >= SEGMENT_OBJECTS:
            self._log.settle()

    def end(self, objects: pa.RecordBatch, upto: str | None) -> None:
        """The last page; the range is listed to its end."""
        self._put(objects)
        self._piece.upto = upto
        self._log.close(self, self.take())
        self._log.took(objects)

    def _put(self, objects: pa.RecordBatch) -> None:
        self._piece.pages += 1
        if objects.num_rows:
            self._piece.batches.append(objects)

    def take(self) -> _Piece:
        """What came since it was last taken. Afterwards the range goes on where this ended."""
        piece = self._piece
        self._piece = _Piece(piece.prefix, piece.upto or "", piece.upto)
        return piece

    @property
    def is_written(self) -> bool:
        """True where nothing was settled since it was last taken."""
        return self._piece.upto == self._piece.after


@dataclass(frozen=True, slots=True)
class _Write:
    """A segment on its way, and how many objects it has of which open ranges."""

    future: Future[None]
    parts: list[tuple[RangeLog, int]]


class SegmentLog:
    """The segments of one attempt at a task. `finish` writes what is left; `abandon` ends the writing thread in any
    case."""

    def __init__(self, folder: ListingFolder, name: str, form: SegmentFormat) -> None:
        self.listed = Listed()
        self._folder = folder
        self._name = name
        self._form = form
        self._open: dict[int, RangeLog] = {}
        self._closed: list[_Piece] = []
        self._held = 0
        self._segments = 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="segments")
        self._writing: list[_Write] = []

    def begin(self, prefix: str, key_range: KeyRange) -> RangeLog:
        opened = RangeLog(self, prefix, key_range)
        self._open[id(opened)] = opened
        return opened

    def took(self, objects: pa.RecordBatch) -> None:
        self._held += objects.num_rows
        if self._held >= SEGMENT_OBJECTS:
            self.flush()

    def close(self, opened: RangeLog, piece: _Piece) -> None:
        del self._open[id(opened)]
        self._closed.append(piece)

    def flush(self) -> None:
        """Hand what is held to the writing thread; waits where that is too far behind. Raises StoreError."""
        logs = [opened for opened in self._open.values() if not opened.is_written]
        pieces = self._closed + [opened.take() for opened in logs]
        self._closed, self._held = [], 0
        if not pieces:
            return
        pieces.sort(key=lambda piece: (piece.prefix, piece.after))
        name = f"{self._name}-{self._segments:04d}.{self._form.suffix}"
        self._segments += 1
        self._settle(WRITING_MAX - 1)
        self._writing.append(_Write(self._thread.submit(self._write, name, pieces), [(log, log.held) for log in logs]))
        for log in logs:
            log.writing, log.held = log.writing + log.held, 0

    def finish(self, calls: Calls) -> Listed:
        """Write all that is left, and the record with the calls made. Raises StoreError."""
        self.flush()
        self._settle(0)
        self.listed.calls = calls
        self._folder.put_task(self._name, self.listed)
        return self.listed

    def abandon(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    def settle(self) -> None:
        """Wait until all that was handed to the writing thread is written. Raises StoreError."""
        self._settle(0)

    def _settle(self, most: int) -> None:
        while len(self._writing) > most:
            write = self._writing.pop(0)
            write.future.result()
            for log, objects in write.parts:
                log.writing -= objects

    def _write(self, name: str, pieces: list[_Piece]) -> None:
        batches = [batch for piece in pieces for batch in piece.batches]
        if batches:
            table, dropped = self._form.select(pa.Table.from_batches(batches).combine_chunks())
            file = self._folder.put_segment(name, self._form.encode(table))
            first = next(piece for piece in pieces if piece.batches)
            rows = [piece.row(file if piece is first else None) for piece in pieces if piece.batches]
            objects, size_bytes = sum(row.objects for row in rows), sum(row.size_bytes for row in rows)
            self.listed.segments.append(Segment(file, objects, table.num_rows, size_bytes, tuple(rows), dropped))
        self.listed.empty.extend(piece.row(None) for piece in pieces if not piece.batches)
        self._folder.put_task(self._name, self.listed)
