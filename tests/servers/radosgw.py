"""A throw-away Ceph object gateway: a real S3 server that nobody here wrote, on 127.0.0.1, without installing it.

    python -m tests.servers.radosgw -- pytest --server radosgw tests/contract

unpacks Debian's packages into a cache folder (once: some 65 packages, 70 MB), starts one monitor, one OSD in memory
and one gateway on free ports, runs the command with the endpoint and the keys in its environment, ends the three, and
exits with the command's code. The keys are good for nothing else. It needs apt and dpkg (Debian, Ubuntu).
"""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen
from uuid import uuid4

ACCESS_KEY, SECRET_KEY = "AKIATEST", "secrettest"
PACKAGES = ("radosgw", "ceph-mon", "ceph-osd", "ceph-common")
STORAGE_CLASSES = ("STANDARD_IA", "GLACIER")
START_SECONDS = 90.0
TEMPLATE = Path(__file__).with_name("radosgw.conf")


class RadosgwError(Exception):
    """It can't be had or does not start: one line, which names the step and, where there is one, the log."""


def _run(step: str, command: list[str], **more: object) -> str:
    """Run one step to its end and return what it wrote. Raises RadosgwError with its last line."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **more)  # type: ignore[call-overload]
    if done.returncode:
        last = [*done.stdout.splitlines(), *done.stderr.splitlines()][-1:] or ["no output"]
        raise RadosgwError(f"{step}: {command[0]} ended with {done.returncode}: {last[0]}")
    return str(done.stdout)


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "s3sync-radosgw"


def unpacked() -> Path:
    """The folder of the unpacked packages, filled on the first call. Raises RadosgwError where they can't be had."""
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise RadosgwError(f"{tool} is not there: radosgw is taken from the packages of Debian or Ubuntu")
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    root, complete = cache / "root", cache / "complete"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            shutil.rmtree(root, ignore_errors=True)
            _unpack(cache / "packages", root)
            complete.touch()
    return root


def _unpack(packages: Path, root: Path) -> None:
    names = _needed()
    shutil.rmtree(packages, ignore_errors=True)
    packages.mkdir()
    _run("download the packages", ["apt-get", "download", "-o", "APT::Sandbox::User=root", *names], cwd=packages)
    for package in sorted(packages.glob("*.deb")):
        _run("unpack the packages", ["dpkg", "-x", str(package), str(root)])
    shutil.rmtree(packages)


def _needed() -> list[str]:
    """The packages and those of their dependencies that this machine lacks; the lists are fetched where they are old
    or missing."""
    wanted = ["apt-get", "install", "--simulate", "--no-install-recommends", *PACKAGES]
    with suppress(RadosgwError):  # without root the lists may still be good
        _run("fetch the lists of packages", ["apt-get", "update"])
    planned = _run("find the packages", wanted, env={**os.environ, "LC_ALL": "C"})
    return [line.split()[1] for line in planned.splitlines() if line.startswith("Inst ")]


def _free_ports(count: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


class Cluster:
    """One cluster: the folder with its data, and the three processes that serve it."""

    def __init__(self, root: Path, data: Path) -> None:
        self._data = data
        libraries = next(root.glob("usr/lib/*-linux-gnu"))
        self._config = data / "ceph.conf"
        self._mon_v2, self._mon_v1, self._port = _free_ports(3)
        self._fsid = str(uuid4())
        self._libraries = libraries
        lib_folders = (libraries, root / "lib" / libraries.name, libraries / "ceph")
        self._env = {
            **os.environ,
            "LD_LIBRARY_PATH": ":".join(map(str, lib_folders)),
            "PATH": f"{root}/usr/bin:{root}/usr/sbin:{os.environ['PATH']}",
            "PYTHONPATH": f"{root}/usr/lib/python3/dist-packages",
            "CEPH_CONF": str(self._config),
        }
        self._ceph = ["/usr/bin/python3", f"{root}/usr/bin/ceph"]
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Raises RadosgwError; `stop` is due in any case."""
        for name in ("mon", "osd", "rgw", "run", "log"):
            (self._data / name).mkdir()
        (self._data / "keyring").touch()
        self._config.write_text(self._configuration())
        self._start_monitor()
        self._start_osd()
        self._add_user()
        self._serve("radosgw", "--name", "client.rgw")
        self._await_gateway()

    def stop(self) -> None:
        """End the processes, the last one started first."""
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()

    def _configuration(self) -> str:
        names = {
            "@DATA@": str(self._data),
            "@LIBRARIES@": str(self._libraries),
            "@FSID@": self._fsid,
            "@MON@": self._monitor_address(),
            "@PORT@": str(self._port),
        }
        text = TEMPLATE.read_text()
        for name, value in names.items():
            text = text.replace(name, value)
        return text

    def _monitor_address(self) -> str:
        return f"[v2:127.0.0.1:{self._mon_v2},v1:127.0.0.1:{self._mon_v1}]"

    def _step(self, *command: str) -> str:
        return _run(f"start radosgw in {self._data}", list(command), env=self._env)

    def _serve(self, *command: str) -> None:
        """Start a daemon as a child of this process, which must end it."""
        with (self._data / "log" / f"{command[0]}.out").open("wb") as out:
            self._processes.append(
                subprocess.Popen([*command, "--foreground"], env=self._env, stdout=out, stderr=out, cwd=self._data)
            )

    def _start_monitor(self) -> None:
        map_file = str(self._data / "monmap")
        self._step("monmaptool", "--create", "--fsid", self._fsid, "--addv", "a", self._monitor_address(), map_file)
        self._step("ceph-mon", "--id", "a", "--mkfs", "--monmap", map_file)
        self._serve("ceph-mon", "--id", "a")

    def _start_osd(self) -> None:
        self._step("ceph-osd", "--id", "0", "--mkfs", "--osd-uuid", str(uuid4()))
        osd = (self._data / "osd" / "fsid").read_text().strip()
        self._step(*self._ceph, "--connect-timeout", "60", "osd", "new", osd, "0")
        self._serve("ceph-osd", "--id", "0")

    def _add_user(self) -> None:
        keys = ("--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY)
        self._step("radosgw-admin", "user", "create", "--uid", "test", "--display-name", "test", *keys)
        place = ("--placement-id", "default-placement", "--storage-class")
        for name in STORAGE_CLASSES:
            pool = f"default.rgw.{name.lower()}.data"
            self._step("radosgw-admin", "zonegroup", "placement", "add", "--rgw-zonegroup", "default", *place, name)
            zone = ("zone", "placement", "add", "--rgw-zone", "default")
            self._step("radosgw-admin", *zone, *place, name, "--data-pool", pool)

    def _await_gateway(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            for process in self._processes:
                if process.poll() is not None:
                    raise RadosgwError(f"{process.args[0]} ended by itself, see {self._data}/log")  # type: ignore[index]
            with suppress(URLError, ConnectionError), urlopen(self.endpoint, timeout=5):
                return
            time.sleep(0.25)
        raise RadosgwError(f"no answer at {self.endpoint} after {START_SECONDS:.0f} seconds, see {self._data}/log")


@contextmanager
def running() -> Iterator[Cluster]:
    """A cluster that lives as long as the block. Its folder is deleted, and kept only where the start failed."""
    root = unpacked()
    data = Path(tempfile.mkdtemp(prefix="s3sync-radosgw-"))
    cluster, is_kept = Cluster(root, data), False
    try:
        cluster.start()
        yield cluster
    except RadosgwError:
        is_kept = True
        raise
    finally:
        cluster.stop()
        if not is_kept:
            shutil.rmtree(data, ignore_errors=True)


def _environment(endpoint: str) -> dict[str, str]:
    test = {"ENDPOINT": endpoint, "ACCESS_KEY": ACCESS_KEY, "SECRET_KEY": SECRET_KEY, "REGION": "us-east-1"}
    return {**os.environ, **{f"S3SYNC_TEST_{name}": value for name, value in test.items()}}


def main(arguments: list[str]) -> int:
    """The command's exit code; 1 where no radosgw could be started, 2 for wrong arguments, 130 after a signal."""
    if arguments[:1] != ["--"] or not arguments[1:]:
        sys.stderr.write("usage: python -m tests.servers.radosgw -- COMMAND...\n")
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that everything is ended on SIGTERM too
    try:
        with running() as cluster:
            sys.stderr.write(f"radosgw listens on {cluster.endpoint}\n")
            return subprocess.run(arguments[1:], env=_environment(cluster.endpoint), check=False).returncode
    except RadosgwError as error:
        sys.stderr.write(f"radosgw: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
