"""This machine: what it is, and how busy others keep it while something is measured."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")


def described() -> dict[str, Any]:
    """The machine for a reader of results: no names, no addresses."""
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory_bytes": memory,
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
    }


def busy_seconds(stat: str) -> float:
    """CPU seconds that all cores have worked since the start, from the text of /proc/stat.

    >>> busy_seconds("cpu  100 0 50 9999 7 0 10 0 0 0") == 160 / _TICKS
    True
    """
    user, nice, system, _idle, _wait, irq, softirq, *_ = map(int, stat.splitlines()[0].split()[1:])
    return (user + nice + system + irq + softirq) / _TICKS


def process_seconds(pid: int) -> float:
    """CPU seconds of one process, user and system; 0 where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


@dataclass(frozen=True, slots=True)
class Moment:
    """What was used up to now, by all and by the server."""

    at: float
    busy: float
    server: float

    @classmethod
    def now(cls, server_pid: int) -> "Moment":
        return cls(monotonic(), busy_seconds(Path("/proc/stat").read_text()), process_seconds(server_pid))

    def others_since(self, earlier: "Moment", own_cpu_seconds: float) -> float:
        """How many cores, on average, were kept busy by neither the client nor the server: noise for wall times."""
        others = self.busy - earlier.busy - (self.server - earlier.server) - own_cpu_seconds
        return max(0.0, others / (self.at - earlier.at))
