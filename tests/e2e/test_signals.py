"""A driver that is told to end, or whose Java is, at any moment: one last line, the same command goes on, and what was
settled is written down (C1)."""

import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.jobs import Job, Running
from tests.e2e.test_kills import OBJECTS, Fill, Listed, assert_moved, some_copied

pytestmark = pytest.mark.processes

JAVA = r"java .*org\.apache\.spark\.deploy\.SparkSubmit"
PYTHON = r"python[0-9.]* (-m s3sync|\S*jobs/\w+\.py)"
WITHOUT_SPARK_SUBMIT = None


def is_free(job: Job) -> bool:
    """Whether nobody's claim is on the target: its last holder has taken its own away."""
    return not [path for path in (job.work / "locks").rglob("*") if path.is_file()]


def last_line(output: str) -> str:
    return [line for line in output.splitlines() if line.strip()][-1]


def command(name: str, source: str, target: str, script: str | None) -> tuple[str, ...]:
    options = ("-s", source, "-t", target)
    return (name, *options) if script is None else options


def moment(job: Job, running: Running, when: str, listed: Listed, target: str) -> None:
    """Wait for what the run does then."""
    running.until(lambda: list((job.work / "runs").glob("*/starts/*.json")), "the run began")
    if when == "planning":
        folder = job.run_folder()
        running.until((folder / "listing-source" / "manifest.json").exists, "the listing was committed")
    if when == "copying":
        running.until(some_copied(job, listed, target, OBJECTS // 10), "a tenth was copied")


@pytest.mark.parametrize("script", ["migrate.py", WITHOUT_SPARK_SUBMIT])
@pytest.mark.parametrize("when", ["listing", "planning"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_copies_ends_in_one_line(
    job: Job,
    bucket_factory: Callable[..., str],
    fill: Fill,
    listed: Listed,
    script: str | None,
    when: str,
    number: signal.Signals,
) -> None:
    """To the driver alone: what stands in the middle of a call to Java there must not call it again."""
    source, target = bucket_factory(), bucket_factory()
    fill(source, OBJECTS)
    with job.started(*command("migrate", source, target, script), script=script) as running:
        moment(job, running, when, listed, target)
        (driver, *_) = running.children(PYTHON)
        os.kill(driver, number)
        ended = running.wait(90)
    assert ended.code == 1, ended.output
    assert "the same command goes on from here" in last_line(ended.output)
    for noise in ("Traceback", "reentrant", "Py4J", "Exception"):
        assert noise not in ended.output, ended.output


@pytest.mark.parametrize("when", ["comparing"])
def test_a_signal_while_a_check_compares_ends_in_one_line(
    job: Job, bucket_factory: Callable[..., str], fill: Fill, when: str
) -> None:
    source, target = bucket_factory(), bucket_factory()
    fill(source, OBJECTS)
    with job.started("check", "-s", source, "-t", target, script=None) as running:
        running.until(lambda: list((job.work / "runs").glob("*/starts/*.json")), "the check began")
        (driver, *_) = running.children(PYTHON)
        os.kill(driver, signal.SIGTERM)
        ended = running.wait(90)
    assert ended.code == 1, ended.output
    assert "the same command goes on from here" in last_line(ended.output)
    assert "Traceback" not in ended.output


@pytest.mark.parametrize(
    ("number", "whom"), [(signal.SIGKILL, "java"), (signal.SIGTERM, "java"), (signal.SIGTERM, "all")]
)
def test_a_lost_java_costs_nothing_that_was_settled(
    job: Job,
    s3: Any,
    bucket_factory: Callable[..., str],
    fill: Fill,
    listed: Listed,
    number: signal.Signals,
    whom: str,
) -> None:
    source, target = bucket_factory(), bucket_factory()
    bodies = fill(source, OBJECTS)
    with job.started("migrate", "-s", source, "-t", target, script=None) as running:
        moment(job, running, "copying", listed, target)
        if whom == "all":
            os.killpg(running.process.pid, number)
        else:
            for java in running.children(JAVA):
                os.kill(java, number)
        ended = running.wait(60)
    assert ended.code == 1, ended.output
    assert "he same command goes on from here" in last_line(ended.output), ended.output
    assert "Traceback" not in ended.output, ended.output
    folder = job.run_folder()
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["state"] == "interrupted"
    assert summary["statuses"]["copied"]["objects"] == len(listed(target)) < OBJECTS
    assert is_free(job)

    ended = job.run("migrate", "-s", source, "-t", target, script=None)

    assert ended.code == 0, ended.output
    assert_moved(job, s3, listed, bodies, target)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_under_spark_submit_a_lost_java_loses_nothing_that_was_settled(
    job: Job, s3: Any, bucket_factory: Callable[..., str], fill: Fill, listed: Listed, number: signal.Signals
) -> None:
    """Java is the process that was started, and who carries the driver's words: the driver ends by itself, unheard."""
    source, target = bucket_factory(), bucket_factory()
    bodies = fill(source, OBJECTS)
    with job.started("-s", source, "-t", target) as running:
        moment(job, running, "copying", listed, target)
        os.kill(running.process.pid, number)
        killed = running.wait(60)
        running_summary = job.run_folder() / "summary.json"
        until(running_summary.exists, 40)
    assert killed.code in (-number, 128 + number)
    until(lambda: is_free(job), 10)
    summary = json.loads(running_summary.read_text())
    assert summary["state"] == "interrupted"
    assert summary["statuses"]["copied"]["objects"] == len(listed(target)) < OBJECTS

    ended = job.run("-s", source, "-t", target)

    assert ended.code == 0, ended.output
    assert_moved(job, s3, listed, bodies, target)


def until(condition: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.1)


@pytest.mark.parametrize("name", ["check", "migrate"])
def test_a_worker_without_its_python_is_one_line(
    job: Job, bucket_factory: Callable[..., str], fill: Fill, name: str
) -> None:
    source, target = bucket_factory(), bucket_factory()
    fill(source, 20)
    job.environ["PYSPARK_PYTHON"] = "/usr/bin/python3.99"
    ended = job.run(name, "-s", source, "-t", target, script=None)
    assert ended.code == 2, ended.output
    assert "PYSPARK_PYTHON: a worker cannot start /usr/bin/python3.99" in last_line(ended.output)
    assert "Traceback" not in ended.output
