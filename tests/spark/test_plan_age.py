"""`plan` is fresh, and what is carried out later says how old it is and what it was made from."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from s3sync.demo.bucket import list_objects
from tests.inventories import put_inventory
from tests.spark.workplace import Workplace

Objects = Callable[[str], dict[str, bytes]]


@pytest.fixture
def filled(s3: Any, pair: tuple[str, str]) -> tuple[str, ...]:
    for n in range(6):
        s3.put_object(Bucket=pair[0], Key=f"k{n}", Body=b"1")
    return ("-s", pair[0], "-t", pair[1])


def aged(folder: Path | None, hours: float) -> None:
    """The plan as if it had been made so long ago."""
    assert folder is not None
    manifest = folder / "plan" / "manifest.json"
    plan = json.loads(manifest.read_text())
    earlier = datetime.fromisoformat(plan["planned_at"]) - timedelta(hours=hours)
    manifest.write_text(json.dumps({**plan, "planned_at": earlier.isoformat()}))


def test_a_second_plan_lists_again_and_is_the_one_that_is_carried_out(
    workplace: Workplace, s3: Any, filled: tuple[str, ...], pair: tuple[str, str], objects: Objects
) -> None:
    """It printed the first one's figures, and `migrate` carried that out: new objects were missing, exit code 0."""
    first = workplace.plan(*filled)
    for n in range(50):
        s3.put_object(Bucket=pair[0], Key=f"new{n}", Body=b"2")
    second = workplace.plan(*filled)
    assert (second.counts["listed"], second.folder == first.folder) == (56, False)
    assert f"The plan is made from a listing of s3://{pair[0]}/ of " in second.said
    ended = workplace.run(*filled)
    assert (ended.code, ended.folder, ended.statuses) == (0, second.folder, {"copied": 56})
    assert len(objects(pair[1])) == 56


def test_a_plan_that_is_named_is_shown_with_its_age(workplace: Workplace, s3: Any, filled: tuple[str, ...]) -> None:
    first = workplace.plan(*filled, "--run-id", "one")
    aged(first.folder, 3)
    s3.put_object(Bucket=filled[1], Key="new", Body=b"2")
    named = workplace.plan(*filled, "--run-id", "one")
    assert (named.folder, named.counts["listed"]) == (first.folder, 6)
    assert "The plan is 3h 00m 0" in named.said


def test_a_plan_of_the_day_before_yesterday_is_carried_out_only_with_consent(
    workplace: Workplace, filled: tuple[str, ...], pair: tuple[str, str], objects: Objects
) -> None:
    planned = workplace.plan(*filled)
    aged(planned.folder, 50.5)
    refused = workplace.run(*filled)
    assert (refused.code, (refused.error or "").partition(": ")[0]) == (2, "--plan-max-age")
    assert "`s3sync plan` with the same options makes a fresh plan, " in (refused.error or "")
    assert (refused.error or "").endswith("--plan-max-age 2d4h carries out this one")
    assert objects(pair[1]) == {}
    ended = workplace.run(*filled, "--plan-max-age", "2d4h")
    assert (ended.code, ended.folder, len(objects(pair[1]))) == (0, planned.folder, 6)
    assert "The plan is 50h 30m " in ended.said


def test_a_run_that_was_begun_goes_on_and_says_how_old_its_plan_is(
    workplace: Workplace, s3: Any, filled: tuple[str, ...], pair: tuple[str, str]
) -> None:
    first = workplace.run(*filled, "--batch-objects", "2")
    assert first.folder is not None
    for name in ("summary.json", "outcomes/manifest.json", *sorted(first.folder.glob("outcomes/*/*.done.json"))[:1]):
        (first.folder / name).unlink()
    aged(first.folder, 50)
    s3.put_object(Bucket=pair[0], Key="new", Body=b"2")
    shown = workplace.plan(*filled, "--batch-objects", "2")
    assert (shown.folder, shown.plan["counts"]["listed"]) == (first.folder, 6)
    assert f"Run {first.folder.name} was begun and goes by this plan; --run-id NAME plans another run" in shown.said
    ended = workplace.run(*filled, "--batch-objects", "2")
    assert (ended.code, ended.folder) == (0, first.folder)
    assert "The plan is 50h 00m " in ended.said


def test_a_run_goes_on_with_its_inventory_and_says_that_a_newer_one_waits(
    workplace: Workplace, s3: Any, filled: tuple[str, ...], pair: tuple[str, str], home: str
) -> None:
    """A run that was killed yesterday went on with yesterday's inventory today, without a word."""
    folder = put_inventory(s3, list_objects(s3, pair[0]), pair[0], home)
    given = ("-m", folder, "-t", pair[1])
    planned = workplace.plan(*given)
    assert planned.folder is not None
    (origin,) = planned.plan["made_from"]
    assert origin[0] == "the inventory report"
    assert f"The plan is made from the inventory report {origin[1]} of " in planned.said
    yesterday = (datetime.fromisoformat(origin[2]) - timedelta(days=1)).isoformat()
    earlier = {**planned.plan, "made_from": [[origin[0], origin[1].replace("manifest", "yesterday"), yesterday]]}
    (planned.folder / "plan" / "manifest.json").write_text(json.dumps(earlier))
    ended = workplace.run(*given)
    assert (ended.code, ended.folder) == (0, planned.folder)
    assert f"A newer report waits, the inventory report {origin[1]} of " in ended.said
    assert "; this run goes by its plan. --run-id NAME begins one by the newer" in ended.said
