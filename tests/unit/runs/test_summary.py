"""The summary: its fields, its round trip, the exit code and what it advises."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from s3sync.model.accounting import Amount, Counts
from s3sync.model.outcome import Status
from s3sync.model.tally import ErrorTally, Tally
from s3sync.runs.summary import State, Summary, exit_code, summarize

START = datetime(2024, 5, 1, 12, tzinfo=UTC)
DENIED = ErrorTally("denied", 3, "a key", "Access Denied")
REFUSED = ErrorTally("invalid", 3, "a key", "The storage class you specified is not valid")


def counts_of(remaining=0, **outcomes: int) -> Counts:
    settled = {status: Amount(count, 10 * count) for status, count in outcomes.items()}
    total = sum(outcomes.values()) + remaining
    return Counts(listed=total, planned={"copy/copy_object": Amount(total, 10 * total)}, outcomes=settled)


def summary_of(counts: Counts, stopped=None, circuit_code=None, work_uri=None, **tally) -> Summary:
    return summarize(
        run_id="r1",
        source="s3://from/",
        target="s3://to/x/",
        started_at=START,
        ended_at=START + timedelta(minutes=1),
        wall_seconds=60.1234567,
        counts=counts,
        tally=Tally(**tally),
        stopped=stopped,
        circuit_code=circuit_code,
        work_uri=work_uri,
    )


@pytest.mark.parametrize(
    ("outcomes", "remaining", "code"),
    [
        ({}, 0, 0),
        ({"copied": 8, "skipped": 1, "vanished": 1}, 0, 0),
        ({"copied": 8, "skipped": 1, "vanished": 2}, 0, 3),
        ({"vanished": 50}, 0, 3),
        ({"vanished": 50}, 1, 1),
        ({"copied": 9, "failed": 1}, 0, 3),
        ({"copied": 9, "changed": 1}, 0, 3),
        ({"copied": 9, "archived": 1}, 0, 3),
        ({"copied": 9}, 1, 1),
        ({"copied": 9, "failed": 1}, 1, 1),
    ],
)
def test_exit_code(outcomes, remaining, code):
    assert exit_code(counts_of(remaining, **outcomes)) == code


def test_c17_a_run_whose_objects_vanished_says_so_in_its_first_line_and_what_to_do():
    found = summary_of(counts_of(copied=5, vanished=3))
    assert found.state == State.INCOMPLETE
    assert any("3 of 8 planned" in sentence for sentence in found.what_next)
    few = summary_of(counts_of(copied=97, vanished=3))
    assert (few.state, few.what_next) == (State.COMPLETE, ())


def test_every_status_has_a_line_in_the_table_of_exit_codes():
    codes = {status: exit_code(counts_of(**{"copied": 9, status: 1})) for status in Status if status != "copied"}
    codes[Status.COPIED] = exit_code(counts_of(copied=1))
    assert codes == dict.fromkeys(Status, 3) | {"copied": 0, "skipped": 0, "vanished": 0}


@pytest.mark.parametrize(
    ("counts", "stopped", "state", "code"),
    [
        (counts_of(copied=1), None, "complete", 0),
        (counts_of(copied=1, failed=1), None, "incomplete", 3),
        (counts_of(1, copied=1), State.INTERRUPTED, "interrupted", 1),
        (counts_of(1, failed=5), State.CIRCUIT_OPEN, "circuit_open", 1),
    ],
)
def test_state(counts, stopped, state, code):
    found = summary_of(counts, stopped)
    assert (found.state, found.exit_code) == (state, code)


FULL = summary_of(
    counts_of(copied=7, failed=3),
    requests=Counter(CopyObject=12),
    retries=2,
    throttled=1,
    throttled_by_prefix=Counter({"b/x/": 1}),
    errors={"AccessDenied": DENIED},
    pinned=Counter(etag=6, unpinned=1),
    verified=Counter(etag_equal=5, not_comparable=2),
    engine_seconds=33.25,
)


def test_the_file_has_these_fields():
    """The names are promised to users: a change here is a change for them."""
    value = json.loads(FULL.to_json())
    assert list(value) == [
        "schema_version",
        "run_id",
        "source",
        "target",
        "state",
        "exit_code",
        "started_at",
        "ended_at",
        "wall_seconds",
        "worker_seconds",
        "counts",
        "statuses",
        "remaining",
        "requests",
        "retries",
        "throttled",
        "throttled_by_prefix",
        "sent",
        "unsent",
        "errors",
        "pinned",
        "unpinned",
        "verified",
        "objects_per_second",
        "bytes_per_second",
        "work_uri",
        "what_next",
    ]
    assert value["schema_version"] == 1
    assert value["started_at"] == "2024-05-01T12:00:00+00:00"
    assert value["statuses"]["copied"] == {"objects": 7, "bytes": 70}
    assert value["errors"]["AccessDenied"] == {
        "error_class": "denied",
        "count": 3,
        "example_key": "a key",
        "example_message": "Access Denied",
    }
    assert (value["unpinned"], value["verified"]["etag_equal"], value["requests"]) == (1, 5, {"CopyObject": 12})
    assert value["objects_per_second"] == pytest.approx(7 / 60.1234567, abs=0.001)
    assert value["counts"]["listed"] == 10


def test_every_field_is_described():
    described = Summary.__doc__ or ""
    assert [name for name in json.loads(FULL.to_json()) if name not in described] == []


def test_round_trip():
    assert Summary.from_json(FULL.to_json()) == FULL


def test_a_newer_schema_is_not_guessed_at():
    text = FULL.to_json().replace('"schema_version": 1', '"schema_version": 2')
    with pytest.raises(ValueError, match="schema version 2"):
        Summary.from_json(text)


def test_no_time_no_rate():
    assert replace(FULL, wall_seconds=0.0).objects_per_second == 0


@pytest.mark.parametrize(
    ("summary", "words"),
    [
        (summary_of(counts_of(copied=1)), []),
        (summary_of(Counts()), ["Nothing was listed", "--prefix"]),
        (summary_of(Counts(listed=2, filtered={"limit": 2})), ["Nothing was planned", "left out"]),
        (summary_of(counts_of(failed=1), errors={"x": DENIED}), ["Failed: 1."]),
        (summary_of(counts_of(failed=1), errors={"x": REFUSED}), ["Failed: 1.", "run's own options", "migrate anew"]),
        (FULL, ["Failed: 3.", "retry --from-run r1", "without a condition on the source: 1."]),
        (summary_of(counts_of(changed=2)), ["Changed since they were listed: 2.", "retry --from-run r1"]),
        (summary_of(counts_of(archived=2)), ["Archived: 2.", "Restore"]),
        (summary_of(counts_of(1200, copied=1), State.INTERRUPTED), ["Still to do: 1,200.", "same command"]),
        (
            summary_of(counts_of(9, failed=3), State.CIRCUIT_OPEN, circuit_code="NoSuchBucket", errors={"x": DENIED}),
            ["failed with NoSuchBucket.", "same command"],
        ),
        (summary_of(counts_of(9), State.CIRCUIT_OPEN), ["failed for one reason."]),
        (
            summary_of(counts_of(7, copied=1), State.ENQUEUED),
            ["In the queues, or lost from them: 7.", "`s3sync retry`"],
        ),
        (
            summary_of(counts_of(failed=3), sent=1, unsent=Counter({"queue q-0: AccessDenied: no": 2})),
            ["Sent to the queues: 1.", "Not sent to the queues: 2 (queue q-0: AccessDenied: no)", "--from-run"],
        ),
    ],
)
def test_what_next(summary, words):
    assert ("migrate anew" in "".join(summary.what_next)) == ("migrate anew" in words)
    said = "\n".join(summary.what_next)
    assert [word for word in words if word not in said] == []
    assert bool(said) == bool(words)


def test_a_command_that_is_told_can_be_pasted_anywhere():
    """It names the work location, as a shell wants it, in the summary that is read back too."""
    told = replace(FULL, run_id="r1", work_uri="/home/a user/s3sync-work")
    assert told.named == "r1 --work-uri '/home/a user/s3sync-work'"
    assert Summary.from_json(told.to_json()).named == told.named
    assert FULL.named == "r1"  # of an older version, which did not write it
    said = summary_of(counts_of(failed=3), work_uri="s3://work/s3sync").what_next[0]
    assert "`s3sync retry --from-run r1 --work-uri s3://work/s3sync`" in said
