"""Failures go through the queues and back as a user runs it: migrate, then retry, or enqueue and executors (C1, C8)."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from s3sync.aws.queue_setup import delete_queue, set_up_queues
from s3sync.aws.queues import Queues, depth_of, find_queues, sqs_client
from s3sync.config.model import QueueConfig
from tests.contract.queueing import access_to
from tests.e2e.jobs import Job
from tests.servers import Server
from tests.servers.faults import Action, Fault, Faults

Listed = Callable[[str], dict[str, dict[str, Any]]]
Fill = Callable[[str, int], dict[str, bytes]]


@dataclass(frozen=True)
class Wired:
    sqs: Any
    queues: Queues
    options: tuple[str, ...]

    @property
    def left(self) -> int:
        return sum(depth_of(self.sqs, queue).total for queue in self.queues.work)


@pytest.fixture
def wired(server: Server) -> Iterator[Wired]:
    """Two work queues and a dead-letter queue, and the options that name them."""
    mark = f"s3sync-e2e-{uuid4().hex[:8]}"
    config = QueueConfig(rf"{mark}-\d+", 2, f"{mark}-dead", visibility_seconds=10, wait_seconds=1)
    sqs = sqs_client(access_to(server).queue)
    set_up_queues(sqs, config)
    queues = find_queues(sqs, config.queue_name_pattern, config.dead_queue_name)
    names = ("--queue-name-pattern", config.queue_name_pattern, "--dead-queue-name", config.dead_queue_name)
    yield Wired(sqs, queues, names)
    for queue in (*queues.work, queues.dead):
        delete_queue(sqs, queue)


def denied(times: int) -> Fault:
    return Fault(Action.DENIED, operation="CopyObject", key_contains=".txt", times=times)


def test_c1_migrate_then_retry(
    job: Job, wired: Wired, faults: Faults, bucket_factory: Callable[..., str], fill: Fill, listed: Listed
) -> None:
    source, target = bucket_factory(), bucket_factory()
    bodies = fill(source, 400)
    faults.add(denied(150))
    first = job.run("-s", source, "-t", target, "-b", "20", *wired.options)
    assert first.code == 3, first.output
    assert "Sent to the queues: 150" in first.output, first.output
    assert job.summary()["statuses"]["failed"]["objects"] == 150

    second = job.run(*wired.options, "--visibility", "10s", script="retry.py")

    assert second.code == 0, second.output
    assert listed(target).keys() == bodies.keys()
    summary = job.summary()
    assert (summary["state"], summary["exit_code"]) == ("complete", 0)
    assert summary["statuses"]["copied"]["objects"] == 400
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


def test_c8_a_worker_that_is_killed_loses_nothing(
    job: Job, wired: Wired, faults: Faults, bucket_factory: Callable[..., str], fill: Fill, listed: Listed
) -> None:
    source, target = bucket_factory(), bucket_factory()
    bodies = fill(source, 1_000)
    faults.add(denied(1_000))
    first = job.run("-s", source, "-t", target, "-b", "10", *wired.options)
    assert first.code == 3, first.output
    with job.started(*wired.options, "--visibility", "5s", "--in-flight", "2", script="retry.py") as running:
        running.until(lambda: len(listed(target)) >= 100, "a tenth was copied")
        running.kill(running.copying_worker())
        ended = running.wait()
    assert ended.code == 0, ended.output
    assert listed(target).keys() == bodies.keys()
    assert job.summary()["statuses"]["copied"]["objects"] == 1_000
    assert wired.left == 0


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
