"""The lock of a run under schedules: several drivers, their heartbeats, and a store, each call to it one step.

The steps are those of the code itself (`runs.claims.OwnClaim`, `runs.lock.Hold` and `Newcomer`): each driver runs in a
thread of its own that waits before every call to the store until it is its turn, so exactly one runs at a time, and
chance is where it stands in all schedules. Time goes on only by the sleeps of who is chosen: whoever is not chosen
meanwhile is slow, or paused for as long as it takes.

| invariant | |
|---|---|
| C18 | whoever acts under the lock is the last one who entered |
| C9 | some driver enters; all end |
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from s3sync.errors import Interrupted, LockHeld, StoreError
from s3sync.runs.claims import OwnClaim
from s3sync.runs.lock import Hold, Newcomer
from s3sync.runs.lock_place import LockPlace
from tests.sim.choices import Choices
from tests.sim.world import Violation

PLACES = ("", "", "data/", "other/")
TIMEOUTS = (60.0, 60.0, 6.0)
STEPS_MAX = 5_000
ACTS = 4


class _Crash(BaseException):
    """The process is gone: nothing of it runs on, not even what tidies up."""


@dataclass(eq=False)
class _Actor:
    """A thread that waits for its turn. `wakes_at`: when its sleep is over."""

    name: str
    program: Callable[["_Actor"], None]
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    wakes_at: float = 0.0
    is_done: bool = False
    crashes: bool = False


class Steps:
    """Lets one actor run at a time, from one point where it waits to its next."""

    def __init__(self, choices: Choices, story: list[str] | None) -> None:
        self.choices = choices
        self.story = story
        self.now = 1_000.0
        self.actors: list[_Actor] = []
        self._back = threading.Semaphore(0)
        self._current: _Actor | None = None
        self._trouble: BaseException | None = None

    @property
    def running(self) -> str:
        return self._current.name if self._current is not None else "nobody"

    def tell(self, line: str) -> None:
        if self.story is not None:
            self.story.append(f"{self.now - 1_000:8.2f} s  {line}")

    def add(self, name: str, program: Callable[[_Actor], None]) -> _Actor:
        actor = _Actor(name, program)
        self.actors.append(actor)
        threading.Thread(target=self._live, args=(actor,), daemon=True).start()
        return actor

    def _live(self, actor: _Actor) -> None:
        actor.turn.acquire()
        try:
            if not actor.crashes:
                actor.program(actor)
        except _Crash:
            pass
        except BaseException as trouble:  # noqa: BLE001  (raised again by `run`)
            self._trouble = trouble
        actor.is_done = True
        self._back.release()

    def point(self, seconds: float = 0.0) -> None:
        """Where the running actor waits for its next turn, after a sleep of so long."""
        actor = self._current
        if actor is None:
            return
        actor.wakes_at = self.now + seconds
        self._back.release()
        actor.turn.acquire()
        if actor.crashes:
            raise _Crash

    def run(self) -> None:
        steps = 0
        while living := [actor for actor in self.actors if not actor.is_done]:
            steps += 1
            if steps > STEPS_MAX and self._trouble is None:
                self._trouble = Violation("C9: the lock's protocol does not end")
            if self._trouble is not None:
                for actor in living:
                    actor.crashes = True
            # The one whose turn comes first, as a rule; else any.
            living.sort(key=lambda actor: max(actor.wakes_at, self.now))
            actor = living[self.choices.pick(len(living)) if self.choices.happens(0.25) else 0]
            self.now = max(self.now, actor.wakes_at)
            self._current = actor
            actor.turn.release()
            self._back.acquire()
        if self._trouble is not None:
            raise self._trouble


class SteppedStore:
    """A work location in memory. Before each call its caller waits for its turn; now and then one fails."""

    uri = "memory"

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self.files: dict[str, bytes] = {}

    def _call(self, what: str, path: str) -> None:
        self._steps.point()
        self._steps.tell(f"{self._steps.running}: {what} {path.rpartition('/')[2].lstrip('0') or path}")
        if self._steps.choices.happens(0.01):
            raise StoreError("503 SlowDown")

    def put(self, path: str, body: bytes) -> None:
        self._call("put", path)
        self.files[path] = body

    def put_new(self, path: str, body: bytes) -> bool:
        self._call("put_new", path)
        return self.files.setdefault(path, body) is body

    def get(self, path: str) -> bytes | None:
        self._call("get", path)
        return self.files.get(path)

    def names(self, prefix: str) -> Iterator[str]:
        self._call("names", prefix)
        return iter(sorted(name for name in self.files if name.startswith(prefix)))

    def delete(self, path: str) -> None:
        self._call("delete", path)
        self.files.pop(path, None)


@dataclass(eq=False)
class _Driver:
    """As `TargetLock` puts the steps together, with the heartbeat as an actor of its own."""

    name: str
    steps: Steps
    store: SteppedStore
    place: LockPlace
    timeout_seconds: float
    inside: list["_Driver"]
    claim: OwnClaim = field(init=False)
    hold: Hold = field(init=False)
    is_over: bool = False
    has_entered: bool = False
    main: _Actor | None = None
    heart: _Actor | None = None

    def live(self, _actor: _Actor) -> None:
        steps = self.steps
        self.claim = OwnClaim(self.store, self.place, self.timeout_seconds, "run", name=f"{ord(self.name):032x}")
        self.hold = Hold(self.claim, lambda: steps.now)
        try:
            self._enter()
            for _ in range(ACTS):
                self._act()
                steps.point(self.timeout_seconds / 3)
        except (LockHeld, StoreError, Interrupted) as end:
            steps.tell(f"{self.name} ends: {end}")
        finally:
            self.is_over = True
            if self in self.inside:
                self.inside.remove(self)
        try:
            self.claim.withdraw()
        except StoreError as error:
            steps.tell(f"{self.name} can't withdraw: {error}")

    def _enter(self) -> None:
        self.claim.put()
        self.claim.choose()
        self.heart = self.steps.add(f"heart of {self.name}", self._beat)
        newcomer = Newcomer(self.claim, lambda: self.steps.now, lambda _: None)
        newcomer.look()
        while not newcomer.step():
            self.steps.point(newcomer.pause_seconds)
        self._check()
        self.inside.append(self)
        self.has_entered = True
        self.steps.tell(f"{self.name} has the lock of {self.place}")

    def _act(self) -> None:
        """Something that only the holder may do."""
        self._check()
        later = self.inside[self.inside.index(self) + 1 :]
        self.steps.tell(f"{self.name} acts")
        if any(_overlap(other.place.prefix, self.place.prefix) for other in later):
            raise Violation("C18: a driver acts that is not the last one who took the lock", self.name)

    def _check(self) -> None:
        """As `TargetLock.check`."""
        self.hold.check()

    def _beat(self, _actor: _Actor) -> None:
        while True:
            self.steps.point(self.hold.interval_seconds)
            if self.is_over:
                return
            try:
                self.hold.beat()
            except StoreError as error:
                self.steps.tell(f"{self.name}'s heartbeat: {error}")


def _overlap(one: str, other: str) -> bool:
    """The oracle's own word, of two places in one bucket."""
    return one.startswith(other) or other.startswith(one)


def lock_protocol(choices: Choices, story: list[str] | None = None) -> None:
    steps = Steps(choices, story)
    store = SteppedStore(steps)
    inside: list[_Driver] = []
    drivers = []
    for name in "AB" if choices.pick(3) else "ABC":
        place = LockPlace("s3", "bucket", PLACES[choices.pick(len(PLACES))])
        driver = _Driver(name, steps, store, place, TIMEOUTS[choices.pick(len(TIMEOUTS))], inside)
        drivers.append(driver)
        driver.main = steps.add(name, driver.live)
        driver.main.wakes_at = steps.now + 10.0 * choices.pick(4)
    if choices.happens(0.3):
        victim = drivers[choices.pick(len(drivers))]
        steps.add("the end of a process", lambda _: _kill(steps, victim)).wakes_at = steps.now + 5.0 * choices.pick(20)
    if choices.happens(0.4):
        sleeper, seconds = drivers[choices.pick(len(drivers))], 30.0 * choices.pick(6)
        pause = steps.add("a pause", lambda _: _sleep(steps, sleeper, seconds))
        pause.wakes_at = steps.now + 5.0 * choices.pick(20)
    steps.run()


def _sleep(steps: Steps, sleeper: _Driver, seconds: float) -> None:
    """The whole process stands still."""
    steps.tell(f"{sleeper.name} stands still for {seconds:.0f} s")
    for actor in (sleeper.main, sleeper.heart):
        if actor is not None and not actor.is_done:
            actor.wakes_at = max(actor.wakes_at, steps.now + seconds)


def _kill(steps: Steps, victim: _Driver) -> None:
    steps.tell(f"{victim.name} is killed")
    for actor in (victim.main, victim.heart):
        if actor is not None:
            actor.crashes = True
    if victim in victim.inside:
        victim.inside.remove(victim)
