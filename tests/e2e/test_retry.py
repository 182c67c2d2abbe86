"""Failures go through the queues and back as a user runs it: migrate, then retry, or enqueue and executors (C1, C8)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from s3sync.model import etag as etags
from tests.e2e.jobs import Job
from tests.e2e.queues import Wired
from tests.servers.faults import Action, Fault, Faults
from tests.spark.test_copying import put_in_parts
from tests.spark.test_giants import SIZES, SMALL

Listed = Callable[[str], dict[str, dict[str, Any]]]
Fill = Callable[[str, int], dict[str, bytes]]


def denied(times: int) -> Fault:
    return Fault(Action.DENIED, operation="CopyObject", key_contains=".txt", times=times)


def test_c1_migrate_then_retry(
    job: Job, s3: Any, wired: Wired, faults: Faults, bucket_factory: Callable[..., str], fill: Fill, listed: Listed
) -> None:
    """One of them a giant: many tasks failed to copy it, one copies it again."""
    source, target = bucket_factory(), bucket_factory()
    bodies = {**fill(source, 399), "giant": b""}
    etag = put_in_parts(s3, source, "giant", SIZES)
    faults.add(denied(149))
    faults.add(Fault(Action.DENIED, operation="UploadPartCopy", key_lacks="probe", times=1))
    first = job.run("-s", source, "-t", target, "-b", "20", *SMALL, *wired.options)
    assert first.code == 3, first.output
    assert "Sent to the queues: 150" in first.output, first.output
    assert job.summary()["statuses"]["failed"]["objects"] == 150
    assert list(job.run_folder().glob("uploads/*"))

    second = job.run(*wired.options, "--visibility", "10s", script="retry.py")

    assert second.code == 0, second.output
    assert listed(target).keys() == bodies.keys()
    summary = job.summary()
    assert (summary["state"], summary["exit_code"]) == ("complete", 0)
    assert summary["statuses"]["copied"]["objects"] == 400
    assert etags.bare(listed(target)["giant"]["ETag"]) == etag
    assert not s3.list_multipart_uploads(Bucket=target).get("Uploads")
    assert wired.left == 0


def test_a_run_without_queues_is_retried_from_its_tables(
    job: Job, faults: Faults, bucket_factory: Callable[..., str], fill: Fill, listed: Listed
) -> None:
    source, target = bucket_factory(), bucket_factory()
    bodies = fill(source, 100)
    faults.add(denied(40))
    first = job.run("-s", source, "-t", target)
    assert first.code == 3, first.output
    assert "Not sent to the queues: 40 (no queues are configured)" in first.output

    run_id = job.run_folder().name
    second = job.run("--from-run", run_id, script="retry.py")

    assert second.code == 0, second.output
    assert listed(target).keys() == bodies.keys()
    assert job.summary()["state"] == "complete"
    again = job.run("--from-run", run_id, script="retry.py")
    assert again.code == 0, again.output
    assert "Tried 0 tasks" in again.output


def test_a_retry_that_follows_ends_cleanly_by_ctrl_c(
    job: Job, wired: Wired, faults: Faults, bucket_factory: Callable[..., str], fill: Fill, listed: Listed
) -> None:
    source, target = bucket_factory(), bucket_factory()
    bodies = fill(source, 40)
    faults.add(denied(40))
    assert job.run("-s", source, "-t", target, "-b", "10", *wired.options).code == 3
    with job.started(*wired.options, "--follow", "--sleep-sec", "1", script="retry.py") as running:
        running.until(lambda: len(listed(target)) == len(bodies) and not wired.left, "all came back")
        running.interrupt()
        ended = running.wait()
    assert ended.code == 1, ended.output
    assert "what was not tried is in the queues" in ended.output
    assert "Traceback" not in ended.output
    assert job.summary()["state"] == "complete"


def test_c1_enqueue_and_two_executors(
    job: Job, wired: Wired, bucket_factory: Callable[..., str], fill: Fill, listed: Listed
) -> None:
    source, target = bucket_factory(), bucket_factory()
    bodies = fill(source, 300)
    sent = job.run("commander", "-s", source, "-t", target, "-b", "10", *wired.options, script=None)
    assert sent.code == 0, sent.output
    assert "Sent 300 tasks" in sent.output
    assert job.summary()["state"] == "enqueued"
    assert not listed(target)

    def execute(_: int) -> Any:
        return job.run("executor", "--no-follow", "--max-receive-num", "2", *wired.options, script=None)

    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(execute, range(2)))

    assert [each.code for each in ended] == [0, 0], [each.output for each in ended]
    assert listed(target).keys() == bodies.keys()
    closed = job.run("enqueue", "--from-run", job.run_folder().name, *wired.options, script=None)
    assert "Sent 0 tasks" in closed.output
    summary = job.summary()
    assert (summary["state"], summary["statuses"]["copied"]["objects"]) == ("complete", 300)
