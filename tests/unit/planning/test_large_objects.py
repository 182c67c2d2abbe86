"""Which rows are giants, how their parts are spread over tasks, and what follows what became of them."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.config.model import CopyConfig
from s3sync.model.limits import GIB, MIB
from s3sync.model.outcome import ErrorClass, Outcome, Status
from s3sync.model.tables import PLAN
from s3sync.planning.batches import TASKS_MAX
from s3sync.planning.large_objects import (
    PIECE_MOST_BYTES,
    PIECES_LEAST,
    PIECES_MAX,
    GiantRule,
    Next,
    after,
    piece_bytes,
    pieces,
    telling,
)

PLAIN, PARTS = "0" * 32, "0" * 32 + "-7"


def plan_of(*rows):
    """(method, size, etag) for each row."""
    columns = [
        {"task_id": str(n), "source_key": "k", "target_key": "k", "action": "copy", "reason": "missing"}
        | {"method": method, "size": size, "etag": etag}
        for n, (method, size, etag) in enumerate(rows)
    ]
    return pa.Table.from_pylist(columns, schema=PLAN)


@pytest.mark.parametrize(
    ("method", "size", "etag", "preserve_etags", "is_giant"),
    [
        ("copy_object", 100, PARTS, False, False),
        ("multipart_copy", None, PARTS, False, False),
        ("multipart_copy", 99, PARTS, False, False),
        ("multipart_copy", 100, PARTS, False, True),
        ("relay", 100, PARTS, False, True),
        ("relay", 100, None, False, True),
        ("relay", 100, PLAIN, False, True),
        ("relay", 100, PLAIN, True, False),
        ("relay", 100, None, True, True),
        ("relay", 5 * GIB, PLAIN, True, False),
        ("relay", 5 * GIB + 1, PLAIN, True, True),
        ("multipart_copy", 100, PARTS, True, True),
    ],
)
def test_which_rows_are_giants(method, size, etag, preserve_etags, is_giant):
    plan = plan_of(("copy_object", 1, PLAIN), (method, size, etag))
    giants, others = GiantRule(100, preserve_etags).separate(plan)
    assert giants["task_id"].to_pylist() == (["1"] if is_giant else [])
    assert others["task_id"].to_pylist() == (["0"] if is_giant else ["0", "1"])


def test_giants_are_never_more_than_half_of_all_tasks():
    total = 10**6 * 200 * GIB
    rule = GiantRule.of(CopyConfig(giant_threshold_bytes=100 * GIB), total)
    assert total // rule.threshold_bytes <= TASKS_MAX // 2
    assert GiantRule.of(CopyConfig(preserve_etags=True), 10 * GIB) == GiantRule(100 * GIB, True)


@given(
    st.lists(st.integers(1, 10**6), min_size=1, max_size=60),
    st.sets(st.integers(1, 60)),
    st.integers(1, 3 * 10**6),
)
def test_pieces_are_the_missing_parts_each_once_and_in_order(sizes, there, most_bytes):
    found = list(pieces(sizes, there, most_bytes))
    assert [n for piece in found for n in piece] == [n for n in range(1, len(sizes) + 1) if n not in there]
    for piece in found:
        assert len(piece) == 1 or sum(sizes[n - 1] for n in piece) <= most_bytes


@pytest.mark.parametrize(
    ("size", "all_bytes", "least_pieces", "most_pieces"),
    [
        (100 * GIB, 100 * GIB, PIECES_LEAST, PIECES_LEAST),
        (5 * 1024 * GIB, 5 * 1024 * GIB, 640, 640),
        (1, 1, 1, 1),
        (100 * GIB, PIECES_MAX * 100 * GIB, 1, 1),
    ],
)
def test_a_giant_is_spread_over_tasks_but_not_over_too_many(size, all_bytes, least_pieces, most_pieces):
    most = piece_bytes(size, all_bytes)
    assert least_pieces <= -(-size // most) <= most_pieces
    assert most <= max(PIECE_MOST_BYTES, all_bytes // PIECES_MAX)


def outcome(status=Status.FAILED, code=None, error_class=None):
    return Outcome("t", "k", "k", 1, status, "missing", code, error_class, None, 1, None, None, None, 1, 1)


GONE = outcome(code="NoSuchUpload", error_class=ErrorClass.NOT_FOUND)
PASSING = outcome(code="InternalError", error_class=ErrorClass.TRANSIENT)
DENIED = outcome(code="AccessDenied", error_class=ErrorClass.DENIED)
CHANGED = outcome(Status.CHANGED)


@pytest.mark.parametrize(
    ("found", "is_last", "following"),
    [
        *((outcome(status), False, Next.SETTLE) for status in Status if status is not Status.FAILED),
        (GONE, False, Next.OPEN_ANEW),
        (outcome(code="InvalidPart", error_class=ErrorClass.INVALID), False, Next.OPEN_ANEW),
        (PASSING, False, Next.GO_ON),
        (outcome(code="SlowDown", error_class=ErrorClass.THROTTLED), False, Next.GO_ON),
        (DENIED, False, Next.SETTLE),
        (outcome(code="ETagMismatch", error_class=ErrorClass.CORRUPT), False, Next.SETTLE),
        (GONE, True, Next.SETTLE),
        (PASSING, True, Next.SETTLE),
    ],
)
def test_what_follows(found, is_last, following):
    assert after(found, is_last=is_last) is following


@pytest.mark.parametrize(
    ("failures", "told"),
    [
        ([], None),
        ([PASSING], PASSING),
        ([PASSING, GONE], GONE),
        ([PASSING, DENIED, CHANGED], DENIED),
        ([GONE, CHANGED], CHANGED),
    ],
)
def test_of_several_failures_the_one_that_no_try_mends_is_told(failures, told):
    assert telling(failures) is told


def test_a_part_larger_than_a_piece_is_one():
    assert list(pieces([8 * MIB, MIB, MIB], {}, MIB)) == [(1,), (2,), (3,)]
