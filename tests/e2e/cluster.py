"""A Spark cluster of its own processes: a master, two workers, and jobs with nothing but what `submit` ships.

The nodes' Python is a bare virtual environment: what a job imports comes from the archives, or the job fails.
"""

import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyspark

from s3sync.config.model import Processor
from s3sync.emr.package import app_archive, dependency_archive, entry_script
from s3sync.emr.spark_conf import APP, DEPS, Platform, python_path
from s3sync.spark.session import provide_java

CHECKOUT = Path(__file__).parents[2]
SPARK_HOME = Path(pyspark.__file__).parent
UP_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Shipped:
    """What `submit` would upload, for this machine's processor and Python."""

    entry: Path
    app: Path
    deps: Path


def ship(folder: Path) -> Shipped:
    this = Platform(
        Processor(platform.machine()),
        f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}",
        ".".join(pyspark.__version__.split(".")[:2]),
    )
    deps = dependency_archive(this, folder, print)
    entry = entry_script()
    (folder / entry.name).parent.mkdir(parents=True, exist_ok=True)
    script = shutil.copy(entry.path, folder / entry.name)  # away from the checkout: its folder is on the driver's path
    return Shipped(Path(script), app_archive(folder).path, deps.path)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class Cluster:
    """Use as a context manager; what it started is ended with the block. `nodes` is what the machines' own environment
    has beside the bare one."""

    folder: Path
    shipped: Shipped
    nodes: dict[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    port: int = 0
    ui_port: int = 0

    def __enter__(self) -> "Cluster":
        self.folder.mkdir()
        venv.create(self.folder / "python", with_pip=False, symlinks=True)
        self.port, self.ui_port = free_port(), free_port()
        try:
            self._start_master()
            for name in ("worker-1", "worker-2"):
                self._start_worker(name)
            self._until(lambda: self._log("master").count("Registering worker") == 2, "both workers registered")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.processes):
            self.kill(name)

    @property
    def python(self) -> Path:
        return self.folder / "python" / "bin" / "python"

    @property
    def driver(self) -> Path:
        """The driver's folder, which holds nothing of the checkout."""
        path = self.folder / "driver"
        path.mkdir(exist_ok=True)
        return path

    @property
    def event_log(self) -> Path:
        path = self.folder / "events"
        path.mkdir(exist_ok=True)
        return path

    def environ(self) -> dict[str, str]:
        """That of a node: no checkout, no virtual environment, no credentials."""
        environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.folder), "LANG": "C.UTF-8"}
        environ |= {name: os.environ[name] for name in ("JAVA_HOME",) if name in os.environ}
        provide_java(environ)
        # Whatever Spark listens on, user interfaces included, listens there.
        return {
            **environ,
            **self.nodes,
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_HOME": str(SPARK_HOME),
            "SPARK_NO_DAEMONIZE": "1",
        }

    def _start(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [str(SPARK_HOME / "bin" / "spark-class"), *arguments],
                cwd=self.folder,
                env=self.environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _start_master(self) -> None:
        main = "org.apache.spark.deploy.master.Master"
        self._start("master", main, "--host", "127.0.0.1", "--port", str(self.port), "--webui-port", str(free_port()))
        self._until(lambda: "Starting Spark master at" in self._log("master"), "the master listens")

    def _start_worker(self, name: str) -> None:
        place = self.folder / name
        main = "org.apache.spark.deploy.worker.Worker"
        ports = ("--port", str(free_port()), "--webui-port", str(free_port()))
        size = ("--cores", "1", "--memory", "2g", "--work-dir", str(place))
        self._start(name, main, "--host", "127.0.0.1", *ports, *size, f"spark://127.0.0.1:{self.port}")

    def _log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + UP_SECONDS
        while not condition():
            ended = [name for name, process in self.processes.items() if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                raise AssertionError(f"waited for: {what}; ended: {ended}\n{self._log('master')[-3000:]}")
            time.sleep(0.1)

    def members(self, name: str) -> list[int]:
        """All processes of a master or worker: its own session, executors and Python workers included."""
        leader, found = self.processes[name].pid, []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    session = int((entry / "stat").read_text().rpartition(")")[2].split()[3])
                except (OSError, IndexError):
                    continue
                if session == leader:
                    found.append(int(entry.name))
        return sorted(found)

    def kill(self, name: str) -> int:
        """End a node as a lost one ends: all its processes at once, without a word. Returns how many there were."""
        pids = self.members(name)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.processes.pop(name).wait(30)
        return len(pids)

    def commands(self) -> list[str]:
        """The command lines of all processes, as everybody on the machines sees them."""
        return [_command(pid) for name in self.processes for pid in self.members(name)]

    def busy_workers(self) -> list[str]:
        """Workers whose executor has a Python process that copies: one with many threads, or the only one."""
        busy = []
        for name in self.processes:
            commands = [_command(pid) for pid in self.members(name)]
            if any(re.search(r"pyspark[./]daemon", command) for command in commands):
                busy.append(name)
        return busy

    def submit_command(self, *arguments: str, conf: dict[str, str] | None = None) -> list[str]:
        """spark-submit as on a cluster: our properties, our archives; only sizes are this machine's."""
        archives = f"{self.shipped.app}#{APP},{self.shipped.deps}#{DEPS}"
        settings = {
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.ui.port": str(self.ui_port),
            "spark.dynamicAllocation.minExecutors": "2",
            "spark.executor.cores": "1",
            "spark.executor.memory": "1g",
            "spark.executor.memoryOverhead": "384m",
            "spark.driver.memory": "1g",
            "spark.executorEnv.PYTHONPATH": python_path(preinstalled=False),
            "spark.pyspark.python": str(self.python),
            "spark.eventLog.enabled": "true",
            "spark.eventLog.dir": str(self.event_log),
            "spark.eventLog.compress": "false",
            **(conf or {}),
        }
        command = [str(SPARK_HOME / "bin" / "spark-submit"), "--master", f"spark://127.0.0.1:{self.port}"]
        command += ["--properties-file", str(CHECKOUT / "conf" / "spark-defaults.conf"), "--archives", archives]
        for name, value in settings.items():
            command += ["--conf", f"{name}={value}"]
        return [*command, str(self.shipped.entry), *arguments]

    @contextmanager
    def job(self, environ: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """A driver, in a folder without a checkout, with the unpacked archives as its only packages."""
        place = self.driver
        for name, archive in ((APP, self.shipped.app), (DEPS, self.shipped.deps)):
            if not (place / name).exists():
                with tarfile.open(archive) as tar:
                    tar.extractall(place / name, filter="data")
        settings = {**self.environ(), **environ, "PYTHONPATH": python_path(preinstalled=False)}
        with (self.folder / "driver.log").open("wb") as log:
            process = subprocess.Popen(
                self.submit_command(*arguments),
                cwd=place,
                env={**settings, "PYSPARK_PYTHON": str(self.python), "PYSPARK_DRIVER_PYTHON": str(self.python)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes["driver"] = process
        try:
            yield process
        finally:
            self.kill("driver")

    @property
    def output(self) -> str:
        return self._log("driver")


def _command(pid: int) -> str:
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
