"""A run is found again by its options, and by them only."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from s3sync.errors import ConfigError, Interrupted, StoreError
from s3sync.runs.folder import RunFolder, find_or_create, new_run_id
from s3sync.runs.lock import TargetLock
from s3sync.runs.lock_place import folder_place
from s3sync.runs.store import LocalStore

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def unlocked(store: LocalStore) -> TargetLock:
    """A lock that nobody contests, and that is not lost."""
    return TargetLock(store, folder_place("test"), None, 60, lambda _: None)


def test_the_same_options_find_the_unfinished_run(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    first, was_known = find_or_create(store, unlocked(store), {"source": "a"}, None, NOW)
    assert not was_known
    assert find_or_create(store, unlocked(store), {"source": "a"}, None, NOW) == (first, True)
    other, was_known = find_or_create(store, unlocked(store), {"source": "b"}, None, NOW)
    assert not was_known
    assert other.run_id != first.run_id


@pytest.mark.parametrize(("state", "goes_on"), [("complete", False), ("incomplete", False), ("interrupted", True)])
def test_a_finished_run_is_not_gone_on_with(tmp_path: Path, state: str, goes_on: bool) -> None:
    store = LocalStore(tmp_path)
    first, _ = find_or_create(store, unlocked(store), {"source": "a"}, None, NOW)
    first.put_json("summary.json", {"state": state})
    second, was_known = find_or_create(store, unlocked(store), {"source": "a"}, None, NOW)
    assert was_known is goes_on
    assert (second.run_id == first.run_id) is goes_on
    assert (first.get_json("run.json") or {})["follows"] is None
    assert (second.get_json("run.json") or {})["follows"] == (None if goes_on else first.run_id)


def test_a_run_id_with_other_options_is_a_mistake_that_names_them(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    find_or_create(store, unlocked(store), {"source": "a", "limit": 1}, "mine", NOW)
    with pytest.raises(ConfigError, match=r"--run-id: .*\(limit\)"):
        find_or_create(store, unlocked(store), {"source": "a", "limit": 2}, "mine", NOW)


def test_a_run_that_may_not_be_gone_on_with_is_followed_by_a_new_one(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    first, _ = find_or_create(store, unlocked(store), {"source": "a"}, None, NOW)
    asked = []
    second, was_known = find_or_create(
        store, unlocked(store), {"source": "a"}, None, NOW, lambda folder: bool(asked.append(folder))
    )
    assert (asked, was_known) == ([first], False)
    assert second.run_id != first.run_id


def test_c18_without_the_lock_neither_a_run_nor_the_index_is_written(tmp_path: Path) -> None:
    """Of two drivers that start together the loser must not leave its own run for the holder to go on with."""
    store = LocalStore(tmp_path)
    find_or_create(store, unlocked(store), {"source": "a"}, "first", NOW)
    before = {name: store.get(name) for name in store.names("")}
    lost = unlocked(store)
    lost._hold._taken = True
    with pytest.raises(Interrupted, match="another command took over the lock"):
        find_or_create(store, lost, {"source": "a"}, "second", NOW)
    assert {name: store.get(name) for name in store.names("")} == before


def test_a_run_of_this_id_that_somebody_begins_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    class Late(LocalStore):
        def put_new(self, path: str, body: bytes) -> bool:
            super().put_new(path, b"another one's")
            return super().put_new(path, body)

    store = Late(tmp_path)
    with pytest.raises(StoreError, match=r"runs/mine/run\.json: another command has begun a run of this id"):
        find_or_create(store, unlocked(store), {"source": "a"}, "mine", NOW)
    assert store.get("runs/mine/run.json") == b"another one's"


def test_ids_hold_128_random_bits() -> None:
    stamp, _, chance = new_run_id(NOW).partition("-")
    assert (stamp, len(bytes.fromhex(chance))) == ("20260102T030405Z", 16)
    assert len({new_run_id(NOW) for _ in range(100)}) == 100


@pytest.mark.parametrize("name", ["run.json", "plan/manifest.json"])
def test_what_a_newer_version_wrote_is_refused_with_the_way_out(tmp_path: Path, name: str) -> None:
    folder = RunFolder(LocalStore(tmp_path), "run")
    folder.put_json(name, {"schema_version": 2})
    with pytest.raises(StoreError, match=r"is of format 2, and this version of s3sync reads 1; use the version that"):
        folder.described() if name == "run.json" else folder.manifest("plan")


def test_each_start_gets_an_epoch_of_its_own(tmp_path: Path) -> None:
    folder = RunFolder(LocalStore(tmp_path), "run")
    assert [folder.begin_epoch({}) for _ in range(3)] == [1, 2, 3]


def test_a_stage_exists_from_its_manifest_on(tmp_path: Path) -> None:
    folder = RunFolder(LocalStore(tmp_path), "run")
    folder.put("plan/batch.parquet", b"x")
    assert folder.manifest("plan") is None
    folder.commit("plan", {"batches": 1})
    assert (folder.manifest("plan") or {})["batches"] == 1


def test_a_missing_file_is_an_error_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"runs/run/plan/x\.parquet: is missing"):
        RunFolder(LocalStore(tmp_path), "run").get("plan/x.parquet")


def test_names_are_in_order_and_within_the_prefix(tmp_path: Path) -> None:
    folder = RunFolder(LocalStore(tmp_path), "run")
    for name in ("outcomes/b/2", "outcomes/a/1", "outcomes/b/1", "plan/x"):
        folder.put(name, b"")
    assert list(folder.names("outcomes/")) == ["outcomes/a/1", "outcomes/b/1", "outcomes/b/2"]
    assert list(folder.names("outcomes/b")) == ["outcomes/b/1", "outcomes/b/2"]
    assert list(folder.names("nothing/")) == []
