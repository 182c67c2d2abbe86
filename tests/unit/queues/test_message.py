"""Messages: a round trip for every task, within SQS's rules, and poison told from good ones (C8, C12)."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.copying.settings import CopySettings
from s3sync.model.outcome import ErrorClass, Outcome, Status
from s3sync.model.task import Action, Method, Task, task_id
from s3sync.queues.messages import Message, PoisonError, QueuedTask, from_text, to_text
from s3sync.retry.one_task import RetryHow, retry_task
from s3sync.runs.outcomes import outcome_table
from s3sync.s3.wire.codec import wire_of
from s3sync.s3.wire.http import MalformedRequest


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


KEYS = st.text(min_size=1, max_size=50).filter(_is_utf8)
# Of objects: some days from the ends of the calendar.
TIMES = st.datetimes(datetime(1, 1, 5), datetime(9999, 12, 25), timezones=st.just(UTC))  # noqa: DTZ001
PLANNED = datetime(2026, 1, 1, tzinfo=UTC)
SETTINGS = CopySettings("from", "to", planned_at=PLANNED)


def task_for(key: str = "a/b", target_key: str | None = None, **changes: object) -> Task:
    target = target_key or key
    version = changes.get("version_id")
    values: dict[str, object] = {
        "task_id": task_id("from", key, version, "to", target),  # type: ignore[arg-type]
        "source_key": key,
        "version_id": None,
        "target_key": target,
        "size": 3,
        "etag": "0" * 32,
        "last_modified": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "storage_class": "STANDARD",
        "action": Action.COPY,
        "reason": "missing",
        "method": Method.COPY_OBJECT,
        **changes,
    }
    return Task(**values)  # type: ignore[arg-type]


@st.composite
def queued_tasks(draw: st.DrawFn) -> QueuedTask:
    key = draw(KEYS)
    task = task_for(
        key,
        draw(st.one_of(st.none(), KEYS)),
        version_id=draw(st.one_of(st.none(), st.just("v1"))),
        size=draw(st.one_of(st.none(), st.integers(0, 5 * 2**40))),
        etag=draw(st.one_of(st.none(), st.just("abc-3"))),
        last_modified=draw(st.one_of(st.none(), TIMES)),
        storage_class=draw(st.one_of(st.none(), st.just("GLACIER"))),
        method=draw(st.sampled_from(Method)),
        target_etag=draw(st.sampled_from((None, "", "abc"))),
    )
    if draw(st.booleans()):
        return QueuedTask(task)
    attempt = draw(st.integers(0, 1000))
    return QueuedTask(
        task,
        attempt,
        draw(st.sampled_from(Status)),
        "AccessDenied",
        draw(st.sampled_from(ErrorClass)),
        draw(st.one_of(st.none(), KEYS)),
        draw(st.integers(0, attempt)),
    )


@given(st.lists(queued_tasks(), min_size=1, max_size=5))
def test_any_task_comes_back_as_it_was(tasks: list[QueuedTask]) -> None:
    message = Message("run-1", "from", "to", tuple(tasks))
    text = to_text(message)
    assert from_text(text) == message
    assert text.isascii()
    assert all(character >= " " for character in text)  # SQS takes what XML takes


GOOD = json.loads(to_text(Message("run-1", "from", "to", (QueuedTask(task_for()),))))


def changed(**changes: object) -> str:
    return json.dumps({**GOOD, **changes})


def with_task(**changes: object) -> str:
    return json.dumps({**GOOD, "tasks": [{**GOOD["tasks"][0], **changes}]})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "Unreadable"),
        ("{", "Unreadable"),
        ("[" * 100_000, "Unreadable"),
        ("[]", "Unreadable"),
        ("null", "Unreadable"),
        ('{"Records": []}', "Unreadable"),  # S3's own notification
        (changed(kind="other"), "Unreadable"),
        (changed(version=3), "OtherVersion"),
        (changed(version=True), "OtherVersion"),
        (changed(version=None), "OtherVersion"),
        (changed(run_id=""), "Unreadable"),
        (changed(source=7), "Unreadable"),
        (changed(tasks=[]), "Unreadable"),
        (changed(tasks="abc"), "Unreadable"),
        (changed(tasks=[7]), "Unreadable"),
        (with_task(key="another"), "Unreadable"),  # the id is not the one of these keys (C2)
        (changed(target="another-bucket"), "Unreadable"),
        (with_task(key="\ud800"), "Unreadable"),
        (with_task(size="3"), "Unreadable"),
        (with_task(size=True), "Unreadable"),
        (with_task(size=10**30), "Unreadable"),
        (with_task(size=2**63), "Unreadable"),
        (with_task(size=-1), "Unreadable"),
        (with_task(last_modified="9999-12-31T23:59:59+00:00"), "Unreadable"),
        (with_task(last_modified="9999-12-31T23:59:59-14:00"), "Unreadable"),
        (with_task(last_modified="0001-01-01T00:00:00+14:00"), "Unreadable"),
        (with_task(last_modified=7), "Unreadable"),
        (with_task(attempt=10**30), "Unreadable"),
        (with_task(method="move"), "Unreadable"),
        (with_task(status="lost"), "Unreadable"),
        (with_task(last_modified="2026-01-02T03:04:05"), "Unreadable"),
        (with_task(last_modified="yesterday"), "Unreadable"),
        (with_task(attempt=-1), "Unreadable"),
        (with_task(attempt=None), "Unreadable"),
        (with_task(attempt=2, forgiven=3), "Unreadable"),
        (with_task(attempt=2, forgiven=-1), "Unreadable"),
        (with_task(attempt=2, forgiven="1"), "Unreadable"),
    ],
)
def test_poison_is_told(text: str, code: str) -> None:
    with pytest.raises(PoisonError) as caught:
        from_text(text)
    assert caught.value.code == code
    assert "\n" not in str(caught.value)


NASTY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 2**31, 2**63 - 1, 2**63, 10**30, -(10**30)]),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["", "\x00", "a\r\nb: c", "\ud800", "9999-12-31T23:59:59.999999-23:59", "0001-01-01T00:00:00Z"]),
    st.datetimes(timezones=st.timezones()).map(datetime.isoformat),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


@given(st.dictionaries(st.sampled_from([*GOOD["tasks"][0], "version_id", "target_key", "status", "error_code",
                                         "error_class", "message", "forgiven"]), NASTY))  # fmt: skip
def test_what_is_no_poison_can_be_carried_out(fields: dict[str, Any]) -> None:
    """Whatever a message says: it is refused here, or nothing behind this fails over it. Behind it are the settings'
    times, a request, the row of its outcome, and the message that it goes back in."""
    try:
        message = from_text(with_task(**fields))
    except PoisonError:
        return
    (queued,) = message.tasks
    task = queued.task
    if task.last_modified is not None:
        _ = task.last_modified - timedelta(days=1), task.last_modified + timedelta(days=1)
        assert task.last_modified.astimezone(UTC) == task.last_modified
    operation = retry_task(task, SETTINGS, queued.attempt + 1, RetryHow(modified_since=PLANNED), look_first=False)
    ended = None
    try:
        requests = next(operation)
    except StopIteration as end:
        ended = end.value
    else:
        for request in requests:
            with suppress(MalformedRequest):
                wire_of(request)
    if ended is None:
        ended = Outcome(task.task_id, task.source_key, task.target_key, queued.attempt + 1, Status.FAILED, task.reason,
                        "AccessDenied", ErrorClass.DENIED, "no", task.size, None, None, None, 1, 1)  # fmt: skip
    assert outcome_table([ended]).num_rows == 1
    again = Message(message.run_id, "from", "to", (QueuedTask.after(task, ended, queued.forgiven),))
    assert from_text(to_text(again)).tasks[0].task == task


@pytest.mark.parametrize(("attempt", "redriven"), [(0, (1, 1)), (1, (1, 1)), (5, (5, 1))])
def test_c1_a_redriven_task_keeps_its_attempts_and_one_of_them_counts(attempt: int, redriven: tuple[int, int]) -> None:
    again = QueuedTask(task_for(), attempt).redriven()
    assert (again.attempt, again.counted) == redriven
    assert again.redriven() == again


def test_fields_that_are_not_known_are_passed_over() -> None:
    assert from_text(changed(colour="red")) == from_text(json.dumps(GOOD))


def test_version_1_is_still_read() -> None:
    """It had no `target_etag`: nobody knows what the target was like."""
    text = to_text(Message("run-1", "from", "to", (QueuedTask(task_for(target_etag=None)),)))
    assert '"version":2' in text
    (queued,) = from_text(text.replace('"version":2', '"version":1')).tasks
    assert queued.task == task_for()
