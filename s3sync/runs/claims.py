"""What the work location says of locks: a claim for each run that holds one or wants one.

    locks/buckets/{bucket}/{claim}.json    a claim on a part of the bucket; rewritten as a heartbeat by its owner alone
    locks/buckets/{bucket}/{claim}.void    the claim counts no more: its owner was silent for its whole time
    locks/{target}/{generation}.json       a lock as earlier versions left it

The claim's name is random, so nobody writes another one's file, and no write needs a condition: a server that knows
none keeps runs apart all the same. A `.void` stays: its owner may have slept, and must learn of it however late.
"""

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from s3sync.errors import StoreError
from s3sync.runs.holder import is_dead, this_process
from s3sync.runs.lock_place import LockPlace, place_of_old_name
from s3sync.runs.store import Store

HEARTBEATS_PER_TIMEOUT = 6
FORMAT = 2  # locks of generations were the first
_CHOOSING = 0  # the number of a claim that has none yet
_BEFORE_ALL = -1
_OLD_TIMEOUT_SECONDS = 60.0  # of a lock that does not say; the default of the versions that left such ones
_CLAIM = re.compile(r"(locks/buckets/[0-9a-f]{32}/[0-9a-f]{32})\.(json|void)")
_OLD = re.compile(r"(locks/[0-9a-f]{24}/)([0-9]{8})\.json")


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim as it was read. Of two the one with the lower `order` is the earlier one."""

    path: str
    void_path: str
    place: LockPlace
    number: int
    timeout_seconds: float
    told: dict[str, Any] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def order(self) -> tuple[int, str]:
        return self.number, self.path

    @property
    def is_choosing(self) -> bool:
        return self.number == _CHOOSING

    @property
    def interval_seconds(self) -> float:
        return self.timeout_seconds / HEARTBEATS_PER_TIMEOUT

    @property
    def is_dead(self) -> bool:
        """Whether its process is known to be gone, so that nobody need wait for it."""
        return is_dead(self.told)

    @property
    def who(self) -> str:
        run_id, at = self.told["run_id"], self.told["at"]
        run = f"run {run_id}" if run_id else "another command"
        return f"{run} (process {self.told['pid']} on {self.told['host']}, last seen {at})"


@dataclass(slots=True)
class OwnClaim:
    """One's own claim. Every method is one step of the protocol and talks to the store alone."""

    store: Store
    place: LockPlace
    timeout_seconds: float
    run_id: str | None = None
    name: str = field(default_factory=lambda: secrets.token_hex(16))
    number: int = _CHOOSING
    beats: int = 0

    @property
    def path(self) -> str:
        return f"{self.place.folder}/{self.name}.json"

    @property
    def order(self) -> tuple[int, str]:
        return self.number, self.path

    @property
    def is_void(self) -> bool:
        return self.store.get(f"{self.place.folder}/{self.name}.void") is not None

    def put(self) -> None:
        """Make the claim, or show that its owner lives."""
        self.beats += 1
        told = {
            "format": FORMAT,
            "service": self.place.service,
            "name": self.place.name,
            "prefix": self.place.prefix,
            "number": self.number,
            "run_id": self.run_id,
            "timeout_seconds": self.timeout_seconds,
            "beat": self.beats,
            "at": datetime.now(UTC).isoformat(),
            "nonce": secrets.token_hex(8),
            **this_process(),
        }
        self.store.put(self.path, json.dumps(told).encode())

    def choose(self) -> None:
        """Take a number above all that there are. The claim was put before, without one, and is put again with it."""
        self.number = 1 + max((claim.number for claim in self.others()), default=_CHOOSING)
        self.put()

    def others(self) -> list[Claim]:
        """All claims but this one that were not voided, on this bucket, and what earlier versions left."""
        return sorted(self._found(), key=lambda claim: claim.order)

    def _found(self) -> Iterator[Claim]:
        names = [name for name in self.store.names(f"{self.place.folder}/") if _CLAIM.fullmatch(name)]
        void = {name.removesuffix(".void") for name in names if name.endswith(".void")}
        for name in names:
            if name.endswith(".json") and name.removesuffix(".json") not in void and name != self.path:
                yield from self.read(name)
        old: dict[str, str] = {}
        for name in self.store.names("locks/"):
            if found := _OLD.fullmatch(name):
                old[found[1]] = name  # the highest generation rules, and names come in order
        for name in old.values():
            found_old = list(self.read(name))
            if not found_old:
                self.store.delete(name)  # it is over, and would be read at every start
            yield from found_old

    def read(self, path: str) -> Iterator[Claim]:
        """The claim at `path`; nothing where it is gone or over. Raises StoreError where it is none of ours."""
        body = self.store.get(path)
        if body is None:
            return
        try:
            told = json.loads(body)
            claim = _old(path, told, body, self) if _OLD.fullmatch(path) else _new(path, told, body)
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{self.store.uri}/{path}: is no lock that this version reads; if no run works on its target, delete it"
            ) from error
        if claim is not None:
            yield claim

    def blocks(self, other: Claim) -> bool:
        """Whether `other` has to end, or to turn out later, before this claim is the lock."""
        return self.place.overlaps(other.place) and (other.is_choosing or other.order < self.order)

    def void(self, other: Claim) -> None:
        """Say that a claim whose owner is silent counts no more."""
        self.store.put_new(other.void_path, json.dumps({"state": "released", "by": self.path}).encode())

    def remove(self, other: Claim) -> None:
        """Tidy up a claim that is over."""
        self.store.delete(other.path)

    def withdraw(self) -> None:
        self.store.delete(self.path)


def _new(path: str, told: dict[str, Any], body: bytes) -> Claim:
    if told["format"] != FORMAT:
        raise ValueError("of another version")
    place = LockPlace(str(told["service"]), str(told["name"]), str(told["prefix"]))
    void_path = f"{path.removesuffix('.json')}.void"
    return Claim(path, void_path, place, int(told["number"]), float(told["timeout_seconds"]), told, body)


def _old(path: str, told: dict[str, Any], body: bytes, mine: OwnClaim) -> Claim | None:
    """A lock of generations: the next one ends it, for its holder and for newcomers of that version alike."""
    if told["state"] == "released":
        return None
    folder, generation = path.rpartition("/")[0], int(path.rpartition("/")[2].removesuffix(".json"))
    place = place_of_old_name(str(told["target"]), mine.place)
    seconds = max(mine.timeout_seconds, _OLD_TIMEOUT_SECONDS)
    return Claim(path, f"{folder}/{generation + 1:08d}.json", place, _BEFORE_ALL, seconds, told, body)
