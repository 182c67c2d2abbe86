"""Batches: nothing lost, order kept, limits held, no tiny last one, the same each time."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.model.limits import GIB, MIB
from s3sync.planning.batches import TASKS_MAX, BatchLimits, cut, partition_count, separate, weight

SIZES = st.lists(st.none() | st.integers(0, 12) | st.just(2**62), max_size=60)
LIMITS = st.builds(BatchLimits, st.integers(1, 8), st.integers(1, 20), st.integers(1, 3))


def plan_of(sizes, action="copy") -> pa.Table:
    return pa.table(
        {
            "n": pa.array(range(len(sizes)), pa.int64()),
            "size": pa.array(sizes, pa.int64()),
            "action": [action] * len(sizes),
        },
        schema=pa.schema([("n", pa.int64()), ("size", pa.int64()), ("action", pa.string())]),
    )


def weights(table: pa.Table, limits: BatchLimits) -> list[int]:
    return [max(size or 0, limits.open_cost_bytes) for size in table["size"].to_pylist()]


def holds(batch: list[int], limits: BatchLimits) -> bool:
    return len(batch) == 1 or (len(batch) <= limits.max_objects and sum(batch) <= limits.max_weight_bytes)


def fewest(row_weights: list[int], limits: BatchLimits) -> int:
    """How many batches filling one after the other makes."""
    batches: list[list[int]] = []
    for one in row_weights:
        if batches and holds([*batches[-1], one], limits):
            batches[-1].append(one)
        else:
            batches.append([one])
    return len(batches)


def check(batches: list[pa.Table], plan: pa.Table, limits: BatchLimits) -> None:
    assert all(batch.num_rows for batch in batches)
    assert [n for batch in batches for n in batch["n"].to_pylist()] == list(range(plan.num_rows))
    assert all(holds(weights(batch, limits), limits) for batch in batches)
    assert len(batches) == fewest(weights(plan, limits), limits)


@given(SIZES, LIMITS)
def test_cut_loses_nothing_keeps_order_and_limits_and_makes_no_more_than_needed(sizes, limits):
    plan = plan_of(sizes)
    batches = cut(plan, limits)
    check(batches, plan, limits)
    assert batches == cut(plan, limits)


def test_sizes_whose_sum_is_over_64_bits():
    plan, limits = plan_of([2**62, 6, None, None, 2**62]), BatchLimits(5, 7, 1)
    check(cut(plan, limits), plan, limits)


@pytest.mark.parametrize(("rows", "counts"), [(0, []), (1, [1]), (10, [10]), (11, [5, 6]), (21, [7, 7, 7]), (91, 10)])
def test_batches_are_even(rows, counts):
    found = [batch.num_rows for batch in cut(plan_of([1] * rows), BatchLimits(10, 1000, 1))]
    if isinstance(counts, int):
        assert len(found) == counts
        assert min(found) >= max(found) - 1
    else:
        assert sorted(found) == counts


def test_even_by_weight_as_well():
    limits = BatchLimits(100, 100, 1)
    found = cut(plan_of([10] * 9 + [1] * 30), limits)
    assert [sum(weights(batch, limits)) for batch in found] == pytest.approx([60, 60], abs=12)


def test_a_heavy_row_is_alone():
    assert [b.num_rows for b in cut(plan_of([1, 1, 500, 1, 1]), BatchLimits(10, 100, 1))] == [2, 1, 2]


def test_weight_and_unknown_sizes():
    assert weight(plan_of([None, 0, 5, 9]), 6).to_pylist() == [6, 6, 6, 9]


def test_skips_are_set_apart():
    plan = pa.concat_tables([plan_of([1], "copy"), plan_of([2], "skip"), plan_of([3], "delete")])
    work, skipped = separate(plan)
    assert (work["size"].to_pylist(), skipped["size"].to_pylist()) == ([1, 3], [2])


@pytest.mark.parametrize("limits", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_limits_are_positive(limits):
    with pytest.raises(ValueError, match="positive"):
        BatchLimits(*limits)


@pytest.mark.parametrize(
    ("rows", "size_bytes", "parallelism", "count"),
    [
        (0, 0, 8, 1),
        (3_000, 0, 8, 1),
        (1_000_000, 0, 2, 23),
        (1_000_000, 0, 500, 100),
        (100, 1000 * GIB, 64, 64),
        (100, 1000 * GIB, 500, 100),
        (1, 1000 * GIB, 500, 5),
        (10**10, 0, 500, TASKS_MAX),
    ],
)
def test_partition_count(rows, size_bytes, parallelism, count):
    assert partition_count(rows, size_bytes, BatchLimits(50_000, 256 * GIB), parallelism) == count


@given(st.integers(0, 10**11), st.integers(0, 10**18), st.integers(1, 5000))
def test_wide_enough_limits_keep_the_number_of_tasks_down(rows, size_bytes, parallelism):
    limits = BatchLimits(50_000, 256 * GIB, 1 * MIB).widened(rows, size_bytes)
    count = partition_count(rows, size_bytes, limits, parallelism)
    assert 1 <= count <= TASKS_MAX
    assert limits.max_objects * TASKS_MAX >= rows
    assert limits.max_objects >= 50_000
