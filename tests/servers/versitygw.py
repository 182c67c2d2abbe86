"""A throw-away versitygw (Apache 2.0, Go): a third S3 server, on 127.0.0.1, with its buckets in a temporary folder.

    python -m tests.servers.versitygw -- pytest --server versitygw tests/contract/test_s3_model.py

installs it into a cache folder on first use (`go install`), starts it on a free port, runs the command with its address
and keys in the environment, ends it, and exits with the command's code. It needs Go; `VERSITYGW` names a program that
is there already. It is no part of `.ci/run`.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from tests.servers.radosgw import ACCESS_KEY, SECRET_KEY, _environment, _free_ports

MODULE = "github.com/versity/versitygw/cmd/versitygw@latest"
START_SECONDS = 30.0


class VersitygwError(Exception):
    """It can't be had or does not start, in one line."""


def program() -> Path:
    """The program, installed on the first call. Raises VersitygwError where it can't be had."""
    if "VERSITYGW" in os.environ:
        return Path(os.environ["VERSITYGW"])
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "s3sync-versitygw"
    found = folder / "versitygw"
    if not found.exists():
        go = shutil.which("go")
        if go is None:
            raise VersitygwError("go is not there; VERSITYGW=PROGRAM names a versitygw that is")
        done = subprocess.run(
            [go, "install", MODULE],
            env={**os.environ, "GOBIN": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise VersitygwError(f"go install {MODULE}: {done.stderr.strip().splitlines()[-1:]}")
    return found


@contextmanager
def running() -> Iterator[str]:
    """Its endpoint, as long as the block. Raises VersitygwError where it does not answer."""
    (port,) = _free_ports(1)
    data = Path(tempfile.mkdtemp(prefix="s3sync-versitygw-"))
    (data / "buckets").mkdir()
    (data / "versions").mkdir()
    command = [str(program()), "--port", f"127.0.0.1:{port}", "--access", ACCESS_KEY, "--secret", SECRET_KEY]
    more = ["--quiet", "--keep-alive", "posix", "--versioning-dir", str(data / "versions"), str(data / "buckets")]
    with (data / "log").open("wb") as log:
        process = subprocess.Popen([*command, *more], stdout=log, stderr=log)
    try:
        _await(f"http://127.0.0.1:{port}", process, data / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(data, ignore_errors=True)


def _await(endpoint: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise VersitygwError(f"it ended by itself: {log.read_text().strip().splitlines()[-1:]}")
        with suppress(URLError, ConnectionError):
            try:
                urlopen(endpoint, timeout=5).close()
            except HTTPError:  # an answer, which is all that is asked for
                return
            return
        time.sleep(0.1)
    raise VersitygwError(f"no answer at {endpoint} after {START_SECONDS:.0f} seconds")


def main(arguments: list[str]) -> int:
    """The command's exit code; 1 where it could not be started, 2 for wrong arguments, 130 after a signal."""
    if arguments[:1] != ["--"] or not arguments[1:]:
        sys.stderr.write("usage: python -m tests.servers.versitygw -- COMMAND...\n")
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with running() as endpoint:
            sys.stderr.write(f"versitygw listens on {endpoint}\n")
            return subprocess.run(arguments[1:], env=_environment(endpoint), check=False).returncode
    except VersitygwError as error:
        sys.stderr.write(f"versitygw: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
