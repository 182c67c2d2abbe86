"""The benchmark's S3 server: compiled from benchmarks/server/ when it is needed, and run on 127.0.0.1.

Its source bucket `source` holds keys that are computed from their index. The bucket `target` starts empty and notes
which of these keys were written, so that a run can be checked. The bucket `files` shows a folder of this machine.
"""

import json
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import IO, Any
from urllib.request import Request, urlopen

CHECKOUT = Path(__file__).parents[1]
SOURCES = Path(__file__).parent / "server"
BUILD = CHECKOUT / "build" / "benchmarks"
SOURCE_BUCKET, TARGET_BUCKET, FILES_BUCKET = "source", "target", "files"
ACCESS_KEY, SECRET_KEY, REGION = "AKIABENCH", "bench-secret", "us-east-1"  # the server checks no signature
_COMPILE = ("cc", "-std=c17", "-O2", "-Wall", "-Wextra", "-Werror")


class NotAvailable(Exception):
    """Something that a measurement needs is not on this machine; the text says how to get it."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """`etag`: the one ETag of all objects; without it each key has its own. `folder` is shown as the bucket `files`."""

    keys: int
    shape: str = "flat"
    object_bytes: int = 1024
    etag: str | None = None
    latency_ms: int = 0
    throttle_share: float = 0.0
    folder: Path | None = None
    tls: bool = False
    idle_seconds: int = 120

    def arguments(self) -> list[str]:
        given = {
            "keys": self.keys,
            "shape": self.shape,
            "object-bytes": self.object_bytes,
            "etag": self.etag,
            "latency-ms": self.latency_ms,
            "throttle-share": self.throttle_share,
            "folder": self.folder,
            "idle-seconds": self.idle_seconds,
            "certificate": certificate() if self.tls else None,
        }
        return [text for name, value in given.items() if value is not None for text in (f"--{name}", str(value))]


@dataclass(frozen=True, slots=True)
class Stats:
    """What the server has seen: requests by S3's operation; `copied_once` counts different keys of the target."""

    requests: dict[str, int]
    copied_once: int
    copied_again: int
    copied_wrong: int
    throttled: int
    connections: int

    @property
    def total(self) -> int:
        return sum(self.requests.values())


def compile_server(build: Path = BUILD) -> Path:
    """The server's program, compiled now where its sources are newer. Without OpenSSL's headers it has no TLS."""
    sources = sorted(SOURCES.glob("*.c"))
    program = build / "s3-server"
    newest = max(path.stat().st_mtime for path in SOURCES.iterdir())
    if program.exists() and program.stat().st_mtime > newest:
        return program
    if which("cc") is None:
        raise NotAvailable("there is no C compiler: apt-get install gcc libc6-dev libssl-dev")
    build.mkdir(parents=True, exist_ok=True)
    aside = build / "s3-server.new"
    files = [*map(str, sources), "-o", str(aside)]
    with_tls = subprocess.run([*_COMPILE, "-DWITH_TLS", *files, "-lssl", "-lcrypto"], capture_output=True, check=False)
    if with_tls.returncode:
        plain = subprocess.run([*_COMPILE, *files], capture_output=True, text=True, check=False)
        if plain.returncode:
            raise RuntimeError(f"the server does not compile:\n{plain.stderr}")
    aside.replace(program)
    return program


def has_tls() -> bool:
    """Whether the server was compiled with TLS."""
    return b"SSL_new" in compile_server().read_bytes()


def certificate(build: Path = BUILD) -> Path:
    """A PEM file with a key and a certificate for 127.0.0.1, signed by itself; clients trust it as their CA."""
    path = build / "certificate.pem"
    if not path.exists():
        if which("openssl") is None:
            raise NotAvailable("there is no openssl to make a certificate with: apt-get install openssl")
        build.mkdir(parents=True, exist_ok=True)
        new, key = build / "certificate.new", build / "key.new"
        subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "3650", "-nodes"]
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        command = ["openssl", "req", "-x509", *curve, *subject, "-keyout", str(key), "-out", str(new)]
        subprocess.run(command, check=True, capture_output=True)
        new.write_bytes(new.read_bytes() + key.read_bytes())
        key.unlink()
        new.replace(path)
    return path


class S3Server:
    """A running server. Use as a context manager; it ends with the block, or by itself when nobody asks anything."""

    def __init__(self, options: ServerOptions) -> None:
        if options.tls and not has_tls():
            raise NotAvailable("the server has no TLS: apt-get install libssl-dev, and remove build/benchmarks")
        self.options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    def __enter__(self) -> "S3Server":
        self._process = subprocess.Popen([str(compile_server()), *self.options.arguments()], stdout=subprocess.PIPE)
        out = self._process.stdout
        line = out.readline() if out else b""
        if not line.strip():
            raise RuntimeError(f"the server did not start: exit code {self._process.wait()}")
        self._port = int(line)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._process is None:
            return
        self._process.terminate()
        code = self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()
        if code and kind is None:
            raise RuntimeError(f"the server ended with code {code}: nothing that was measured counts")

    @property
    def port(self) -> int:
        return self._port

    @property
    def endpoint_url(self) -> str:
        return f"{'https' if self.options.tls else 'http'}://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def environment(self) -> dict[str, str]:
        """What makes AWS's SDKs and Go's TLS use this server: credentials, region, trust."""
        environ = {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if self.options.tls:
            ca = str(certificate())
            environ |= {"AWS_CA_BUNDLE": ca, "SSL_CERT_FILE": ca}
        return environ

    def stats(self) -> Stats:
        return Stats(**self._ask("GET"))

    def reset(self) -> None:
        """Set all counts back, and the target to empty."""
        self._ask("POST")

    def _ask(self, method: str) -> dict[str, Any]:
        context = ssl.create_default_context(cafile=str(certificate())) if self.options.tls else None
        request = Request(f"{self.endpoint_url}/_stats", method=method, data=b"" if method == "POST" else None)
        with urlopen(request, context=context, timeout=30) as reply:
            value: dict[str, Any] = json.load(reply)
            return value


def print_keys(options: ServerOptions, out: IO[bytes], *, csv: bool) -> None:
    """Write the source bucket's keys to a file: a line each, or the rows of an inventory in CSV."""
    command = [str(compile_server()), *options.arguments(), "--print", "csv" if csv else "keys"]
    subprocess.run(command, stdout=out, check=True)


def keys_of(options: ServerOptions) -> Iterator[str]:
    """The source bucket's keys, in order."""
    command = [str(compile_server()), *options.arguments(), "--print", "keys"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        if process.stdout is not None:
            yield from (line.rstrip(b"\n").decode() for line in process.stdout)
