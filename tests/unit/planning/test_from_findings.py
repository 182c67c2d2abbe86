"""What of a check's findings is copied again."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from s3sync.model.finding import Ruling, Verdict
from s3sync.model.tables import FINDINGS, LISTING
from s3sync.planning.from_findings import as_listing, copied_again

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
AGAIN = {"missing_on_target", "size_differs", "content_differs", "metadata_differs", "changed_since"}


def findings(*rows):
    plain = {"target_key": "to/k", "source_key": "k", "evidence": "size", "requests": 0, "read_bytes": 0}
    return pa.Table.from_pylist([plain | row for row in rows], schema=FINDINGS)


@pytest.mark.parametrize("verdict", Verdict)
def test_which_verdicts(verdict):
    there = {"verdict": verdict.value, "source_size": 5}
    assert copied_again(findings(there)).num_rows == (verdict.value in AGAIN)
    gone = {"verdict": verdict.value, "target_size": 5, "detail": Ruling.GONE_FROM_BOTH.detail}
    assert copied_again(findings(gone)).num_rows == 0


def test_the_target_as_the_check_saw_it():
    """C16: it is what is written over; where nothing was there nothing may be."""
    of_target = {"target_etag": "t", "target_size": 6}
    rows = [{"verdict": verdict, "target_key": f"to/{verdict}", "source_size": 5, **of_target} for verdict in AGAIN]
    found = as_listing(findings(*rows), of_target=True)
    assert found.schema == LISTING
    assert set(found["key"].to_pylist()) == {f"to/{verdict}" for verdict in AGAIN - {"missing_on_target"}}
    assert set(found["etag"].to_pylist()) == {"t"}


def test_of_some_verdicts_only():
    table = findings(*({"verdict": verdict.value, "source_size": 5} for verdict in Verdict))
    assert set(copied_again(table)["verdict"].to_pylist()) == AGAIN
    some = (Verdict.MISSING_ON_TARGET, Verdict.CHANGED_SINCE)
    assert copied_again(table, some)["verdict"].to_pylist() == [verdict.value for verdict in some]
    assert as_listing(table, some[:1]).num_rows == 1
    assert copied_again(table, (Verdict.MATCH, Verdict.ERROR)).num_rows == 0  # nothing that a copy settles


@pytest.mark.parametrize(
    ("verdict", "is_copied"), [("missing_on_target", True), ("content_differs", True), ("changed_since", False)]
)
def test_of_a_report_that_lists_keys_only(verdict, is_copied):
    """What it lists was there, though nothing is known of it."""
    assert copied_again(findings({"verdict": verdict})).num_rows == is_copied


@pytest.mark.parametrize("known", [{"source_etag": "e"}, {"source_last_modified": WHEN}, {"source_size": 0}])
def test_whatever_is_known_of_the_source_shows_that_it_was_there(known):
    assert as_listing(findings({"verdict": "missing_on_target"} | known)).num_rows == 1


def test_the_source_as_a_listing():
    row = {
        "verdict": "size_differs",
        "source_size": 5,
        "source_etag": "e",
        "source_last_modified": WHEN,
        "source_storage_class": "GLACIER",
        "target_size": 6,
    }
    found = as_listing(findings(row))
    assert found.schema == LISTING
    expected = {"key": "k", "size": 5, "etag": "e", "last_modified": WHEN, "storage_class": "GLACIER"}
    assert found.to_pylist() == [dict.fromkeys(LISTING.names) | expected]
