"""Later attempts in a run: which row counts, row by row, and counts that close whatever came twice or late (C1, C8)."""

from collections import Counter
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3sync.model.accounting import Amount, Counts
from s3sync.model.outcome import ErrorClass, Outcome, Status
from s3sync.model.tables import PLAN
from s3sync.model.tally import Tally, tally, without
from s3sync.queues.unfinished import unfinished_tasks
from s3sync.runs import retry_outcomes as retry_log
from s3sync.runs.finish import accounts_of
from s3sync.runs.folder import RunFolder
from s3sync.runs.outcomes import OutcomeLog, outcome_table, parquet_bytes
from s3sync.runs.plan import Batch, Plan
from s3sync.runs.retry_outcomes import RetryLog, best, shards
from s3sync.runs.store import LocalStore

UNFINISHED = [status for status in Status if not status.is_complete]


def outcome(number: int, status: Status = Status.COPIED, attempt: int = 1) -> Outcome:
    failed = status is Status.FAILED
    return Outcome(
        task_id=f"{number * 7919:032x}"[::-1],
        source_key=f"key-{number}",
        target_key=f"key-{number}",
        attempt=attempt,
        status=status,
        reason="missing",
        error_code="AccessDenied" if failed else None,
        error_class=ErrorClass.DENIED if failed else None,
        message="no" if failed else None,
        size=10,
        target_etag=None,
        pinned=None,
        verified=None,
        requests=1,
        milliseconds=1,
    )


@pytest.mark.parametrize(
    ("rows", "counts"),
    [
        ([(Status.COPIED, 1), (Status.FAILED, 9)], (Status.COPIED, 1)),
        ([(Status.COPIED, 2), (Status.VANISHED, 3)], (Status.COPIED, 2)),
        ([(Status.SKIPPED, 2), (Status.COPIED, 1)], (Status.COPIED, 1)),
        ([(Status.SKIPPED, 1), (Status.VANISHED, 2)], (Status.SKIPPED, 1)),
        ([(Status.VANISHED, 1), (Status.CHANGED, 2)], (Status.VANISHED, 1)),
        ([(Status.FAILED, 2), (Status.CHANGED, 3)], (Status.CHANGED, 3)),
        ([(Status.FAILED, 3), (Status.ARCHIVED, 2)], (Status.FAILED, 3)),
    ],
)
def test_of_two_rows_of_a_task_one_counts_in_any_order(
    rows: list[tuple[Status, int]], counts: tuple[Status, int]
) -> None:
    for order in permutations(rows):
        (row,) = best(outcome_table([outcome(1, *each) for each in order])).to_pylist()
        assert (row["status"], row["attempt"]) == counts


class Ground:
    """A run of `tasks` tasks in two batches; what is `tried` has an outcome already."""

    def __init__(self, folder: Path, first: dict[int, Status], tasks: int) -> None:
        self.folder = RunFolder(LocalStore(folder), "run")
        batches = []
        for place in (0, 1):
            mine = range(place, tasks, 2)
            rows = [_plan_row(number) for number in mine]
            columns = [pa.array([row[name] for row in rows], PLAN.field(name).type) for name in PLAN.names]
            name = f"plan/b{place}.parquet"
            self.folder.put(name, parquet_bytes(pa.table(columns, schema=PLAN)))
            batches.append(Batch(f"{place:05d}-000", name, len(rows), 0))
            done = [number for number in mine if number in first]
            if done:
                log = OutcomeLog(self.folder, batches[-1].batch_id, "0001-00000001")
                log.begin()
                for number in done:
                    log.add(outcome(number, first[number]))
                log.flush(Tally(requests=Counter(CopyObject=len(done))))
                if len(done) == len(rows):
                    log.finish(len(rows))
        counts = Counts(listed=tasks, planned={"copy/copy_object": Amount(tasks, 10 * tasks)})
        self.plan = Plan("from", "to", datetime.now(UTC), counts, batches=tuple(batches))

    def retry(self, outcomes: list[Outcome], worker: str = "w1") -> None:
        RetryLog(self.folder, "drain", worker).put(outcomes, Tally(requests=Counter(HeadObject=len(outcomes))))

    def statuses(self) -> dict[str, int]:
        accounts = accounts_of(self.folder, self.plan, stopped_early=True)
        return {status: amount.objects for status, amount in accounts.counts.settled.items() if amount.objects}

    def left(self) -> set[str]:
        accounts = accounts_of(self.folder, self.plan, stopped_early=True)
        found = unfinished_tasks(self.folder, self.plan, accounts.done)
        return {queued.task.source_key for _, tasks in found for queued in tasks}


def _plan_row(number: int) -> dict[str, object]:
    key = f"key-{number}"
    values = {"task_id": outcome(number).task_id, "source_key": key, "target_key": key, "size": 10}
    return {**dict.fromkeys(PLAN.names), **values, "action": "copy", "reason": "missing", "method": "copy_object"}


def test_c1_a_failure_that_was_mended_counts_as_copied_once(tmp_path: Path) -> None:
    ground = Ground(tmp_path, {n: Status.FAILED if n < 3 else Status.COPIED for n in range(10)}, 10)
    assert ground.statuses() == {"copied": 7, "failed": 3}
    ground.retry([outcome(0, attempt=2), outcome(1, Status.FAILED, 2)])
    assert ground.statuses() == {"copied": 8, "failed": 2}
    assert ground.left() == {"key-1", "key-2"}
    ground.retry([outcome(0, Status.FAILED, 2), outcome(1, attempt=3)], worker="w2")  # the first came twice
    assert ground.statuses() == {"copied": 9, "failed": 1}
    accounts = accounts_of(ground.folder, ground.plan, stopped_early=False)
    assert accounts.tally.requests == {"CopyObject": 10, "HeadObject": 4}
    assert accounts.tally.errors["AccessDenied"].count == 1
    assert accounts.tally.size_bytes["copied"] == 90


def test_c1_a_task_that_was_copied_and_sent_all_the_same_counts_once(tmp_path: Path) -> None:
    """A worker sent it and died before it wrote the row; the next one copied it."""
    ground = Ground(tmp_path, dict.fromkeys(range(4), Status.COPIED), 4)
    ground.retry([outcome(2, attempt=2), outcome(3, Status.FAILED, 2)])
    assert ground.statuses() == {"copied": 4}
    assert ground.left() == set()


def test_c1_a_row_that_the_plan_does_not_know_counts_nowhere(tmp_path: Path) -> None:
    ground = Ground(tmp_path, {0: Status.FAILED}, 4)
    ground.retry([outcome(99, attempt=2)])
    assert ground.statuses() == {"failed": 1}


def test_c1_tasks_that_went_to_the_queues_at_once(tmp_path: Path) -> None:
    ground = Ground(tmp_path, {}, 6)
    assert ground.left() == {f"key-{n}" for n in range(6)}
    ground.retry([outcome(n) for n in range(4)])
    assert ground.statuses() == {"copied": 4}
    assert ground.left() == {"key-4", "key-5"}


def test_c11_shards_part_the_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shards(retry_log.SHARD_ROWS) == [""]
    assert len(shards(retry_log.SHARD_ROWS + 1)) == 16
    ground = Ground(tmp_path, dict.fromkeys(range(40), Status.FAILED), 60)
    ground.retry([outcome(n, attempt=2) for n in range(50)])
    whole = ground.statuses(), ground.left()
    monkeypatch.setattr(retry_log, "SHARD_ROWS", 3)
    assert (ground.statuses(), ground.left()) == whole == ({"copied": 50}, {f"key-{n}" for n in range(50, 60)})
    assert len((ground.folder.manifest("retries") or {})["settled"]) == 256


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(st.integers(0, 11), st.sampled_from(list(Status))),
    st.lists(
        st.lists(st.tuples(st.integers(0, 11), st.sampled_from(list(Status)), st.integers(2, 5)), max_size=8),
        max_size=4,
    ),
)
def test_c1_the_counts_close_whatever_comes(
    tmp_path_factory: pytest.TempPathFactory, first: dict[int, Status], parts: list[list[tuple[int, Status, int]]]
) -> None:
    """Compared with the plain rule: for each task the best of all its rows."""
    ground = Ground(tmp_path_factory.mktemp("run"), first, 12)
    rows: dict[int, list[tuple[int, int]]] = {n: [_worth(status, 1)] for n, status in first.items()}
    for place, part in enumerate(parts):
        once = {number: (number, status, attempt) for number, status, attempt in part}
        ground.retry([outcome(*each) for each in once.values()], worker=f"w{place}")
        for number, status, attempt in once.values():
            rows.setdefault(number, []).append(_worth(status, attempt))
    complete = {n for n, found in rows.items() if max(found)[0] > 0}
    statuses = ground.statuses()
    assert sum(statuses.values()) == len(rows)
    assert sum(statuses.get(s, 0) for s in Status if s.is_complete) == len(complete)
    assert ground.left() == {f"key-{n}" for n in range(12) if n not in complete}
    assert statuses == ground.statuses()  # folding again changes nothing (C2)


def _worth(status: Status, attempt: int) -> tuple[int, int]:
    rank = {Status.COPIED: 3, Status.SKIPPED: 2, Status.VANISHED: 1}.get(status, 0)
    return rank, 0 if rank else attempt


def test_a_tally_without_some_of_its_rows() -> None:
    rows = [outcome(n, Status.FAILED if n < 4 else Status.COPIED) for n in range(10)]
    whole = tally(outcome_table(rows))
    whole.sent = 4
    rest = without(whole, tally(outcome_table(rows[1:6])))
    assert rest.objects == {"failed": 1, "copied": 4}
    assert rest.errors["AccessDenied"].count == 1
    assert rest.sent == 4
    assert whole.objects == {"failed": 4, "copied": 6}
    assert without(whole, tally(outcome_table(rows))).errors == {}
