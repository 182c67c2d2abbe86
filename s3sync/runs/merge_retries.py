"""Folding later attempts into a run: which rows take the place of earlier ones, and what that makes of the counts (C1).

The first outcome of a task stands in `outcomes/`, or nowhere where the task went to the queues at once (`enqueue`).
A row of a task that the plan does not know counts nowhere.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.errors import StoreError
from s3sync.model.outcome import Status
from s3sync.model.tables import OUTCOMES
from s3sync.model.tally import Tally, tally, without
from s3sync.runs.folder import RunFolder, new_run_id
from s3sync.runs.outcomes import BatchDone, outcome_parts, parquet_bytes, read_parquet
from s3sync.runs.plan import Batch, Plan
from s3sync.runs.retry_outcomes import SETTLED, best, part_names, rows_of, shards, weights

_LEAVE_WORK = (Status.FAILED, Status.CHANGED, Status.ARCHIVED)


@dataclass(frozen=True, slots=True)
class _Superseding:
    """The rows that count now, and the earlier ones whose place they take."""

    added: pa.Table
    removed: pa.Table


def fold_retries(folder: RunFolder, plan: Plan, done: Mapping[str, BatchDone], counts: Tally) -> Tally:
    """The counts with what later attempts came to; commits which rows these are. Without attempts: the same counts.

    `counts` are those of `outcomes/` alone. Safe to call again at any time, also while workers write (C2).
    """
    parts = part_names(folder)
    if not parts:
        return counts
    whole = Tally()
    whole.add(counts)
    rows = 0
    for name in parts:
        table = read_parquet(folder.get(name))
        rows += table.num_rows
        whole.add(tally(table.slice(0, 0)))  # what the engine counted; the rows come below
    fold = new_run_id(datetime.now(UTC))
    settled = []
    for shard in shards(rows):
        found = _supersede(folder, plan, done, rows_of(folder, parts, shard))
        name = f"{SETTLED}{fold}-{shard or 'all'}.parquet"
        if not folder.put_new(name, parquet_bytes(found.added)):
            raise StoreError(f"{folder.uri}/{name}: is there already, written by somebody else")
        settled.append([shard, name])
        whole = without(whole, tally(found.removed))
        whole.add(tally(found.added))
    folder.commit("retries", {"settled": settled, "parts": parts})
    return whole


def _supersede(folder: RunFolder, plan: Plan, done: Mapping[str, BatchDone], retried: pa.Table) -> _Superseding:
    wanted = retried["task_id"].combine_chunks()
    found = [OUTCOMES.empty_table()]
    missing = len(wanted)
    for batch in _failed_first(plan, done):
        if not missing:
            break
        for name in outcome_parts(folder, batch.batch_id, done.get(batch.batch_id)):
            earlier = _among(read_parquet(folder.get(name)).select(OUTCOMES.names), wanted)
            found.append(earlier.replace_schema_metadata())
            missing -= earlier.num_rows
    earlier = best(pa.concat_tables(found))
    known = [earlier["task_id"].combine_chunks()]
    if earlier.num_rows < len(wanted):
        for batch in plan.batches:
            if batch.batch_id not in done:  # each task of a batch that is done has its outcome
                known.append(
                    _among(read_parquet(folder.get(batch.file), ["task_id"]), wanted)["task_id"].combine_chunks()
                )
    retried = _among(retried, pa.concat_arrays(known))
    return _winners(retried, earlier)


def _winners(retried: pa.Table, earlier: pa.Table) -> _Superseding:
    before = pa.table({"task_id": earlier["task_id"], "before": weights(earlier)})
    both = pa.table({"task_id": retried["task_id"], "after": weights(retried)}).join(before, "task_id")
    is_won = pc.greater(both["after"], pc.fill_null(both["before"], -1))
    won = both.filter(is_won)["task_id"].combine_chunks()
    return _Superseding(_among(retried, won), _among(earlier, won))


def _failed_first(plan: Plan, done: Mapping[str, BatchDone]) -> Iterator[Batch]:
    """Batches that left work first: nearly all retried tasks are theirs, so that the others need not be read."""

    def left_work(batch: Batch) -> bool:
        record = done.get(batch.batch_id)
        return record is None or any(record.tally.objects[status] for status in _LEAVE_WORK)

    yield from (batch for batch in plan.batches if left_work(batch))
    yield from (batch for batch in plan.batches if not left_work(batch))


def _among(table: pa.Table, ids: pa.Array) -> pa.Table:
    return table.filter(pc.is_in(table["task_id"], value_set=ids))
