"""One run at a time for a part of a bucket: each line of the tables of `runs/lock.py`, with a clock of the test."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from s3sync.errors import Interrupted, LockHeld, StoreError
from s3sync.runs import holder as holder_module
from s3sync.runs.claims import OwnClaim
from s3sync.runs.holder import this_process
from s3sync.runs.lock import Hold, Newcomer, TargetLock
from s3sync.runs.lock_place import LockPlace, folder_place, place_of_old_name
from s3sync.runs.store import LocalStore

PLACE = LockPlace("aws", "dst", "data/")
OTHER = "0" * 32  # the name of another one's claim: earlier than ours where the numbers are the same


class Clock:
    """Time that passes only while somebody pauses; `on_pause` is what others do meanwhile."""

    def __init__(self, on_pause: Callable[[], object] = lambda: None) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []
        self.on_pause = on_pause

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        assert seconds > 0
        self.pauses.append(seconds)
        self.now += seconds
        self.on_pause()

    @property
    def waited(self) -> float:
        return sum(self.pauses)


def lock(store: LocalStore, clock: Clock, place: LockPlace = PLACE, **more: Any) -> TargetLock:
    said: Callable[[str], None] = more.pop("say", lambda _: None)
    return TargetLock(store, place, "mine", 60, said, clock.pause, clock, **more)


def claimed(store: LocalStore, place: LockPlace = PLACE, **changes: Any) -> str:
    """A claim of a holder on another machine, so that nothing is known of its process."""
    path = f"{place.folder}/{OTHER}.json"
    told = {
        "format": 2,
        "service": place.service,
        "name": place.name,
        "prefix": place.prefix,
        "number": 1,
        "run_id": "other",
        "timeout_seconds": 60,
        "at": "then",
        "pid": 1,
        "host": "elsewhere",
        "boot": "x",
        "started": "1",
    }
    store.put(path, json.dumps({**told, **changes}).encode())
    return path


def beating(store: LocalStore, **changes: Any) -> Callable[[], object]:
    beats = iter(range(1, 10_000))
    return lambda: claimed(store, **{"beat": next(beats), **changes})


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def test_a_free_lock_is_taken_and_given_back(store: LocalStore) -> None:
    clock = Clock()
    for _ in range(2):
        with lock(store, clock) as held:
            (path,) = store.names("locks/")
            told = json.loads(store.get(path) or b"")
            assert (told["run_id"], told["number"], told["timeout_seconds"]) == ("mine", 1, 60)
            assert held.why_lost() is None
        assert list(store.names("locks/")) == []
    assert not clock.pauses


# The newcomer's table, line by line: what is there when it comes, what happens at each pause, and what it does.


@pytest.mark.parametrize("prefix", ["other/", "dat-a/", "data-1/"])
def test_a_claim_on_prefixes_that_do_not_overlap_is_passed_over(store: LocalStore, prefix: str) -> None:
    clock = Clock()
    claimed(store, LockPlace("aws", "dst", prefix))
    with lock(store, clock):
        assert not clock.pauses


@pytest.mark.parametrize("place", [LockPlace("h:9000", "dst", "data/"), LockPlace("aws", "dst2", "data/")], ids=str)
def test_a_claim_on_another_bucket_is_passed_over(store: LocalStore, place: LockPlace) -> None:
    clock = Clock()
    claimed(store, place)
    with lock(store, clock):
        assert not clock.pauses


@pytest.mark.parametrize("prefix", ["", "da", "data/", "data/backup/"])
def test_a_claim_on_prefixes_that_overlap_is_watched(store: LocalStore, prefix: str) -> None:
    clock = Clock()
    claimed(store, LockPlace("aws", "dst", prefix))
    with lock(store, clock):
        assert clock.waited >= 60


def test_a_claim_that_was_voided_is_passed_over(store: LocalStore) -> None:
    clock = Clock()
    store.put(claimed(store).replace(".json", ".void"), b"{}")
    with lock(store, clock):
        assert not clock.pauses


def test_a_claim_that_comes_later_is_passed_over_whatever_it_does(store: LocalStore) -> None:
    """It has a higher number: it will see this one, and withdraw."""
    clock = Clock()
    claim = OwnClaim(store, PLACE, 60, "mine")
    claim.put()
    claim.choose()
    claimed(store, number=claim.number + 1)
    newcomer = Newcomer(claim, clock, lambda _: None)
    newcomer.look()
    assert newcomer.step()


def test_of_two_with_one_number_the_lower_name_is_the_earlier(store: LocalStore) -> None:
    """Both read the same numbers before either wrote its own."""
    claimed(store, number=1)
    claim = OwnClaim(store, PLACE, 60, "mine", name="f" * 32, number=1)
    (other,) = claim.others()
    assert claim.blocks(other)
    assert not OwnClaim(store, PLACE, 60, "mine", name="0" * 31 + "!", number=1).blocks(other)


def test_a_claim_whose_process_is_known_to_be_dead_is_removed_at_once(store: LocalStore) -> None:
    clock = Clock()
    path = claimed(store, **{**this_process(), "started": "0"})  # another process had this number
    with lock(store, clock):
        assert store.get(path) is None
        assert not clock.pauses


def test_a_process_that_proc_hides_is_not_dead(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mounted with hidepid, /proc shows nobody the processes of other users."""
    clock = Clock()
    claimed(store, **{**this_process(), "pid": os.getppid()})
    started = holder_module._started
    monkeypatch.setattr(holder_module, "_started", lambda pid: started(pid) if pid == os.getpid() else None)
    with lock(store, clock):
        assert clock.waited >= 60


def test_a_number_of_another_containers_process_says_nothing_of_it(store: LocalStore) -> None:
    """Containers of one machine may share its name and always share its boot, but not their processes' numbers."""
    clock = Clock()
    claimed(store, **{**this_process(), "pid_namespace": "pid:[1]", "started": "0"})
    with lock(store, clock):
        assert clock.waited >= 60


def test_a_claim_that_goes_while_it_is_watched_is_passed_over(store: LocalStore) -> None:
    path = claimed(store)
    clock = Clock(lambda: store.delete(path))
    with lock(store, clock):
        assert len(clock.pauses) == 1


def test_one_that_was_still_choosing_and_turns_out_later_is_passed_over(store: LocalStore) -> None:
    claimed(store, number=0)
    clock = Clock(lambda: claimed(store, number=7))
    with lock(store, clock):
        assert (len(clock.pauses), clock.waited < 1) == (1, True)


def test_one_that_was_still_choosing_and_turns_out_earlier_is_watched_and_keeps_the_lock(store: LocalStore) -> None:
    claimed(store, number=0)
    clock = Clock(beating(store, number=1))
    with pytest.raises(LockHeld, match=r"run other .* is alive"), lock(store, clock):
        pass
    assert [name for name in store.names("locks/") if OTHER not in name] == []


def test_an_earlier_claim_that_changes_keeps_the_lock_and_the_later_one_withdraws(store: LocalStore) -> None:
    path = claimed(store)
    clock, said = Clock(beating(store)), list[str]()
    with (
        pytest.raises(LockHeld, match=r"^aws/dst/data/: run other \(process 1 on elsewhere, .*works on this target; "),
        lock(store, clock, say=said.append),
    ):
        pass
    assert list(store.names("locks/")) == [path]
    who = "run other (process 1 on elsewhere, last seen then)"
    assert said == [f"aws/dst/data/ is locked by {who}; watching for 60 s whether it is alive."]


def test_one_line_says_who_holds_what_overlaps(store: LocalStore) -> None:
    claimed(store, LockPlace("aws", "dst", ""))
    clock = Clock(lambda: claimed(store, LockPlace("aws", "dst", ""), beat=len(clock.pauses)))
    with pytest.raises(LockHeld, match=r"^aws/dst/data/: run other .* is alive and works on aws/dst/; wait for it"):
        lock(store, clock).__enter__()


@pytest.mark.parametrize("seconds", [6, 60, 600])
def test_a_silent_claim_is_watched_for_its_own_time_not_the_newcomers(store: LocalStore, seconds: float) -> None:
    path = claimed(store, timeout_seconds=seconds)
    clock = Clock()
    with lock(store, clock):
        assert store.get(path.replace(".json", ".void")) is not None
        assert store.get(path) is None
    assert seconds + 2 * seconds / 6 <= clock.waited <= 1.5 * seconds + 1


def test_a_holder_that_beats_at_the_end_of_its_time_keeps_the_lock(store: LocalStore) -> None:
    """A newcomer with 6 s took a lock that was held alive with 60 s: its holder beats every ten."""
    path = claimed(store, timeout_seconds=60)
    clock = Clock(lambda: claimed(store, timeout_seconds=60, beat=1) if clock.waited > 50 else None)
    newcomer = TargetLock(store, PLACE, "mine", 6, lambda _: None, clock.pause, clock)
    with pytest.raises(LockHeld), newcomer:
        pass
    assert list(store.names("locks/")) == [path]


def test_whoever_has_patience_waits_for_a_holder_that_lives(store: LocalStore) -> None:
    path = claimed(store)
    beat = beating(store)
    clock = Clock(lambda: beat() if clock.waited < 90 else store.delete(path))
    with lock(store, clock, patience_seconds=300):
        assert 90 <= clock.waited < 150
    claimed(store)
    clock = Clock(beat)
    with pytest.raises(LockHeld), lock(store, clock, patience_seconds=300):
        pass
    assert 300 <= clock.waited < 400


def test_to_wait_until_it_is_free_takes_nothing(store: LocalStore) -> None:
    path = claimed(store)
    clock = Clock()
    lock(store, clock).await_free()
    assert clock.waited >= 60
    assert list(store.names("locks/")) == [path]
    with pytest.raises(LockHeld):
        lock(store, Clock(beating(store))).await_free()


# The holder's table.


@pytest.fixture
def held(store: LocalStore) -> tuple[Hold, Clock]:
    clock = Clock()
    claim = OwnClaim(store, PLACE, 60, "mine")
    claim.put()
    return Hold(claim, clock), clock


def test_a_holder_whose_claim_was_voided_has_lost_however_late_it_looks(
    store: LocalStore, held: tuple[Hold, Clock]
) -> None:
    """It slept, others came and went, and removed its file; what it writes again changes nothing."""
    hold, clock = held
    with lock(store, Clock()):
        pass
    assert hold.why_lost() is None  # not asked yet
    clock.now += 5000
    hold.beat()
    assert hold.why_lost() == "another command took over the lock of aws/dst/data/, so this one stopped"
    hold.claim.put()
    hold.beat()
    assert hold.why_lost() is not None
    with lock(store, Clock()) as other:
        assert other.why_lost() is None


def test_a_holder_whose_heartbeats_succeed_holds_however_long_it_slept(held: tuple[Hold, Clock]) -> None:
    hold, clock = held
    for seconds in (10, 59, 5000):
        clock.now += seconds
        hold.beat()
        assert hold.why_lost() is None


def test_a_holder_that_cannot_beat_has_lost_when_its_own_time_is_up(held: tuple[Hold, Clock]) -> None:
    """No clock but its own says so; a process that slept has one more beat to find out."""
    hold, clock = held
    clock.now += 59
    assert hold.why_lost() is None
    clock.now += 2
    assert hold.why_lost() is None
    clock.now += 9
    assert hold.why_lost() is None
    clock.now += 1
    assert "could not be renewed in time" in (hold.why_lost() or "")
    hold.beat()  # nobody came meanwhile
    assert hold.why_lost() is None


def test_a_newcomer_never_starts_before_the_holder_has_stopped(store: LocalStore, held: tuple[Hold, Clock]) -> None:
    """The two tables together: a holder that no longer reaches the store, and looks at its lock every half second."""
    hold, clock = held

    def look() -> None:
        hold.why_lost()

    clock.on_pause = look
    newcomer = OwnClaim(store, PLACE, 6, "new")
    newcomer.put()
    newcomer.choose()
    waiting = Newcomer(newcomer, clock, lambda _: None)
    (waiting_for,) = (claim for claim in newcomer.others() if newcomer.blocks(claim))
    object.__setattr__(waiting_for, "told", {**waiting_for.told, "host": "elsewhere"})  # its process is not known here
    waiting._begin(waiting_for)
    while not waiting.step():
        clock.pause(0.5)
        assert hold.why_lost() is None or clock.now - 1000 >= 60
    assert hold.why_lost() is not None


def test_a_heartbeat_that_fails_in_any_way_is_told_and_the_next_one_comes(tmp_path: Path) -> None:
    said: list[str] = []
    recovered = threading.Event()

    class Shaky(LocalStore):
        puts = 0

        def put(self, path: str, body: bytes) -> None:
            self.puts += 1
            if self.puts == 3:  # the first two take the lock
                raise RuntimeError("the refreshed credentials are still expired")
            super().put(path, body)
            if self.puts > 3:
                recovered.set()

    with TargetLock(Shaky(tmp_path), PLACE, "mine", 0.6, said.append) as target_lock:
        assert recovered.wait(60)
        assert target_lock.why_lost() is None
    assert said == ["The lock's heartbeat failed, next try soon: the refreshed credentials are still expired"]


def test_a_lock_that_cannot_be_given_back_is_told(tmp_path: Path) -> None:
    class Kept(LocalStore):
        def delete(self, path: str) -> None:
            raise StoreError(f"{path}: cannot be deleted: AccessDenied")

    said: list[str] = []
    with TargetLock(Kept(tmp_path), PLACE, "mine", 60, said.append):
        pass
    assert len(said) == 1
    assert said[0].startswith("The lock could not be given back, so the next run waits until its time is up: locks/")


def test_whoever_finds_the_lock_lost_may_write_nothing(store: LocalStore) -> None:
    with lock(store, Clock()) as mine:
        (path,) = store.names("locks/")
        store.put(path.replace(".json", ".void"), b"{}")
        mine._hold.beat()
        with pytest.raises(Interrupted, match="another command took over"):
            mine.check()


def test_the_same_process_counts_as_alive(store: LocalStore) -> None:
    with lock(store, Clock()) as first:
        clock = Clock(first._hold.beat)
        with pytest.raises(LockHeld, match="run mine"), lock(store, clock):
            pass


def test_of_many_that_come_at_once_one_at_a_time_holds_the_lock(store: LocalStore) -> None:
    """Without a single conditional write: the store's `put_new` is not asked."""
    store.put_new = None  # type: ignore[method-assign,assignment]
    inside, most, done = [0], [0], list[str]()

    def work(name: str) -> None:
        with TargetLock(store, PLACE, name, 3, lambda _: None, patience_seconds=120):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            threading.Event().wait(0.01)
            inside[0] -= 1
        done.append(name)

    threads = [threading.Thread(target=work, args=(f"r{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert (most[0], sorted(done)) == (1, [f"r{n}" for n in range(6)])


# Locks as earlier versions left them.


def old_lock(store: LocalStore, target: str, **changes: Any) -> str:
    """`locks/{target's hash}/{generation}.json`, as written until claims came."""
    path = "locks/4f487daf97dadeb9718ec0e7/00000003.json"
    beat = {"state": "held", "target": target, "run_id": "old", "beat": 1, "at": "then", "nonce": "n"}
    process = {"pid": 1, "host": "elsewhere", "boot": "x", "pid_namespace": "pid:[1]", "started": "1"}
    store.put(path, json.dumps({**beat, **process, **changes}).encode())
    return path


@pytest.mark.parametrize("target", ["aws/dst/", "aws/dst/data/", "aws/dst/data/x/"])
def test_a_lock_of_before_that_is_held_keeps_its_target(store: LocalStore, target: str) -> None:
    old_lock(store, target)
    clock = Clock(lambda: old_lock(store, target, beat=len(clock.pauses)))
    with pytest.raises(LockHeld, match=r"run old .* is alive"), lock(store, clock):
        pass


def test_a_lock_of_before_whose_holder_died_is_ended_as_its_version_would(store: LocalStore) -> None:
    path = old_lock(store, "aws/dst/data/")
    clock = Clock()
    with lock(store, clock):
        following = json.loads(store.get(path.replace("00000003", "00000004")) or b"{}")
        assert following["state"] == "released"  # its holder, were it alive, finds a higher generation and stops
        assert clock.waited >= 60


def test_a_lock_of_before_that_is_over_is_removed(store: LocalStore) -> None:
    path = old_lock(store, "aws/dst/data/", state="released")
    with lock(store, Clock()) as held:
        assert held.why_lost() is None
    assert store.get(path) is None


def test_a_lock_of_before_on_another_target_is_left_alone(store: LocalStore) -> None:
    path, clock = old_lock(store, "aws/other/"), Clock()
    with lock(store, clock):
        assert not clock.pauses
    assert store.get(path) is not None


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("aws/dst/data/", LockPlace("aws", "dst", "data/")),
        ("http://h:9000/dst/", LockPlace("h:9000", "dst", "")),
        ("http://h:9000//dst/data/", LockPlace("h:9000", "dst", "data/")),
        ("https://s3.eu-west-1.amazonaws.com/dst/data/", LockPlace("aws", "dst", "data/")),
        ("/data/listing", folder_place("/data/listing")),
        ("s3://lists/of-dst", folder_place("s3://lists/of-dst")),
    ],
)
def test_names_of_before_are_read(name: str, place: LockPlace) -> None:
    assert place_of_old_name(name, PLACE) == place


@pytest.mark.parametrize("body", [b"{}", b"not JSON", b'{"format": 3, "service": "aws"}'])
def test_a_lock_that_cannot_be_read_is_refused_with_the_way_out(store: LocalStore, body: bytes) -> None:
    store.put(f"{PLACE.folder}/{OTHER}.json", body)
    with (
        pytest.raises(
            StoreError, match=r"is no lock that this version reads; if no run works on its target, delete it$"
        ),
        lock(store, Clock()),
    ):
        pass
