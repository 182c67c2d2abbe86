"""The queues themselves: made, found, refused, looked at, moved and emptied, by the commands that users type."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from s3sync.cli.main import main
from s3sync.config.model import QueueConfig
from s3sync.errors import ConfigError, ServiceError
from s3sync.queues.create import delete_queue, set_up_queues
from s3sync.queues.find import attributes_of, depth_of, find_queue, find_queues, sqs_client
from s3sync.queues.messages import Packed, from_text, pack
from s3sync.queues.sqs import delete, hold, receive, send
from tests.contract.queueing import access_to
from tests.servers import Server
from tests.servers.faults import Action, Fault, Faults
from tests.unit.queues.test_messages import LONG, queued

Run = Callable[..., int]


@pytest.fixture
def mark(sqs: Any) -> Iterator[str]:
    """A beginning of names of this test's own; queues of such names are deleted after it."""
    name = f"s3sync-t-{uuid4().hex[:8]}"
    yield name
    for url in sqs.list_queues(QueueNamePrefix=name).get("QueueUrls", ()):
        sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def own(server: Server) -> Any:
    return sqs_client(access_to(server).queue)


@pytest.fixture
def run(server_env: dict[str, str], mark: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Run:
    """`run("init", ...)`: the command with this test's queues; gives the exit code."""
    monkeypatch.chdir(tmp_path)
    for name, value in server_env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("QUEUE_NUM", "3")

    def call(command: str, *arguments: str) -> int:
        names = ("--queue-name-pattern", rf"{mark}-\d+", "--dead-queue-name", f"{mark}-dead")
        return main([command, *names, *arguments])

    return call


def config_of(mark: str, **changes: Any) -> QueueConfig:
    return QueueConfig(**{"queue_name_pattern": rf"{mark}-\d+", "dead_queue_name": f"{mark}-dead", **changes})


def test_init_creates_says_what_is_there_and_deletes(run: Run, own: Any, mark: str, capfd: Any) -> None:
    assert run("init", "--visibility", "7m", "--receive-wait", "9s", "--redrive-after", "33") == 0
    found = find_queues(own, rf"{mark}-\d+", f"{mark}-dead")
    assert [queue.name for queue in found.work] == [f"{mark}-{n}" for n in range(3)]
    assert found.dead is not None
    dead = attributes_of(own, found.dead)
    for queue in found.work:
        attributes = attributes_of(own, queue)
        assert attributes["MessageRetentionPeriod"] == str(4 * 24 * 3600)
        assert attributes["VisibilityTimeout"] == "420"
        assert attributes["ReceiveMessageWaitTimeSeconds"] == "9"
        assert attributes["SqsManagedSseEnabled"] == "true"
        redrive = json.loads(attributes["RedrivePolicy"])
        assert (redrive["deadLetterTargetArn"], int(redrive["maxReceiveCount"])) == (dead["QueueArn"], 33)
    assert dead["MessageRetentionPeriod"] == str(14 * 24 * 3600)
    assert dead["SqsManagedSseEnabled"] == "true"

    before = [attributes_of(own, queue) for queue in found.work]
    assert run("init", "--visibility", "7m", "--receive-wait", "9s", "--redrive-after", "33") == 0
    assert "differs" not in capfd.readouterr().err
    assert run("init", "--visibility", "8m", "--receive-wait", "9s", "--redrive-after", "34") == 1
    said = capfd.readouterr().err
    assert f"{mark}-1: differs: VisibilityTimeout is 420, configured is 480" in said
    assert f"RedrivePolicy is {mark}-dead after 33 receives, configured is {mark}-dead after 34 receives" in said
    assert [attributes_of(own, queue) for queue in found.work] == before  # nothing was changed

    assert run("init", "--delete") == 2  # nobody is there to be asked
    assert "give --yes" in capfd.readouterr().err
    assert find_queue(own, f"{mark}-0") is not None
    assert run("init", "--delete", "--yes") == 0
    assert find_queue(own, f"{mark}-0") is None
    assert find_queue(own, f"{mark}-dead") is None


class Terminal(io.StringIO):
    """Somebody who is there and answers."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("command", [("init", "--delete"), ("queues", "--purge")])
def test_what_destroys_asks_and_takes_no_for_an_answer(
    run: Run, own: Any, mark: str, monkeypatch: pytest.MonkeyPatch, capfd: Any, command: tuple[str, str]
) -> None:
    assert run("init") == 0
    queue = find_queue(own, f"{mark}-0")
    assert queue is not None
    send(own, queue, [Packed("x", 1)])
    for answer in ("no\n", "\n", ""):
        monkeypatch.setattr("sys.stdin", Terminal(answer))
        assert run(*command) == 2
        assert "not confirmed; nothing was done" in capfd.readouterr().err
        assert depth_of(own, queue).waiting == 1
    monkeypatch.setattr("sys.stdin", Terminal("yes\n"))
    assert run(*command) == 0
    assert f"{mark}-0, {mark}-1, {mark}-2, {mark}-dead" in capfd.readouterr().err  # the question names them
    there = find_queue(own, f"{mark}-0")
    assert there is None or depth_of(own, there).total == 0


def test_a_deletion_that_was_cut_short_is_finished_by_the_same_command(
    run: Run, own: Any, mark: str, capfd: Any
) -> None:
    assert run("init") == 0
    for number in range(3):
        delete_queue(own, find_queue(own, f"{mark}-{number}"))
    assert run("init", "--delete", "--yes") == 0
    assert find_queue(own, f"{mark}-dead") is None
    assert run("init", "--delete", "--yes") == 0
    assert "There are no such queues" in capfd.readouterr().err


def test_init_tells_of_queues_beyond_their_number(
    run: Run, own: Any, mark: str, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    assert run("init") == 0
    monkeypatch.setenv("QUEUE_NUM", "2")
    assert run("init") == 1
    assert f"{mark}-2: differs: matches the pattern too, and is used, but QUEUE_NUM is 2" in capfd.readouterr().err
    assert find_queue(own, f"{mark}-2") is not None


def test_what_is_missing_is_named(run: Run, own: Any, mark: str, capfd: Any) -> None:
    assert run("queues") == 2
    assert f"--dead-queue-name: there is no queue {mark}-dead; `s3sync init` creates it" in capfd.readouterr().err
    own.create_queue(QueueName=f"{mark}-dead")
    assert run("queues") == 2
    assert "--queue-name-pattern: no queue matches" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("name", "attributes", "problem"),
    [
        ("{mark}-9", {}, "which has no dead-letter queue"),
        ("{mark}-9", {"feeds": "{mark}-other"}, "whose dead-letter queue is"),
        ("{mark}-9.fifo", {"FifoQueue": "true"}, "a FIFO queue"),
    ],
)
def test_a_foreign_queue_that_matches_is_refused(
    own: Any, mark: str, name: str, attributes: dict[str, str], problem: str
) -> None:
    set_up_queues(own, config_of(mark))
    given = dict(attributes)
    if other := given.pop("feeds", None):
        own.create_queue(QueueName=other.format(mark=mark))
        arn = attributes_of(own, find_queue(own, other.format(mark=mark)))["QueueArn"]
        given["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "5"})
    own.create_queue(QueueName=name.format(mark=mark), Attributes=given)
    with pytest.raises(ConfigError) as caught:
        find_queues(own, rf"{mark}-\d+(\.fifo)?", f"{mark}-dead")
    assert problem in str(caught.value)
    assert "narrow the pattern" in str(caught.value)


def test_forbidden_is_one_line(run: Run, faults: Faults, capfd: Any) -> None:
    faults.add(Fault(Action.DENIED, operation="GetQueueUrl"))
    assert run("queues") == 1
    said = capfd.readouterr().err
    assert "AccessDenied" in said
    assert "Traceback" not in said


def test_the_largest_messages_go_and_come_back(own: Any, mark: str) -> None:
    set_up_queues(own, config_of(mark))
    queue = find_queues(own, rf"{mark}-\d+", f"{mark}-dead").work[0]
    tasks = [queued(f"{n:03d}{LONG[1:]}", "\U0001f600" * 300) for n in range(120)]
    packed = list(pack("r", ("from", "to"), tasks, 1_000))
    sent = send(own, queue, packed)
    assert (sent.tasks, sent.left, sent.trouble) == (120, [], None)
    seen = []
    while found := receive(own, queue, 10, 0, 60):
        seen += [each.task.source_key for message in found for each in from_text(message.body).tasks]
        assert not delete(own, found).messages
    assert sorted(seen) == sorted(task.task.source_key for task in tasks)
    assert depth_of(own, queue).total == 0


def test_partial_failures_are_sent_again_and_no_task_is_told_twice(own: Any, mark: str, faults: Faults) -> None:
    set_up_queues(own, config_of(mark))
    queue = find_queues(own, rf"{mark}-\d+", f"{mark}-dead").work[0]
    faults.add(Fault(Action.PARTIAL_FAILURE, operation="SendMessageBatch", times=3))
    packed = [Packed(f"message {n}", 2) for n in range(25)]
    sent = send(own, queue, packed, pause=lambda _: None)
    assert (sent.tasks, sent.left) == (50, [])
    assert depth_of(own, queue).waiting == 25
    faults.clear()
    faults.add(Fault(Action.PARTIAL_FAILURE, operation="SendMessageBatch"))
    sent = send(own, queue, packed[:1], pause=lambda _: None)
    assert (sent.tasks, sent.left) == (0, packed[:1])
    assert "InternalError" in (sent.trouble or "")
    assert faults.requests("SendMessageBatch") == 6  # bounded (C9)


def test_a_queue_that_is_gone_or_forbidden_is_told(own: Any, mark: str, faults: Faults) -> None:
    set_up_queues(own, config_of(mark))
    queue = find_queues(own, rf"{mark}-\d+", f"{mark}-dead").work[0]
    own.delete_queue(QueueUrl=queue.url)
    sent = send(own, queue, [Packed("x", 3)])
    assert sent.tasks == 0
    assert sent.trouble is not None
    assert queue.name in sent.trouble
    with pytest.raises(ServiceError, match="cannot be read"):
        receive(own, queue, 10, 0, 30)
    assert not hold(own, [], 5).messages


def put_dead(own: Any, mark: str) -> Any:
    set_up_queues(own, config_of(mark))
    queues = find_queues(own, rf"{mark}-\d+", f"{mark}-dead")
    denied = [replace(queued(f"denied-{n}", "no\x1b[2Jentry"), attempt=5) for n in range(5)]
    send(own, queues.dead, list(pack("run-1", ("from", "to"), denied, 2)))
    send(own, queues.dead, list(pack("run-2", ("from", "to"), [queued("<script>")], 2)))
    send(own, queues.dead, [Packed("{poison", 1)])
    return queues


def test_queues_shows_and_peeks(run: Run, own: Any, mark: str, capfd: Any) -> None:
    put_dead(own, mark)
    assert run("queues", "--peek") == 0
    said = capfd.readouterr().err
    assert "AccessDenied 6" in said
    assert "Unreadable 1" in said
    assert "xdenied" not in said
    assert "denied-4: attempt 5: AccessDenied: no" in said
    assert "\x1b[2J" not in said  # a key or a text must not move the cursor
    assert depth_of(own, find_queue(own, f"{mark}-dead")).waiting == 5  # they were let go


def test_redrive_takes_what_the_filter_says(run: Run, own: Any, mark: str, capfd: Any) -> None:
    queues = put_dead(own, mark)
    assert run("queues", "--error-code", "AccessDenied") == 2
    assert run("queues", "--redrive", "--error-code", "NoSuchKey") == 0
    assert "6 tasks left" in capfd.readouterr().err
    assert run("queues", "--redrive", "--only-run", "run-2") == 0
    assert "1 tasks sent to the work queues" in capfd.readouterr().err
    assert depth_of(own, queues.dead).waiting == 4
    assert run("queues", "--redrive", "--error-code", "AccessDenied") == 0
    said = capfd.readouterr().err
    assert "5 tasks sent to the work queues" in said
    assert "1 poison messages left" in said
    back = [each for queue in queues.work for each in receive(own, queue, 10, 0, 60)]
    tasks = [task for message in back for task in from_text(message.body).tasks]
    assert sorted(task.task.source_key for task in tasks) == ["<script>", *(f"denied-{n}" for n in range(5))]
    assert {(task.attempt, task.counted) for task in tasks} == {(1, 1), (5, 1)}


def test_a_redrive_keeps_the_reason_of_what_stays_and_says_what_was_not_sent(
    run: Run, own: Any, mark: str, faults: Faults, capfd: Any
) -> None:
    set_up_queues(own, config_of(mark))
    queues = find_queues(own, rf"{mark}-\d+", f"{mark}-dead")
    other = replace(queued("other"), error_code="SlowDown")
    letter = list(pack("run-1", ("from", "to"), [queued("mine"), other], 2))
    send(own, queues.dead, letter, {"s3sync-reason": "AccessDenied (1)", "s3sync-drain": "d1"})

    faults.add(Fault(Action.DENIED, operation="SendMessageBatch"))
    assert run("queues", "--redrive", "--error-code", "SlowDown") == 1
    assert "1 tasks not sent: queue" in capfd.readouterr().err
    assert depth_of(own, queues.dead).waiting == 1
    faults.clear()

    assert run("queues", "--redrive", "--error-code", "SlowDown") == 0
    (stays,) = receive(own, queues.dead, 10, 1, 1)
    assert [task.task.source_key for task in from_text(stays.body).tasks] == ["mine"]
    assert stays.attributes == {"s3sync-reason": "AccessDenied (1)", "s3sync-drain": "d1"}


def test_c9_a_redrive_ends_though_what_stays_comes_again(
    run: Run, own: Any, mark: str, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    put_dead(own, mark)
    monkeypatch.setattr("s3sync.queues.redrive.HOLD_SECONDS", 0)
    assert run("queues", "--redrive", "--error-code", "NoSuchKey") == 0
    said = capfd.readouterr().err
    assert "6 tasks left" in said
    assert "1 poison messages left" in said


def test_purge_asks_first(run: Run, own: Any, mark: str, capfd: Any) -> None:
    queues = put_dead(own, mark)
    assert run("queues", "--purge") == 2
    assert run("queues", "--purge", "--redrive", "--yes") == 2
    assert depth_of(own, queues.dead).waiting == 5
    assert run("queues", "--purge", "--yes") == 0
    assert depth_of(own, queues.dead).total == 0
