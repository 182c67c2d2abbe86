"""Messages to and from a queue: sent, received, held, let go and deleted, ten a call.

boto3 repeats a call that failed as a whole; entries that fail within a call that was answered are repeated here (C9).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from s3sync.aws.clients import error_text
from s3sync.model.keys import one_line
from s3sync.model.limits import MESSAGES_PER_CALL
from s3sync.queues.find import Queue, asked
from s3sync.queues.messages import Packed, calls

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

ROUNDS = 6
PAUSE_SECONDS = 0.2
PAUSE_MOST_SECONDS = 5.0
DELAY_MOST_SECONDS = 900  # AWS: "DelaySeconds"
HOLD_MOST_SECONDS = 43_200  # AWS: "VisibilityTimeout": twelve hours

# The sender's fault by name, and yet gone when sent again.
_PASSING = frozenset({"Throttling", "ThrottlingException", "RequestThrottled", "InternalError", "ServiceUnavailable"})

Attributes = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it came. `sent_at` is the server's time when it was first sent; `receives` counts this one too."""

    queue: Queue
    message_id: str
    receipt: str
    body: str
    sent_at: datetime | None = None
    receives: int = 1
    attributes: Attributes = field(default_factory=dict)


@dataclass(slots=True)
class Sent:
    """What became of messages: how many tasks went, and which messages did not; `trouble` is the last reason.
    `is_unreachable`: nothing answered, so another queue need not be tried."""

    tasks: int = 0
    requests: int = 0
    left: list[Packed] = field(default_factory=list)
    trouble: str | None = None
    is_unreachable: bool = False


@dataclass(slots=True)
class Refused:
    """Messages that could not be held or deleted, with the last reason; `is_denied`: a permission is missing, so the
    next ones will be refused as well."""

    messages: list[Received] = field(default_factory=list)
    trouble: str = ""
    is_denied: bool = False


def send(
    sqs: "SQSClient",
    queue: Queue,
    messages: Sequence[Packed],
    attributes: Attributes | None = None,
    delay_seconds: float = 0.0,
    pause: Callable[[float], object] = time.sleep,
) -> Sent:
    """Send all messages; never raises for what SQS answers, or where it can't be reached: see `Sent.trouble`.

    A call whose answer was lost is sent again, so a message may be there twice (C8). After one that failed as a whole,
    which boto3 has repeated by then, nothing more is sent to this queue: whoever copies must not wait for it.
    """
    sent = Sent()
    groups = list(calls(messages))
    for place, group in enumerate(groups):
        left = dict(enumerate(group))
        for attempt in range(ROUNDS):
            entries = [_entry(key, packed, attributes, delay_seconds) for key, packed in left.items()]
            sent.requests += 1
            try:
                answer = sqs.send_message_batch(QueueUrl=queue.url, Entries=entries)
            except (ClientError, BotoCoreError) as error:
                sent.trouble = f"queue {queue.name}: {': '.join(error_text(error))}"
                sent.is_unreachable = isinstance(error, BotoCoreError)
                sent.left.extend(message for later in (left.values(), *groups[place + 1 :]) for message in later)
                return sent
            for one in answer.get("Successful", ()):
                sent.tasks += left.pop(int(one["Id"])).tasks
            hopeless = _note_failures(sent, queue, answer.get("Failed", ()))
            if not left or hopeless.issuperset(left):
                break
            pause(min(PAUSE_MOST_SECONDS, PAUSE_SECONDS * 2.0**attempt))
        sent.left.extend(left.values())
    if not sent.left:
        sent.trouble = None
    return sent


def _entry(key: int, packed: Packed, attributes: Attributes | None, delay_seconds: float) -> Any:
    entry: dict[str, Any] = {"Id": str(key), "MessageBody": packed.text}
    if delay_seconds:
        entry["DelaySeconds"] = min(DELAY_MOST_SECONDS, round(delay_seconds))
    if attributes:
        entry["MessageAttributes"] = {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
        }
    return entry


def _note_failures(sent: Sent, queue: Queue, failures: Sequence[Any]) -> set[int]:
    """The entries that are not worth sending again."""
    hopeless = set()
    for failure in failures:
        sent.trouble = f"queue {queue.name}: {failure['Code']}: {one_line(failure.get('Message') or '')}"
        if not _may_pass(failure):
            hopeless.add(int(failure["Id"]))
    return hopeless


def receive(sqs: "SQSClient", queue: Queue, most: int, wait_seconds: float, hold_seconds: float) -> list[Received]:
    """Up to `most` messages (10 at most), hidden from others for `hold_seconds`. Raises ServiceError."""
    answer = asked(
        f"queue {queue.name} cannot be read",
        lambda: sqs.receive_message(
            QueueUrl=queue.url,
            MaxNumberOfMessages=min(most, MESSAGES_PER_CALL),
            WaitTimeSeconds=round(wait_seconds),
            VisibilityTimeout=round(hold_seconds),
            MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
            MessageAttributeNames=["All"],
        ),
    )
    return [_received(queue, message) for message in answer.get("Messages", ())]


def _received(queue: Queue, message: Any) -> Received:
    system = message.get("Attributes", {})
    sent = system.get("SentTimestamp")
    own = message.get("MessageAttributes", {})
    return Received(
        queue,
        message["MessageId"],
        message["ReceiptHandle"],
        message["Body"],
        datetime.fromtimestamp(int(sent) / 1000, UTC) if sent else None,
        int(system.get("ApproximateReceiveCount", 1)),
        {name: value.get("StringValue", "") for name, value in own.items()},
    )


def hold(
    sqs: "SQSClient", messages: Sequence[Received], seconds: float, pause: Callable[[float], object] = time.sleep
) -> Refused:
    """Hide messages for so long from now; 0 shows them again. Those that could not be will be delivered once more,
    which does no harm (C8)."""

    def call(queue: Queue, group: Sequence[Received]) -> Any:
        entries = [
            {"Id": str(place), "ReceiptHandle": each.receipt, "VisibilityTimeout": round(seconds)}
            for place, each in enumerate(group)
        ]
        return sqs.change_message_visibility_batch(QueueUrl=queue.url, Entries=entries)  # type: ignore[arg-type]

    return _for_each(messages, call, pause)


def delete(sqs: "SQSClient", messages: Sequence[Received], pause: Callable[[float], object] = time.sleep) -> Refused:
    """Those that could not be deleted come again, which does no harm (C8)."""

    def call(queue: Queue, group: Sequence[Received]) -> Any:
        entries = [{"Id": str(place), "ReceiptHandle": each.receipt} for place, each in enumerate(group)]
        return sqs.delete_message_batch(QueueUrl=queue.url, Entries=entries)  # type: ignore[arg-type]

    return _for_each(messages, call, pause)


def _for_each(
    messages: Sequence[Received], call: Callable[[Queue, Sequence[Received]], Any], pause: Callable[[float], object]
) -> Refused:
    """Ten of a queue at a time; what fails by no fault of ours is repeated."""
    refused = Refused()
    for queue in dict.fromkeys(message.queue for message in messages):
        of_queue = [message for message in messages if message.queue == queue]
        for start in range(0, len(of_queue), MESSAGES_PER_CALL):
            _repeated(queue, of_queue[start : start + MESSAGES_PER_CALL], call, pause, refused)
    return refused


def _repeated(
    queue: Queue,
    group: Sequence[Received],
    call: Callable[[Queue, Sequence[Received]], Any],
    pause: Callable[[float], object],
    refused: Refused,
) -> None:
    left = group
    for attempt in range(ROUNDS):
        try:
            answer = call(queue, left)
        except (ClientError, BotoCoreError) as error:
            refused.trouble = f"queue {queue.name}: {': '.join(error_text(error))}"
            refused.is_denied = refused.is_denied or _is_denied(error)
            break
        failures = answer.get("Failed", ())
        for one in failures:
            refused.trouble = f"queue {queue.name}: {one['Code']}: {one_line(one.get('Message') or '')}"
        refused.messages += [left[int(one["Id"])] for one in failures if not _may_pass(one)]
        left = [left[int(one["Id"])] for one in failures if _may_pass(one)]
        if not left:
            break
        if attempt + 1 < ROUNDS:
            pause(min(PAUSE_MOST_SECONDS, PAUSE_SECONDS * 2.0**attempt))
    refused.messages += left


def _is_denied(error: ClientError | BotoCoreError) -> bool:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(error, ClientError) else 0
    return status == HTTPStatus.FORBIDDEN or error_text(error)[0].startswith("AccessDenied")


def _may_pass(failure: Any) -> bool:
    """Whether an entry that failed is worth another try."""
    return not failure.get("SenderFault") or failure["Code"] in _PASSING
