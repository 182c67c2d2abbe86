"""One run at a time for a target, with a clock that the test turns."""

import json
import os
import threading
from pathlib import Path

import pytest

from s3sync.errors import LockHeld
from s3sync.runs import lock as lock_module
from s3sync.runs.lock import TargetLock, _this_process, lock_name
from s3sync.runs.store import LocalStore

TARGET = "aws/bucket/"


def held_by_another(store: LocalStore, **changes: object) -> str:
    """A lock file of a holder on another machine, so that nothing is known of its process."""
    path = f"{lock_name(TARGET)}/00000001.json"
    beat = {"state": "held", "run_id": "other", "pid": 1, "host": "elsewhere", "boot": "x", "started": "1", "at": "-"}
    store.put(path, json.dumps({**beat, **changes}).encode())
    return path


def lock(store: LocalStore, pauses: list[float], on_pause: object = None) -> TargetLock:
    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if callable(on_pause):
            on_pause()

    return TargetLock(store, TARGET, "mine", 60, lambda _: None, pause)


def test_a_free_lock_is_taken_and_released(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    pauses: list[float] = []
    with lock(store, pauses):
        (held,) = store.names("locks/")
        assert json.loads(store.get(held) or b"")["state"] == "held"
    assert json.loads(store.get(held) or b"")["state"] == "released"
    assert not pauses
    with lock(store, pauses):
        pass
    assert not pauses


def test_a_silent_holder_is_watched_for_the_whole_timeout_and_then_followed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    held_by_another(store)
    pauses: list[float] = []
    with lock(store, pauses):
        assert [name.rpartition("/")[2] for name in store.names("locks/")] == ["00000002.json"]
    assert sum(pauses) >= 60


def test_a_living_holder_keeps_the_lock(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    held_by_another(store)
    with (
        pytest.raises(LockHeld, match=r"run other .* is alive"),
        lock(store, [], lambda: held_by_another(store, beat=2)),
    ):
        pass


def test_a_holder_that_ends_while_watched_is_followed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    held_by_another(store)
    pauses: list[float] = []
    with lock(store, pauses, lambda: held_by_another(store, state="released")):
        pass
    assert len(pauses) == 1


def test_a_dead_process_of_this_machine_is_followed_at_once(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    first = lock(store, [])
    first.__enter__()
    (path,) = store.names("locks/")
    first.__exit__()
    holder = json.loads(store.get(path) or b"")
    store.put(path, json.dumps({**holder, "state": "held", "started": "0"}).encode())  # another process had this number
    pauses: list[float] = []
    with lock(store, pauses):
        pass
    assert not pauses


def test_a_process_that_proc_hides_is_not_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mounted with hidepid, /proc shows nobody the processes of other users."""
    store = LocalStore(tmp_path)
    held_by_another(store, **{**_this_process(), "pid": os.getppid()})
    started = lock_module._started
    monkeypatch.setattr(lock_module, "_started", lambda pid: started(pid) if pid == os.getpid() else None)
    pauses: list[float] = []
    with lock(store, pauses):
        pass
    assert sum(pauses) >= 60


def test_of_two_that_wait_the_one_that_sleeps_does_not_take_what_others_took_and_left(tmp_path: Path) -> None:
    """While it sleeps one comes and goes, and another one comes, who removes the files of both."""
    store = LocalStore(tmp_path)
    held_by_another(store)
    others: list[TargetLock] = []

    def meanwhile() -> None:
        if not others:
            held_by_another(store, state="released")
            with lock(store, []):
                pass
            others.append(lock(store, []).__enter__())
        last = others[0]
        store.put(last._path(last._generation), last._body("held"))

    with pytest.raises(LockHeld, match="is alive"), lock(store, [], meanwhile):
        pass
    assert [name.rpartition("/")[2] for name in store.names("locks/")] == ["00000003.json"]
    others[0].__exit__()


def test_a_number_of_another_containers_process_says_nothing_of_it(tmp_path: Path) -> None:
    """Containers of one machine may share its name and always share its boot, but not their processes' numbers."""
    store = LocalStore(tmp_path)
    held_by_another(store, **{**_this_process(), "pid_namespace": "pid:[1]", "started": "0"})
    pauses: list[float] = []
    with lock(store, pauses):
        pass
    assert sum(pauses) >= 60


def test_a_heartbeat_that_fails_in_any_way_is_told_and_the_next_one_comes(tmp_path: Path) -> None:
    beats: list[str] = []
    said: list[str] = []
    recovered = threading.Event()

    class Shaky(LocalStore):
        def put(self, path: str, body: bytes) -> None:
            beats.append(path)
            if len(beats) == 1:
                raise RuntimeError("the refreshed credentials are still expired")
            super().put(path, body)
            recovered.set()

    with TargetLock(Shaky(tmp_path), TARGET, "mine", 0.06, said.append) as held:
        assert recovered.wait(60)
    assert not held.lost.is_set()
    assert said == ["The lock's heartbeat failed, next try soon: the refreshed credentials are still expired"]


def test_the_same_process_counts_as_alive(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    first = lock(store, [])
    first.__enter__()
    pauses: list[float] = []

    def beat() -> None:
        (path,) = store.names("locks/")
        holder = json.loads(store.get(path) or b"")
        store.put(path, json.dumps({**holder, "beat": holder["beat"] + 1}).encode())

    with pytest.raises(LockHeld), lock(store, pauses, beat):
        pass
    first.__exit__()


def test_of_two_that_take_at_once_one_gets_it(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert store.put_new("locks/a/00000001.json", b"one")
    assert not store.put_new("locks/a/00000001.json", b"two")
    assert store.get("locks/a/00000001.json") == b"one"


def test_other_targets_do_not_matter(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    held_by_another(store)
    pauses: list[float] = []
    with TargetLock(store, "aws/other/", "mine", 60, lambda _: None, pauses.append):
        pass
    assert not pauses
