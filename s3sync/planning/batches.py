"""Cutting a plan into batches: one batch is one file of `plan/` and one Spark task.

A batch is full at `max_objects` rows or `max_weight_bytes`, whichever comes first; the weight of a row is the larger
of its size and what it costs to open an object at all. A row heavier than a whole batch makes a batch of its own.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from s3sync.model.limits import GIB, MIB
from s3sync.model.task import Action

TASKS_MAX = 50_000
FILL = 0.9
OPEN_COST_BYTES = 1 * MIB  # one request and its answer take about as long as S3 needs to copy this much
WORTH_A_TASK_OBJECTS = 10_000  # a Spark task costs 80 to 90 ms by itself: fewer small objects are not worth one
WORTH_A_TASK_BYTES = 1 * GIB

Weights = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BatchLimits:
    max_objects: int
    max_weight_bytes: int
    open_cost_bytes: int = OPEN_COST_BYTES

    def __post_init__(self) -> None:
        if min(self.max_objects, self.max_weight_bytes, self.open_cost_bytes) < 1:
            raise ValueError(f"limits must be positive: {self}")

    def widened(self, rows: int, size_bytes: int, tasks: int = TASKS_MAX) -> "BatchLimits":
        """Limits under which so many rows and bytes make about `tasks` batches at most; never narrower than these.

        Leaves room for batches that are half full, as the last two of every partition may be.
        """
        objects, weight = -(-2 * rows // tasks), -(-2 * (size_bytes + rows * self.open_cost_bytes) // tasks)
        return BatchLimits(max(self.max_objects, objects), max(self.max_weight_bytes, weight), self.open_cost_bytes)


def weight(plan: pa.Table, open_cost_bytes: int) -> pa.ChunkedArray:
    """max(size, open_cost_bytes) for each row; an unknown size weighs as little as an open."""
    return pc.max_element_wise(plan["size"], open_cost_bytes)


def separate(plan: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The rows that batches are made of, and the skipped ones, which need no task."""
    is_skip = pc.equal(plan["action"], str(Action.SKIP))
    return plan.filter(pc.invert(is_skip)), plan.filter(is_skip)


def cut(plan: pa.Table, limits: BatchLimits) -> list[pa.Table]:
    """The plan as batches: as few as the limits allow, alike in rows and weight, in the plan's order.

    The same plan gives the same batches. No rows, no batches.
    """
    ends = _even_ends(_Load.of(plan, limits))
    return [plan.slice(start, end - start) for start, end in zip([0, *ends], ends, strict=False)]


def partition_count(
    estimated_rows: int, estimated_bytes: int, limits: BatchLimits, parallelism: int, most: int = TASKS_MAX
) -> int:
    """Over how many partitions the rows are hashed so that each makes about one batch; 1 to `most`.

    As many as the limits ask for, nine tenths full, since hashing spreads them unevenly and a partition just over a
    limit becomes two half batches; more, up to `parallelism`, while each still has work worth a task.
    """
    weight_bytes = estimated_bytes + estimated_rows * limits.open_cost_bytes
    needed = ceil(max(estimated_rows / limits.max_objects, weight_bytes / limits.max_weight_bytes) / FILL)
    worth = max(-(-estimated_rows // WORTH_A_TASK_OBJECTS), -(-estimated_bytes // WORTH_A_TASK_BYTES))
    return max(1, min(most, max(needed, min(parallelism, worth, max(estimated_rows, 1)))))


def _capped(plan: pa.Table, limits: BatchLimits) -> pa.ChunkedArray:
    """The weights, none over the limit: a row at it fills a batch as a heavier one does, and sums can't overflow."""
    return pc.min_element_wise(weight(plan, limits.open_cost_bytes), limits.max_weight_bytes)


@dataclass(frozen=True, slots=True)
class _Load:
    """Sums over the first i rows, for i from 0 to all: where a batch that starts at a row must end is one search."""

    weights: Weights
    max_objects: int
    max_weight: int

    @classmethod
    def of(cls, plan: pa.Table, limits: BatchLimits) -> "_Load":
        sums = np.zeros(plan.num_rows + 1, np.int64)
        np.cumsum(_capped(plan, limits).to_numpy(), out=sums[1:])
        return cls(sums, limits.max_objects, limits.max_weight_bytes)

    @property
    def rows(self) -> int:
        return self.weights.size - 1

    def full(self, start: int) -> int:
        """The end of the fullest batch that starts at this row."""
        by_weight = int(np.searchsorted(self.weights, self.weights[start] + self.max_weight, side="right")) - 1
        return min(by_weight, start + self.max_objects, self.rows)

    def earliest(self, end: int) -> int:
        """The start of the fullest batch that ends before this row."""
        by_weight = int(np.searchsorted(self.weights, self.weights[end] - self.max_weight, side="left"))
        return max(by_weight, end - self.max_objects, 0)

    def share(self) -> npt.NDArray[np.float64]:
        """How many batches the first i rows fill, counting rows and weight alike."""
        return np.arange(self.rows + 1) / self.max_objects + self.weights / self.max_weight


def _even_ends(load: _Load) -> list[int]:
    """Where each batch ends: the least number of batches, each end as near to an equal share as the limits allow.

    Filling from the left gives the number, and the last place where each batch may end; filling from the right, the
    first place where it may, so that the others can still take the rest.
    """
    first_ends: list[int] = []
    end = load.rows
    while end > 0:
        first_ends.append(end)
        end = load.earliest(end)
    share, ends, start = load.share(), [], 0
    for left, first_end in zip(range(len(first_ends), 0, -1), reversed(first_ends), strict=True):
        fair = _nearest(share, share[start] + (share[-1] - share[start]) / left)
        ends.append(min(max(fair, first_end, start + 1), load.full(start)))
        start = ends[-1]
    return ends


def _nearest(rising: npt.NDArray[np.float64], value: float) -> int:
    """Where in a rising sequence the nearest to `value` stands; of two as near, the later one."""
    at = min(int(np.searchsorted(rising, value)), rising.size - 1)
    return at - 1 if at and value - rising[at - 1] < rising[at] - value else at
