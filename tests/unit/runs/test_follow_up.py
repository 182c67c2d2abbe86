"""The run that a check or a migration follows: what of it is refused, and what is taken."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from s3sync.checking.batch import LookBatch, budgeted
from s3sync.config.load import describe
from s3sync.config.model import CheckConfig, Config, CopyConfig, Mode, PlanConfig, RunConfig, SourceConfig, TargetConfig
from s3sync.errors import ConfigError
from s3sync.model.accounting import Counts
from s3sync.model.limits import TIME_STEP
from s3sync.runs.folder import RunFolder, find_or_create
from s3sync.runs.follow_up import (
    CHECK,
    FINDINGS,
    check_looked_at,
    findings_of_check,
    followed_check,
    followed_migration,
)
from s3sync.runs.lock import TargetLock
from s3sync.runs.lock_place import folder_place
from s3sync.runs.plan import Batch, Plan
from s3sync.runs.store import LocalStore

NOW, ENDED = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)
OF_RUN = Config(source=SourceConfig("from-here"), target=TargetConfig("into", prefix="to/"))


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def a_run(store: LocalStore, run_id: str, *, is_check: bool = False) -> RunFolder:
    return a_run_of(store, run_id, describe(OF_RUN) | ({"command": CHECK} if is_check else {}))


def a_run_of(store: LocalStore, run_id: str, options: dict[str, Any]) -> RunFolder:
    return find_or_create(store, TargetLock(store, folder_place(run_id), None, 60, print), options, run_id, NOW)[0]


def a_migration(store: LocalStore) -> RunFolder:
    folder = a_run(store, "m1")
    folder.commit("plan", Plan("from-here", "into", NOW, Counts()).to_json())
    folder.commit("outcomes", {"parts": ["outcomes/a"], "skip_files": ["plan/skips"]})
    folder.put_json("summary.json", {"ended_at": ENDED.isoformat()})
    return folder


def test_a_migration_tells_its_tables_and_its_buckets(store: LocalStore) -> None:
    folder = a_migration(store)
    config, migration = followed_migration(Config(), store, "m1")
    assert (config.source.bucket, config.target.bucket, config.target.prefix) == ("from-here", "into", "to/")
    assert migration.tables == ("outcomes/a", "plan/skips")
    assert (migration.plan.planned_at, migration.ended_at) == (NOW, ENDED)
    folder.commit("retries", {"settled": [["", "retries/settled"]], "parts": []})
    assert followed_migration(Config(), store, "m1")[1].tables[-1] == "retries/settled"


def test_runs_that_can_not_be_checked(store: LocalStore, tmp_path: Path) -> None:
    a_run(store, "begun")
    a_migration(store)
    (tmp_path / "runs" / "m1" / "summary.json").unlink()
    a_run(store, "c1", is_check=True)
    problems = {"none": "there is no run none", "begun": "not finished", "m1": "not finished", "c1": "is a check"}
    for run_id, problem in problems.items():
        with pytest.raises(ConfigError, match=problem) as caught:
            followed_migration(Config(), store, run_id)
        assert caught.value.place == "--run-id"


def test_a_check_whose_findings_are_copied(store: LocalStore, tmp_path: Path) -> None:
    config = Config(plan=PlanConfig(from_findings="c1"), run=RunConfig(work_uri=str(tmp_path)))
    assert followed_check(Config()) == Config()
    with pytest.raises(ConfigError, match="there is no run c1"):
        followed_check(config)
    folder = a_run(store, "c1", is_check=True)
    with pytest.raises(ConfigError, match="not finished"):
        followed_check(config)
    folder.commit(FINDINGS, {"files": ["looked/a"]})
    assert followed_check(config).source.bucket == "from-here"
    assert findings_of_check(store, "c1") == ["looked/a"]
    a_migration(store)
    with pytest.raises(ConfigError, match="is a migration"):
        followed_check(replace(config, plan=PlanConfig(from_findings="m1")))


def test_c19_findings_are_copied_as_the_run_that_was_checked_copies(store: LocalStore, tmp_path: Path) -> None:
    stored = TargetConfig("into", storage_class="STANDARD_IA", acl="private", encryption="aws:kms", kms_key_id="k")
    made = Config(SourceConfig("from-here"), stored, copy=CopyConfig(Mode.DOWNUP, preserve_etags=True, tags=False))
    a_run_of(store, "m1", describe(made))
    check = Config(SourceConfig("from-here"), TargetConfig("into", storage_class="STANDARD_IA"))
    options = describe(check) | {"command": CHECK}
    for run_id, of_run in (("c1", "m1"), ("c2", None)):
        folder = a_run_of(store, run_id, options | {"of_run": of_run})
        folder.commit(FINDINGS, {"files": []})

    def of(run_id: str, **target: str) -> Config:
        run = RunConfig(work_uri=str(tmp_path))
        return followed_check(Config(target=TargetConfig(**target), plan=PlanConfig(from_findings=run_id), run=run))

    assert (of("c1").target, of("c1").copy) == (stored, made.copy)
    assert of("c1", storage_class="ONEZONE_IA").target.storage_class == "ONEZONE_IA"  # what is given counts
    assert (of("c2").target, of("c2").copy) == (check.target, CopyConfig())


def test_when_a_check_looked_at_the_target(store: LocalStore) -> None:
    folder = a_run(store, "c1", is_check=True)
    folder.commit(FINDINGS, {"files": []})  # as an older version left it
    assert check_looked_at(store, "c1") == NOW + TIME_STEP
    folder.commit(FINDINGS, {"files": [], "target_looked_at": ENDED.isoformat()})
    assert check_looked_at(store, "c1") == ENDED + TIME_STEP


def a_batch(size_bytes: int) -> Batch:
    return Batch("b", "f", 1, size_bytes)


@pytest.mark.parametrize(
    ("sizes", "most", "budgets"),
    [
        ([5, 5], None, [None, None]),
        ([5, 5], 20, [5, 5]),
        ([5, 5], 7, [5, 2]),
        ([5, 5, 5], 5, [5, 0, 0]),
        ([7, 5], 8, [7, 1]),
    ],
)
def test_a_budget_is_dealt_out_once(sizes: list[int], most: int | None, budgets: list[int | None]) -> None:
    batches = [a_batch(size) for size in sizes]
    found = budgeted(batches, CheckConfig(deep=True, max_deep_bytes=most))
    assert found == [LookBatch(batch, budget) for batch, budget in zip(batches, budgets, strict=True)]
    assert most is None or sum(each.budget_bytes or 0 for each in found) <= most
