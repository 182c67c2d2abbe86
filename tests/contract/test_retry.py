"""What failed goes through the queues and comes back; nothing is lost, nothing doubled in effect (C1, C2, C8)."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from s3sync.config.model import Mode, QueueConfig
from s3sync.model.outcome import Status
from s3sync.queues.create import delete_queue, set_up_queues
from s3sync.queues.find import Queue, depth_of, find_queues, sqs_client
from s3sync.queues.messages import Packed
from s3sync.queues.sqs import receive, send
from s3sync.queues.unfinished import unfinished_tasks
from s3sync.retry.consumer import UNKNOWN_RUN, Drain
from s3sync.retry.drain import DRAIN_ATTRIBUTE
from s3sync.retry.one_task import RetryHow
from s3sync.runs.finish import accounts_of
from s3sync.runs.summary import State
from tests.contract.queueing import RUN_ID, QueuedRun, access_to, queued_run
from tests.servers import Server
from tests.servers.capabilities import require
from tests.servers.faults import Action, Fault, Faults


@pytest.fixture
def names(server: Server) -> Iterator[tuple[str, str]]:
    """Three work queues and a dead-letter queue of this test."""
    mark = f"s3sync-test-{uuid4().hex[:8]}"
    config = QueueConfig(rf"{mark}-\d+", 3, f"{mark}-dead", visibility_seconds=30, wait_seconds=0)
    sqs = sqs_client(access_to(server).queue)
    set_up_queues(sqs, config)
    yield config.queue_name_pattern, config.dead_queue_name
    found = find_queues(sqs, config.queue_name_pattern, config.dead_queue_name)
    for queue in (*found.work, found.dead):
        delete_queue(sqs, queue)


@pytest.fixture
def make(
    server: Server, s3: Any, tmp_path: Path, bucket_factory: Callable[..., str], names: tuple[str, str]
) -> Callable[..., QueuedRun]:
    """`make(objects, batches=1)`: a run between two new buckets, its source full of small objects."""

    def made(objects: int, batches: int = 1) -> QueuedRun:
        source, target = bucket_factory(), bucket_factory()
        for number in range(objects):
            s3.put_object(Bucket=source, Key=f"k/{number:05d} +%", Body=b"body %d" % number)
        return queued_run(server, s3, tmp_path, source, target, names, batches=batches)

    return made


def denied(**more: Any) -> Fault:
    return Fault(Action.DENIED, operation="CopyObject", **more)


def on_target(run: QueuedRun) -> int:
    return run.s3.list_objects_v2(Bucket=run.settings.target_bucket).get("KeyCount", 0)


def test_c1_what_failed_is_sent_copied_and_accounted_for(make: Callable[..., QueuedRun], faults: Faults) -> None:
    run = make(60, batches=3)
    faults.add(denied(times=25))
    first = run.copy()
    assert (first.exit_code, first.state) == (3, State.INCOMPLETE)
    assert first.counts.settled["failed"].objects == 25
    assert (first.sent, first.unsent) == (25, {})
    assert sum(depth_of(run.sqs, queue).waiting for queue in run.queues.work) >= 3

    told = run.drain()

    assert told.by_status == {"copied": 25}
    assert not told.went_wrong
    assert on_target(run) == 60
    last = run.summary()
    assert (last.exit_code, last.state) == (0, State.COMPLETE)
    assert last.counts.settled["copied"].objects == 60
    assert last.errors == {}
    assert last.requests["CopyObject"] == 60 + 25  # those denied count, and so do their repeats
    assert not any(depth_of(run.sqs, queue).total for queue in run.queues.work)


def test_c8_a_message_is_there_until_its_outcomes_are(
    make: Callable[..., QueuedRun], faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that dies between the copies and the commit leaves the message, and the next one finds the copies."""
    run = make(10)
    faults.add(denied(times=10))
    run.copy()

    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("s3sync.runs.retry_outcomes.RetryLog.put", dies)
        with pytest.raises(KeyboardInterrupt):
            run.drain(hold_seconds=1)
    assert on_target(run) == 10
    assert sum(depth_of(run.sqs, queue).total for queue in run.queues.work) > 0
    assert run.summary().counts.settled["failed"].objects == 10
    copies = faults.requests("CopyObject")

    told = run.drain()

    assert told.by_status == {"copied": 10}
    assert faults.requests("CopyObject") == copies  # C2: each was found on the target
    assert run.summary().state is State.COMPLETE


def test_c8_a_message_that_comes_twice_does_no_harm(make: Callable[..., QueuedRun], faults: Faults) -> None:
    run = make(4)
    faults.add(denied(times=4))
    run.copy()
    for queue in run.queues.work:
        for body in list(run.bodies(queue)):
            send(run.sqs, queue, [Packed(body, 1)] * 2)

    run.drain()

    last = run.summary()
    assert last.counts.settled["copied"].objects == 4
    assert faults.requests("CopyObject") == 8  # four denied, four made: the others were looked for and found


def test_what_fails_again_goes_back_with_its_attempt_and_at_last_to_the_dead_letters(
    make: Callable[..., QueuedRun], faults: Faults
) -> None:
    run = make(6)
    faults.add(denied())
    run.copy()
    told = run.drain(attempts=3)
    assert told.by_status == {"failed": 12}  # the attempts 2 and 3
    assert (told.sent_back, told.dead) == (6, 6)
    messages = receive(run.sqs, run.queues.dead, 10, 0, 0)
    assert all(message.attributes["s3sync-reason"] == f"AccessDenied ({6})" for message in messages)
    dead = run.queued(run.queues.dead)
    assert Counter((queued.attempt, queued.error_code) for queued in dead) == {(3, "AccessDenied"): 6}
    last = run.summary()
    assert (last.exit_code, last.counts.settled["failed"].objects) == (3, 6)
    assert last.errors["AccessDenied"].count == 6


def test_dead_letters_are_taken_once_in_a_drain(make: Callable[..., QueuedRun], faults: Faults) -> None:
    run = make(3)
    faults.add(denied())
    run.copy()
    run.drain(attempts=2)
    both = (*run.queues.work, run.queues.dead)
    again = run.drain(attempts=2, take=both)
    assert (again.by_status, again.dead) == ({"failed": 3}, 3)
    faults.clear()
    last = run.drain(take=(run.queues.dead,))
    assert last.by_status == {"copied": 3}
    assert run.summary().state is State.COMPLETE


def test_poison_goes_to_the_dead_letters_and_stops_nothing(make: Callable[..., QueuedRun], faults: Faults) -> None:
    run = make(5)
    faults.add(denied(times=5))
    run.copy(batch_num=1)
    queue = run.queues.work[0]
    good = json.loads(next(body for each in run.queues.work for body in run.bodies(each)))
    own = [*good["tasks"]]
    foreign = {**good, "source": "other-bucket", "tasks": []}
    poison = ["{not json", json.dumps({**good, "version": 99}), json.dumps(foreign), json.dumps([1])]
    send(run.sqs, queue, [Packed(body, 1) for body in poison])
    assert own

    told = run.drain(hold_seconds=2)

    assert told.poison == {"Unreadable": 3, "OtherVersion": 1}
    assert sorted(run.bodies(run.queues.dead)) == sorted(poison)
    assert run.summary().state is State.COMPLETE


def test_a_message_of_a_foreign_bucket_is_poison(
    make: Callable[..., QueuedRun], bucket_factory: Callable[..., str], faults: Faults
) -> None:
    from s3sync.queues.messages import Message, QueuedTask, to_text
    from tests.contract.queueing import task_of

    run, other = make(1), bucket_factory()
    entry = run.s3.list_objects_v2(Bucket=run.settings.source_bucket)["Contents"][0]
    task = task_of(run.settings.source_bucket, other, entry)
    text = to_text(Message(RUN_ID, run.settings.source_bucket, other, (QueuedTask(task),)))
    send(run.sqs, run.queues.work[0], [Packed(text, 1)])
    told = run.drain()
    assert told.poison == {"ForeignBucket": 1}
    assert run.s3.list_objects_v2(Bucket=other)["KeyCount"] == 0
    assert list(run.bodies(run.queues.dead)) == [text]


def test_messages_of_a_run_that_is_elsewhere_stay(
    make: Callable[..., QueuedRun], faults: Faults, tmp_path: Path
) -> None:
    run = make(2)
    faults.add(denied(times=2))
    run.copy()
    told = run.drain(store_uri=str(tmp_path / "elsewhere"))
    assert told.left == {UNKNOWN_RUN: told.messages}
    assert told.went_wrong
    assert sum(depth_of(run.sqs, queue).total for queue in run.queues.work) == told.messages


def test_c4_a_source_that_changed_is_pinned_anew(make: Callable[..., QueuedRun], server: Server) -> None:
    require(server, "copy_source_if_match")
    run = make(3)
    run.s3.put_object(Bucket=run.settings.source_bucket, Key="k/00001 +%", Body=b"another content")
    first = run.copy()
    assert first.counts.settled["changed"].objects == 1

    told = run.drain()

    assert told.by_status == {"copied": 1}
    got = run.s3.get_object(Bucket=run.settings.target_bucket, Key="k/00001 +%")
    assert got["Body"].read() == b"another content"
    last = run.summary()
    assert last.state is State.COMPLETE
    accounts = accounts_of(run.folder, run.plan, stopped_early=False)
    assert accounts.tally.reasons["pinned_anew"] == 1


def test_an_object_that_is_newer_on_the_target_is_not_overwritten(
    make: Callable[..., QueuedRun], faults: Faults
) -> None:
    run = make(2)
    faults.add(denied(times=2))
    run.copy()
    settings = replace(run.settings, planned_at=datetime.now(UTC) - timedelta(days=3))
    from s3sync.copying.settings_file import put_recipe

    put_recipe(run.folder, settings)
    run.s3.put_object(Bucket=run.settings.target_bucket, Key="k/00000 +%", Body=b"somebody's own")
    told = run.drain(attempts=2)
    assert told.by_status == {"failed": 1, "copied": 1}
    assert told.dead == 1
    got = run.s3.get_object(Bucket=run.settings.target_bucket, Key="k/00000 +%")
    assert got["Body"].read() == b"somebody's own"
    assert list(run.summary().errors) == ["TargetIsNewer"]


def test_what_was_not_modified_in_these_times_is_skipped(make: Callable[..., QueuedRun], faults: Faults) -> None:
    run = make(2)
    faults.add(denied(times=2))
    run.copy()
    later = datetime.now(UTC) + timedelta(hours=1)
    told = run.drain(how=RetryHow(modified_since=later))
    assert told.by_status == {"skipped": 2}
    assert on_target(run) == 0


def test_check_sends_what_is_not_on_the_target_to_the_dead_letters(
    make: Callable[..., QueuedRun], faults: Faults
) -> None:
    run = make(3)
    faults.add(denied(times=2))
    run.copy()
    told = run.drain(how=RetryHow(mode=Mode.CHECK))
    assert (told.by_status, told.dead) == ({"failed": 2}, 2)
    assert {queued.error_code for queued in run.queued(run.queues.dead)} == {"NotFound"}


def test_verify_skips_what_is_there(make: Callable[..., QueuedRun], faults: Faults) -> None:
    run = make(2)
    faults.add(denied(times=2))
    run.copy()
    for number in range(2):
        run.s3.put_object(Bucket=run.settings.target_bucket, Key=f"k/{number:05d} +%", Body=b"body %d" % number)
    before = faults.requests("CopyObject")
    told = run.drain(how=RetryHow(verify=True))
    assert told.by_status == {"skipped": 2}
    assert faults.requests("CopyObject") == before


def test_visibility_that_runs_out_in_the_middle_is_prolonged(make: Callable[..., QueuedRun], faults: Faults) -> None:
    run = make(4)
    faults.add(denied(times=4))
    run.copy()
    faults.add(Fault(Action.STALL, operation="CopyObject", seconds=5, times=4))
    seen: list[int] = []

    def spy() -> None:
        found = [each for queue in run.queues.work for each in receive(run.sqs, queue, 10, 0, 1)]
        seen.append(len(found))

    timer = threading.Timer(4.0, spy)
    timer.start()
    told = run.drain(hold_seconds=3)
    timer.join()
    assert seen == [0]  # nobody else got them, a second after their first three were over
    assert told.by_status == {"copied": 4}
    assert faults.requests("ChangeMessageVisibilityBatch") > 0


def test_queues_in_trouble_are_told_and_the_tables_have_all(make: Callable[..., QueuedRun], faults: Faults) -> None:
    run = make(5)
    faults.add(denied(times=5))
    gone = tuple(Queue(queue.name, f"{queue.url}-gone", queue.number) for queue in run.queues.work)
    first = run.copy(queues=gone)
    assert (first.exit_code, first.sent) == (3, 0)
    assert sum(first.unsent.values()) == 5
    assert any("Not sent to the queues" in sentence for sentence in first.what_next)

    accounts = accounts_of(run.folder, run.plan, stopped_early=False)
    left = [queued for _, tasks in unfinished_tasks(run.folder, run.plan, accounts.done) for queued in tasks]
    assert len(left) == 5
    assert {queued.error_code for queued in left} == {"AccessDenied"}


def test_no_queue_configured_is_told(make: Callable[..., QueuedRun], faults: Faults) -> None:
    run = make(2)
    faults.add(denied(times=2))
    first = run.copy(queues=(), trouble="no queues are configured")
    assert (first.exit_code, first.unsent) == (3, {"no queues are configured": 2})


@pytest.mark.parametrize("operation", ["SendMessageBatch", "DeleteMessageBatch", "ReceiveMessage"])
def test_c8_sqs_that_fails_now_and_then_loses_nothing(
    make: Callable[..., QueuedRun], faults: Faults, operation: str
) -> None:
    run = make(200, batches=2)
    faults.add(denied(times=200))
    faults.add(Fault(Action.INTERNAL_ERROR, operation=operation, probability=0.1, seed=3))
    if operation != "ReceiveMessage":
        faults.add(Fault(Action.PARTIAL_FAILURE, operation=operation, probability=0.5, seed=4))
    first = run.copy(batch_num=2)
    assert first.sent == 200
    told = run.drain(hold_seconds=5)
    assert run.summary().state is State.COMPLETE
    assert told.by_status["copied"] >= 200
    assert on_target(run) == 200
    assert faults.hits() > 200


def test_c8_2000_failures_by_workers_that_are_killed(make: Callable[..., QueuedRun], faults: Faults) -> None:
    """Drains that die at any moment: the rest is done by the next ones, and each object counts once."""
    run = make(2_000, batches=4)
    faults.add(denied(times=2_000))
    faults.add(Fault(Action.PARTIAL_FAILURE, operation="SendMessageBatch", probability=0.1, seed=1))
    faults.add(Fault(Action.INTERNAL_ERROR, operation="DeleteMessageBatch", probability=0.1, seed=2))
    first = run.copy(batch_num=10)
    assert first.counts.settled["failed"].objects == first.sent == 2_000

    class Killed(Exception):
        pass

    for number, after in enumerate((100, 300, 50)):
        drain = Drain(replace(run.context, drain_id=f"d{number}", hold_seconds=3), f"w{number}")
        seen = 0

        def on_tick(drain: Drain = drain, after: int = after) -> bool:
            nonlocal seen
            seen += 1
            if drain.tally.tasks >= after:
                raise Killed
            return False

        drain._asked_to_stop = on_tick
        with pytest.raises(Killed):
            drain.run()
    told = run.drain(hold_seconds=5)
    last = run.summary()
    assert (last.state, last.exit_code) == (State.COMPLETE, 0)
    assert last.counts.settled["copied"].objects == 2_000
    assert not told.dead
    accounts = accounts_of(run.folder, run.plan, stopped_early=False)
    assert accounts.counts.settled[Status.COPIED].objects == 2_000
    listed = run.s3.get_paginator("list_objects_v2").paginate(Bucket=run.settings.target_bucket)
    assert sum(page["KeyCount"] for page in listed) == 2_000
    assert DRAIN_ATTRIBUTE
