"""spark-submit as a user starts it: a process of its own, with its environment, output and exit code."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s3sync.demo.demo import QUIET_LOG4J, spark_submit
from s3sync.spark.session import provide_java

CHECKOUT = Path(__file__).parents[2]
TIMEOUT_SECONDS = 240


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    output: str


@dataclass(slots=True)
class Job:
    """A place to run jobs from: `work` holds the runs, `folder` the current directory and the logs."""

    folder: Path
    environ: dict[str, str]
    starts: int = field(default=0)

    @property
    def work(self) -> Path:
        return self.folder / "work"

    def command(self, script: str | None, *arguments: str) -> list[str]:
        """spark-submit of a script of jobs/, or, without one, the command `s3sync`."""
        if script is None:
            return [sys.executable, "-m", "s3sync", *arguments, "--work-uri", str(self.work)]
        log4j = self.folder / "log4j2.properties"
        log4j.write_text(QUIET_LOG4J)
        options = ["--master", "local[2]", "--driver-java-options", f"-Dlog4j2.configurationFile={log4j}"]
        job = [str(CHECKOUT / "jobs" / script), *arguments, "--work-uri", str(self.work)]
        return [str(spark_submit()), *options, *job]

    @contextmanager
    def started(self, *arguments: str, script: str | None = "migrate.py") -> Iterator["Running"]:
        """A job that runs while the block does; it and all its children are ended with the block."""
        self.starts += 1
        log = self.folder / f"output-{self.starts}.txt"
        environ = {**os.environ, "PYSPARK_PYTHON": sys.executable, **self.environ, "PYTHONPATH": str(CHECKOUT)}
        environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
        provide_java(environ)
        with log.open("wb") as out:
            process = subprocess.Popen(
                self.command(script, *arguments),
                cwd=self.folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        running = Running(process, log)
        try:
            yield running
        finally:
            running.end()

    def run(self, *arguments: str, script: str | None = "migrate.py", seconds: float = TIMEOUT_SECONDS) -> Ended:
        with self.started(*arguments, script=script) as running:
            return running.wait(seconds)

    def run_folder(self) -> Path:
        """The folder of the newest run."""
        return max((self.work / "runs").iterdir(), key=lambda path: path.stat().st_mtime)

    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.run_folder() / "summary.json").read_text())
        return found


@dataclass(slots=True)
class Running:
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait(self, seconds: float = TIMEOUT_SECONDS) -> Ended:
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"the job did not end in {seconds} s:\n{self.output[-4000:]}") from error
        return Ended(code, self.output)

    def until(self, condition: Callable[[], object], what: str, timeout_seconds: float = 120) -> None:
        """Wait until the condition holds; it must come true while the job runs."""
        deadline = time.monotonic() + timeout_seconds
        while not condition():
            if self.process.poll() is not None:
                raise AssertionError(f"the job ended before {what}:\n{self.output[-4000:]}")
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {timeout_seconds} s for {what}:\n{self.output[-4000:]}")
            time.sleep(0.05)

    def children(self, pattern: str) -> list[int]:
        """Process ids of the job's session whose command line matches."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                session = int((entry / "stat").read_text().rpartition(")")[2].split()[3])
            except (OSError, IndexError):
                continue
            if session == self.process.pid and re.search(pattern, command):
                found.append(int(entry.name))
        return sorted(found)

    def copying_worker(self) -> int:
        """The Python worker that copies: of all the one with the most threads."""
        workers = self.children(r"pyspark[./]daemon")
        threads = {pid: len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in workers}
        return max(threads, key=lambda pid: threads[pid])

    def interrupt(self) -> None:
        """What Ctrl-C in a terminal does: SIGINT to each process of the group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        for pid in self.children("."):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait(30)
