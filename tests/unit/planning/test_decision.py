"""The table above `decide_all`, line by line, and that columns are decided as single objects are."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.model.tables import TIMESTAMP
from s3sync.model.task import Action, Overwrite
from s3sync.planning.decision import REASONS, Reason, decide_all
from tests.unit.planning.plain_decision import Seen, decide

OLD = datetime(2024, 1, 1, tzinfo=UTC)
NEW = OLD + timedelta(seconds=1)
PLAIN, OTHER, PARTS, OTHER_PARTS = "a" * 32, "b" * 32, "a" * 32 + "-2", "a" * 32 + "-3"
ALWAYS, NEVER, CHANGED = Overwrite.ALWAYS, Overwrite.NEVER, Overwrite.CHANGED


def seen(size=1, etag=PLAIN, time=OLD, encryption=None) -> Seen:
    return Seen(size, etag, time, encryption)


TABLE = [
    (seen(), None, CHANGED, "missing"),
    (seen(), None, ALWAYS, "missing"),
    (seen(), None, NEVER, "missing"),
    (seen(), seen(), ALWAYS, "always"),
    (seen(), seen(size=2), NEVER, "exists"),
    (seen(size=None), seen(), CHANGED, "unknown_size"),
    (seen(), seen(size=None), CHANGED, "unknown_size"),
    (seen(), seen(size=2), CHANGED, "size_differs"),
    (seen(size=0), seen(size=0, etag=OTHER), CHANGED, "empty"),
    (seen(), seen(), CHANGED, "etag_equal"),
    (seen(time=NEW), seen(time=OLD), CHANGED, "etag_equal"),
    (seen(etag=PARTS), seen(etag=PARTS), CHANGED, "etag_equal"),
    (seen(), seen(etag=OTHER), CHANGED, "etag_differs"),
    (seen(etag=PARTS), seen(time=NEW), CHANGED, "size_and_time"),
    (seen(etag=PARTS), seen(etag=OTHER_PARTS, time=NEW), CHANGED, "size_and_time"),
    (seen(etag=None), seen(time=NEW), CHANGED, "size_and_time"),
    (seen(etag=None), seen(etag=None, time=NEW), CHANGED, "size_and_time"),
    (seen(etag="foreign"), seen(etag="foreign", time=NEW), CHANGED, "size_and_time"),
    (seen(encryption="SSE-KMS"), seen(time=NEW), CHANGED, "size_and_time"),
    (seen(), seen(etag=OTHER, encryption="aws:kms", time=NEW), CHANGED, "size_and_time"),
    (seen(encryption="SSE-S3"), seen(etag=OTHER), CHANGED, "etag_differs"),
    (seen(etag=None), seen(time=NEW), CHANGED, "size_and_time"),
    (seen(etag=None), seen(), CHANGED, "source_is_newer"),
    (seen(etag=None, time=NEW), seen(), CHANGED, "source_is_newer"),
    (seen(etag=None, time=None), seen(), CHANGED, "unknown_time"),
    (seen(etag=None), seen(time=None), CHANGED, "unknown_time"),
]


@pytest.mark.parametrize(("source", "target", "overwrite", "reason"), TABLE)
def test_each_line_of_the_table(source, target, overwrite, reason):
    assert decide(source, target, overwrite) == reason


def test_the_table_has_a_line_for_every_reason():
    assert {reason for *_, reason in TABLE} | {"not_looked"} == set(Reason)


def test_nobody_looked():
    assert decide(seen(), None, NEVER, looked=False) is Reason.NOT_LOOKED


def test_a_target_known_to_hide_md5s_makes_etags_not_comparable():
    assert decide(seen(), seen(etag=OTHER, time=NEW), CHANGED, target_hides_md5=True) is Reason.SIZE_AND_TIME


@pytest.mark.parametrize("side_of", ["source", "target"])
def test_a_sides_default_counts_where_a_row_names_no_encryption(side_of):
    """A live listing names none; an inventory may say that an object is older than the default."""
    named = {"source": seen(), "target": seen(time=NEW, etag=OTHER)}
    default = {f"{side_of}_hides_md5": True}
    assert decide(**named, overwrite=CHANGED, **default) is Reason.SIZE_AND_TIME
    named[side_of] = replace(named[side_of], encryption="SSE-S3")
    assert decide(**named, overwrite=CHANGED, **default) is Reason.ETAG_DIFFERS


def test_what_is_skipped():
    skipped = [reason for reason in Reason if reason.action is Action.SKIP]
    assert skipped == ["exists", "empty", "etag_equal", "size_and_time"]


SEEN = st.builds(
    Seen,
    st.sampled_from([None, 0, 1]),
    st.sampled_from([None, PLAIN, OTHER, PARTS, OTHER_PARTS, "foreign", PLAIN.upper(), PLAIN + "-0", PLAIN + "\n"]),
    st.sampled_from([None, OLD, NEW]),
    st.sampled_from([None, "SSE-S3", "SSE-KMS", "aws:kms", "NOT-SSE", ""]),
)


def side(rows: list[Seen]) -> pa.Table:
    return pa.table(
        {
            "size": pa.array([row.size for row in rows], pa.int64()),
            "etag": pa.array([row.etag for row in rows], pa.string()),
            "last_modified": pa.array([row.last_modified for row in rows], TIMESTAMP),
            "encryption": pa.array([row.encryption for row in rows], pa.string()),
        }
    )


@given(st.lists(st.tuples(SEEN, SEEN), max_size=12), st.sampled_from(Overwrite), st.booleans(), st.booleans())
def test_columns_are_decided_as_single_objects(pairs, overwrite, source_hides, target_hides):
    hides = {"source_hides_md5": source_hides, "target_hides_md5": target_hides}
    sources, targets = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    codes = decide_all(side(sources), side(targets), overwrite, **hides)
    plain = [decide(source, target, overwrite, **hides) for source, target in pairs]
    assert [REASONS[code] for code in codes] == plain
