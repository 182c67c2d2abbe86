"""What a check is about: what a migration with the same options is about, whichever way each side is seen. And where
its report goes. On one Spark session."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from s3sync.errors import InventoryError
from s3sync.inventory.manifest import FileFormat
from s3sync.model.limits import PART_MIN_BYTES
from tests.e2e.checking import Checks, Pair, wait_a_second
from tests.e2e.queues import Wired
from tests.e2e.test_check_verdicts import put_inventory

Listed = Callable[[str], dict[str, dict[str, Any]]]
Factory = Callable[..., str]

BODY = bytes(PART_MIN_BYTES)
OPTIONS = (
    "--prefix", "data/", "--strip-prefix", "data/", "--target-prefix", "to/", "--exclude", "*.tmp", "--min-size", "3",
)  # fmt: skip


@pytest.fixture
def migrated(checks: Checks, s3: Any, bucket_factory: Factory) -> Pair:
    """A source of which a part was copied under other keys, and a target that has more than that."""
    pair = Pair(s3, bucket_factory(), bucket_factory())
    for n in range(20):
        pair.put(f"data/{n:02d} +%/\U0001f600", b"body %d" % n, pair.source)
    for key in ("other/x", "data/left.tmp"):
        pair.put(key, b"left out", pair.source)
    pair.put("data/small", b"s", pair.source)
    checks.migrate("-s", pair.source, "-t", pair.target, *OPTIONS)
    for key in ("elsewhere", "to/left.tmp", "to/small"):  # none of them is what the options are about
        pair.put(key, b"foreign", pair.target)
    return pair


@pytest.mark.parametrize(
    ("source", "target"),
    [(FileFormat.PARQUET, None), (None, FileFormat.ORC)],  # both of one way: test_check_verdicts.py
)
def test_what_was_migrated_is_what_is_checked(
    checks: Checks,
    migrated: Pair,
    listed: Listed,
    bucket_factory: Factory,
    source: FileFormat | None,
    target: FileFormat | None,
) -> None:
    """Filters, prefixes and key mapping are a migration's; each side from an inventory of any format, or listed."""

    def checked() -> Any:
        now, home = datetime.now(UTC), bucket_factory()
        given = ["-s", migrated.source, "-t", migrated.target]
        for option, bucket, kind in (
            ("-m", migrated.source, source),
            ("--target-manifest-path", migrated.target, target),
        ):
            if kind is not None:
                manifest = put_inventory(migrated.s3, listed(bucket).values(), bucket, home, now, file_format=kind)
                given += [option, manifest]
        return checks.run(*given, *OPTIONS)

    same = checked()
    assert same.code == 0, same.output
    assert same.summary["verdicts"]["match"]["objects"] == 20
    assert set(same.summary["requests"]) == {"ListObjectsV2"}  # C6

    migrated.put("to/new", b"foreign", migrated.target)
    migrated.put("to/new.tmp", b"foreign", migrated.target)
    migrated.s3.delete_object(Bucket=migrated.target, Key="to/03 +%/\U0001f600")
    found = checked()
    assert found.verdicts == {"to/new": "missing_on_source", "to/03 +%/\U0001f600": "missing_on_target"}
    by_key = {row["target_key"]: row["source_key"] for row in found.rows}
    assert by_key == {"to/new": "data/new", "to/03 +%/\U0001f600": "data/03 +%/\U0001f600"}


def test_a_report_in_a_bucket(checks: Checks, migrated: Pair, listed: Listed, bucket_factory: Factory) -> None:
    """A report that is smaller than the one before it leaves no findings of that one behind."""
    home = bucket_factory()
    uri = f"s3://{home}/reports/x/"
    migrated.put("to/new", b"foreign", migrated.target)
    given = ("-s", migrated.source, "-t", migrated.target, *OPTIONS)
    assert checks.run(*given, report_uri=uri).code == 4
    names = {"begun.json", "report.html", "summary.json", "findings/part-00000.parquet", "findings/part-00000.csv"}
    assert listed(home).keys() == {f"reports/x/{name}" for name in names}
    body = migrated.s3.get_object(Bucket=home, Key="reports/x/summary.json")["Body"].read()
    assert json.loads(body)["verdicts"]["missing_on_source"]["objects"] == 1

    migrated.s3.delete_object(Bucket=migrated.target, Key="to/new")

    assert checks.run(*given, report_uri=uri).code == 0
    assert listed(home).keys() == {f"reports/x/{name}" for name in ("begun.json", "report.html", "summary.json")}


def test_a_check_that_was_cut_short_goes_on_where_it_was(checks: Checks, s3: Any, bucket_factory: Factory) -> None:
    """C2, C3: what was committed is not done again, and both ends say the same."""
    pair = Pair(s3, bucket_factory(), bucket_factory())
    for n in range(4):
        pair.upload(pair.source, f"parts{n}", BODY + b"end")
        pair.upload(pair.target, f"parts{n}", BODY, b"end" if n else b"END")
    given = ("-s", pair.source, "-t", pair.target, "--deep")
    whole = checks.run(*given)
    assert whole.verdicts == {"parts0": "content_differs"}
    (run,) = (checks.folder / "work" / "runs").iterdir()

    looked, read = _records(run, "looked"), _records(run, "read")
    assert looked
    assert read
    for name in ("summary.json", "findings/manifest.json", "read/manifest.json", *read):
        (run / name).unlink()
    again = checks.run(*given)

    assert f"Going on with check {run.name}" in again.output
    assert "to be looked at: 4" in again.output
    assert [path.name for path in (checks.folder / "work" / "runs").iterdir()] == [run.name]
    assert _records(run, "looked") == looked  # nobody looked again
    assert len(_records(run, "read")) == len(read)
    same = ("verdicts", "counts", "read_bytes", "requests")
    assert {name: again.summary[name] for name in same} == {name: whole.summary[name] for name in same}
    assert again.verdicts == whole.verdicts


def test_a_check_that_goes_on_judges_by_the_times_of_its_listings(
    checks: Checks, s3: Any, bucket_factory: Factory
) -> None:
    """What both sides got after one of them was listed is no difference."""
    pair = Pair(s3, bucket_factory(), bucket_factory())
    pair.put("changed", b"before")
    given = ("-s", pair.source, "-t", pair.target)
    checks.run(*given)
    (run,) = (checks.folder / "work" / "runs").iterdir()
    moments = (run / "moments.json").read_bytes()
    for name in ("summary.json", "findings/manifest.json", "judged/manifest.json"):
        (run / name).unlink()
    shutil.rmtree(run / "listing-target")
    wait_a_second()
    pair.put("changed", b"since the source was listed")
    pair.put("new", b"since then too")
    wait_a_second()

    again = checks.run(*given)

    assert f"Going on with check {run.name}" in again.output
    assert again.verdicts == {}, again.rows
    assert again.code == 0
    assert (run / "moments.json").read_bytes() == moments


def test_what_a_run_left_alone_and_a_check_found_is_overwritten_by_a_retry(
    checks: Checks, wired: Wired, s3: Any, bucket_factory: Factory
) -> None:
    """`--overwrite never` was about what nobody had asked for; a finding that is sent has been."""
    pair = Pair(s3, bucket_factory(), bucket_factory())
    for n in range(6):
        pair.put(f"{n} +%", b"of the source %d" % n, pair.source)
    for n in range(3):
        pair.put(f"{n} +%", b"of the target %d" % n, pair.target)
    checks.migrate("-s", pair.source, "-t", pair.target, "--overwrite", "never")
    (run,) = (checks.folder / "work" / "runs").iterdir()
    assert [pair.body(pair.target, f"{n} +%") for n in (2, 3)] == [b"of the target 2", b"of the source 3"]

    found = checks.run("--run-id", run.name, "--requeue", *wired.options)
    assert found.verdicts == dict.fromkeys(("0 +%", "1 +%", "2 +%"), "content_differs")
    assert found.summary["requeued"] == 3
    checks.retry("-n", "-1", "-d", *wired.options)

    assert [pair.body(pair.target, f"{n} +%") for n in range(6)] == [b"of the source %d" % n for n in range(6)]
    assert checks.run("--run-id", run.name).verdicts == {}


def _records(run: Path, stage: str) -> list[str]:
    return sorted(str(path.relative_to(run)) for path in run.glob(f"{stage}/*/*.done.json"))


def test_a_run_is_checked_by_reports_that_show_what_it_left(
    checks: Checks, s3: Any, listed: Listed, bucket_factory: Factory
) -> None:
    """C14: of a report from before the run nothing is said; what a later one does not show yet is looked at."""
    pair, home = Pair(s3, bucket_factory(), bucket_factory()), bucket_factory()
    for key in ("before", "lagging", "equal", "gone"):
        pair.put(key, b"of the run", pair.source)
    pair.put("before", b"of the run", pair.target)  # the run writes it again, and somebody breaks it then
    before = datetime.now(UTC)
    checks.migrate("-s", pair.source, "-t", pair.target)
    (run,) = (checks.folder / "work" / "runs").iterdir()
    entries = listed(pair.target)
    pair.put("before", b"broken", pair.target)
    s3.delete_object(Bucket=pair.source, Key="gone")

    def checked(created_at: datetime) -> Any:
        shown = [entries[key] for key in ("before", "equal", "gone")]
        report = put_inventory(s3, shown, pair.target, home, created_at)
        return checks.run("--run-id", run.name, "--target-manifest-path", report)

    with pytest.raises(InventoryError, match=f"and run {run.name} ended at .*: it does not show what the run copied"):
        checked(before)
    found = checked(datetime.now(UTC) + timedelta(days=1))
    assert found.verdicts == {"gone": "changed_since"}  # of the report's time: `before` was broken since
    assert found.summary["verdicts"]["match"]["objects"] == 3
    assert found.summary["requests"]["HeadObject"] == 2  # of `lagging` alone


def test_a_run_is_checked_by_a_report_of_its_source(
    checks: Checks, s3: Any, listed: Listed, bucket_factory: Factory
) -> None:
    """A key that came after the report, and that the run copied, is looked at: nothing says that it was deleted."""
    pair, home = Pair(s3, bucket_factory(), bucket_factory()), bucket_factory()
    pair.put("old", b"body", pair.source)
    report = put_inventory(s3, listed(pair.source).values(), pair.source, home, datetime.now(UTC))
    pair.put("new", b"body", pair.source)
    checks.migrate("-s", pair.source, "-t", pair.target)
    (run,) = (checks.folder / "work" / "runs").iterdir()

    found = checks.run("--run-id", run.name, "-m", report)

    assert found.code == 0, found.output
    assert found.summary["verdicts"]["match"]["objects"] == 2
    assert found.summary["requests"]["HeadObject"] == 2
