"""A check's comparison as a user's machine runs it: both sides' committed listings to findings, under spark-submit.

CPU and time are those of the comparison; memory is that of the whole tree at one moment: Java, the driver, the workers.
"""

import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks import tools
from benchmarks.check_listings import SHAPES, Expected, write_listings
from benchmarks.jobs import Measurement, quiet_spark_submit
from benchmarks.machine import Moment
from benchmarks.results import Row, Run
from benchmarks.s3_server import CHECKOUT, ServerOptions, Stats
from benchmarks.suites import MILLION
from benchmarks.trials import Turn, row_of, run_of
from benchmarks.usage import Failed, run_measured
from s3sync.spark.session import provide_java

RUN_ID = "bench"
NO_REQUESTS = Stats({}, 0, 0, 0, 0, 0)


def check_measurements(turn: Turn) -> Iterator[Measurement]:
    """A million keys against a million in each shape, and ten million against ten for the growth."""
    for shape in SHAPES:
        yield _named(shape), partial(_measured, shape, round(MILLION * turn.scale), turn)
    yield _named(SHAPES[0]), partial(_measured, SHAPES[0], round(10 * MILLION * turn.scale), turn)


def _named(shape: str) -> str:
    return f"s3sync check, {shape}"


def _measured(shape: str, keys: int, turn: Turn) -> Row:
    runs = tuple(run_check(shape, keys) for _ in range(turn.repeat))
    return row_of(_named(shape), ServerOptions(keys), 0, turn.command, runs)


def run_check(shape: str, keys: int) -> Run:
    """One comparison of listings of its own. Raises Failed where it does not find what is there, all of it."""
    with tempfile.TemporaryDirectory(prefix="s3sync-bench-") as scratch:
        folder = Path(scratch)
        expected = write_listings(folder / "runs" / RUN_ID / "listing", keys, shape)
        command = [*quiet_spark_submit(folder), str(CHECKOUT / "benchmarks" / "check_judge.py")]
        environ = {"PYTHONPATH": str(CHECKOUT), "PYSPARK_PYTHON": tools.PYTHON, "PYSPARK_DRIVER_PYTHON": tools.PYTHON}
        provide_java(environ)
        before = Moment.now(os.getpid())
        usage = run_measured([*command, scratch, RUN_ID, str(expected.rows)], environ, cwd=folder)
        others = Moment.now(os.getpid()).others_since(before, usage.cpu_seconds)
        verify(expected, usage.own)
        run = run_of(usage, NO_REQUESTS, expected.rows, others)
        peaks = {name: size for name, size in usage.peak_rss_bytes_by_name.items() if size > MILLION}
        run.more.update(peak_rss_bytes_by_name=peaks, peak_rss_bytes_together=usage.peak_rss_bytes_together)
        return run


def verify(expected: Expected, told: dict[str, object]) -> None:
    """Raises Failed where the rows or the verdicts are not those that were written."""
    wanted = {"match": expected.matches, **expected.verdicts}
    if (told.get("objects"), told.get("verdicts")) != (expected.rows, {v: n for v, n in wanted.items() if n}):
        raise Failed(f"{told} instead of {expected}")
