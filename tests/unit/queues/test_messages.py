"""Packing: every task in one message, every message and every call within SQS's limits, whatever the keys."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from s3sync.model.limits import KEY_MAX_BYTES, MESSAGE_MAX_BYTES, MESSAGES_PER_CALL
from s3sync.model.outcome import ErrorClass, Status
from s3sync.model.task import Action, Method, Task, task_id
from s3sync.queues.messages import ATTRIBUTES_BYTES, Packed, QueuedTask, calls, from_text, pack, queue_of, spread


def queued(key: str, message: str | None = None) -> QueuedTask:
    task = Task(
        task_id("from", key, None, "to", f"x{key}"),
        key,
        None,
        f"x{key}",
        3,
        "0" * 32,
        datetime(2026, 1, 2, tzinfo=UTC),
        "STANDARD",
        Action.COPY,
        "missing",
        Method.COPY_OBJECT,
    )
    return QueuedTask(task, 1, Status.FAILED, "AccessDenied", ErrorClass.DENIED, message)


LONG = "\U0001f600" * (KEY_MAX_BYTES // 4 - 1)  # as many 4-byte characters as a key has room for
KEYS = st.text(min_size=1, max_size=250).filter(lambda key: key.isprintable())


@given(st.lists(KEYS, unique=True, max_size=40), st.integers(1, 10))
def test_all_tasks_are_packed_once_and_in_order(keys: list[str], batch_num: int) -> None:
    packed = list(pack("r", ("from", "to"), map(queued, keys), batch_num))
    messages = [from_text(each.text) for each in packed]
    assert [q.task.source_key for message in messages for q in message.tasks] == keys
    assert [each.tasks for each in packed] == [len(message.tasks) for message in messages]
    assert all(len(message.tasks) <= batch_num for message in messages)
    assert len(packed) == -(-len(keys) // batch_num)


def test_messages_of_the_longest_keys_are_split() -> None:
    tasks = [queued(f"{n:03d}{LONG[1:]}", "\U0001f600" * 300) for n in range(200)]
    packed = list(pack("r", ("from", "to"), tasks, batch_num=10_000))
    assert len(packed) > 1
    assert sum(each.tasks for each in packed) == 200
    assert all(len(each.text.encode()) <= MESSAGE_MAX_BYTES - ATTRIBUTES_BYTES for each in packed)
    for group in calls(packed):
        assert sum(len(each.text) for each in group) <= MESSAGE_MAX_BYTES
        assert len(group) <= MESSAGES_PER_CALL


def test_a_single_task_is_never_too_large() -> None:
    (packed,) = pack("r" * 100, ("f" * 63, "t" * 63), [queued(LONG, "\U0001f600" * 300)], 1)
    assert len(packed.text) < MESSAGE_MAX_BYTES / 10


@given(st.lists(st.integers(1, 200_000), max_size=30))
def test_calls_hold_every_message_once_within_the_limits(sizes: list[int]) -> None:
    messages = [Packed("x" * size, 1) for size in sizes]
    groups = list(calls(messages))
    assert [each for group in groups for each in group] == messages
    assert all(len(group) <= MESSAGES_PER_CALL for group in groups)
    assert all(sum(len(each.text) for each in group) <= MESSAGE_MAX_BYTES for group in groups)


def test_tasks_are_spread_over_all_queues_and_always_the_same_way() -> None:
    tasks = [queued(str(n)) for n in range(1_000)]
    parts = spread(tasks, 4)
    assert sorted(parts) == [0, 1, 2, 3]
    assert all(180 < len(part) < 320 for part in parts.values())
    assert {q.task.task_id: place for place, part in parts.items() for q in part} == {
        q.task.task_id: queue_of(q.task.task_id, 4) for q in tasks
    }
    assert spread([], 3) == {}
