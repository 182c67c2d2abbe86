"""One run at a time for a part of a bucket.

Who wants the lock puts a claim and looks at the other claims on the bucket: where prefixes overlap the earlier one
stays and the later one withdraws. The order is that of Lamport's bakery: a claim is put without a number, then with one
above all that there are; who has a number waits for those that are still choosing. So of two claims at least one sees
the other, and both agree which is the earlier. It needs a store that shows what was written before, and no more.

What a newcomer does about another claim on its bucket; the first line that fits counts:

| overlaps | void | its process   | number    | its file                    | then                              |
|----------|------|---------------|-----------|-----------------------------|-----------------------------------|
| no       |      |               |           |                             | passed over                       |
| yes      | yes  |               |           |                             | passed over                       |
| yes      | no   |               | later     |                             | passed over: it will see this one |
| yes      | no   | known as dead | any other |                             | removed                           |
| yes      | no   | any other     | any other | gone                        | passed over                       |
| yes      | no   | any other     | choosing  | changed                     | looked at anew                    |
| yes      | no   | any other     | earlier   | changed                     | held: the newcomer withdraws      |
| yes      | no   | any other     | any other | the same, its time not up   | watched                           |
| yes      | no   | any other     | any other | the same for its whole time | voided; removed two beats later   |

Its time is the one that the claim itself tells, not the newcomer's.

What a holder does at each heartbeat; no two machines' clocks are compared:

| its claim was voided | the heartbeat  | since the last good one | then                                |
|----------------------|----------------|-------------------------|-------------------------------------|
| yes                  |                |                         | lost: somebody else took it         |
| no                   | succeeds       | any                     | held                                |
| not known, or no     | fails or hangs | less than its time      | held; said, and tried again         |
| not known, or no     | fails or hangs | its time and one beat   | lost: others may have taken it      |

Whoever holds the lock asks `why_lost`, and stops where it says something: `runs/interrupts.py` does that for all. What
others go by is written behind a `check` only, which no sleep between two steps can deceive.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from s3sync.errors import Interrupted, LockHeld, StoreError
from s3sync.runs.claims import HEARTBEATS_PER_TIMEOUT, Claim, OwnClaim
from s3sync.runs.lock_place import LockPlace
from s3sync.runs.store import Store

TAKEN = "another command took over the lock of {place}, so this one stopped"
SILENT = (
    "the lock of {place} could not be renewed in time, so that another command may have it; this one stopped, and the "
    "same command goes on from here"
)
_CHOOSING_STEP_SECONDS = 0.2
_BEATS_AFTER_VOID = 2
_TRIES = 3


@dataclass(slots=True)
class Hold:
    """The holder's side, step by step. `why_lost` may be asked at any time, also while a heartbeat hangs."""

    claim: OwnClaim
    clock: Callable[[], float]
    _good_at: float = field(init=False)
    _doubt_since: float | None = None
    _taken: bool = False

    def __post_init__(self) -> None:
        self._good_at = self.clock()

    @property
    def interval_seconds(self) -> float:
        return self.claim.timeout_seconds / HEARTBEATS_PER_TIMEOUT

    def beat(self) -> None:
        """One heartbeat. Raises what the store raises."""
        began = self.clock()
        if self.claim.is_void:
            self._taken = True
            return
        self.claim.put()
        self._good_at = began

    def check(self) -> None:
        """Raises Interrupted where the lock is not held for certain, and what the store raises.

        Whoever voids a claim starts so many heartbeats later. So one that was known to be good less than that ago is
        good still, however long the process sleeps between its steps; an older one is renewed first."""
        for _ in range(_TRIES):
            if self._taken or self.clock() - self._good_at < _BEATS_AFTER_VOID * self.interval_seconds:
                break
            self.beat()
        else:
            raise Interrupted(SILENT.format(place=self.claim.place))
        if self._taken:
            raise Interrupted(TAKEN.format(place=self.claim.place))

    def why_lost(self) -> str | None:
        """None while the lock is held, else why it is not, for a person: for the work to stop."""
        if self._taken:
            return TAKEN.format(place=self.claim.place)
        now = self.clock()
        if now - self._good_at < self.claim.timeout_seconds:
            self._doubt_since = None
            return None
        # A process that slept finds its time over when it wakes: the next heartbeat tells whether anybody came.
        self._doubt_since = now if self._doubt_since is None else self._doubt_since
        is_over = now - self._doubt_since >= self.interval_seconds
        return SILENT.format(place=self.claim.place) if is_over else None


@dataclass(slots=True)
class _Watched:
    claim: Claim
    since: float
    voided_at: float | None = None


@dataclass(slots=True)
class Newcomer:
    """The newcomer's side: `step` until it says that nothing is in the way. `is_taking`: whether claims that are over
    are voided and removed; else they are only seen to be over."""

    claim: OwnClaim
    clock: Callable[[], float]
    say: Callable[[str], None]
    is_taking: bool = True
    _watched: dict[str, _Watched] = field(default_factory=dict)
    _over: set[str] = field(default_factory=set)

    def look(self) -> None:
        """Find out which claims are in the way. One that comes later has a higher number, so one look is enough."""
        for other in self.claim.others():
            if self.claim.blocks(other):
                self._begin(other)

    def _begin(self, other: Claim) -> None:
        if other.is_dead:
            self._end(other)
            return
        self._watched[other.path] = _Watched(other, self.clock())
        if not other.is_choosing:
            seconds = f"{other.timeout_seconds:.0f} s"
            self.say(f"{other.place} is locked by {other.who}; watching for {seconds} whether it is alive.")

    def _end(self, other: Claim) -> None:
        self._watched.pop(other.path, None)
        if self.is_taking:
            self.claim.remove(other)

    def step(self) -> bool:
        """Look at what is in the way once more; True where nothing is. Raises LockHeld where its owner lives."""
        for watched in list(self._watched.values()):
            self._watch(watched)
        return not self._watched

    def _watch(self, watched: _Watched) -> None:
        before, now = watched.claim, self.clock()
        if watched.voided_at is not None:
            if now - watched.voided_at >= _BEATS_AFTER_VOID * before.interval_seconds:
                self._end(before)
            return
        after = next(iter(self.claim.read(before.path)), None)
        if after is None or not self.claim.blocks(after):
            self._watched.pop(before.path)
        elif after.body != before.body:
            if not before.is_choosing:
                raise self._held(after)
            self._watched[before.path] = _Watched(after, now)
        elif now - watched.since >= before.timeout_seconds:
            if not self.is_taking:
                self._watched.pop(before.path)
                return
            self.claim.void(before)
            watched.voided_at = now

    def _held(self, other: Claim) -> LockHeld:
        mine = self.claim.place
        on = "this target" if other.place == mine else str(other.place)
        return LockHeld(f"{mine}: {other.who} is alive and works on {on}; wait for it, or stop it")

    @property
    def pause_seconds(self) -> float:
        """Until it is worth while to look again."""
        steps = (
            _CHOOSING_STEP_SECONDS if each.claim.is_choosing else each.claim.interval_seconds
            for each in self._watched.values()
        )
        return min(steps, default=0.0)


class TargetLock:
    """Use as a context manager. Whoever holds it must stop where `why_lost` says something.

    `patience_seconds`: how long a holder that lives is waited for before LockHeld is raised. `run_id` may be told later
    (`tell`), for which run it is may only be found out under the lock.
    """

    def __init__(
        self,
        store: Store,
        place: LockPlace,
        run_id: str | None,
        timeout_seconds: float,
        say: Callable[[str], None],
        pause: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        patience_seconds: float = 0.0,
    ) -> None:
        self._claim = OwnClaim(store, place, timeout_seconds, run_id)
        self._hold = Hold(self._claim, clock)
        self._say = say
        self._pause = pause
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._ended = threading.Event()
        self._is_put = False
        self._thread = threading.Thread(target=self._keep, name="target-lock", daemon=True)

    def __enter__(self) -> "TargetLock":
        """Raises LockHeld, and StoreError."""
        try:
            self._claim.put()
            self._is_put = True
            self._claim.choose()
            self._thread.start()
            self._wait(Newcomer(self._claim, self._clock, self._say))
            self.check()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    def await_free(self) -> None:
        """Return when nobody holds the lock, which stays free. Raises LockHeld where its holder lives."""
        self._claim.number = 1 + max((claim.number for claim in self._claim.others()), default=0)
        self._wait(Newcomer(self._claim, self._clock, self._say, is_taking=False))

    def tell(self, run_id: str) -> None:
        """Say for which run it is; the next heartbeat shows it to others."""
        self._claim.run_id = run_id

    def why_lost(self) -> str | None:
        return self._hold.why_lost()

    def check(self) -> None:
        """Raises Interrupted where the lock is not held: to be called before anything is written that others go by."""
        self._hold.check()

    def _wait(self, newcomer: Newcomer) -> None:
        until = self._clock() + self._patience_seconds
        newcomer.look()
        while True:
            try:
                if newcomer.step():
                    return
            except LockHeld:
                if self._clock() >= until:
                    raise
                newcomer = Newcomer(self._claim, self._clock, lambda _: None, newcomer.is_taking)
                newcomer.look()
            self._pause(newcomer.pause_seconds)

    def _leave(self) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(self._claim.timeout_seconds)
        try:
            self._claim.withdraw()
        except StoreError as error:  # how the run ended counts more
            if self._is_put:
                self._say(f"The lock could not be given back, so the next run waits until its time is up: {error}")

    def _keep(self) -> None:
        while not self._ended.wait(self._hold.interval_seconds):
            try:
                self._hold.beat()
            except Exception as error:  # noqa: BLE001  (a thread that ends would leave the lock to others, unnoticed)
                self._say(f"The lock's heartbeat failed, next try soon: {error}")
            if self._ended.is_set():  # the run may have ended while this heartbeat was on its way
                with suppress(StoreError):
                    self._claim.withdraw()
