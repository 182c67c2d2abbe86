"""How the benchmark's own Python clients report: one line of JSON about the work between two marks."""

import json
import resource
import time
from typing import Any

from benchmarks.usage import REPORT_MARK


class WorkClock:
    """CPU and time of this process since it was made; threads count, the start of the interpreter does not."""

    def __init__(self) -> None:
        self._cpu = _cpu_seconds()
        self._began = time.monotonic()

    def report(self, objects: int, **more: Any) -> None:
        """Print the line that `usage.run_measured` looks for."""
        values = {
            "cpu_seconds": _cpu_seconds() - self._cpu,
            "wall_seconds": time.monotonic() - self._began,
            "objects": objects,
            "start_cpu_seconds": self._cpu,
        }
        print(REPORT_MARK + json.dumps({**values, **more}), flush=True)  # noqa: T201  (it is the report)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_rss_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
