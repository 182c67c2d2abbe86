"""Tallies that add up, the summary's file, the exit code's table."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest

from s3sync.checking.batch import finding_table, findings_of
from s3sync.errors import InvariantBroken
from s3sync.model.finding import Evidence, Finding, Verdict
from s3sync.report.check_summary import CheckCounts, CheckSummary, advice, check_view, exit_code, verify_verdicts
from s3sync.report.check_tally import EXAMPLES, OTHERS, PREFIXES_MAX, SIZE_NAMES, TIMES_MAX, CheckTally, folders
from s3sync.report.console import console_for

WHEN = datetime(2026, 2, 3, tzinfo=UTC)


def finding(key="a/b/c", verdict=Verdict.SIZE_DIFFERS, size=5, detail=None, when=WHEN, **changes):
    sides = {"source_size": size, "target_size": 7, "source_last_modified": when} | changes
    names = ["size", "etag", "last_modified", "storage_class"]
    values = {f"{side}_{name}": None for side in ("source", "target") for name in names} | sides
    return Finding(
        target_key=key, source_key=key, verdict=verdict, evidence=Evidence.SIZE, detail=detail,
        requests=2, read_bytes=3, **values,
    )  # fmt: skip


def tally_of(*findings):
    return CheckTally.of(finding_table(list(findings)))


def summary_of(tally, **changes):
    given = {
        "run_id": "r1",
        "source": "s3://from/",
        "target": "s3://into/",
        "source_seen": "listed at noon",
        "target_seen": "listed at noon",
        "started_at": WHEN,
        "ended_at": WHEN + timedelta(seconds=9),
        "counts": CheckCounts(compared=tally.objects.total()),
        "tally": tally,
    }
    return CheckSummary(**{**given, **changes})


def with_verdicts(*verdicts):
    return CheckTally(objects=Counter({verdict.value: 2 for verdict in verdicts}))


BAD = [v for v in Verdict if v not in (Verdict.MATCH, Verdict.UNPROVABLE, Verdict.ERROR)]


@pytest.mark.parametrize(
    ("verdicts", "accepted", "code"),
    [
        ([], False, 0),
        ([Verdict.MATCH], False, 0),
        *(([Verdict.MATCH, bad], accepted, 4) for bad in BAD for accepted in (False, True)),
        ([Verdict.MATCH, Verdict.UNPROVABLE], False, 4),
        ([Verdict.MATCH, Verdict.UNPROVABLE], True, 0),
        ([Verdict.UNPROVABLE, Verdict.SIZE_DIFFERS], True, 4),
        ([Verdict.ERROR], False, 1),
        ([Verdict.ERROR, Verdict.UNPROVABLE], True, 1),
        ([Verdict.ERROR, Verdict.SIZE_DIFFERS], True, 1),
    ],
)
def test_the_exit_code(verdicts, accepted, code):
    assert exit_code(with_verdicts(*verdicts), accept_unprovable=accepted) == code


def test_the_exit_code_is_0_only_if_all_match():
    for count in (1, 2, 3):
        for verdicts in combinations(Verdict, count):
            assert (exit_code(with_verdicts(*verdicts), accept_unprovable=False) == 0) is (verdicts == (Verdict.MATCH,))


@pytest.mark.parametrize(
    ("verdicts", "headline"),
    [
        ([], "There was nothing to compare"),
        ([Verdict.MATCH], "All 2 objects match"),
        ([Verdict.MATCH, Verdict.ERROR], "2 of 4 objects do not match"),
        ([Verdict.MATCH, Verdict.UNPROVABLE], "No difference was found, but 2 of 4 objects could not be proved equal"),
    ],
)
def test_the_headline(verdicts, headline):
    """C14: what could not be proved is not called equal."""
    assert summary_of(with_verdicts(*verdicts)).headline == headline


def test_every_kind_but_a_match_has_an_advice():
    told = dict(advice(summary_of(with_verdicts(*Verdict))))
    assert set(told) == set(Verdict) - {Verdict.MATCH}
    assert "--from-findings r1" in told[Verdict.MISSING_ON_TARGET]
    known = summary_of(with_verdicts(*Verdict), work_uri="s3://work/x y")
    told = dict(advice(CheckSummary.from_json(known.to_json())))
    commands = [told[v] for v in Verdict if "migrate" in told.get(v, "")]
    assert all("--from-findings r1 --work-uri 's3://work/x y' --verdict" in each for each in commands), commands
    assert len(commands) == 5
    copying = {verdict: told[verdict] for verdict in Verdict if verdict.is_copied_again}
    assert all(f"--verdict {verdict}`" in text for verdict, text in copying.items())  # never one that overwrites all
    assert "--deep" in told[Verdict.UNPROVABLE]  # C14: the report says how to settle it


def test_c1_each_compared_object_has_one_verdict():
    verify_verdicts(CheckCounts(compared=3), with_verdicts(Verdict.MATCH), still_open=1)
    with pytest.raises(InvariantBroken, match="3 compared, but 2 have a verdict and 0 are open"):
        verify_verdicts(CheckCounts(compared=3), with_verdicts(Verdict.MATCH))


def test_a_tally_of_findings():
    made = tally_of(finding("a/x/1"), finding("a/y/2", size=None), finding("3", Verdict.ERROR, detail="d: e"))
    made.add_sizes("match", np.array([0, 1023, 1024, 2**30], np.int64))
    made.add_matches({"etag": 4})
    assert made.objects == {"size_differs": 2, "error": 1, "match": 4}
    assert made.size_bytes == {"size_differs": 12, "error": 5, "match": 2047 + 2**30}
    assert made.folders == {("a/", "size_differs"): 2, ("", "error"): 1}
    assert made.subfolders == {("a/x/", "size_differs"): 1, ("a/y/", "size_differs"): 1, ("", "error"): 1}
    assert made.times == {("2026-02-03T00", "size_differs"): 2, ("2026-02-03T00", "error"): 1}
    assert made.details == {"d: e": 1}
    assert made.read_bytes == 9
    matched = {name for name, verdict in made.sizes if verdict == "match"}
    assert matched == {SIZE_NAMES[0], SIZE_NAMES[1], SIZE_NAMES[2], SIZE_NAMES[-1]}
    assert [row["target_key"] for row in made.examples["size_differs"]] == ["a/x/1", "a/y/2"]
    assert made.differing == 3
    assert CheckTally.from_json(json.loads(json.dumps(made.to_json()))) == made


def test_a_time_that_is_not_known():
    assert tally_of(finding(when=None)).times == {("unknown", "size_differs"): 1}


def test_times_are_told_in_the_finest_unit_that_stays_small():
    """C11."""
    rows = [finding(f"{n:04d}", when=WHEN + timedelta(hours=25 * n)) for n in range(TIMES_MAX)]
    assert {len(moment) for moment, _ in tally_of(*rows).times} == {13}
    whole = tally_of(*rows)
    whole.add(tally_of(finding(when=WHEN - timedelta(days=1)), finding(when=None)))
    assert {len(moment) for moment, _ in whole.times if moment != "unknown"} == {7}
    assert sum(whole.times.values()) == TIMES_MAX + 2


def test_tallies_add_up_and_stay_small():
    """C11."""
    many = [finding(f"p{n:04d}/x") for n in range(2 * PREFIXES_MAX)] + [finding(f"p0000/{n}") for n in range(9)]
    whole, parts = tally_of(*many), CheckTally()
    for start in range(0, len(many), 50):
        parts.add(tally_of(*many[start : start + 50]))
    for made in (whole, parts):
        assert made.objects == {"size_differs": len(many)}
        assert sum(made.folders.values()) == len(many)
        assert len(made.folders) <= PREFIXES_MAX + 1
        assert made.folders["p0000/", "size_differs"] == 10
        assert made.folders[OTHERS, "size_differs"] >= PREFIXES_MAX - 1
        keys = [row["target_key"] for row in made.examples["size_differs"]]
        assert keys == sorted(keys)
        assert len(keys) == EXAMPLES


@pytest.mark.parametrize(
    ("key", "one", "two"),
    [
        ("", "", ""),
        ("a", "", ""),
        ("a/", "a/", "a/"),
        ("a/b", "a/", "a/"),
        ("a/b/c/d", "a/", "a/b/"),
        ("//a", "/", "//"),
        ("/", "/", "/"),
        ("é/🙂/x", "é/", "é/🙂/"),
    ],
)
def test_folders(key, one, two):
    keys = pa.chunked_array([[key]])
    assert (folders(keys, 1).to_pylist(), folders(keys, 2).to_pylist()) == ([one], [two])


def test_the_summary_survives_its_file():
    tally = tally_of(finding("a\x00b"), finding("x", Verdict.UNPROVABLE, detail="why"))
    tally.requests.update(HeadObject=4)
    summary = summary_of(tally, of_run="m1", accept_unprovable=True)
    text = summary.to_json()
    assert CheckSummary.from_json(text) == summary
    value = json.loads(text)
    assert (value["kind"], value["exit_code"], value["state"]) == ("check", 4, "complete")
    assert set(value["verdicts"]) == {verdict.value for verdict in Verdict}
    assert value["headline"] == "2 of 2 objects do not match"


def test_a_summary_of_a_newer_schema_is_refused():
    newer = json.loads(summary_of(CheckTally()).to_json()) | {"schema_version": 2}
    with pytest.raises(ValueError, match="schema version 2"):
        CheckSummary.from_json(json.dumps(newer))


def test_the_fields_stand_in_the_docstring():
    value = json.loads(summary_of(CheckTally()).to_json())
    table = CheckSummary.__doc__
    assert [name for name in value if name not in table] == []


def test_the_console_shows_keys_as_text(tmp_path):
    with (tmp_path / "out.txt").open("w", encoding="utf-8") as out:
        console_for(out).print(check_view(summary_of(tally_of(finding("[red]\x1b[2J"), finding("b", Verdict.ERROR)))))
    text = (tmp_path / "out.txt").read_text(encoding="utf-8")
    assert "[red]\\x1b[2J" in text
    assert "\x1b" not in text


def test_rows_survive_their_table():
    rows = [finding(), finding("b", Verdict.ERROR, None, "x", None, source_etag="e", target_last_modified=WHEN)]
    assert findings_of(finding_table(rows)) == rows
