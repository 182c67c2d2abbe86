"""All that a run fails at goes through the queues and comes back, while SQS fails too and workers are killed: nothing
is lost, nothing is doubled in effect (C1, C2, C8).

`make test-failures` does it with 20,000 objects, on the embedded server and on LocalStack.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

import pytest

from s3sync.queues.find import depth_of
from s3sync.queues.messages import from_text
from s3sync.queues.sqs import hold, receive
from tests.e2e.jobs import Job
from tests.e2e.queues import Wired
from tests.servers.faults import Action, Fault, Faults

pytestmark = pytest.mark.processes

Listed = Callable[[str], dict[str, dict[str, Any]]]
Fill = Callable[[str, int], dict[str, bytes]]

OBJECTS = int(os.environ.get("S3SYNC_TEST_FAILURES", "1000"))
SHARE = 0.1  # of SQS's answers
KILLS = (0.1, 0.3, 0.6)  # when so much was tried again
BATCH_NUM = str(max(20, OBJECTS // 200))  # the server's queues are slow where they are deep
REPEATS_MOST = 0.05
TIMEOUT_SECONDS = 120 + OBJECTS // 10
BATCH_OPERATIONS = ("SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch")


def fail_in_part(faults: Faults) -> None:
    """Of SQS's answers a tenth are errors or partial failures, and the first ones of each kind are; half of the errors
    come after the work was done."""
    for number, operation in enumerate(("ReceiveMessage", *BATCH_OPERATIONS)):
        kinds = [(Action.INTERNAL_ERROR, False), (Action.INTERNAL_ERROR, True)]
        if operation in BATCH_OPERATIONS:
            kinds.append((Action.PARTIAL_FAILURE, False))
        for action, is_late in kinds:
            faults.add(Fault(action, operation=operation, times=1, is_late=is_late))
        for action, is_late in kinds:
            share = SHARE / len(kinds)
            faults.add(Fault(action, operation=operation, probability=share, seed=number, is_late=is_late))


def tell(what: str, count: int) -> None:
    """For `make test-failures`, which shows it."""
    sys.stdout.write(f"{what}: {count:,} ({OBJECTS:,} objects)\n")


def queued_ids(wired: Wired) -> list[str]:
    """The tasks of all messages, which are let go again."""
    found = []
    for queue in wired.queues.work:
        while messages := receive(wired.sqs, queue, 10, 0, 600):
            found += messages
    assert not hold(wired.sqs, found, 0).messages
    return [queued.task.task_id for message in found for queued in from_text(message.body).tasks]


@pytest.mark.timeout(300 + 3 * TIMEOUT_SECONDS)
def test_c8_every_failure_comes_back(
    job: Job,
    s3: Any,
    wired: Wired,
    faults: Faults,
    bucket_factory: Callable[..., str],
    fill: Fill,
    listed: Listed,
) -> None:
    """None is lost, and none is written twice: the target keeps versions, which show it."""
    source, target = bucket_factory(), bucket_factory()
    s3.put_bucket_versioning(Bucket=target, VersioningConfiguration={"Status": "Enabled"})
    bodies = fill(source, OBJECTS)
    faults.add(Fault(Action.INTERNAL_ERROR, operation="CopyObject", key_lacks="probe"))
    fail_in_part(faults)

    first = job.run(
        "-s", source, "-t", target, "-b", BATCH_NUM, "--max-attempts", "1", *wired.options, seconds=TIMEOUT_SECONDS
    )

    assert first.code == 3, first.output
    assert not listed(target)
    summary = job.summary()
    assert (summary["statuses"]["failed"]["objects"], summary["sent"], summary["unsent"]) == (OBJECTS, OBJECTS, {})
    tell("answers of SendMessageBatch that failed", faults.hits() - faults.requests("CopyObject"))
    faults.clear()
    ids = queued_ids(wired)
    assert len(set(ids)) == OBJECTS  # nothing was lost
    assert len(ids) > OBJECTS  # an answer that was lost made a message that is there twice
    tell("tasks in the queues", len(ids))

    faults.clear()
    fail_in_part(faults)
    with job.started(*wired.options, "--visibility", "20s", script="retry.py") as running:
        for share in KILLS:
            running.until(
                lambda share=share: faults.requests("CopyObject") >= share * OBJECTS,
                f"{share:.0%} were tried again",
                TIMEOUT_SECONDS,
            )
            running.kill(running.copying_worker())
        second = running.wait(TIMEOUT_SECONDS)

    assert second.code == 0, second.output
    tell("answers of SQS that failed in the retry", faults.hits())
    repeats = faults.requests("CopyObject") - OBJECTS  # asked for by two workers at the same moment
    tell("copies that were asked for twice", repeats)
    assert 0 <= repeats <= REPEATS_MOST * OBJECTS
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=target)
    assert sum(len(page.get("Versions", ())) for page in pages) == OBJECTS
    found = listed(target)
    assert {key: entry["ETag"] for key, entry in found.items()} == {
        key: entry["ETag"] for key, entry in listed(source).items()
    }
    assert found.keys() == bodies.keys()
    summary = job.summary()
    assert (summary["state"], summary["exit_code"], summary["remaining"]) == ("complete", 0, 0)
    assert {name: counts["objects"] for name, counts in summary["statuses"].items() if counts["objects"]} == {
        "copied": OBJECTS
    }
    assert wired.left == 0
    assert depth_of(wired.sqs, wired.queues.dead).total == 0
    told = job.run("report", job.run_folder().name, script=None)
    assert "the run's exit code was 0" in told.output, told.output
