"""The whole job as a user starts it: from an inventory to a plan, and from an inventory to a summary.

CPU is that of the whole tree: spark-submit, Java, the driver, the Python workers.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks import tools
from benchmarks.inventory import write_report
from benchmarks.machine import Moment
from benchmarks.results import Row, Run
from benchmarks.s3_server import ACCESS_KEY, CHECKOUT, REGION, SECRET_KEY, TARGET_BUCKET, S3Server, ServerOptions
from benchmarks.suites import MILLION, SMALL_OBJECT_BYTES
from benchmarks.trials import Trial, Turn, all_copied_once, row_of, run_of, run_trial
from benchmarks.usage import Failed, run_measured
from s3sync.demo.demo import QUIET_LOG4J, spark_submit
from s3sync.spark.session import SHORT_JAVA, provide_java

Measurement: TypeAlias = tuple[str, Callable[[], Row]]
PLAN_START_ROWS = 10_000
IN_FLIGHT = 64
PLAN_SECONDS_MAX = 3600


def plan_measurements(turn: Turn) -> Iterator[Measurement]:
    """Ten thousand rows show the fixed start, a million the cost of a row, ten million how it grows."""
    for rows in (PLAN_START_ROWS, round(MILLION * turn.scale), round(10 * MILLION * turn.scale)):
        yield f"s3sync plan, {rows:,} rows", partial(_measured, "plan", rows, turn)


def job_measurements(turn: Turn) -> Iterator[Measurement]:
    """A small job shows the fixed start; the large one stands beside s5cmd with the same objects."""
    objects = round(MILLION * turn.scale)
    name = f"s3sync migrate ({turn.transport})"
    for count in (PLAN_START_ROWS, objects):
        yield name, partial(_measured, "migrate", count, turn)
    options = ServerOptions(objects, object_bytes=SMALL_OBJECT_BYTES)
    trial = Trial("s5cmd cp", tools.s5cmd_cp, options, IN_FLIGHT, all_copied_once)
    yield trial.client, partial(run_trial, trial, turn)


SUITES = {"plan": plan_measurements, "job": job_measurements}


def _measured(act: str, objects: int, turn: Turn) -> Row:
    runs = tuple(run_job(act, objects, turn.transport) for _ in range(turn.repeat))
    name = f"s3sync {act} ({turn.transport})" if act == "migrate" else f"s3sync {act}, {objects:,} rows"
    return row_of(name, ServerOptions(objects, object_bytes=SMALL_OBJECT_BYTES), IN_FLIGHT, turn.command, runs)


def run_job(act: str, objects: int, transport: str) -> Run:
    """One job over an inventory of its own. Raises Failed where it does not end well or its counts are not right."""
    with tempfile.TemporaryDirectory(prefix="s3sync-bench-") as scratch:
        folder = Path(scratch)
        # A large plan asks nothing of the server for minutes while its rows are brought together.
        options = ServerOptions(
            objects, object_bytes=SMALL_OBJECT_BYTES, folder=folder / "files", idle_seconds=PLAN_SECONDS_MAX
        )
        manifest = write_report(options, folder / "files")
        with S3Server(options) as server:
            command = submitted(act, manifest, folder, transport)
            before = Moment.now(server.pid)
            usage = run_measured(command, environment(server), cwd=folder)
            after = Moment.now(server.pid)
            stats = server.stats()
        if act == "migrate":
            all_copied_once(options, stats, usage)
        told = check_run(folder / "work", act, objects)
        run = run_of(usage, stats, objects, after.others_since(before, usage.cpu_seconds))
        peaks = {name: size for name, size in usage.peak_rss_bytes_by_name.items() if size > MILLION}
        run.more.update(told, peak_rss_bytes_by_name=peaks)
        return run


def check_run(work: Path, act: str, objects: int) -> dict[str, Any]:
    """What the run's own tables say, for the result. Raises Failed where they do not tell of all objects."""
    folder = next((work / "runs").iterdir())
    counts = json.loads((folder / "plan" / "manifest.json").read_text())["counts"]
    if counts["listed"] != objects:
        raise Failed(f"the plan lists {counts['listed']} of {objects} objects")
    if act == "plan":
        return {}
    summary = json.loads((folder / "summary.json").read_text())
    if summary["state"] != "complete":
        raise Failed(f"the run's state is {summary['state']}")
    return {"state": summary["state"]}


def quiet_spark_submit(folder: Path) -> list[str]:
    """spark-submit on two cores, without the chatter."""
    log4j = folder / "log4j2.properties"
    log4j.write_text(QUIET_LOG4J)
    options = f"-Dlog4j2.configurationFile={log4j} {SHORT_JAVA}"
    return [str(spark_submit()), "--master", "local[2]", "--driver-java-options", options]


def submitted(act: str, manifest: str, folder: Path, transport: str) -> list[str]:
    """The command that plans or migrates from an inventory, with its tables in `folder`."""
    start = quiet_spark_submit(folder)
    script = (
        [str(CHECKOUT / "jobs" / "migrate.py")] if act == "migrate" else [str(CHECKOUT / "s3sync/__main__.py"), act]
    )
    options = ["-m", manifest, "-t", TARGET_BUCKET, "--work-uri", str(folder / "work")]
    if act == "migrate":
        options += ["--transport", transport]
    return [*start, *script, *options]


def environment(server: S3Server) -> dict[str, str]:
    """What makes a job use this server for all."""
    environ = {"PYTHONPATH": str(CHECKOUT), "PYSPARK_PYTHON": tools.PYTHON, "PYSPARK_DRIVER_PYTHON": tools.PYTHON}
    provide_java(environ)
    for side in ("INVENTORY", "COPY"):
        environ[f"{side}_ENDPOINT_URL"] = server.endpoint_url
        environ[f"{side}_REGION_NAME"] = REGION
        environ[f"{side}_ADDRESSING_STYLE"] = "path"
        environ[f"{side}_AWS_ACCESS_KEY_ID"] = ACCESS_KEY
        environ[f"{side}_AWS_SECRET_ACCESS_KEY"] = SECRET_KEY
    return environ
