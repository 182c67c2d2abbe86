"""A run of seconds for CI: every client once over a few objects, and the jobs over some thousands. Times are not looked
at; what was copied is: each key once, by the server's own book.

    python -m benchmarks.smoke [--no-job]
"""

import sys
from collections.abc import Iterator
from dataclasses import replace

from benchmarks.checks import run_check
from benchmarks.jobs import run_job
from benchmarks.s3_server import NotAvailable
from benchmarks.suites import TRIALS
from benchmarks.trials import Trial, Turn, run_trial
from benchmarks.usage import Failed
from s3sync.config.model import TransportKind

OBJECTS = 1_500  # more than a page
JOB_OBJECTS = 3_000
SLOW_ANSWERS_MS = 5


def trials(transport: str) -> Iterator[Trial]:
    """One trial of each client in each suite, small and with short latencies."""
    for suite, suite_trials in TRIALS.items():
        seen: set[tuple[str, bool]] = set()
        for trial in suite_trials(transport, 1.0):
            if suite != "memory" and (trial.client, trial.options.tls) not in seen:
                seen.add((trial.client, trial.options.tls))
                latency_ms = min(trial.options.latency_ms, SLOW_ANSWERS_MS)
                yield replace(trial, options=replace(trial.options, keys=OBJECTS, latency_ms=latency_ms))


def throttled(transport: str) -> Iterator[Trial]:
    """The worker when every tenth answer is a 503: each key is still copied once."""
    worker = next(trials(transport))
    yield replace(worker, options=replace(worker.options, throttle_share=0.1))


def main(argv: list[str]) -> int:
    failures = 0
    for transport in TransportKind:
        of_all = trials(transport) if transport is TransportKind.CURL else [next(trials(transport))]
        for trial in [*of_all, *throttled(transport)]:
            options = trial.options
            kind = f"{trial.client}, {'TLS' if options.tls else 'plain'}, {options.throttle_share:.0%} throttled"
            try:
                run_trial(trial, Turn("smoke", transport, 1, 1.0))
            except (Failed, NotAvailable) as failure:
                failures += 1
                sys.stdout.write(f"{kind}: FAILED: {failure}\n")
            else:
                sys.stdout.write(f"{kind}: all {options.keys:,}\n")
    if "--no-job" not in argv:
        run_job("migrate", JOB_OBJECTS, TransportKind.CURL)
        sys.stdout.write(f"the whole job: all {JOB_OBJECTS:,}\n")
        run_check("skewed", JOB_OBJECTS)
        sys.stdout.write(f"a check's comparison: all {JOB_OBJECTS:,}\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
