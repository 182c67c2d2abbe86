"""The options of an executor, each by what it does to a run; they are those of `retry`, which drains the same way."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from s3sync.cli.main import main
from s3sync.config.model import QueueConfig
from s3sync.queues.create import delete_queue, set_up_queues
from s3sync.queues.find import depth_of, find_queues, sqs_client
from s3sync.queues.messages import QueuedTask
from s3sync.queues.send_failures import Route, send_tasks
from s3sync.runs.summary import State
from tests.contract.queueing import RUN_ID, QueuedRun, access_to, queued_run
from tests.servers import Server
from tests.servers.faults import Action, Fault, Faults

OBJECTS = 6
Executed = Callable[..., int]


@pytest.fixture
def ground(
    server: Server, s3: Any, tmp_path: Path, bucket_factory: Callable[..., str], faults: Faults
) -> Iterator[QueuedRun]:
    """A run that failed at all its objects; three of its tasks are in queue 0, three in queue 1, one a message."""
    mark = f"s3sync-x-{uuid4().hex[:8]}"
    config = QueueConfig(rf"{mark}-\d+", 2, f"{mark}-dead", visibility_seconds=30, wait_seconds=0)
    set_up_queues(sqs_client(access_to(server).queue), config)
    source, target = bucket_factory(), bucket_factory()
    for number in range(OBJECTS):
        s3.put_object(Bucket=source, Key=f"k/{number}", Body=b"body %d" % number)
    names = (config.queue_name_pattern, config.dead_queue_name)
    run = queued_run(server, s3, tmp_path / "work", source, target, names)
    faults.add(Fault(Action.DENIED, operation="CopyObject"))
    run.copy(queues=(), trouble="not yet")
    faults.clear()
    for place, queue in enumerate(run.queues.work):
        put(run, tasks_of(run)[place::2], queue)
    yield run
    found = find_queues(run.sqs, *names)
    for queue in (*found.work, found.dead):
        delete_queue(run.sqs, queue)


def tasks_of(run: QueuedRun) -> list[QueuedTask]:
    from s3sync.queues.unfinished import unfinished_tasks
    from s3sync.runs.finish import accounts_of

    done = accounts_of(run.folder, run.plan, stopped_early=True).done
    return [queued for _, tasks in unfinished_tasks(run.folder, run.plan, done) for queued in tasks]


def put(run: QueuedRun, tasks: list[QueuedTask], queue: Any) -> None:
    route = Route((queue,), RUN_ID, (run.settings.source_bucket, run.settings.target_bucket), 1)
    assert send_tasks(run.sqs, route, tasks).tasks == len(tasks)


@pytest.fixture
def execute(ground: QueuedRun, server_env: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Executed:
    monkeypatch.chdir(tmp_path)
    for name, value in server_env.items():
        monkeypatch.setenv(name, value)
    pattern = ground.queues.work[0].name.removesuffix("0") + r"\d+"
    queues = ("--queue-name-pattern", pattern, "--dead-queue-name", ground.queues.dead.name)

    def call(*arguments: str, follow: str = "--no-follow") -> int:
        work = ("--work-uri", ground.folder.store.uri, "--receive-wait", "1s")
        return main(["executor", *queues, *work, follow, *arguments])

    return call


def copied(run: QueuedRun) -> int:
    return run.s3.list_objects_v2(Bucket=run.settings.target_bucket).get("KeyCount", 0)


def in_queues(run: QueuedRun) -> list[int]:
    return [depth_of(run.sqs, queue).total for queue in (*run.queues.work, run.queues.dead)]


def test_all_queues_are_emptied_and_the_run_is_finished(ground: QueuedRun, execute: Executed, capfd: Any) -> None:
    assert execute() == 0
    assert (copied(ground), in_queues(ground)) == (OBJECTS, [0, 0, 0])
    assert ground.summary().state is State.COMPLETE
    assert f"Tried {OBJECTS} tasks of {OBJECTS} messages: {OBJECTS} copied" in capfd.readouterr().err
    assert execute() == 0  # empty queues are no trouble
    assert "Tried 0 tasks" in capfd.readouterr().err


def test_n_takes_from_one_queue(ground: QueuedRun, execute: Executed, capfd: Any) -> None:
    assert execute("-n", "1") == 0  # its own part went well; who empties the queues tells of the run
    assert (copied(ground), in_queues(ground)) == (3, [3, 0, 0])
    assert execute("--queue-num", "7") == 2
    assert "there is no queue of number 7; there are 0, 1" in capfd.readouterr().err


def test_d_takes_from_the_dead_letters_too_and_minus_one_from_them_only(
    ground: QueuedRun, execute: Executed, capfd: Any
) -> None:
    put(ground, tasks_of(ground)[:2], ground.queues.dead)
    assert execute("-n", "-1") == 2
    assert "give -d too" in capfd.readouterr().err
    assert execute("-n", "-1", "-d") == 0
    assert (copied(ground), in_queues(ground)) == (2, [3, 3, 0])
    put(ground, tasks_of(ground)[:1], ground.queues.dead)
    assert execute("--including-dead") == 0
    assert (copied(ground), in_queues(ground)) == (OBJECTS, [0, 0, 0])


@pytest.mark.parametrize(("most", "at_least", "at_most"), [("1", 4, 99), ("10", 1, 3)])
def test_max_receive_num(
    ground: QueuedRun, execute: Executed, faults: Faults, most: str, at_least: int, at_most: int
) -> None:
    faults.clear()
    assert execute("-n", "0", "--max-receive-num", most) == 0
    assert at_least <= faults.requests("ReceiveMessage") <= at_most


def test_downup_carries_the_bytes(ground: QueuedRun, execute: Executed, faults: Faults, tmp_path: Path) -> None:
    faults.clear()
    assert execute("--mode", "downup", "--tmp-dir", str(tmp_path)) == 0
    assert faults.requests("CopyObject") == 0
    assert faults.requests("PutObject", bucket=ground.settings.target_bucket) == OBJECTS
    got = ground.s3.get_object(Bucket=ground.settings.target_bucket, Key="k/3")
    assert got["Body"].read() == b"body 3"


def test_check_copies_nothing_and_buries_what_differs(ground: QueuedRun, execute: Executed, faults: Faults) -> None:
    ground.s3.put_object(Bucket=ground.settings.target_bucket, Key="k/1", Body=b"body 1")
    faults.clear()
    assert execute("--mode", "check") == 3
    assert faults.requests("CopyObject") == 0
    assert in_queues(ground) == [0, 0, 1]
    assert [queued.error_code for queued in ground.queued(ground.queues.dead)] == ["NotFound"] * (OBJECTS - 1)


def test_verify_looks_first(ground: QueuedRun, execute: Executed, faults: Faults) -> None:
    ground.s3.put_object(Bucket=ground.settings.target_bucket, Key="k/1", Body=b"body 1")
    faults.clear()
    assert execute("-v") == 0
    assert faults.requests("CopyObject") == OBJECTS - 1
    assert ground.summary().counts.settled["skipped"].objects == 1


@pytest.mark.parametrize(
    ("option", "hours", "taken"),
    [
        ("--modified-since", 1, 0),
        ("--modified-since", -1, OBJECTS),
        ("--not-modified-since", -1, 0),
        ("--not-modified-since", 1, OBJECTS),
    ],
)
def test_modified_since(ground: QueuedRun, execute: Executed, option: str, hours: int, taken: int) -> None:
    when = (datetime.now(UTC) + timedelta(hours=hours)).isoformat(timespec="seconds")
    assert execute(option, when) == 0
    assert copied(ground) == taken
    assert ground.summary().counts.settled["skipped"].objects == OBJECTS - taken


def test_follow_waits_for_more_until_its_time_is_over(ground: QueuedRun) -> None:
    """`--max-minutes` is a deadline; what comes meanwhile is taken, with `--sleep-sec` between two looks."""
    later = tasks_of(ground)[:1]
    looks: list[int] = []

    def nap(seconds: float) -> None:
        looks.append(1)
        if len(looks) == 2:
            ground.s3.delete_object(Bucket=ground.settings.target_bucket, Key=later[0].task.target_key)
            put(ground, later, ground.queues.work[0])
        import time

        time.sleep(seconds)

    from dataclasses import replace

    from s3sync.retry.consumer import Drain

    ends = datetime.now(UTC) + timedelta(seconds=8)
    context = replace(ground.context, drain_id="follows", follow=True, deadline=ends, sleep_seconds=1.0)
    told = Drain(context, "w", nap=nap).run()
    assert datetime.now(UTC) >= ends
    assert told.by_status == {"copied": OBJECTS + 1}
    assert len(looks) > 3


def test_what_is_forbidden_is_one_line(execute: Executed, faults: Faults, capfd: Any) -> None:
    faults.add(Fault(Action.DENIED, operation="ReceiveMessage"))
    assert execute() == 1
    said = capfd.readouterr().err
    assert "cannot be read: AccessDenied" in said
    assert "Traceback" not in said
