"""What a command used: CPU of its whole process tree, time, memory, and what it says of itself."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MEASURED = Path(__file__).parent / "measured.py"
REPORT_MARK = "BENCH "
TIMEOUT_SECONDS = 3 * 3600


class Failed(Exception):
    """The command did not do its work; its last words are in the text."""


@dataclass(frozen=True, slots=True)
class Usage:
    """`unwaited_seconds` is CPU that the kernel did not pass on, see `measured`. `peak_rss_bytes` is of the largest
    process, `peak_rss_bytes_together` of all at one moment. `own` is what the benchmark's own Python clients report:
    CPU and time of the work alone, without the start of the interpreter and the first connections."""

    wall_seconds: float
    user_seconds: float
    system_seconds: float
    unwaited_seconds: float
    peak_rss_bytes: int
    peak_rss_bytes_by_name: dict[str, int]
    own: dict[str, Any] = field(default_factory=dict)
    output: str = ""
    peak_rss_bytes_together: int = 0

    @property
    def cpu_seconds(self) -> float:
        return self.user_seconds + self.system_seconds + self.unwaited_seconds

    @property
    def work_cpu_seconds(self) -> float:
        return float(self.own.get("cpu_seconds", self.cpu_seconds))

    @property
    def work_wall_seconds(self) -> float:
        return float(self.own.get("wall_seconds", self.wall_seconds))

    @property
    def work_objects(self) -> int | None:
        """How many objects the work's figures are for; None where they are for all."""
        return self.own.get("objects")


def run_measured(command: Sequence[str], environ: Mapping[str, str], cwd: Path | None = None) -> Usage:
    """Run a command to its end. Raises Failed where its exit code is not 0 or it leaves processes behind."""
    with tempfile.TemporaryDirectory(prefix="s3sync-bench-") as folder:
        result = Path(folder) / "usage.json"
        log = Path(folder) / "output.txt"
        with log.open("wb") as out:
            subprocess.run(
                [sys.executable, "-SP", str(MEASURED), str(result), *command],
                env=clean_environment() | dict(environ),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        output = log.read_text(errors="replace")
        if not result.exists():
            raise Failed(f"{command[0]}: could not be started:\n{output[-2000:]}")
        found = json.loads(result.read_text())
    return usage_of(found, output, command[0])


def usage_of(found: dict[str, Any], output: str, name: str) -> Usage:
    """The usage from what `measured` wrote. Raises Failed as `run_measured` does."""
    code, left = found.pop("exit_code"), found.pop("left_running")
    if code:
        raise Failed(f"{name}: exit code {code}:\n{output[-2000:]}")
    if left:
        raise Failed(f"{name}: left {left} processes behind")
    reports = [line for line in output.splitlines() if line.startswith(REPORT_MARK)]
    own = json.loads(reports[-1].removeprefix(REPORT_MARK)) if reports else {}
    return Usage(**found, own=own, output=output)


def clean_environment() -> dict[str, str]:
    """This process's environment without anything that says where AWS is or who asks."""
    prefixes = ("AWS_", "SOURCE_", "TARGET_", "COPY_", "INVENTORY_", "QUEUE_", "WORK_", "S3SYNC_")
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
