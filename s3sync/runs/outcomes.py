"""The outcomes of a batch: written in parts as they come, and committed by one record at the end.

    outcomes/{batch_id}/{attempt}.begun            an attempt at the batch has started; its copies may follow
    outcomes/{batch_id}/{attempt}-{part}.parquet   rows that are settled
    outcomes/{batch_id}/{attempt}.done.json        every task of the batch is settled, in the parts named here

An attempt takes over the parts that earlier ones left, and does only what they do not settle. A part that an attempt
thought dead writes later is in no record, so it does not count (design: "Two writers").
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from s3sync.model.outcome import Outcome
from s3sync.model.tables import OUTCOMES
from s3sync.model.tally import Tally, tally, with_engine_counts
from s3sync.runs.folder import RunFolder
from s3sync.s3.engine.operation import EngineCounts


def parquet_bytes(table: pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", **options)
    return bytes(sink.getvalue())


def read_parquet(body: bytes, columns: list[str] | None = None) -> pa.Table:
    """The whole file in this thread: `pq.read_table` loads pandas and keeps threads with memory of their own."""
    table = pq.ParquetFile(pa.BufferReader(body)).read(columns, use_threads=False)
    return table if columns is None else table.select(columns)


def parquet_batches(body: bytes, rows: int) -> Iterator[pa.RecordBatch]:
    """The file so many rows at a time: in memory is what is read, not what the file holds (C11)."""
    yield from pq.ParquetFile(pa.BufferReader(body)).iter_batches(rows, use_threads=False)


def outcome_table(outcomes: Sequence[Outcome]) -> pa.Table:
    if not outcomes:
        return OUTCOMES.empty_table()
    columns = zip(*outcomes, strict=True)
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, OUTCOMES, strict=True)], schema=OUTCOMES)


def engine_tally(counts: EngineCounts, seconds: float) -> Tally:
    """What an engine counted in so many seconds, to be written with the rows that it made."""
    return Tally(
        requests=Counter(counts.requests),
        retries=counts.retries,
        throttled=counts.throttled,
        throttled_by_prefix=Counter(counts.throttled_by_prefix),
        engine_seconds=seconds,
    )


@dataclass(frozen=True, slots=True)
class BatchDone:
    """The commit of a batch: `parts` are paths in the run's folder, `tasks` the batch's number of tasks."""

    batch_id: str
    attempt: str
    tasks: int
    parts: tuple[str, ...]
    tally: Tally

    def to_json(self) -> dict[str, Any]:
        return {
            "batch_id": self.batch_id,
            "attempt": self.attempt,
            "tasks": self.tasks,
            "parts": list(self.parts),
            "tally": self.tally.to_json(),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "BatchDone":
        return cls(
            value["batch_id"], value["attempt"], value["tasks"], tuple(value["parts"]), Tally.from_json(value["tally"])
        )


@dataclass(frozen=True, slots=True)
class Prior:
    """What earlier attempts left. `was_begun`: copies may have been made that no row tells of. `settled` is empty where
    the batch is `done`."""

    was_begun: bool = False
    settled: frozenset[str] = frozenset()
    parts: tuple[str, ...] = ()
    tally: Tally = field(default_factory=Tally)
    done: BatchDone | None = None


class OutcomeLog:
    """The writing side, for one attempt. `before_commit` gets the rows of a part before it is written: what must
    happen first (failures sent to a queue) happens there, and may happen again if the worker dies in between. What it
    counted is written with the rows."""

    def __init__(
        self,
        folder: RunFolder,
        batch_id: str,
        attempt: str,
        before_commit: Callable[[list[Outcome]], Tally | None] = lambda _: None,
    ) -> None:
        self._folder = folder
        self._batch_id = batch_id
        self._attempt = attempt
        self._before_commit = before_commit
        self._pending: list[Outcome] = []
        self._parts: list[str] = []
        self._tally = Tally()

    @property
    def _prefix(self) -> str:
        return f"outcomes/{self._batch_id}/"

    def begin(self, *, is_new: bool = True) -> Prior:
        """Read what is there, and put down that this attempt has started. Nothing may be copied before.

        `is_new` False: it goes on with what another task has put down already.
        """
        prior = read_prior(self._folder, self._batch_id)
        if prior.done is None:
            if is_new:
                self._folder.put(f"{self._prefix}{self._attempt}.begun", b"")
            self._parts = list(prior.parts)
            self._tally.add(prior.tally)
        return prior

    def add(self, outcome: Outcome) -> None:
        self._pending.append(outcome)

    @property
    def pending(self) -> int:
        return len(self._pending)

    def flush(self, engine: Tally, keep_back: Callable[[Outcome], bool] = lambda _: False) -> None:
        """Write what is pending as a part, but for the rows to keep back. `engine` holds the requests, retries,
        throttles and seconds since the last flush."""
        later = [outcome for outcome in self._pending if keep_back(outcome)]
        rows = [outcome for outcome in self._pending if not keep_back(outcome)] if later else self._pending
        if not rows and not engine.requests:
            return
        counted = Tally()
        counted.add(engine)
        counted.add(self._before_commit(rows) or Tally())
        table = with_engine_counts(outcome_table(rows), counted)
        name = f"{self._prefix}{self._attempt}-{len(self._parts):04d}.parquet"
        self._folder.put(name, parquet_bytes(table))
        self._parts.append(name)
        self._tally.add(tally(table))
        self._pending = later

    def drop_pending(self) -> int:
        """Forget what was not flushed: these tasks stay planned. Returns how many."""
        dropped, self._pending = len(self._pending), []
        return dropped

    def finish(self, tasks: int) -> BatchDone:
        """Commit the batch. Everything must have been flushed."""
        done = BatchDone(self._batch_id, self._attempt, tasks, tuple(self._parts), self._tally)
        self._folder.put_json(f"{self._prefix}{self._attempt}.done.json", done.to_json())
        return done


def outcome_parts(folder: RunFolder, batch_id: str, done: BatchDone | None) -> tuple[str, ...]:
    """The files that hold a batch's outcomes, whether it is `done` or not."""
    return done.parts if done is not None else read_prior(folder, batch_id).parts


def read_prior(folder: RunFolder, batch_id: str) -> Prior:
    """What earlier attempts at a batch left. Of several done records the first attempt's counts."""
    names = list(folder.names(f"outcomes/{batch_id}/"))
    for name in names:
        if name.endswith(".done.json"):
            done = BatchDone.from_json(json.loads(folder.get(name)))
            return Prior(was_begun=True, parts=done.parts, tally=done.tally, done=done)
    settled: set[str] = set()
    parts: list[str] = []
    counts = Tally()
    for name in (name for name in names if name.endswith(".parquet")):
        table = read_parquet(folder.get(name))
        ids = table["task_id"].to_pylist()
        if settled.isdisjoint(ids):  # a part that repeats what another one settles is left out as a whole
            settled.update(ids)
            parts.append(name)
            counts.add(tally(table))
    return Prior(bool(names), frozenset(settled), tuple(parts), counts)
