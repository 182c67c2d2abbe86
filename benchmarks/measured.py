"""Runs one command and writes down what it used: `python -S measured.py RESULT.json COMMAND ...`.

It takes in orphans (prctl PR_SET_CHILD_SUBREAPER), so the figures hold for the whole tree: a Java process that leaves
its Python daemon behind, too. CPU is what the kernel counted for all descendants, user and system. The kernel drops the
CPU of processes whose parent ignores SIGCHLD, and PySpark's daemon does: for these it is the last that was seen in
/proc, a quarter of a second before their end at most. The peak of memory is the kernel's, for the largest single
process; by name, and of all together (pages that processes share counted for each), from the same looks at /proc.

Nothing but the standard library is imported: a process inherits the peak of the one that started it.
"""

import ctypes
import json
import os
import resource
import signal
import sys
import threading
import time

PR_SET_CHILD_SUBREAPER = 36
LOOK_SECONDS = 0.25
SIGCHLD_BIT = 1 << (signal.SIGCHLD - 1)
TICKS = os.sysconf("SC_CLK_TCK")
ORPHANS_SECONDS = 20.0


class Watch:
    """What looks at /proc have shown: peaks of memory by program name, and the CPU of processes nobody waits for."""

    def __init__(self) -> None:
        self.peaks: dict[str, int] = {}
        self.together_bytes = 0
        self.unwaited: dict[int, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self.look()

    def look(self) -> None:
        together_bytes = 0
        for pid, parent in descendants(os.getpid()).items():
            status = status_of(pid)
            name = status.get("Name", "gone").rstrip("0123456789.")
            self.peaks[name] = max(self.peaks.get(name, 0), int(status.get("VmHWM", "0 kB").split()[0]) * 1024)
            together_bytes += int(status.get("VmRSS", "0 kB").split()[0]) * 1024
            if int(status_of(parent).get("SigIgn", "0"), 16) & SIGCHLD_BIT:
                self.unwaited[pid] = max(self.unwaited.get(pid, 0.0), cpu_seconds(pid))
        self.together_bytes = max(self.together_bytes, together_bytes)


def main(result_path: str, command: list[str]) -> int:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    began = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ)
    watch = Watch()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    wall_seconds = time.monotonic() - began
    reaped, left = reap_orphans()
    watch.end()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(result_path, "w") as out:  # noqa: PTH123  (pathlib costs megabytes that the command would inherit)
        json.dump(
            {
                "exit_code": code,
                "wall_seconds": wall_seconds,
                "user_seconds": used.ru_utime,
                "system_seconds": used.ru_stime,
                "unwaited_seconds": sum(cpu for child, cpu in watch.unwaited.items() if child not in reaped),
                "peak_rss_bytes": used.ru_maxrss * 1024,
                "peak_rss_bytes_by_name": watch.peaks,
                "peak_rss_bytes_together": watch.together_bytes,
                "left_running": left,
            },
            out,
        )
    return code


def reap_orphans() -> tuple[set[int], int]:
    """Wait for processes that the command left behind: those that ended, and how many did not in time."""
    reaped: set[int] = set()
    deadline = time.monotonic() + ORPHANS_SECONDS
    while time.monotonic() < deadline:
        try:
            pid = os.waitpid(-1, os.WNOHANG)[0]
        except ChildProcessError:
            return reaped, 0
        if pid:
            reaped.add(pid)
        else:
            time.sleep(0.05)
    return reaped, len(descendants(os.getpid()))


def descendants(root: int) -> dict[int, int]:
    """The parent of each process below `root`."""
    parents = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208
        if entry.isdigit():
            fields = stat_of(int(entry))
            if fields:
                parents[int(entry)] = int(fields[1])
    found: dict[int, int] = {}
    look_at = [root]
    while look_at:
        above = look_at.pop()
        children = {pid: parent for pid, parent in parents.items() if parent == above}
        found.update(children)
        look_at += children
    return found


def stat_of(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name; none where the process is gone."""
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
            return stat.read().rpartition(")")[2].split()
    except OSError:
        return []


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and of the children that it waited for."""
    fields = stat_of(pid)
    return sum(map(int, fields[11:15])) / TICKS


def status_of(pid: int) -> dict[str, str]:
    """/proc/PID/status; empty where the process is gone."""
    try:
        with open(f"/proc/{pid}/status") as status:  # noqa: PTH123
            parts = [line.partition(":") for line in status]
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in parts}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
