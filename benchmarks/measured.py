"""Runs one command and writes down what it used: `python -S measured.py RESULT.json COMMAND ...`.

It takes in orphans (prctl PR_SET_CHILD_SUBREAPER), so the figures hold for the whole tree: a Java process that leaves
its Python daemon behind, too. CPU is what the kernel counted for all descendants, user and system. The peak of memory
is the kernel's, for the largest single process, and by name from a look at /proc a few times a second.

Nothing but the standard library is imported: a process inherits the peak of the one that started it.
"""

import ctypes
import json
import os
import resource
import sys
import threading
import time

PR_SET_CHILD_SUBREAPER = 36
LOOK_SECONDS = 0.25
ORPHANS_SECONDS = 20.0


def main(result_path: str, command: list[str]) -> int:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    peaks: dict[str, int] = {}
    ended = threading.Event()
    began = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ)
    watcher = threading.Thread(target=watch, args=(peaks, ended), daemon=True)
    watcher.start()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    wall_seconds = time.monotonic() - began
    left = reap_orphans()
    ended.set()
    watcher.join()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(result_path, "w") as out:  # noqa: PTH123  (pathlib costs megabytes that the command would inherit)
        json.dump(
            {
                "exit_code": code,
                "wall_seconds": wall_seconds,
                "user_seconds": used.ru_utime,
                "system_seconds": used.ru_stime,
                "peak_rss_bytes": used.ru_maxrss * 1024,
                "peak_rss_bytes_by_name": peaks,
                "left_running": left,
            },
            out,
        )
    return code


def reap_orphans() -> int:
    """Wait for processes that the command left behind; returns how many did not end in time."""
    deadline = time.monotonic() + ORPHANS_SECONDS
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.05)
        except ChildProcessError:
            return 0
    return len(descendants(os.getpid()))


def watch(peaks: dict[str, int], ended: threading.Event) -> None:
    """Keep the largest memory of any single process by program name."""
    while not ended.wait(LOOK_SECONDS):
        for pid in descendants(os.getpid()):
            name, rss_bytes = memory_of(pid)
            peaks[name] = max(peaks.get(name, 0), rss_bytes)


def descendants(root: int) -> list[int]:
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as stat:  # noqa: PTH123
                    parents[int(entry)] = int(stat.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found, look_at = [], [root]
    while look_at:
        parent = look_at.pop()
        children = [pid for pid, its_parent in parents.items() if its_parent == parent]
        found += children
        look_at += children
    return found


def memory_of(pid: int) -> tuple[str, int]:
    """The program's name without its version, and the peak of its resident memory; 0 where it is gone."""
    values = {}
    try:
        with open(f"/proc/{pid}/status") as status:  # noqa: PTH123
            for line in status:
                name, _, value = line.partition(":")
                values[name] = value.strip()
    except OSError:
        return "gone", 0
    return values.get("Name", "").rstrip("0123456789."), int(values.get("VmHWM", "0 kB").split()[0]) * 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
