"""Drivers that want one lock, interleaved request by request, asleep for any time between two of them: what `check`
lets through is never under two of them at once. Each schedule follows from its seed."""

import os
import random
import threading
from collections.abc import Callable, Iterator

import pytest

from s3sync.errors import Interrupted, LockHeld
from s3sync.runs.claims import OwnClaim
from s3sync.runs.lock import Hold, Newcomer
from s3sync.runs.lock_place import LockPlace

SCHEDULES = int(os.environ.get("S3SYNC_TEST_SCHEDULES", "300"))  # more for a longer look by hand
TIMEOUTS = (6.0, 60.0)
PREFIXES = ("", "a/", "a/b/")


class World:
    """A store in memory, a clock, and who runs next: of all threads one at a time, chosen by the seed."""

    uri = "memory"

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now = 0.0
        self.files: dict[str, bytes] = {}
        self.holders: dict[str, LockPlace] = {}
        self.ousted: dict[str, str] = {}
        self.faults: list[str] = []
        self.writes = 0
        self._turn = threading.Condition()
        self._waiting: dict[int, float] = {}  # who waits, and until when
        self._running = 0

    # The store: each request is a turn of its own.

    def put(self, path: str, body: bytes) -> None:
        self.sleep(self._between())
        self.files[path] = body

    def put_new(self, path: str, body: bytes) -> bool:
        self.sleep(self._between())
        return self.files.setdefault(path, body) is body

    def get(self, path: str) -> bytes | None:
        self.sleep(self._between())
        return self.files.get(path)

    def names(self, prefix: str) -> Iterator[str]:
        self.sleep(self._between())
        return iter(sorted(path for path in self.files if path.startswith(prefix)))

    def delete(self, path: str) -> None:
        self.sleep(self._between())
        self.files.pop(path, None)

    def _between(self) -> float:
        """Mostly no time; sometimes as long as a process can be stopped."""
        kind = self.chance.random()
        return 0.0 if kind < 0.7 else self.chance.uniform(0, 3) if kind < 0.95 else self.chance.uniform(0, 150)

    # The clock and the turns.

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        me = threading.get_ident()
        with self._turn:
            self._waiting[me] = self.now + seconds
            self._running -= 1
            self._next()
            self._turn.wait_for(lambda: me not in self._waiting)

    def _next(self) -> None:
        if self._running or not self._waiting:
            return
        ready = [who for who, until in self._waiting.items() if until <= self.now]
        if not ready:
            self.now = min(self._waiting.values())
            ready = [who for who, until in self._waiting.items() if until <= self.now]
        chosen = self.chance.choice(sorted(ready))
        del self._waiting[chosen]
        self._running += 1
        self._turn.notify_all()

    def run(self, actors: list[Callable[[], None]]) -> None:
        self._running = len(actors) + 1  # nobody starts before all are there

        def act(actor: Callable[[], None]) -> None:
            self.sleep(self.chance.uniform(0, 5) if self.chance.random() < 0.5 else 0.0)
            try:
                actor()
            finally:
                with self._turn:
                    self._running -= 1
                    self._next()

        threads = [threading.Thread(target=act, args=(actor,), daemon=True) for actor in actors]
        for thread in threads:
            thread.start()
        with self._turn:
            self._turn.wait_for(lambda: len(self._waiting) == len(actors), 30)
            self._running -= 1
            self._next()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive(), "a schedule did not end"

    # What must hold.

    def taken(self, name: str, place: LockPlace) -> None:
        """`name` has the lock: whoever had one that overlaps, and may be asleep, must not write any more."""
        for other, held in self.holders.items():
            if held.overlaps(place):
                self.ousted[other] = name
        self.holders[name] = place

    def written(self, name: str) -> None:
        """`name` writes what others go by."""
        self.writes += 1
        if name in self.ousted:
            self.faults.append(f"{name} writes at {self.now:.1f}, though {self.ousted[name]} has the lock")


def driver(world: World, name: str, place: LockPlace, timeout_seconds: float, check: Callable[[Hold], None]) -> None:
    """One driver: takes the lock, writes a few times behind a check, with heartbeats between, and gives it back."""
    claim = OwnClaim(world, place, timeout_seconds, name, name=name.ljust(32, "0"))
    hold = Hold(claim, world.clock)
    claim.put()
    claim.choose()
    newcomer = Newcomer(claim, world.clock, lambda _: None)
    newcomer.look()
    try:
        while not newcomer.step():
            hold.beat()
            world.sleep(min(newcomer.pause_seconds, hold.interval_seconds))
        hold.check()
        world.taken(name, place)
        for _ in range(6):
            check(hold)
            world.written(name)
            world.sleep(world.chance.uniform(0, hold.interval_seconds))
            hold.beat()
    except (Interrupted, LockHeld):
        pass
    finally:
        world.holders.pop(name, None)
        claim.withdraw()


def explored(seed: int, check: Callable[[Hold], None] = Hold.check) -> World:
    world = World(seed)
    names = [letter * 3 for letter in "abcd"]
    actors = [
        lambda name=name: driver(  # type: ignore[misc]
            world, name, LockPlace("h", "dst", world.chance.choice(PREFIXES)), world.chance.choice(TIMEOUTS), check
        )
        for name in names
    ]
    world.run(actors)
    return world


@pytest.fixture(autouse=True)
def _of_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can see that another one's process is gone."""
    monkeypatch.setattr("s3sync.runs.claims.is_dead", lambda _: False)


def test_what_a_check_lets_through_is_under_one_lock_at_a_time() -> None:
    faults, writes = [], 0
    for seed in range(SCHEDULES):
        world = explored(seed)
        faults += [f"seed {seed}: {fault}" for fault in world.faults]
        writes += world.writes
    assert faults == []
    assert writes > SCHEDULES  # the schedules get somewhere


def test_a_check_that_believes_its_last_heartbeat_would_be_found_out() -> None:
    """The negative control: without a fresh heartbeat a driver that slept writes under another one's lock."""

    def believing(hold: Hold) -> None:
        if hold.why_lost():
            raise Interrupted("lost")

    assert any(explored(seed, believing).faults for seed in range(SCHEDULES))
