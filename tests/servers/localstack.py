"""LocalStack for a command: the second opinion on what SQS and S3 do.

    python -m tests.servers.localstack -- python -m pytest --server localstack tests/contract/test_queues.py

It has a virtual environment of its own, for it needs Python 3.12 or later and pins that nothing else here has. It is
made on first use below `build/localstack`. LocalStack listens on all addresses whatever it is told, so it is started by
a few lines that bind it to 127.0.0.1, and what it listens on is looked at before anything is sent to it.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

HOME = Path(__file__).parents[2] / "build" / "localstack"
PINS = (
    "localstack-core[runtime]==4.14.0",
    "cbor2<5.8",
    "pyopenssl>=25,<26",
    "cryptography>=45,<46",
    "service_identity<25",
)
PYTHONS = ("python3.13", "python3.12", "python3.14")
NEWEST_NEEDED = (3, 12)
START_SECONDS = 90
LOOPBACK = "127.0.0.1"

# Twisted listens on every address unless told; LocalStack does not tell it.
BOUND = f"""
from twisted.internet import endpoints
begin = endpoints.TCP4ServerEndpoint.__init__
def bound(self, reactor, port, backlog=50, interface="{LOOPBACK}"):
    begin(self, reactor, port, backlog, "{LOOPBACK}")
endpoints.TCP4ServerEndpoint.__init__ = bound
from localstack.runtime.main import main
main()
"""


class LocalStackError(Exception):
    """One line that says what is missing, or what went wrong."""


def python() -> str:
    """A Python that LocalStack runs on, by $LOCALSTACK_PYTHON or by name. Raises LocalStackError."""
    asked = os.environ.get("LOCALSTACK_PYTHON")
    for name in (asked,) if asked else PYTHONS:
        found = shutil.which(name)
        if found and _works(found):
            return found
    for found in sorted(Path.home().glob(".pyenv/versions/3.1[2-9]*/bin/python"), reverse=True):
        if _works(str(found)):
            return str(found)
    wanted = ".".join(map(str, NEWEST_NEEDED))
    raise LocalStackError(f"no Python {wanted} or later was found; install one, or name it: LOCALSTACK_PYTHON=/path")


def _works(path: str) -> bool:
    check = f"import sys, venv, ssl; sys.exit(sys.version_info < {NEWEST_NEEDED})"
    return subprocess.run([path, "-c", check], capture_output=True, check=False).returncode == 0


def installed() -> Path:
    """The Python of LocalStack's own environment, made now where it is not there. Raises LocalStackError."""
    stamp, own = HOME / "installed", HOME / "venv" / "bin" / "python"
    if stamp.exists() and stamp.read_text() == "\n".join(PINS):
        return own
    sys.stderr.write(f"{HOME}: installing LocalStack, a minute or two\n")
    for command in (
        [python(), "-m", "venv", "--clear", str(HOME / "venv")],
        [str(own), "-m", "pip", "--quiet", "--quiet", "--no-input", "install", *PINS],
    ):
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise LocalStackError(f"{' '.join(command[:4])} failed: {ended.stderr.strip().splitlines()[-1:]}")
    stamp.write_text("\n".join(PINS))
    return own


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as listener:
        return int(listener.getsockname()[1])


def _listens_elsewhere(port: int) -> bool:
    """Whether anything but 127.0.0.1 is listened on at the port, by what the kernel says."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            address, _, found = local.rpartition(":")
            if state == "0A" and int(found, 16) == port and address != "0100007F":
                return True
    return False


@contextmanager
def running() -> Iterator[str]:
    """The address of a LocalStack that runs while the block does. Raises LocalStackError."""
    own, port = installed(), _free_port()
    with tempfile.TemporaryDirectory(prefix="localstack-") as folder:
        environ = {
            **os.environ,
            "SERVICES": "s3,sqs",
            "GATEWAY_LISTEN": f"{LOOPBACK}:{port}",
            "LOCALSTACK_HOST": f"{LOOPBACK}:{port}",
            "DNS_ADDRESS": "0",
            "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "SKIP_INFRA_DOWNLOADS": "1",
            "SQS_ENDPOINT_STRATEGY": "path",
            "FILESYSTEM_ROOT": folder,
            "HOME": folder,
        }
        log = Path(folder) / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [str(own), "-c", BOUND], env=environ, stdout=out, stderr=out, cwd=folder, start_new_session=True
            )
        try:
            _await(process, port, log)
            yield f"http://{LOOPBACK}:{port}"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _await(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise LocalStackError(f"ended by itself: {log.read_text(errors='replace')[-1500:]}")
        if _listens_elsewhere(port):
            raise LocalStackError(f"listens on more than {LOOPBACK}; not used")
        try:
            with urlopen(f"http://{LOOPBACK}:{port}/_localstack/health", timeout=5) as answer:
                if answer.status == 200:  # (its own word for "ready")
                    return
        except (URLError, OSError):
            time.sleep(0.5)
    raise LocalStackError(f"not ready after {START_SECONDS} s: {log.read_text(errors='replace')[-1500:]}")


def main(arguments: list[str]) -> int:
    """The command's exit code; 1 where no LocalStack could be started, 2 for wrong arguments, 130 after a signal."""
    if arguments[:1] != ["--"] or not arguments[1:]:
        sys.stderr.write("usage: python -m tests.servers.localstack -- COMMAND...\n")
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with running() as endpoint:
            sys.stderr.write(f"LocalStack listens on {endpoint}\n")
            test = {"ENDPOINT": endpoint, "ACCESS_KEY": "test", "SECRET_KEY": "test", "REGION": "us-east-1"}
            environ = {**os.environ, **{f"S3SYNC_TEST_{name}": value for name, value in test.items()}}
            return subprocess.run(arguments[1:], env=environ, check=False).returncode
    except LocalStackError as error:
        sys.stderr.write(f"localstack: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
