"""Which process holds a lock, and whether it is known to be dead."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def this_process() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "boot": _boot_id(),
        "pid_namespace": _pid_namespace(),
        "pid": os.getpid(),
        "started": _started(os.getpid()),
    }


def is_dead(holder: Mapping[str, Any]) -> bool:
    """True only where the holder ran on this very machine, in this process's own namespace, and its process is gone."""
    here = this_process()
    if here["boot"] is None or any(holder.get(name) != here[name] for name in ("host", "boot", "pid_namespace")):
        return False
    started = _started(int(holder["pid"]))
    return _is_gone(int(holder["pid"])) if started is None else started != holder.get("started")


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


def _is_gone(pid: int) -> bool:
    """Of a process that /proc does not show: it may be another user's, which a /proc with hidepid hides."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
