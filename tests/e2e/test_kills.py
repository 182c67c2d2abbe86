"""Killed at any point and started again: each object is there once, and the counts add up (C1, C2, C3)."""

import os
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.jobs import Job, Running

pytestmark = pytest.mark.processes

Listed = Callable[[str], dict[str, dict[str, Any]]]
Fill = Callable[[str, int], dict[str, bytes]]

OBJECTS = int(os.environ.get("S3SYNC_TEST_OBJECTS", "2000"))  # more for a longer look by hand


def assert_moved(
    job: Job, s3: Any, listed: Listed, bodies: dict[str, bytes], target: str, *, some: int = 20
) -> dict[str, Any]:
    """Each object is on the target with its content and metadata, and the run accounts for all (C1)."""
    assert listed(target).keys() == bodies.keys()
    for key in sorted(bodies)[:: max(1, len(bodies) // some)]:
        got = s3.get_object(Bucket=target, Key=key)
        assert got["Body"].read() == bodies[key]
        assert got["Metadata"] == {"number": key[-8:-4]}
    summary = job.summary()
    assert (summary["state"], summary["exit_code"]) == ("complete", 0)
    assert summary["counts"]["listed"] == len(bodies)
    assert summary["statuses"]["copied"]["objects"] == len(bodies)
    assert summary["remaining"] == 0
    return summary


def some_copied(job: Job, listed: Listed, target: str, least: int) -> Callable[[], bool]:
    return lambda: len(listed(target)) >= least


def test_a_killed_worker_costs_time_only(
    job: Job, s3: Any, bucket_factory: Callable[..., str], fill: Fill, listed: Listed
) -> None:
    source, target = bucket_factory(), bucket_factory()
    bodies = fill(source, OBJECTS)
    with job.started("-s", source, "-t", target) as running:
        running.until(some_copied(job, listed, target, OBJECTS // 10), "a tenth was copied")
        running.kill(running.copying_worker())
        ended = running.wait()
    assert ended.code == 0, ended.output
    summary = assert_moved(job, s3, listed, bodies, target)
    assert summary["requests"]["HeadObject"] > 0  # the second attempt looked before it copied again


def driver(running: Running) -> int:
    (pid, *_) = running.children(r"jobs/migrate\.py") or [0]
    python = list(running.children(r"python[0-9.]* \S*jobs/migrate\.py"))
    return (python or [pid])[0]


@pytest.mark.parametrize("moment", ["listing", "planning", "copying"])
def test_a_killed_driver_is_gone_on_with_by_the_same_command(
    job: Job, s3: Any, bucket_factory: Callable[..., str], fill: Fill, listed: Listed, moment: str
) -> None:
    source, target = bucket_factory(), bucket_factory()
    bodies = fill(source, OBJECTS)
    with job.started("-s", source, "-t", target) as running:
        running.until(lambda: list((job.work / "runs").glob("*/starts/*.json")), "the run began")
        run = job.run_folder()
        if moment == "planning":
            running.until((run / "listing-source" / "manifest.json").exists, "the listing was committed")
        if moment == "copying":
            running.until(some_copied(job, listed, target, OBJECTS // 10), "a tenth was copied")
        running.kill(driver(running))
        killed = running.wait()
    assert killed.code != 0
    assert not (run / "summary.json").exists()

    ended = job.run("-s", source, "-t", target)

    assert ended.code == 0, ended.output
    assert "Going on with run" in ended.output
    assert job.run_folder() == run
    assert_moved(job, s3, listed, bodies, target)


def test_the_first_ctrl_c_stops_cleanly_and_the_same_command_goes_on(
    job: Job, s3: Any, bucket_factory: Callable[..., str], fill: Fill, listed: Listed
) -> None:
    source, target = bucket_factory(), bucket_factory()
    bodies = fill(source, OBJECTS)
    with job.started("-s", source, "-t", target) as running:
        running.until(some_copied(job, listed, target, OBJECTS // 10), "a tenth was copied")
        running.interrupt()
        began = time.monotonic()
        stopped = running.wait()
    assert stopped.code == 1, stopped.output
    assert time.monotonic() - began < 30
    assert "the same command goes on" in stopped.output
    assert "Traceback" not in stopped.output
    summary = job.summary()
    assert summary["state"] == "interrupted"
    on_target = len(listed(target))
    assert summary["statuses"]["copied"]["objects"] == on_target < OBJECTS  # what was in flight is written down

    ended = job.run("-s", source, "-t", target)

    assert ended.code == 0, ended.output
    assert_moved(job, s3, listed, bodies, target)


def test_a_second_ctrl_c_ends_at_once(job: Job, bucket_factory: Callable[..., str], fill: Fill, listed: Listed) -> None:
    source, target = bucket_factory(), bucket_factory()
    fill(source, OBJECTS)
    with job.started("-s", source, "-t", target) as running:
        running.until(some_copied(job, listed, target, 20), "copying began")
        running.interrupt()
        running.until(lambda: "Stopping" in running.output, "the first one was heard")
        running.interrupt()
        began = time.monotonic()
        ended = running.wait()
    assert ended.code != 0
    assert time.monotonic() - began < 5
    assert not running.children(r"jobs/migrate\.py")
