"""Queues that are gone, forbidden or wrong about themselves; messages seen too often, or coming back (C8, C9)."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from s3sync.cli.main import main
from s3sync.config.model import Access, Config, QueueConfig, RunConfig, Secret
from s3sync.copying.settings_file import put_recipe
from s3sync.errors import ServiceError, StoreError
from s3sync.model.outcome import Status
from s3sync.queues.create import delete_queue, set_up_queues
from s3sync.queues.find import Depth, Queue, depth_of, find_queues, sqs_client
from s3sync.queues.messages import Packed
from s3sync.queues.redrive import Wanted, redrive
from s3sync.queues.send_failures import FailureQueues, FailureSender, Route, send_tasks
from s3sync.queues.sqs import ROUNDS, receive, send
from s3sync.queues.unfinished import unfinished_tasks
from s3sync.report.history import troubles_of
from s3sync.report.write import write_report
from s3sync.runs.folder import RunFolder
from s3sync.runs.lock import TargetLock
from s3sync.runs.lock_place import folder_place
from s3sync.runs.summary import State
from tests.contract.queueing import RUN_ID, QueuedRun, access_to, queued_run
from tests.servers import Server
from tests.servers.faults import Action, Fault, Faults
from tests.unit.runs.test_retry_outcomes import outcome
from tests.unit.scripted import a_task

OBJECTS = 9
REDRIVE_AFTER = 2


@pytest.fixture
def run(server: Server, s3: Any, tmp_path: Path, bucket_factory: Callable[..., str]) -> Iterator[QueuedRun]:
    """A run of nine objects with three queues, which hand a message out twice at the most."""
    mark = f"s3sync-u-{uuid4().hex[:8]}"
    config = QueueConfig(rf"{mark}-\d+", 3, f"{mark}-dead", wait_seconds=0, redrive_after=REDRIVE_AFTER)
    set_up_queues(sqs_client(access_to(server).queue), config)
    source, target = bucket_factory(), bucket_factory()
    for number in range(OBJECTS):
        s3.put_object(Bucket=source, Key=f"k/{number}", Body=b"body %d" % number)
    names = (config.queue_name_pattern, config.dead_queue_name)
    made = queued_run(server, s3, tmp_path / "work", source, target, names)
    yield made
    found = find_queues(made.sqs, *names)
    for queue in (*found.work, found.dead):
        delete_queue(made.sqs, queue)


def denied(**more: Any) -> Fault:
    return Fault(Action.DENIED, operation="CopyObject", **more)


def waiting(run: QueuedRun) -> int:
    return sum(depth_of(run.sqs, queue).total for queue in run.queues.work)


def test_c8_failures_are_in_the_queues_before_their_outcomes_are_written(
    run: QueuedRun, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults.add(denied())
    seen: list[int] = []
    put = RunFolder.put

    def watched(self: RunFolder, name: str, data: bytes) -> None:
        if name.startswith("outcomes/") and name.endswith(".parquet"):
            seen.append(waiting(run))
            raise StoreError("the worker died here")
        put(self, name, data)

    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "put", watched)
        with pytest.raises(StoreError):
            run.copy(batch_num=1)
    assert seen == [OBJECTS]
    assert not [name for name in run.folder.names("outcomes/") if name.endswith(".parquet")]


def test_sqs_itself_buries_what_was_delivered_too_often_and_d_brings_it_back(run: QueuedRun, faults: Faults) -> None:
    faults.add(denied(times=OBJECTS))
    run.copy(batch_num=1)
    deadline = time.monotonic() + 60
    deliveries = 0
    while depth_of(run.sqs, run.queues.dead).total < OBJECTS and time.monotonic() < deadline:
        for queue in run.queues.work:
            deliveries += len(receive(run.sqs, queue, 10, 0, 0))
        time.sleep(0.2)
    assert deliveries == OBJECTS * REDRIVE_AFTER
    assert depth_of(run.sqs, run.queues.dead).total == OBJECTS
    told = run.drain(take=(run.queues.dead,))
    assert (told.by_status, told.went_wrong) == ({"copied": OBJECTS}, False)
    assert run.summary().state is State.COMPLETE


def test_c1_of_a_redriven_task_the_last_failure_counts(run: QueuedRun, faults: Faults) -> None:
    """It is tried as often as at first, and its attempts go on from where they were: so no earlier one wins."""
    faults.add(denied())
    run.copy()
    run.drain(attempts=3)
    faults.clear()
    faults.add(Fault(Action.CLOCK_SKEWED, operation="CopyObject"))
    assert redrive(run.sqs, run.queues, 10, Wanted()).sent == OBJECTS

    told = run.drain(attempts=3)

    assert (told.by_status, told.sent_back, told.dead) == ({"failed": 2 * OBJECTS}, OBJECTS, OBJECTS)
    dead = run.queued(run.queues.dead)
    assert Counter((queued.attempt, queued.error_code) for queued in dead) == {(5, "RequestTimeTooSkewed"): OBJECTS}
    assert {code: error.count for code, error in run.summary().errors.items()} == {"RequestTimeTooSkewed": OBJECTS}


def test_c8_a_twin_that_was_not_redriven_takes_no_attempt_away(run: QueuedRun, faults: Faults) -> None:
    faults.add(denied())
    ((_, tasks),) = unfinished_tasks(run.folder, run.plan, {})
    last = replace(tasks[0], attempt=5)
    for twin in (last.redriven(), last):
        send_tasks(
            run.sqs, Route(run.queues.work, RUN_ID, (run.settings.source_bucket, run.settings.target_bucket), 1), [twin]
        )
    told = run.drain(attempts=3)
    assert (told.by_status, told.sent_back, told.dead) == ({"failed": 2}, 1, 1)


def test_the_report_of_a_run_shows_the_end_of_it(run: QueuedRun, faults: Faults) -> None:
    faults.add(denied(times=OBJECTS))
    run.copy(batch_num=1)
    assert [(trouble.prefix, trouble.failed) for trouble in troubles_of(run.folder)] == [("k/", OBJECTS)]
    faults.clear()
    faults.add(denied(key_contains="k/3"))
    run.drain(attempts=2)
    run.summary()
    assert [(trouble.prefix, trouble.failed) for trouble in troubles_of(run.folder)] == [("k/", 1)]
    faults.clear()
    run.drain(take=(run.queues.dead,))
    assert run.summary().state is State.COMPLETE
    assert troubles_of(run.folder) == []
    where, code = write_report(replace(Config(), run=RunConfig(work_uri=run.folder.store.uri)), RUN_ID)
    assert code == 0
    page = Path(where, "report.html").read_text()
    assert "AccessDenied" not in page


def test_a_queue_that_cannot_be_read_stops_nobody(run: QueuedRun, faults: Faults) -> None:
    faults.add(denied(times=OBJECTS))
    run.copy(batch_num=1)
    good = run.queues.work[1:]
    inside = depth_of(run.sqs, run.queues.work[0]).waiting
    gone = Queue(run.queues.work[0].name, f"{run.queues.work[0].url}-gone", 0)
    told = run.drain(take=(gone, *good))
    assert told.by_status == {"copied": OBJECTS - inside}
    assert told.went_wrong
    assert any("cannot be read" in trouble for trouble in told.troubles)
    assert waiting(run) == inside


def test_what_one_queue_refuses_goes_to_the_next(run: QueuedRun, faults: Faults) -> None:
    faults.add(denied(times=OBJECTS))
    faults.add(Fault(Action.DENIED, operation="SendMessageBatch", times=1))
    first = run.copy(batch_num=1)
    assert (first.sent, first.unsent) == (OBJECTS, {})
    assert sorted(queued.task.source_key for queue in run.queues.work for queued in run.queued(queue)) == [
        f"k/{number}" for number in range(OBJECTS)
    ]


def test_c9_queues_that_do_not_answer_are_tried_once_and_then_left_alone() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    nobody = Access(
        region_name="us-east-1",
        aws_access_key_id="AKID",
        aws_secret_access_key=Secret("x"),
        endpoint_url=f"http://127.0.0.1:{port}",
    )
    queues = tuple(Queue(f"q-{n}", f"http://127.0.0.1:{port}/1/q-{n}", n) for n in range(3))
    now = [0.0]

    def failed_again() -> tuple[int, dict[str, int]]:
        sender = FailureSender(nobody, FailureQueues(queues, 1), "run", ("from", "to"), clock=lambda: now[0])
        rows = [outcome(number, Status.FAILED) for number in range(200)]
        for row in rows:
            sender.note(a_task(task_id=row.task_id), row)
        told = sender.send(rows)
        assert told is not None
        return told.requests["SendMessageBatch"], dict(told.unsent)

    requests, unsent = failed_again()
    assert (requests, list(unsent.values())) == (1, [200])  # boto3 has repeated that one
    assert "EndpointConnectionError" in next(iter(unsent))
    assert failed_again() == (0, unsent)  # the next batch of this worker does not wait either
    now[0] = 61.0
    assert failed_again() == (1, unsent)


def test_what_expired_is_sent_again_from_the_tables(
    run: QueuedRun,
    faults: Faults,
    server_env: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: Any,
) -> None:
    faults.add(denied(times=OBJECTS))
    run.copy()
    for queue in run.queues.work:
        run.sqs.purge_queue(QueueUrl=queue.url)
    assert waiting(run) == 0
    monkeypatch.chdir(tmp_path)
    for name, value in server_env.items():
        monkeypatch.setenv(name, value)
    pattern = run.queues.work[0].name.removesuffix("0") + r"\d+"
    queues = ("--queue-name-pattern", pattern, "--dead-queue-name", run.queues.dead.name)
    assert main(["enqueue", "--from-run", RUN_ID, *queues, "--work-uri", run.folder.store.uri]) == 0
    assert f"Sent {OBJECTS} tasks of run {RUN_ID} to 3 queues" in capfd.readouterr().err
    assert {queued.error_code for queue in run.queues.work for queued in run.queued(queue)} == {"AccessDenied"}
    told = run.drain(hold_seconds=5)
    assert told.by_status == {"copied": OBJECTS}
    assert run.summary().state is State.COMPLETE


def test_what_a_drain_sent_back_it_waits_for_whatever_sqs_counts(
    run: QueuedRun, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS's counts of what is delayed are behind by up to a minute; here they see nothing at all."""
    faults.add(denied(times=OBJECTS))
    run.copy()
    faults.add(denied(times=1))
    monkeypatch.setattr("s3sync.retry.receive.depth_of", lambda *_: Depth())
    told = run.drain(delay_seconds=3)
    assert told.by_status == {"copied": OBJECTS, "failed": 1}
    assert run.summary().state is State.COMPLETE


def test_c9_drains_that_follow_do_not_pass_dead_letters_round(run: QueuedRun, faults: Faults) -> None:
    faults.add(denied())
    run.copy(batch_num=3)
    dead = (run.queues.dead,)
    assert run.drain(attempts=2).dead == OBJECTS
    soon = datetime.now(UTC) + timedelta(seconds=3)
    followed = run.drain(attempts=2, take=dead, follow=True, deadline=soon, sleep_seconds=0.5)
    assert followed.messages == 0
    faults.clear()
    assert run.drain(take=dead).by_status == {"copied": OBJECTS}  # they were let go again


def test_c9_a_drain_that_may_not_delete_ends_and_says_so_in_one_line(run: QueuedRun, faults: Faults) -> None:
    """Its messages come again all the time, and each time their work would be done, and written, again."""
    faults.add(denied(times=OBJECTS))
    run.copy(batch_num=3)
    send(run.sqs, run.queues.work[0], [Packed("poison", 1)])
    faults.add(Fault(Action.DENIED, operation="DeleteMessageBatch"))
    until = datetime.now(UTC) + timedelta(seconds=20)
    told = run.drain(follow=True, deadline=until, hold_seconds=1, sleep_seconds=0.1)
    assert datetime.now(UTC) < until - timedelta(seconds=10), "it ended by itself"
    ((line, times),) = told.troubles.items()
    assert times == 1
    assert "AccessDenied" in line
    assert "sqs:DeleteMessage" in line
    assert "\n" not in line
    assert len(list(run.folder.names("retries/"))) <= 2
    faults.clear()
    again = run.drain()
    assert again.by_status.total() + told.by_status.total() >= OBJECTS
    assert run.summary().state is State.COMPLETE
    assert faults.requests("CopyObject") + told.by_status["copied"] == OBJECTS, "what was copied was found"


def test_c9_work_whose_messages_could_not_be_deleted_is_not_done_again(
    run: QueuedRun, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleting fails for a while: the messages come again, and are deleted then without their work."""
    monkeypatch.setattr("s3sync.queues.sqs.PAUSE_SECONDS", 0.0)
    faults.add(denied(times=OBJECTS))
    run.copy(batch_num=3)
    real, calls = run.sqs.delete_message_batch, count()

    def failing(**given: Any) -> Any:
        if next(calls) < ROUNDS:
            return {"Failed": [{"Id": each["Id"], "Code": "InternalError"} for each in given["Entries"]]}
        return real(**given)

    monkeypatch.setattr(run.sqs, "delete_message_batch", failing)
    soon = datetime.now(UTC) + timedelta(seconds=5)
    told = run.drain(hold_seconds=1, follow=True, deadline=soon, sleep_seconds=0.2)
    assert told.by_status == {"copied": OBJECTS}
    assert waiting(run) == 0
    ((line, _),) = told.troubles.items()
    assert "come again" in line


def test_poison_whose_text_sqs_would_refuse_is_buried_all_the_same(run: QueuedRun) -> None:
    body = json.dumps({"kind": "s3sync", "version": "\x01\x02", "tasks": []})
    send(run.sqs, run.queues.work[0], [Packed(body, 1)])
    told = run.drain()
    assert (told.poison, told.left) == ({"OtherVersion": 1}, {})
    (found,) = receive(run.sqs, run.queues.dead, 10, 0, 1)
    assert found.body == body
    assert "is of version \\x01\\x02" in found.attributes["s3sync-reason"]


def test_a_dead_letter_that_is_days_old_is_looked_for_first(
    run: QueuedRun, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that `enqueue` sent has no attempt; its age alone says that somebody may have been there."""
    from s3sync.queues.enqueue import enqueue_run

    config = replace_queue_names(run)
    enqueue_run(run.folder, config, lambda _: None, unlocked(run), again=False)
    faults.clear()
    monkeypatch.setattr("s3sync.retry.consumer.LOOK_AFTER", timedelta(0))
    assert run.drain().by_status == {"copied": OBJECTS}
    assert faults.requests("HeadObject", bucket=run.settings.target_bucket) == OBJECTS


def test_what_is_sent_again_has_its_attempts_anew(run: QueuedRun, faults: Faults) -> None:
    from s3sync.queues.enqueue import enqueue_run

    faults.add(denied())
    run.copy()
    run.drain(attempts=3)
    run.summary()
    enqueue_run(run.folder, replace_queue_names(run), lambda _: None, unlocked(run), again=True)
    found = [queued for queue in run.queues.work for queued in run.queued(queue)]
    assert {(queued.attempt, queued.counted) for queued in found} == {(3, 1)}
    faults.clear()
    time.sleep(2)  # as long as they are hidden
    assert run.drain().by_status == {"copied": OBJECTS}
    assert run.summary().state is State.COMPLETE


def test_a_young_message_of_an_old_plan_is_looked_for_first(run: QueuedRun, faults: Faults) -> None:
    """A long check sends what it found at its end: somebody may have written to the target since it looked there."""
    from s3sync.queues.enqueue import enqueue_run

    hour_ago = run.settings.planned_at - timedelta(hours=1)
    put_recipe(run.folder, replace(run.settings, planned_at=hour_ago))
    enqueue_run(run.folder, replace_queue_names(run), lambda _: None, unlocked(run), again=False)
    key = run.s3.list_objects_v2(Bucket=run.settings.source_bucket, MaxKeys=1)["Contents"][0]["Key"]
    run.s3.put_object(Bucket=run.settings.target_bucket, Key=key, Body=b"somebody's")
    assert run.drain(attempts=1).by_status == {"copied": OBJECTS - 1, "failed": 1}
    assert run.s3.get_object(Bucket=run.settings.target_bucket, Key=key)["Body"].read() == b"somebody's"


def test_a_batch_that_comes_in_pieces_is_not_taken_for_sent_by_one_of_them(
    run: QueuedRun, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    from s3sync.queues.enqueue import enqueue_run

    monkeypatch.setattr("s3sync.runs.retry_outcomes.SHARD_ROWS", 1)
    faults.add(denied())
    run.copy()
    run.drain(attempts=1)
    run.summary()
    assert len(run.folder.manifest("retries")["settled"]) > 1
    faults.add(Fault(Action.DENIED, operation="SendMessageBatch", skip=2))
    with pytest.raises(ServiceError):
        enqueue_run(run.folder, replace_queue_names(run), lambda _: None, unlocked(run), again=False)
    faults.clear()
    said: list[str] = []
    enqueue_run(run.folder, replace_queue_names(run), said.append, unlocked(run), again=False)
    assert said == [f"Sent {OBJECTS} tasks of run {RUN_ID} to 3 queues; `s3sync executor` takes them."]


def unlocked(run: QueuedRun) -> TargetLock:
    """A lock that nobody contests."""
    return TargetLock(run.folder.store, folder_place("test"), RUN_ID, 60, lambda _: None)


def replace_queue_names(run: QueuedRun) -> Any:
    pattern = run.queues.work[0].name.removesuffix("0") + r"\d+"
    assert run.queues.dead is not None
    plain = Config()
    return replace(plain, access=run.context.access, sqs=QueueConfig(pattern, 3, run.queues.dead.name, batch_num=4))
