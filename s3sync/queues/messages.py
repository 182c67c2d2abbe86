"""The message of a queue: tasks that are to be tried again, as versioned JSON (docs/tables.md, "Messages").

ASCII only, so every key and every error text is legal in SQS. A message holds no secret and no setting of the copy:
how to copy stands in the folder of the run that it names (C12).

Packing tasks into messages, and messages into calls, within SQS's limits; spreading them over queues.

Sizes are bytes. Source: "Amazon SQS message quotas": a message, and all messages of one call together, up to the same
limit; ten messages a call.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from s3sync.model.limits import MESSAGE_MAX_BYTES, MESSAGES_PER_CALL
from s3sync.model.outcome import ErrorClass, Outcome, Status
from s3sync.model.task import Action, Method, Task, task_id

VERSION = 2
VERSIONS = (1, 2)  # those that are read: 1 has no `target_etag`
KIND = "s3sync"
SIZE_MAX = 2**63 - 1  # of a column of a table
_FIRST, _LAST = datetime(1, 1, 4, tzinfo=UTC), datetime(9999, 12, 28, tzinfo=UTC)


class PoisonError(ValueError):
    """A message that can't be carried out, ever. `code` is a word for it, the text half a sentence for a person."""

    def __init__(self, code: str, problem: str) -> None:
        super().__init__(problem)
        self.code = code


@dataclass(frozen=True, slots=True)
class QueuedTask:
    """A task, how often it was tried, and what the last attempt came to; without an attempt it waits for its first.

    `forgiven` of the attempts do not count against `--retry-attempts`. They stay in `attempt`, by which the later one
    of two outcomes is told.
    """

    task: Task
    attempt: int = 0
    status: Status | None = None
    error_code: str | None = None
    error_class: ErrorClass | None = None
    message: str | None = None
    forgiven: int = 0

    @classmethod
    def after(cls, task: Task, outcome: Outcome, forgiven: int = 0) -> "QueuedTask":
        return cls(
            task,
            outcome.attempt,
            outcome.status,
            outcome.error_code,
            outcome.error_class,
            (outcome.message or None),
            forgiven,
        )

    @property
    def code(self) -> str:
        """What the last attempt came to, in a word for a person."""
        return self.error_code or (str(self.status) if self.status else "not tried yet")

    @property
    def counted(self) -> int:
        """The attempts that count against `--retry-attempts`."""
        return self.attempt - self.forgiven

    def redriven(self) -> "QueuedTask":
        """As if it had been tried once: one that nobody counted may have been begun by a worker that died over it."""
        tried = max(self.attempt, 1)
        return replace(self, attempt=tried, forgiven=tried - 1)


@dataclass(frozen=True, slots=True)
class Message:
    """Tasks of one run, which all lead from one bucket to another."""

    run_id: str
    source_bucket: str
    target_bucket: str
    tasks: tuple[QueuedTask, ...]


def to_text(message: Message) -> str:
    return joined(
        head_text(message.run_id, message.source_bucket, message.target_bucket), map(task_text, message.tasks)
    )


def head_text(run_id: str, source_bucket: str, target_bucket: str) -> str:
    """What stands before the tasks; with `joined` a message is put together from texts that are made once."""
    head = {"kind": KIND, "version": VERSION, "run_id": run_id, "source": source_bucket, "target": target_bucket}
    return _compact(head)[:-1] + ',"tasks":['


def joined(head: str, tasks: Any) -> str:
    return f"{head}{','.join(tasks)}]}}"


def task_text(queued: QueuedTask) -> str:
    """One task as JSON; fields that are null are left out, and so is a target key like the source's."""
    task = queued.task
    fields = {
        "id": task.task_id,
        "key": task.source_key,
        "version_id": task.version_id,
        "target_key": task.target_key if task.target_key != task.source_key else None,
        "size": task.size,
        "etag": task.etag,
        "last_modified": task.last_modified.isoformat() if task.last_modified else None,
        "storage_class": task.storage_class,
        "reason": task.reason,
        "method": str(task.method),
        "target_etag": task.target_etag,
        "attempt": queued.attempt,
        "status": _text(queued.status),
        "error_code": queued.error_code,
        "error_class": _text(queued.error_class),
        "message": queued.message,
        "forgiven": queued.forgiven or None,
    }
    return _compact({name: value for name, value in fields.items() if value is not None})


def from_text(text: str) -> Message:
    """Raises PoisonError: `Unreadable` where it is no message of s3sync, `OtherVersion` where it is of another one."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PoisonError("Unreadable", f"is not JSON ({type(error).__name__})") from error
    if not isinstance(value, dict) or value.get("kind") != KIND:
        raise PoisonError("Unreadable", "is no message of s3sync")
    if value.get("version") not in VERSIONS or value["version"] is True:
        known = " and ".join(map(str, VERSIONS))
        raise PoisonError("OtherVersion", f"is of version {str(value.get('version'))[:20]}; {known} are known")
    try:
        source, target = _required(value, "source"), _required(value, "target")
        tasks = tuple(_queued(task, source, target) for task in value["tasks"])
        run_id = _required(value, "run_id")
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise PoisonError("Unreadable", f"has a field that is missing or wrong: {str(error)[:100]}") from error
    if not tasks:
        raise PoisonError("Unreadable", "has no task")
    return Message(run_id, source, target, tasks)


def _queued(value: Mapping[str, Any], source: str, target: str) -> QueuedTask:
    key = _required(value, "key")
    modified, status, error_class = (value.get(name) for name in ("last_modified", "status", "error_class"))
    task = Task(
        task_id=_required(value, "id"),
        source_key=key,
        version_id=_optional(value, "version_id", str),
        target_key=_optional(value, "target_key", str) or key,
        size=_optional(value, "size", int),
        etag=_optional(value, "etag", str),
        last_modified=_moment(modified) if modified else None,
        storage_class=_optional(value, "storage_class", str),
        action=Action.COPY,
        reason=_required(value, "reason"),
        method=Method(value["method"]),
        target_etag=_optional(value, "target_etag", str),
    )
    if task.task_id != task_id(source, key, task.version_id, target, task.target_key):
        raise ValueError("id is not the one of these keys")
    if task.size is not None and not 0 <= task.size <= SIZE_MAX:
        raise ValueError("size is no number of bytes")
    attempt = _optional(value, "attempt", int)
    if attempt is None or not 0 <= attempt <= 1_000_000:  # noqa: PLR2004
        raise ValueError("attempt is no number of attempts")
    forgiven = _optional(value, "forgiven", int) or 0
    if not 0 <= forgiven <= attempt:
        raise ValueError("forgiven is no number of its attempts")
    return QueuedTask(
        task,
        attempt,
        Status(status) if status else None,
        _optional(value, "error_code", str),
        ErrorClass(error_class) if error_class else None,
        _optional(value, "message", str),
        forgiven,
    )


def _moment(text: str) -> datetime:
    """Some days from the first and the last moment that there is: whoever compares it adds seconds and zones to it."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("last_modified has no offset")
    if not _FIRST <= moment <= _LAST:
        raise ValueError("last_modified is no time of an object")
    return moment


def _required(value: Mapping[str, Any], name: str) -> str:
    found = value[name]
    if not isinstance(found, str) or not found:
        raise ValueError(f"{name} is no text")
    found.encode()  # lone surrogates are no text either
    return found


def _optional(value: Mapping[str, Any], name: str, kind: type) -> Any:
    found = value.get(name)
    if found is not None and (not isinstance(found, kind) or isinstance(found, bool)):
        raise ValueError(f"{name} is of a wrong type")
    if isinstance(found, str):
        found.encode()
    return found


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _compact(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))


Item = TypeVar("Item")

ATTRIBUTES_BYTES = 1024  # left free in each message for its attributes, which count too


@dataclass(frozen=True, slots=True)
class Packed:
    """The text of a message and how many tasks are in it."""

    text: str
    tasks: int


def queue_of(task_id: str, queues: int) -> int:
    """The place of the queue that a task goes to: always the same one while their number is."""
    return int(task_id[:8], 16) % queues


def spread(tasks: Iterable[QueuedTask], queues: int) -> dict[int, list[QueuedTask]]:
    """The tasks by the place of their queue."""
    found: defaultdict[int, list[QueuedTask]] = defaultdict(list)
    for queued in tasks:
        found[queue_of(queued.task.task_id, queues)].append(queued)
    return dict(found)


def pack(
    run_id: str,
    buckets: tuple[str, str],
    tasks: Iterable[QueuedTask],
    batch_num: int,
    max_bytes: int = MESSAGE_MAX_BYTES - ATTRIBUTES_BYTES,
) -> Iterator[Packed]:
    """Messages of up to `batch_num` tasks and `max_bytes` bytes, in order. `buckets` are source and target.

    A single task is always small enough: a key has 1,024 bytes at most, which JSON makes up to six times as many.
    """
    head = head_text(run_id, *buckets)
    held: list[str] = []
    size = len(head) + 2  # the text is ASCII: a character is a byte
    for queued in tasks:
        text = task_text(queued)
        if held and (len(held) >= batch_num or size + len(text) + 1 > max_bytes):
            yield Packed(joined(head, held), len(held))
            held, size = [], len(head) + 2
        held.append(text)
        size += len(text) + 1
    if held:
        yield Packed(joined(head, held), len(held))


def calls(
    messages: Sequence[Packed], most: int = MESSAGES_PER_CALL, max_bytes: int = MESSAGE_MAX_BYTES
) -> Iterator[list[Packed]]:
    """The messages in portions that one SendMessageBatch takes."""
    held: list[Packed] = []
    size = 0
    for message in messages:
        weight = len(message.text) + ATTRIBUTES_BYTES
        if held and (len(held) >= most or size + weight > max_bytes):
            yield held
            held, size = [], 0
        held.append(message)
        size += weight
    if held:
        yield held


REASON_ATTRIBUTE = "s3sync-reason"
