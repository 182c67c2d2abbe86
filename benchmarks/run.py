"""Runs suites, saves their results and renders docs/performance.md.

python -m benchmarks.run [SUITE ...] [--transport boto3] [--client NAME] [--scale 0.1] [--repeat 1] [--fresh]
"""

import argparse
import sys
import time
from collections.abc import Iterator
from functools import partial

from benchmarks import jobs, machine, queue_drain, table, tools
from benchmarks.checks import check_measurements
from benchmarks.jobs import Measurement
from benchmarks.results import Result, Row, load
from benchmarks.s3_server import CHECKOUT, NotAvailable
from benchmarks.suites import TRIALS
from benchmarks.trials import Turn, run_trial
from benchmarks.usage import Failed
from s3sync.config.model import TransportKind

JOBS = {**jobs.SUITES, "check": check_measurements, "queues": queue_drain.measurements}
SUITES = (*TRIALS, *JOBS)
REPEAT = 3


def main(argv: list[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    unknown = set(options.suites) - set(SUITES)
    if unknown:
        _parser().error(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    failures: list[str] = []
    for suite in options.suites or SUITES:
        began = time.monotonic()
        turn = Turn(_command(suite, options), options.transport, options.repeat, options.scale)
        rows = list(_rows(suite, turn, frozenset(options.client), failures))
        if rows:
            fresh = Result(suite, machine.described(), tools.versions(), ())
            before = None if options.fresh else load(suite)
            path = fresh.with_rows([*(before.rows if before else ()), *rows]).save()
            table.main([])
            _say(f"{suite}: {time.monotonic() - began:.0f} s, {path.relative_to(CHECKOUT)}")
    return 1 if failures else 0


def _rows(suite: str, turn: Turn, clients: frozenset[str], failures: list[str]) -> Iterator[Row]:
    """The rows, each as soon as it is measured. One that fails is told, and the others go on."""
    for client, measure in _measurements(suite, turn):
        if clients and client not in clients:
            continue
        try:
            row = measure()
        except NotAvailable as missing:
            _say(f"{suite}: {client}: left out: {missing}")
            continue
        except Failed as failure:
            _say(f"{suite}: {client}: FAILED: {failure}")
            failures.append(client)
            continue
        _say(
            f"{suite}: {row.client}, {row.objects:,} objects, {row.in_flight} in flight, "
            f"{'TLS' if row.tls else 'plain'}, "
            f"{row.latency_ms} ms: {row.cpu_ms:.4f} ms CPU each, {row.objects_per_second:,.0f}/s, "
            f"{row.requests_per_object:.3f} requests each, {row.peak_rss_bytes / 2**20:.0f} MiB, "
            f"others {row.others_cores:.2f} cores"
        )
        yield row


def _measurements(suite: str, turn: Turn) -> Iterator[Measurement]:
    if suite in JOBS:
        yield from JOBS[suite](turn)
        return
    for trial in TRIALS[suite](turn.transport, turn.scale):
        yield trial.client, partial(run_trial, trial, turn)


def _command(suite: str, options: argparse.Namespace) -> str:
    command = f"python -m benchmarks.run {suite}"
    for name, value, default in (
        ("--transport", options.transport, TransportKind.CURL),
        ("--repeat", options.repeat, REPEAT),
        ("--scale", options.scale, 1.0),
    ):
        command += f" {name} {value}" if value != default else ""
    return command


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description="Run benchmarks.")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(SUITES))
    parser.add_argument(
        "--transport",
        choices=list(TransportKind),
        default=TransportKind.CURL,
        help="the workers' transport (default: %(default)s)",
    )
    parser.add_argument("--repeat", type=int, default=REPEAT, help="runs of each; the median counts")
    parser.add_argument("--scale", type=float, default=1.0, help="factor for the numbers of objects")
    parser.add_argument("--client", action="append", default=[], help="only this client; repeatable")
    parser.add_argument("--fresh", action="store_true", help="forget the suite's earlier rows; else they are kept")
    return parser


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
