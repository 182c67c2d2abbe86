"""Outcomes of later attempts, written into the run that they belong to, and which of them count (C1).

    retries/{drain}/{worker}-{number}.parquet   rows of attempts, as workers settle them
    retries/settled/{fold}-{shard}.parquet      of each task the one row that takes the place of its earlier outcome
    retries/manifest.json                       the commit: the settled files, and the parts that they were made of

Parts come from any number of processes that know nothing of one another, so which row counts follows from the rows
alone, whatever their order, and however often a task was delivered (C8):

| of two rows of a task                                  | counts              |
|--------------------------------------------------------|---------------------|
| copied, and any other status                           | copied              |
| skipped, and any other but copied                      | skipped             |
| vanished, and failed, changed or archived              | vanished            |
| both failed, changed or archived                       | the later attempt   |
| alike in all that                                      | the earlier outcome |
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.errors import StoreError
from s3sync.model.outcome import Outcome, Status
from s3sync.model.tables import OUTCOMES
from s3sync.model.tally import Tally, with_engine_counts
from s3sync.runs.folder import RunFolder
from s3sync.runs.outcomes import outcome_table, parquet_bytes, read_parquet

PREFIX = "retries/"
SETTLED = "retries/settled/"
SHARD_ROWS = 1_000_000

_RANK = pa.table(
    {"status": [str(Status.COPIED), str(Status.SKIPPED), str(Status.VANISHED)], "rank": pa.array([3, 2, 1], pa.int64())}
)
_PER_RANK = 10_000_000


@dataclass(slots=True)
class RetryLog:
    """The writing side of one worker in one run."""

    folder: RunFolder
    drain_id: str
    worker: str
    written: int = 0

    def put(self, outcomes: list[Outcome], engine: Tally) -> None:
        """Write a part; from then on its rows are in the run. Raises StoreError."""
        table = with_engine_counts(outcome_table(outcomes), engine)
        name = f"{PREFIX}{self.drain_id}/{self.worker}-{self.written:05d}.parquet"
        if not self.folder.put_new(name, parquet_bytes(table)):
            raise StoreError(
                f"{self.folder.uri}/{name}: is there already, written by somebody else; nothing was overwritten"
            )
        self.written += 1


def part_names(folder: RunFolder) -> list[str]:
    """The parts of all workers so far."""
    return sorted(name for name in folder.names(PREFIX) if name.endswith(".parquet") and not name.startswith(SETTLED))


def shards(rows: int) -> list[str]:
    """Beginnings of task ids that part the tasks into shards of at most about SHARD_ROWS rows (C11)."""
    digits, depth = "0123456789abcdef", 0
    while rows > SHARD_ROWS * 16**depth:
        depth += 1
    return ["".join(letters) for letters in product(digits, repeat=depth)]


def of_shard(table: pa.Table, shard: str) -> pa.Table:
    return table.filter(pc.starts_with(table["task_id"], shard)) if shard else table


def weights(table: pa.Table) -> pa.ChunkedArray:
    """For each row a number; of two rows of a task the greater one counts. See the module's table."""
    places = pc.index_in(table["status"], value_set=_RANK["status"].combine_chunks())
    rank = pc.fill_null(pc.take(_RANK["rank"].combine_chunks(), places), 0)
    attempt = pc.if_else(pc.equal(rank, 0), pc.cast(table["attempt"], pa.int64()), 0)
    return pc.add(pc.multiply(rank, _PER_RANK), attempt)


def best(table: pa.Table) -> pa.Table:
    """One row for each task: the one that counts. Columns of the schema OUTCOMES."""
    if not table.num_rows:
        return table.select(OUTCOMES.names)
    weighed = table.select(OUTCOMES.names).append_column("weight", weights(table))
    ordered = weighed.sort_by([("task_id", "ascending"), ("weight", "descending")])
    ids = ordered["task_id"].combine_chunks()
    is_first = pc.not_equal(ids[1:], ids[:-1])
    mask = pa.concat_arrays([pa.array([True]), is_first])
    return ordered.filter(mask).drop_columns(["weight"])


def rows_of(folder: RunFolder, parts: Iterable[str], shard: str) -> pa.Table:
    """The rows of the parts that are in the shard, best ones only; read a part at a time."""
    kept = OUTCOMES.empty_table()
    held: list[pa.Table] = []
    for name in parts:
        held.append(of_shard(read_parquet(folder.get(name)).select(OUTCOMES.names), shard).replace_schema_metadata())
        if sum(table.num_rows for table in held) >= SHARD_ROWS:
            kept, held = best(pa.concat_tables([kept, *held])), []
    return best(pa.concat_tables([kept, *held]))


def settled_tables(folder: RunFolder) -> Iterator[tuple[str, pa.Table]]:
    """Shard by shard, its beginning and the rows that the last fold settled; one empty shard where there are none."""
    manifest = folder.manifest("retries") or {"settled": [["", None]]}
    for shard, name in manifest["settled"]:
        yield shard, read_parquet(folder.get(name)) if name else OUTCOMES.empty_table()
