"""How old a plan may be that is carried out unasked, and what is said of it: each line of the tables of `plan_age`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from s3sync.errors import ConfigError
from s3sync.inventory.manifest import FileFormat, Manifest
from s3sync.model.accounting import Counts
from s3sync.planning.plan_age import is_begun, plan_goes_on, plan_lines, refuse_if_too_old
from s3sync.runs.folder import RunFolder
from s3sync.runs.plan import LISTING, REPORT, Origin, Plan, first_looked_at
from s3sync.runs.store import LocalStore

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
DAY = 86_400.0


def plan(hours: float, *made_from: Origin) -> Plan:
    return Plan("from", "into", NOW - timedelta(hours=hours), Counts(), made_from=made_from)


def report(uri: str, day: int) -> Manifest:
    return Manifest(uri, "from", "home", FileFormat.CSV, (), datetime(2026, 3, day, tzinfo=UTC), ())


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(LocalStore(tmp_path), "run")


@pytest.mark.parametrize(
    "name", ["outcomes/b1/0001-1.begun", "enqueued/b1", "uploads/b1/0001-open.json", "retries/d/tasks-00000.json"]
)
def test_a_run_is_begun_where_anything_was_tried_or_sent(folder: RunFolder, name: str) -> None:
    folder.commit("plan", plan(1).to_json())
    assert not is_begun(folder)
    folder.put(name, b"")
    assert is_begun(folder)


@pytest.mark.parametrize(
    ("hours", "begun", "refused"), [(23, False, False), (24, False, False), (25, False, True), (25, True, False)]
)
def test_which_plans_are_carried_out_unasked(folder: RunFolder, hours: float, begun: bool, refused: bool) -> None:
    folder.commit("plan", plan(hours).to_json())
    if begun:
        folder.put("outcomes/b1/0001-1.begun", b"")
    if not refused:
        refuse_if_too_old(folder, NOW, DAY)
        return
    with pytest.raises(ConfigError, match=r"^--plan-max-age: .* run run .* 25h 00m 00s ago, and nothing "):
        refuse_if_too_old(folder, NOW, DAY)
    with pytest.raises(ConfigError, match=r"--plan-max-age 1d2h carries out this one$"):
        refuse_if_too_old(folder, NOW, DAY)
    refuse_if_too_old(folder, NOW, 26 * 3600)  # as it says


def test_a_listing_that_no_plan_was_made_of_yet_is_as_old_as_its_begin(folder: RunFolder) -> None:
    refuse_if_too_old(folder, NOW, DAY)  # nothing was looked at
    first_looked_at(folder, NOW - timedelta(hours=30))
    with pytest.raises(ConfigError, match="30h 00m 00s ago"):
        refuse_if_too_old(folder, NOW, DAY)


@pytest.mark.parametrize(
    ("planned", "begun", "listed_hours", "goes_on"),
    [
        (True, True, None, True),
        (True, False, None, False),
        (False, False, 30, False),
        (False, False, 1, True),
        (False, False, None, True),
    ],
)
def test_when_a_plan_is_made_anew(
    folder: RunFolder, planned: bool, begun: bool, listed_hours: float | None, goes_on: bool
) -> None:
    if planned:
        folder.commit("plan", plan(1).to_json())
    if begun:
        folder.put("outcomes/b1/0001-1.begun", b"")
    if listed_hours is not None:
        first_looked_at(folder, NOW - timedelta(hours=listed_hours))
    assert plan_goes_on(folder, NOW, DAY) is goes_on


def test_a_plan_tells_its_age_and_what_it_was_made_from() -> None:
    listing = Origin(LISTING, "s3://from/", NOW - timedelta(hours=3))
    assert plan_lines(plan(3, listing), NOW, ()) == [
        "The plan is 3h 00m 00s old, made from a listing of s3://from/ of 2026-03-04 09:00 UTC"
    ]
    assert plan_lines(plan(0, listing), NOW, ()) == [
        "The plan is made from a listing of s3://from/ of 2026-03-04 09:00 UTC"
    ]


def test_a_plan_of_an_earlier_version_does_not_say_what_it_was_made_from() -> None:
    told = {name: value for name, value in plan(3).to_json().items() if name != "made_from"}
    assert plan_lines(Plan.from_json(told), NOW, (report("s3://home/new", 4),)) == [
        "The plan is 3h 00m 00s old, made from what its version did not write down"
    ]


def test_a_newer_report_that_waits_is_told() -> None:
    old = Origin(REPORT, "s3://home/2026-03-03", datetime(2026, 3, 3, tzinfo=UTC))
    made = plan(3, old)
    assert Plan.from_json(made.to_json()) == made
    assert len(plan_lines(made, NOW, (report("s3://home/2026-03-03", 3),))) == 1
    (_, line) = plan_lines(made, NOW, (report("s3://home/2026-03-03", 3), report("s3://home/2026-03-04", 4)))
    assert line == (
        "A newer report waits, the inventory report s3://home/2026-03-04 of 2026-03-04 00:00 UTC; this run goes by its "
        "plan. --run-id NAME begins one by the newer"
    )
