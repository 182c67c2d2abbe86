"""C1: every listed object is in one place. Each equation has a test that it holds, and one that it is missed."""

from collections import Counter
from itertools import product

import pyarrow as pa
import pytest

from s3sync.errors import InvariantBroken
from s3sync.model.accounting import LIMIT, Amount, Counts, verify_outcomes, verify_plan
from s3sync.model.outcome import Status
from s3sync.model.tables import PLAN
from s3sync.model.tally import Tally

PLANNED = {"copy/copy_object": Amount(5, 50), "copy/multipart_copy": Amount(1, 9000), "skip": Amount(2, 20)}
OUTCOMES = {"copied": Amount(4, 40), "failed": Amount(1, 10), "skipped": Amount(1, 9000)}
WHOLE = Counts(14, 1, 2, {"prefix": 2, LIMIT: 1}, PLANNED, OUTCOMES)


def test_a_whole_run_adds_up():
    verify_plan(WHOLE)
    verify_outcomes(WHOLE)
    assert WHOLE.planned_total == Amount(8, 9070)
    assert WHOLE.remaining == 0


def test_rows_that_the_plan_skips_count_as_skipped_outcomes():
    assert WHOLE.settled["skipped"] == Amount(3, 9020)
    assert list(WHOLE.settled) == [str(status) for status in Status]
    assert WHOLE.settled["archived"] == Amount()


@pytest.mark.parametrize(
    "lost",
    [
        Counts(listed=1),
        Counts(duplicates=1),
        Counts(delete_markers=1),
        Counts(filtered={"size": 1}),
        Counts(planned={"copy/relay": Amount(1)}),
    ],
)
def test_a_plan_that_does_not_add_up_is_a_defect(lost):
    with pytest.raises(InvariantBroken, match=r"1[45] listed, but .* = 1[45]"):
        verify_plan(WHOLE + lost)


@pytest.mark.parametrize("status", list(Status))
def test_an_outcome_too_many_is_a_defect_even_when_stopped_early(status):
    one_more = WHOLE + Counts(outcomes={status: Amount(1)})
    for stopped_early in (True, False):
        with pytest.raises(InvariantBroken, match=r"8 planned, but .* = 9"):
            verify_outcomes(one_more, stopped_early=stopped_early)


def test_an_outcome_too_few_is_a_defect_unless_the_run_stopped_early():
    missing = WHOLE + Counts(planned={"copy/copy_object": Amount(1)})
    assert missing.remaining == 1
    verify_outcomes(missing, stopped_early=True)
    with pytest.raises(InvariantBroken, match=r"9 planned, but 4 copied .* = 8"):
        verify_outcomes(missing)


def test_a_status_nobody_knows_is_a_defect():
    with pytest.raises(InvariantBroken, match="lost"):
        verify_outcomes(WHOLE + Counts(outcomes={"lost": Amount(1)}))


def test_counts_of_a_plan():
    rows = list(product(["copy", "skip"], ["copy_object", "relay"], [3, None]))
    base = {"task_id": "t", "source_key": "k", "target_key": "k", "reason": "r"}
    table = pa.Table.from_pylist([base | {"action": a, "method": m, "size": s} for a, m, s in rows], schema=PLAN)
    assert Counts.of_plan(table).planned == {
        "copy/copy_object": Amount(2, 3),
        "copy/relay": Amount(2, 3),
        "skip": Amount(4, 6),
    }
    assert Counts.of_plan(table.slice(0, 0)) == Counts()


def test_counts_of_what_filters_dropped_and_of_outcomes():
    assert Counts.of_dropped({"delete_marker": 2, "prefix": 1}) == Counts(delete_markers=2, filtered={"prefix": 1})
    tally = Tally(objects=Counter(copied=2, failed=1), size_bytes=Counter(copied=7))
    assert Counts.of_outcomes(tally).outcomes == {"copied": Amount(2, 7), "failed": Amount(1, 0)}


def test_parts_add_up_in_any_order_and_travel():
    assert Counts() + WHOLE == WHOLE + Counts() == WHOLE
    twice = WHOLE + WHOLE
    assert (twice.listed, twice.filtered, twice.planned["skip"]) == (28, {"prefix": 4, LIMIT: 2}, Amount(4, 40))
    assert Counts.from_json(WHOLE.to_json()) == WHOLE
