"""What two listings say: the table above `rule`, row by row, and the form for columns beside it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.checking.rules import RULINGS, Compared, Moments, rule_all
from s3sync.model.finding import Evidence, Ruling, Verdict
from s3sync.model.tables import COMPARED
from tests.unit.checking.plain_rules import rule
from tests.unit.planning.plain_decision import Seen

OLD, THEN, NEW = (datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3))
A, B = "a" * 32, "b" * 32
OF_RUN = Compared(of_run=True)
NEWER = Compared(Moments(changed_after=THEN))
LATE = Compared(Moments(source_seen_at=THEN, target_seen_at=THEN))
BOTH = Compared(Moments(THEN, THEN, THEN))
REPORTED_SOURCE = Compared(BOTH.moments, of_run=True, source_is_report=True)
REPORTED_TARGET = Compared(BOTH.moments, of_run=True, target_is_report=True)


def seen(etag=A, size=1, at=OLD, encryption="NOT-SSE"):
    return Seen(size, etag, at, encryption)


LIVE = seen(encryption=None)

ROWS = [
    (None, None, OF_RUN, Ruling.GONE_FROM_BOTH),
    (None, seen(), OF_RUN, Ruling.GONE_FROM_SOURCE),
    # a run's copies that a report does not show are looked at: reports lag
    (None, None, REPORTED_SOURCE, Ruling.UNREPORTED),
    (None, None, REPORTED_TARGET, Ruling.UNREPORTED),
    (None, seen(), REPORTED_SOURCE, Ruling.UNREPORTED),
    (None, seen(), REPORTED_TARGET, Ruling.GONE_FROM_SOURCE),
    (seen(), None, REPORTED_SOURCE, Ruling.ABSENT),
    (seen(), None, REPORTED_TARGET, Ruling.UNREPORTED),
    (seen(at=NEW), None, REPORTED_TARGET, Ruling.UNREPORTED),
    (seen(), seen(B), REPORTED_TARGET, Ruling.ETAGS_DIFFER),
    (seen(), None, Compared(target_is_report=True), Ruling.ABSENT),
    (None, seen(at=NEW), LATE, Ruling.LATE),
    (None, seen(at=NEW), NEWER, Ruling.EXTRA),
    (None, seen(), LATE, Ruling.EXTRA),
    (seen(at=NEW), None, BOTH, Ruling.CHANGED),
    (seen(at=NEW), None, LATE, Ruling.LATE),
    (seen(), None, BOTH, Ruling.ABSENT),
    (seen(at=THEN), None, BOTH, Ruling.ABSENT),  # at the very moment is not after it
    (seen(at=None), None, BOTH, Ruling.ABSENT),  # an unknown time makes nothing newer
    (seen(size=None), seen(), BOTH, Ruling.SIZE_UNKNOWN),
    (seen(), seen(size=None), BOTH, Ruling.SIZE_UNKNOWN),
    (seen(B, size=0), seen(A, size=0), BOTH, Ruling.EMPTY),
    (seen(None, size=0, at=NEW), seen("x", size=0), BOTH, Ruling.EMPTY),
    (seen(), seen(), BOTH, Ruling.ETAGS_EQUAL),
    (seen(at=NEW), seen(at=NEW), BOTH, Ruling.ETAGS_EQUAL),
    (LIVE, LIVE, BOTH, Ruling.ETAGS_EQUAL),
    (seen(A + "-3"), seen(A + "-3"), BOTH, Ruling.ETAGS_EQUAL),
    (seen(size=2), seen(), Compared(), Ruling.SIZES_DIFFER),
    (seen(size=2, at=NEW), seen(), BOTH, Ruling.CHANGED),
    (seen(size=2, at=NEW), seen(), LATE, Ruling.LATE),
    (seen(size=2), seen(at=NEW), LATE, Ruling.LATE),
    (seen(size=2), seen(at=NEW), NEWER, Ruling.SIZES_DIFFER),
    (seen(size=0), seen(), Compared(), Ruling.SIZES_DIFFER),
    (seen(), seen(B), Compared(), Ruling.ETAGS_DIFFER),
    (seen(at=NEW), seen(B), BOTH, Ruling.CHANGED),
    (seen(at=NEW), seen(B), LATE, Ruling.LATE),
    (seen(), seen(B, at=NEW), LATE, Ruling.LATE),
    # C14: what can't be compared is never a match, and never a difference either
    (LIVE, seen(B, encryption=None), Compared(), Ruling.NOT_COMPARABLE),
    (seen(), seen(B, encryption=None), Compared(), Ruling.NOT_COMPARABLE),
    (seen(), seen(encryption="SSE-KMS"), Compared(), Ruling.NOT_COMPARABLE),
    (seen(encryption="SSE-KMS"), seen(), Compared(), Ruling.NOT_COMPARABLE),
    (seen(), seen(B, encryption="SSE-KMS"), Compared(), Ruling.NOT_COMPARABLE),
    (LIVE, LIVE, Compared(source_hides_md5=True), Ruling.NOT_COMPARABLE),
    (LIVE, LIVE, Compared(target_hides_md5=True), Ruling.NOT_COMPARABLE),
    (seen(), seen(), Compared(source_hides_md5=True, target_hides_md5=True), Ruling.ETAGS_EQUAL),  # the row knows
    (seen(A + "-3"), seen(A + "-4"), Compared(), Ruling.NOT_COMPARABLE),
    (seen(A + "-3"), seen(B + "-3"), Compared(), Ruling.NOT_COMPARABLE),
    (seen(A + "-3"), seen(A), Compared(), Ruling.NOT_COMPARABLE),
    (seen(None), seen(None), BOTH, Ruling.NOT_COMPARABLE),
    (seen("opaque"), seen("opaque"), Compared(), Ruling.NOT_COMPARABLE),
    (seen(A.upper()), seen(A), Compared(), Ruling.ETAGS_EQUAL),
]


@pytest.mark.parametrize(("source", "target", "compared", "ruling"), ROWS)
def test_the_table_row_by_row(source, target, compared, ruling):
    """C14."""
    assert rule(source, target, compared) is ruling
    assert in_columns([(source, target)], compared) == [ruling]


def test_every_ruling_stands_in_the_table():
    """But the one that needs more than two rows: planning/compare.py."""
    assert {ruling for *_, ruling in ROWS} == set(Ruling) - {Ruling.OUTDATED}


def test_open_rulings_prove_nothing():
    """C14: without a further look they are no match, and no difference that the copy is to blame for."""
    for ruling in Ruling:
        assert ruling.is_open == (ruling.evidence is Evidence.NONE)
        if ruling.is_open:
            assert ruling.verdict is Verdict.UNPROVABLE
            assert ruling.detail


def in_columns(pairs, compared):
    def table(sides):
        absent = Seen(None, None, None)
        columns = {
            name: [getattr(side or absent, name) for side in sides]
            for name in ("size", "etag", "last_modified", "encryption")
        }
        return pa.table({name: pa.array(values, COMPARED.field(name).type) for name, values in columns.items()})

    sources, targets = [source for source, _ in pairs], [target for _, target in pairs]
    present = [np.array([side is not None for side in sides], np.bool_) for sides in (sources, targets)]
    return [RULINGS[code] for code in rule_all(table(sources), table(targets), *present, compared)]


etags = st.sampled_from([None, A, B, A + "-2", B + "-2", A + "-3", "opaque", A.upper(), A[:-1]])
times = st.sampled_from([None, OLD, THEN, NEW, THEN + timedelta(microseconds=1)])
encryptions = st.sampled_from([None, "NOT-SSE", "SSE-S3", "SSE-KMS", "SSE-C", "DSSE-KMS"])
sides = st.none() | st.builds(Seen, st.sampled_from([None, 0, 1, 2]), etags, times, encryptions)
moments = st.builds(Moments, times, times, times)
some = st.booleans()
options = st.builds(Compared, moments, some, some, st.just(False), some, some)


@given(st.lists(st.tuples(sides, sides).filter(any), max_size=12), options)
def test_the_form_for_columns_is_the_plain_one(pairs, compared):
    assert in_columns(pairs, compared) == [rule(*pair, compared) for pair in pairs]


@given(st.lists(st.tuples(sides, sides), max_size=12), options)
def test_the_form_for_columns_is_the_plain_one_for_a_run_too(pairs, given_options):
    compared = replace(given_options, of_run=True)
    assert in_columns(pairs, compared) == [rule(*pair, compared) for pair in pairs]


@given(sides, sides, options)
def test_c14_a_match_has_equal_sizes_and_either_no_bytes_or_one_md5(source, target, compared):
    if not (source or target) or rule(source, target, compared).verdict is not Verdict.MATCH:
        return
    assert source.size == target.size is not None
    assert source.size == 0 or source.etag == target.etag
    assert source.size == 0 or "KMS" not in f"{source.encryption}{target.encryption}"
