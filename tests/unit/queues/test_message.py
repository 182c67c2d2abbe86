"""Messages: a round trip for every task, within SQS's rules, and poison told from good ones (C8, C12)."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.model.outcome import ErrorClass, Status
from s3sync.model.task import Action, Method, Task, task_id
from s3sync.queues.messages import Message, PoisonError, QueuedTask, from_text, to_text


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


KEYS = st.text(min_size=1, max_size=50).filter(_is_utf8)
TIMES = st.datetimes(timezones=st.just(UTC))


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
        (changed(version=2), "OtherVersion"),
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


@pytest.mark.parametrize(("attempt", "redriven"), [(0, (1, 1)), (1, (1, 1)), (5, (5, 1))])
def test_c1_a_redriven_task_keeps_its_attempts_and_one_of_them_counts(attempt: int, redriven: tuple[int, int]) -> None:
    again = QueuedTask(task_for(), attempt).redriven()
    assert (again.attempt, again.counted) == redriven
    assert again.redriven() == again


def test_fields_that_are_not_known_are_passed_over() -> None:
    assert from_text(changed(colour="red")) == from_text(json.dumps(GOOD))
