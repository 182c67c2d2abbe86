"""The folder of a run, and how a run is found again.

    {work_uri}/fingerprints/{fingerprint}.json   the newest run with these options
    {work_uri}/locks/...                         see runs/claims.py
    {work_uri}/runs/{run_id}/
        run.json                                 what was asked for, without secrets
        starts/0001.json, ...                    one per driver that worked on the run; the number is the epoch
        {stage}/...                              files of the stage's tasks, named by task and attempt
        {stage}/manifest.json                    the commit: which of these files count
        summary.json                             the end of it

A stage is committed by writing its manifest, in one put; what no manifest names does not exist.
"""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from s3sync.config.model import Access
from s3sync.errors import ConfigError, StoreError
from s3sync.runs.lock import TargetLock
from s3sync.runs.lock_place import LockPlace, bucket_place
from s3sync.runs.store import Store

SCHEMA_VERSION = 1
RANDOM_BYTES = 16


def fingerprint(options: Mapping[str, Any]) -> str:
    """A short name for a set of options: the same options give the same one."""
    return sha256(json.dumps(options, sort_keys=True, default=str).encode()).hexdigest()[:16]


def new_run_id(now: datetime) -> str:
    """An id of a run, or of a drain, that nobody else will have: it names files."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(RANDOM_BYTES)}"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run on the store. Paths given to its methods are relative to the run's folder."""

    store: Store
    run_id: str

    @property
    def uri(self) -> str:
        return f"{self.store.uri}/runs/{self.run_id}"

    def path(self, name: str) -> str:
        return f"runs/{self.run_id}/{name}"

    def put(self, name: str, body: bytes) -> None:
        self.store.put(self.path(name), body)

    def put_new(self, name: str, body: bytes) -> bool:
        """Write a file that must not be there yet; False where it is. Of several callers one gets True."""
        return self.store.put_new(self.path(name), body)

    def get(self, name: str) -> bytes:
        """The file's bytes. Raises StoreError where it is missing: whoever asks knows that it was committed."""
        body = self.store.get(self.path(name))
        if body is None:
            raise StoreError(f"{self.uri}/{name}: is missing")
        return body

    def put_json(self, name: str, value: Mapping[str, Any]) -> None:
        self.put(name, json.dumps(value, indent=1).encode())

    def get_json(self, name: str) -> dict[str, Any] | None:
        body = self.store.get(self.path(name))
        if body is None:
            return None
        try:
            value: dict[str, Any] = json.loads(body)
        except ValueError as error:
            raise StoreError(f"{self.uri}/{name}: is not JSON: {error}") from error
        return value

    def described(self) -> dict[str, Any] | None:
        """What the run was begun with; None where there is no such run. Raises StoreError where a newer version of
        s3sync began it."""
        return self._known("run.json")

    def _known(self, name: str) -> dict[str, Any] | None:
        value = self.get_json(name)
        if value is not None and value.get("schema_version", SCHEMA_VERSION) > SCHEMA_VERSION:
            raise StoreError(
                f"{self.uri}/{name}: is of format {value['schema_version']}, and this version of s3sync reads "
                f"{SCHEMA_VERSION}; use the version that began the run, or a newer one"
            )
        return value

    def names(self, prefix: str) -> Iterator[str]:
        start = len(self.path(""))
        return (name[start:] for name in self.store.names(self.path(prefix)))

    def commit(self, stage: str, manifest: Mapping[str, Any]) -> None:
        """Make the files that `manifest` names the stage's result."""
        self.put_json(f"{stage}/manifest.json", {"schema_version": SCHEMA_VERSION, **manifest})

    def commit_first(self, stage: str, manifest: Mapping[str, Any]) -> bool:
        """As `commit`, of several callers for one only; False for the others, who go on with what that one committed:
        a driver that was thought dead must not take away what another one works from."""
        body = json.dumps({"schema_version": SCHEMA_VERSION, **manifest}, indent=1).encode()
        return self.put_new(f"{stage}/manifest.json", body)

    def manifest(self, stage: str) -> dict[str, Any] | None:
        """The stage's commit, None where it has none yet."""
        return self._known(f"{stage}/manifest.json")

    def drop(self, stage: str) -> None:
        """Remove the files of a stage, its commit first; what of it is left then does not exist."""
        self.store.delete(self.path(f"{stage}/manifest.json"))
        for name in list(self.names(f"{stage}/")):
            self.store.delete(self.path(name))

    def begin_epoch(self, note: Mapping[str, Any]) -> int:
        """Count this driver's start: 1 for the first one, and no two drivers get the same number."""
        epoch = 1 + sum(1 for _ in self.names("starts/"))
        body = json.dumps({"nonce": secrets.token_hex(8), **note}).encode()
        while not self.store.put_new(self.path(f"starts/{epoch:04d}.json"), body):
            epoch += 1
        return epoch

    @property
    def is_finished(self) -> bool:
        summary = self.get_json("summary.json")
        return summary is not None and summary["state"] in ("complete", "incomplete")


def place_of_run(folder: RunFolder, target: Access) -> LockPlace:
    """What the copies of a run go to, by the access that whoever makes them now has."""
    options = (folder.described() or {})["options"]
    return bucket_place(target, options["target.bucket"], options["target.prefix"])


def find_or_create(
    store: Store,
    lock: TargetLock,
    options: Mapping[str, Any],
    run_id: str | None,
    now: datetime,
    may_go_on: Callable[[RunFolder], bool] = lambda _folder: True,
) -> tuple[RunFolder, bool]:
    """The run to work on, and whether it was there before. To be called under the lock, for what it writes decides who
    works on what (C18).

    Without `run_id`: the unfinished run with the same options where it `may_go_on`, else a new one. With it: that run,
    new or not. Raises ConfigError where the run named has other options: its plan is not what is asked for now.
    """
    mark = fingerprint(options)
    index = f"fingerprints/{mark}.json"
    known = store.get(index)
    follows: str | None = json.loads(known)["run_id"] if known is not None else None
    if run_id is None and follows is not None:
        folder = RunFolder(store, follows)
        if folder.described() is not None and not folder.is_finished and may_go_on(folder):
            return folder, True
    folder = RunFolder(store, run_id or new_run_id(now))
    if find_or_refuse(folder, options):
        return folder, True
    begun = {
        "schema_version": SCHEMA_VERSION,
        "run_id": folder.run_id,
        "fingerprint": mark,
        "created_at": now.isoformat(),
        "options": dict(options),
        "follows": follows,
    }
    lock.check()
    if not folder.put_new("run.json", json.dumps(begun, indent=1).encode()):
        raise StoreError(f"{folder.uri}/run.json: another command has begun a run of this id; give the command again")
    store.put(index, json.dumps({"run_id": folder.run_id}).encode())
    return folder, False


def find_or_refuse(folder: RunFolder, options: Mapping[str, Any]) -> bool:
    """Whether the run is there. Raises ConfigError where it is, and was begun with other options."""
    described = folder.described()
    if described is None:
        return False
    if described["fingerprint"] != fingerprint(options):
        differing = _differences(described["options"], options)
        raise ConfigError(
            "--run-id", f"run {folder.run_id} was begun with other options ({differing}); leave --run-id away"
        )
    return True


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    plain = json.loads(json.dumps(after, default=str))
    return ", ".join(sorted(name for name in {*before, *plain} if before.get(name) != plain.get(name)))
