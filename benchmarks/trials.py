"""One row of a result: a client is run several times, each time against a fresh server, and its work is checked."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import Moment
from benchmarks.results import Row, Run
from benchmarks.s3_server import CHECKOUT, S3Server, ServerOptions, Stats
from benchmarks.tools import Command, Setting
from benchmarks.usage import Failed, Usage, run_measured


@dataclass(frozen=True, slots=True)
class Trial:
    """`check` raises Failed where the work was not done."""

    client: str
    command: Command
    options: ServerOptions
    in_flight: int
    check: Callable[[ServerOptions, Stats, Usage], None]


@dataclass(frozen=True, slots=True)
class Turn:
    """How a suite is run this time: `command` is what gives the same again."""

    command: str
    transport: str
    repeat: int
    scale: float


def run_trial(trial: Trial, turn: Turn) -> Row:
    """Raises Failed where a run fails or its work is not right, NotAvailable where the client is not here."""
    runs = tuple(_run_once(trial, turn.transport) for _ in range(turn.repeat))
    return row_of(trial.client, trial.options, trial.in_flight, turn.command, runs)


def row_of(client: str, options: ServerOptions, in_flight: int, command: str, runs: tuple[Run, ...]) -> Row:
    return Row(
        command=command,
        client=client,
        objects=options.keys,
        in_flight=in_flight,
        tls=options.tls,
        latency_ms=options.latency_ms,
        object_bytes=options.object_bytes,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        runs=runs,
    )


def _run_once(trial: Trial, transport: str) -> Run:
    with tempfile.TemporaryDirectory(prefix="s3sync-bench-") as folder, S3Server(trial.options) as server:
        command = trial.command(Setting(server, Path(folder), trial.in_flight, transport))
        before = Moment.now(server.pid)
        usage = run_measured(command, server.environment(), cwd=CHECKOUT)
        after = Moment.now(server.pid)
        stats = server.stats()
    trial.check(trial.options, stats, usage)
    return run_of(usage, stats, trial.options.keys, after.others_since(before, usage.cpu_seconds))


def run_of(usage: Usage, stats: Stats, objects: int, others_cores: float) -> Run:
    more = {name: value for name, value in usage.own.items() if name not in ("cpu_seconds", "wall_seconds", "objects")}
    return Run(
        objects=usage.work_objects or objects,
        cpu_seconds=usage.work_cpu_seconds,
        wall_seconds=usage.work_wall_seconds,
        whole_cpu_seconds=usage.cpu_seconds,
        whole_wall_seconds=usage.wall_seconds,
        requests=stats.total,
        connections=stats.connections,
        peak_rss_bytes=usage.peak_rss_bytes,
        others_cores=others_cores,
        more=more,
    )


# | keys of the target      | written more than once | others | then                  |
# |-------------------------|------------------------|--------|-----------------------|
# | all of the source's     | none                   | none   | right                 |
# | fewer                   | any                    | any    | Failed: missing       |
# | all                     | some                   | any    | Failed: written twice |
# | all                     | none                   | some   | Failed: wrong keys    |
def all_copied_once(options: ServerOptions, stats: Stats, usage: Usage) -> None:
    """Every key of the source stands on the target, written once, and nothing else does."""
    if stats.copied_once != options.keys:
        raise Failed(f"{stats.copied_once} of {options.keys} keys were copied:\n{usage.output[-1000:]}")
    if stats.copied_again:
        raise Failed(f"{stats.copied_again} keys were written more than once")
    if stats.copied_wrong:
        raise Failed(f"{stats.copied_wrong} writes were of keys that are none of the source's")


def all_listed(options: ServerOptions, stats: Stats, usage: Usage) -> None:
    """As many keys came out as there are: by the client's own count, or one to a line."""
    found = usage.work_objects
    if found is None:
        found = len(usage.output.splitlines())
    if found != options.keys:
        raise Failed(f"{found} of {options.keys} keys were listed")
    if stats.requests["ListObjectsV2"] < options.keys // 1000:
        raise Failed(f"{options.keys} keys came from {stats.requests['ListObjectsV2']} pages")
