"""One run at a time for a target.

A lock is a row of generations, `locks/{target}/{generation}.json`; the highest one rules. Taking the lock is creating
the next generation, which the store grants to one caller only. The holder rewrites its own file as a heartbeat, and
looks each time whether a higher generation has come. Whoever wants the lock watches the ruling file: if it changes,
the holder lives; if it stays the same for the whole timeout, or says `released`, or its process is known to be dead,
the next generation may be made. No two machines' clocks are compared.
"""

import json
import os
import secrets
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from s3sync.config.model import Config
from s3sync.errors import LockHeld
from s3sync.runs.store import Store

HEARTBEATS_PER_TIMEOUT = 6


def lock_name(target: str) -> str:
    """The lock's folder for a target such as `https://endpoint/bucket/prefix`."""
    return f"locks/{sha256(target.encode()).hexdigest()[:24]}"


def lock_target(config: Config) -> str:
    """The target of a run with this configuration, as its lock names it."""
    return f"{config.access.target.endpoint_url or 'aws'}/{config.target.bucket}/{config.target.prefix}"


def _this_process() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "boot": _boot_id(),
        "pid_namespace": _pid_namespace(),
        "pid": os.getpid(),
        "started": _started(os.getpid()),
    }


def _boot_id() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None


def _pid_namespace() -> str | None:
    """Where this process's number means this process: containers of one machine each count their own."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return None


def _started(pid: int) -> str | None:
    """The start time of a process in clock ticks: it tells a process from a later one with the same number."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _is_dead(holder: dict[str, Any]) -> bool:
    """True only where the holder ran on this very machine, in this process's own namespace, and its process is gone."""
    here = _this_process()
    if here["boot"] is None or any(holder.get(name) != here[name] for name in ("host", "boot", "pid_namespace")):
        return False
    started = _started(int(holder["pid"]))
    return _is_gone(int(holder["pid"])) if started is None else started != holder.get("started")


def _is_gone(pid: int) -> bool:
    """Of a process that /proc does not show: it may be another user's, which a /proc with hidepid hides."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


class TargetLock:
    """Use as a context manager. `lost` is set when another run has taken the lock, which needs this one to have been
    silent for the whole timeout: whoever holds the lock must stop then."""

    def __init__(
        self,
        store: Store,
        target: str,
        run_id: str,
        timeout_seconds: float,
        say: Callable[[str], None],
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self._store = store
        self._target = target
        self._folder = lock_name(target)
        self._run_id = run_id
        self._timeout_seconds = timeout_seconds
        self._say = say
        self._ended = threading.Event()
        self._pause = pause or self._ended.wait
        self._generation = 0
        self._beats = 0
        self._thread: threading.Thread | None = None
        self.lost = threading.Event()

    def __enter__(self) -> "TargetLock":
        while not self._take():
            pass
        self._thread = threading.Thread(target=self._keep, name="target-lock", daemon=True)
        self._thread.start()
        return self

    def await_free(self) -> None:
        """Return when nobody holds the lock, which stays free. Raises LockHeld when its holder shows a sign of life."""
        if ruling := self._ruling():
            self._await_end(ruling)

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join(self._timeout_seconds)
        if not self.lost.is_set():
            self._store.put(self._path(self._generation), self._body("released"))

    def _path(self, generation: int) -> str:
        return f"{self._folder}/{generation:08d}.json"

    def _body(self, state: str) -> bytes:
        self._beats += 1
        beat = {
            "state": state,
            "target": self._target,
            "run_id": self._run_id,
            "beat": self._beats,
            "at": datetime.now(UTC).isoformat(),
            "nonce": secrets.token_hex(8),
            **_this_process(),
        }
        return json.dumps(beat).encode()

    def _ruling(self) -> int:
        last = max(self._store.names(f"{self._folder}/"), default="0.json")
        return int(last.rpartition("/")[2].removesuffix(".json"))

    def _take(self) -> bool:
        """Make the next generation; False where another caller was quicker. Raises LockHeld."""
        ruling = self._ruling()
        if ruling:
            self._await_end(ruling)
        if not self._store.put_new(self._path(ruling + 1), self._body("held")):
            return False
        if self._ruling() != ruling + 1:  # others came and went meanwhile, and removed what ruled when this one looked
            self._store.delete(self._path(ruling + 1))
            return False
        self._generation = ruling + 1
        for name in self._store.names(f"{self._folder}/"):
            if name < self._path(self._generation):
                self._store.delete(name)
        return True

    def _await_end(self, ruling: int) -> None:
        """Return when generation `ruling` is over. Raises LockHeld when its holder shows a sign of life."""
        seen = self._store.get(self._path(ruling))
        if seen is None:
            return
        holder = json.loads(seen)
        if holder["state"] == "released" or _is_dead(holder):
            return
        who = f"run {holder['run_id']} (process {holder['pid']} on {holder['host']}, last seen {holder['at']})"
        self._say(f"The target is locked by {who}; watching for {self._timeout_seconds:.0f} s whether it is alive.")
        step_seconds = self._timeout_seconds / HEARTBEATS_PER_TIMEOUT
        for _ in range(HEARTBEATS_PER_TIMEOUT + 1):
            self._pause(step_seconds)
            now = self._store.get(self._path(ruling))
            if now != seen:
                if now is not None and json.loads(now)["state"] == "held":
                    raise LockHeld(f"{self._target}: {who} is alive and works on this target; wait for it, or stop it")
                return

    def _keep(self) -> None:
        while not self._ended.wait(self._timeout_seconds / HEARTBEATS_PER_TIMEOUT):
            try:
                if self._ruling() != self._generation:
                    self.lost.set()
                    return
                self._store.put(self._path(self._generation), self._body("held"))
            except Exception as error:  # noqa: BLE001  (a thread that ends would leave the lock to others, unnoticed)
                self._say(f"The lock's heartbeat failed, next try soon: {error}")
