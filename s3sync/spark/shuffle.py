"""The shuffle that takes portions of rows (`spark.shuffle`) to their partitions.

Rows that change workers: a portion holds rows of one partition, as one Arrow message.

Spark's shuffle moves a few large pieces instead of many rows, which takes it a tenth of the time and starts nothing of
Spark SQL in Java. Rows of one key go to one partition, by a hash of the key, so hot prefixes spread too.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from pyspark import RDD

from s3sync.model.keys import Hashes
from s3sync.model.limits import KIB, MIB


def brought_together(portions: "RDD[Any]", partitions: int) -> "RDD[Any]":
    """The portions, each in the partition that it names; in any order there."""
    return portions.partitionBy(partitions, _itself)


def _itself(partition: Any) -> Any:
    return partition


READ_ROWS = 200_000  # for a task that reads to be worth its start
BLOCK_ROWS = 8_000  # from one reader to one partition, for a block of the shuffle to be worth its keep
HELD_BYTES = 8 * MIB  # of portions that partitionBy holds back in a worker before it hands them on
HELD_PORTIONS_MAX = 1_000  # it holds ten a partition, and looks at the worker's memory after each thousand
PIECE_BYTES = (4 * MIB, 64 * MIB)  # at least and at most, of rows that are divided at a time
PIECE_BYTES_A_PARTITION = 8 * KIB


@dataclass(slots=True)
class ReadCounts:
    """What was read by one task: rows by side, and why rows did not go on. It travels with the rows, so the counts are
    exact whatever Spark repeats, because a shuffle takes each task's rows once (C3)."""

    files: int = 0
    listed: Counter[int] = field(default_factory=Counter)
    sent: Counter[int] = field(default_factory=Counter)
    dropped_source: Counter[str] = field(default_factory=Counter)
    dropped_target: Counter[str] = field(default_factory=Counter)

    def add(self, other: "ReadCounts") -> None:
        self.files += other.files
        for name in ("listed", "sent", "dropped_source", "dropped_target"):
            getattr(self, name).update(getattr(other, name))


Portion: TypeAlias = tuple[int, bytes | ReadCounts]


def read_tasks(files: int, estimated_rows: int, partitions: int, parallelism: int) -> int:
    """How many tasks read so many files: few enough that each is worth its start, and each of the blocks that it makes,
    one a partition, is worth its keep. Blocks of some hundred rows took Spark a fifth of a check of 10 million keys."""
    worth = -(-estimated_rows // max(READ_ROWS, partitions * BLOCK_ROWS))
    return max(1, min(files, max(worth, 2 * parallelism)))


def pieces(batches: Iterable[pa.RecordBatch], partitions: int) -> Iterator[pa.RecordBatch]:
    """The rows in pieces that are large enough to be divided among so many partitions, and bounded (C11)."""
    least, most = PIECE_BYTES
    enough = min(most, max(least, partitions * PIECE_BYTES_A_PARTITION))
    held: list[pa.RecordBatch] = []
    size_bytes = 0
    for batch in batches:
        held.append(batch)
        size_bytes += batch.nbytes
        if size_bytes >= enough:
            yield _whole(held)
            held, size_bytes = [], 0
    if held:
        yield _whole(held)


def _whole(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return pa.concat_batches(batches) if len(batches) > 1 else batches[0]


def divided(rows: pa.RecordBatch, hashes: Hashes, partitions: int) -> Iterator[Portion]:
    """The rows as portions, each behind its partition's number. `hashes` are of the rows' keys."""
    if not rows.num_rows:
        return
    # A receiver may bring rows together by their hashes, so the place among partitions is taken from other bits.
    partition = (hashes >> np.uint64(32)) % np.uint64(partitions)
    order = np.argsort(partition, kind="stable")
    ends = np.searchsorted(partition[order], np.arange(partitions, dtype=np.uint64), side="right")
    ordered = rows.take(pa.array(order))
    row_bytes = max(1, ordered.nbytes // ordered.num_rows)
    most = max(1, HELD_BYTES // min(10 * partitions, HELD_PORTIONS_MAX) // row_bytes)
    start = 0
    for number, end in enumerate(ends.tolist()):
        for first in range(start, end, most):
            yield number, ordered.slice(first, min(most, end - first)).serialize().to_pybytes()
        start = end


def received(portions: Iterable[Portion]) -> tuple[list[bytes], ReadCounts]:
    """What came to one partition: the messages, and the readers' counts, added up."""
    bodies: list[bytes] = []
    counts = ReadCounts()
    for _, portion in portions:
        if isinstance(portion, ReadCounts):
            counts.add(portion)
        else:
            bodies.append(portion)
    return bodies, counts


def table_of(bodies: Iterable[bytes], schema: pa.Schema) -> pa.Table:
    """The rows of some portions, whose batches had this schema, as one table."""
    batches = [pa.ipc.read_record_batch(pa.py_buffer(body), schema) for body in bodies]
    return pa.Table.from_batches(batches, schema=schema)
