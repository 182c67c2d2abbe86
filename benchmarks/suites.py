"""What is measured: for each suite its trials, smallest first where their cost differs."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import md5

from benchmarks import tools
from benchmarks.s3_server import ServerOptions, has_tls
from benchmarks.tools import Command
from benchmarks.trials import Trial, all_copied_once, all_listed
from s3sync.config.model import TransportKind
from s3sync.model.task import Method

SMALL_OBJECT_BYTES = 1024
RELAY_OBJECT_BYTES = 10 * 1024
LATENCY_MS = 50
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class _Client:
    """`objects`: as many as give some seconds of CPU; the fast ones get more."""

    name: str
    command: Command
    objects: int


_S5CMD_CP = _Client("s5cmd cp", tools.s5cmd_cp, 50_000)
_BOTO3 = _Client("boto3, threads", tools.boto3_act("copy"), 5_000)
_RAW = _Client("raw sockets", tools.raw_copy("each"), 200_000)
_RAW_UNSIGNED = _Client("raw sockets, one signature for all", tools.raw_copy("once"), 200_000)


def _worker(transport: str) -> _Client:
    objects = 10_000 if transport == TransportKind.BOTO3 else 200_000
    return _Client(f"s3sync ({transport})", tools.s3sync_worker(Method.COPY_OBJECT), objects)


def copy_trials(transport: str, scale: float) -> Iterator[Trial]:
    """CPU for one CopyObject, without latency, plain and TLS."""
    clients = (
        _worker(transport),
        _S5CMD_CP,
        _Client("s5cmd run FILE", tools.s5cmd_run, 10_000),
        _Client("rclone, fewest requests", tools.rclone_fewest, 20_000),
        _Client("rclone, default", tools.rclone_default, 20_000),
        _BOTO3,
        _RAW,
        _RAW_UNSIGNED,
    )
    for tls in (False, True) if has_tls() else (False,):
        for client in clients:
            yield _copy(client, client.objects, scale, 64, tls=tls)


def latency_trials(transport: str, scale: float) -> Iterator[Trial]:
    """The rate that one process holds when every answer takes 50 ms."""
    worker = _worker(transport)
    slow = transport == TransportKind.BOTO3
    for client, in_flight, objects in (
        (worker, 64, 10_000),
        (worker, 256, 10_000 if slow else 50_000),
        (worker, 1024, 10_000 if slow else 200_000),
        (_S5CMD_CP, 256, 20_000),
        (_S5CMD_CP, 1024, 20_000),
        (_Client("rclone, fewest requests", tools.rclone_fewest, 0), 256, 10_000),
        (_BOTO3, 64, 5_000),
        (_RAW, 1024, 200_000),
    ):
        yield _copy(client, objects, scale, in_flight, latency_ms=LATENCY_MS)


def memory_trials(transport: str, scale: float) -> Iterator[Trial]:
    """Peak memory at ten thousand and at a million objects."""
    for client in (_worker(transport), _S5CMD_CP):
        for objects in (10_000, MILLION):
            yield _copy(client, objects, scale if objects == MILLION else 1.0, 64)


def list_trials(transport: str, scale: float) -> Iterator[Trial]:
    """CPU for a listed key; s3sync and obstore to Arrow, the others to text."""
    del transport  # a listing's pages are fetched in one way only
    for name, command, objects in (
        ("s3sync", tools.list_to_arrow("s3sync"), MILLION),
        ("boto3", tools.boto3_act("list"), 100_000),
        ("s5cmd ls", tools.s5cmd_ls, 500_000),
        ("rclone lsf", tools.rclone_lsf, 500_000),
        ("obstore", tools.list_to_arrow("obstore"), MILLION),
    ):
        keys = max(1, round(objects * scale))
        yield Trial(name, command, ServerOptions(keys, shape="dates"), 1, all_listed)


def relay_trials(transport: str, scale: float) -> Iterator[Trial]:
    """Objects of 10 KiB that travel through the client: a GET and a PUT each. Tags, which s3sync keeps, are a request
    more; the others keep none."""
    own = 3_000 if transport == TransportKind.BOTO3 else 50_000
    body_md5 = md5(b"s" * RELAY_OBJECT_BYTES, usedforsecurity=False).hexdigest()
    for name, command, objects in (
        (f"s3sync ({transport}), --no-tags", tools.s3sync_worker(Method.RELAY, tags=False), own),
        (f"s3sync ({transport})", tools.s3sync_worker(Method.RELAY), own),
        ("s5cmd, down and up", tools.s5cmd_down_up, 10_000),
        ("rclone, through the client", tools.rclone_relay, 10_000),
        ("boto3, threads", tools.boto3_act("relay"), 3_000),
    ):
        keys = max(1, round(objects * scale))
        options = ServerOptions(keys, object_bytes=RELAY_OBJECT_BYTES, etag=body_md5)
        yield Trial(name, command, options, 64, all_copied_once)


TRIALS = {
    "copy": copy_trials,
    "latency": latency_trials,
    "memory": memory_trials,
    "list": list_trials,
    "relay": relay_trials,
}


def _copy(
    client: _Client, objects: int, scale: float, in_flight: int, *, tls: bool = False, latency_ms: int = 0
) -> Trial:
    keys = max(1, round(objects * scale))
    options = ServerOptions(keys, object_bytes=SMALL_OBJECT_BYTES, tls=tls, latency_ms=latency_ms)
    return Trial(client.name, client.command, options, in_flight, all_copied_once)
