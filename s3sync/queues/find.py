r"""Which queues there are: found by pattern, looked at, and refused where they are not ours.

A work queue is one whose name matches the pattern and whose redrive policy names the dead-letter queue. What matches
and is anything else is refused, not passed over: messages of others must not be eaten, nor ours be fed to them.

Queue names by a pattern: a regular expression that finds them, with one place that stands for the number.

| pattern         | finds                            | creates                 |
|-----------------|----------------------------------|-------------------------|
| `s3sync-\d+`    | s3sync-0, s3sync-17              | s3sync-0, s3sync-1, ... |
| `s3sync-[0-9]+` | the same                         | the same                |
| `s3sync-{index}`| the same                         | the same                |
| `s3sync-.*`     | all that begin so                | nothing: no number      |
| `a\d+-\d+`      | all of that form                 | nothing: two numbers    |
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from s3sync.aws.clients import client, error_text
from s3sync.config.model import Access
from s3sync.errors import ConfigError, ServiceError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


_NUMBER = re.compile(r"\\d\+|\[0-9\]\+|\{index\}")
_LITERAL = re.compile(r"[A-Za-z0-9_-]*")
_ESCAPED = re.compile(r"\\([-_])")  # as re.escape may write them


def expression(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression, `{index}` understood; a queue's whole name must match."""
    return re.compile(pattern.replace("{index}", r"\d+"))


def names_for(pattern: str, count: int) -> list[str]:
    """The names of the queues with the numbers 0 to count-1.

    Raises ValueError, half a sentence for a person, where the pattern can't create names.
    """
    pieces = [_ESCAPED.sub(r"\1", piece) for piece in _NUMBER.split(pattern)]
    if len(pieces) != 2:  # noqa: PLR2004
        raise ValueError(r"must hold exactly one \d+, [0-9]+ or {index} to create queues, such as s3sync-\d+")
    before, after = pieces
    if not all(_LITERAL.fullmatch(piece) for piece in pieces):
        raise ValueError(r"may hold only letters, digits, - and _ beside the number, such as s3sync-\d+")
    return [f"{before}{number}{after}" for number in range(count)]


def literal_beginning(pattern: str) -> str:
    """What the name of every match begins with, as far as that is plain to see."""
    if "|" in pattern:
        return ""
    found = re.match(r"(?:[A-Za-z0-9_-]|\\[-_])*", pattern)
    text = found[0] if found else ""
    following = pattern[len(text) :]
    if following[:1] in ("?", "*", "{") and not following.startswith("{index}"):
        text = text[:-1].removesuffix("\\")  # the last character may be missing
    return _ESCAPED.sub(r"\1", text)


def number_in(pattern: str, name: str) -> int | None:
    """The number of a queue: what stands in the pattern's place for it; None where that can't be told."""
    grouped = _NUMBER.sub(r"(\\d+)", pattern)
    found = re.fullmatch(grouped, name)
    return int(found[1]) if found and found.re.groups == 1 else None


PATTERN_OPTION = "--queue-name-pattern"
DEAD_OPTION = "--dead-queue-name"
LISTED_AT_A_TIME = 1000

_MISSING = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Queue:
    """`number` is what the name has in the pattern's place for it, None where that can't be told."""

    name: str
    url: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Queues:
    """The work queues by number and name, and the dead-letter queue where one is configured."""

    work: tuple[Queue, ...] = ()
    dead: Queue | None = None


@dataclass(frozen=True, slots=True)
class Depth:
    """About how many messages wait, are being worked on, and are not to be seen yet (AWS: "approximate")."""

    waiting: int = 0
    in_flight: int = 0
    delayed: int = 0

    def __add__(self, other: "Depth") -> "Depth":
        return Depth(self.waiting + other.waiting, self.in_flight + other.in_flight, self.delayed + other.delayed)

    @property
    def total(self) -> int:
        return self.waiting + self.in_flight + self.delayed


def sqs_client(access: Access) -> "SQSClient":
    """Raises ConfigError and ServiceError as `clients.session` does."""
    return client("sqs", access)


def asked(what: str, call: Callable[[], Answer]) -> Answer:
    """The call's answer; what AWS refuses, and a server that can't be reached, is a ServiceError that says `what`."""
    try:
        return call()
    except (ClientError, BotoCoreError) as error:
        raise ServiceError(f"{what}: {': '.join(error_text(error))}") from error


def is_missing(error: ClientError) -> bool:
    return error_text(error)[0] in _MISSING


def find_queue(sqs: "SQSClient", name: str) -> Queue | None:
    """The queue of that very name; None where there is none. Raises ServiceError."""
    try:
        return Queue(name, sqs.get_queue_url(QueueName=name)["QueueUrl"])
    except ClientError as error:
        if is_missing(error):
            return None
        raise ServiceError(f"queue {name}: {': '.join(error_text(error))}") from error
    except BotoCoreError as error:
        raise ServiceError(f"queue {name}: {': '.join(error_text(error))}") from error


def attributes_of(sqs: "SQSClient", queue: Queue) -> dict[str, str]:
    answer = asked(f"queue {queue.name}", lambda: sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["All"]))
    return {str(name): value for name, value in answer["Attributes"].items()}


def depth_of(sqs: "SQSClient", queue: Queue) -> Depth:
    found = attributes_of(sqs, queue)
    names = ("", "NotVisible", "Delayed")
    return Depth(*(int(found.get(f"ApproximateNumberOfMessages{name}", 0)) for name in names))


def matching_queues(sqs: "SQSClient", pattern: str, dead_name: str | None) -> list[Queue]:
    """All queues whose names match, the dead-letter queue left out, FIFO queues too. Raises ServiceError."""
    wanted = expression(pattern)
    given: dict[str, Any] = {"MaxResults": LISTED_AT_A_TIME}
    if beginning := literal_beginning(pattern):
        given["QueueNamePrefix"] = beginning
    urls: list[str] = []
    while True:
        page = asked("the queues cannot be listed", lambda: sqs.list_queues(**given))
        urls.extend(page.get("QueueUrls", ()))
        token = page.get("NextToken")
        if not token:
            break
        if token == given.get("NextToken"):
            raise ServiceError("the queues cannot be listed: the same page comes again and again")
        given["NextToken"] = token
    named = [(url.rpartition("/")[2], url) for url in urls]
    found = [Queue(name, url, number_in(pattern, name)) for name, url in named if wanted.fullmatch(name)]
    return sorted(
        (q for q in found if q.name != dead_name), key=lambda q: (-1 if q.number is None else q.number, q.name)
    )


def find_queues(sqs: "SQSClient", pattern: str, dead_name: str | None) -> Queues:
    """The queues that are configured.

    Raises ConfigError where there are none, where a FIFO or a foreign queue matches, or where the dead-letter queue is
    missing; ServiceError where SQS can't be asked.
    """
    dead = None
    if dead_name is not None:
        dead = find_queue(sqs, dead_name)
        if dead is None:
            raise ConfigError(DEAD_OPTION, f"there is no queue {dead_name}; `s3sync init` creates it")
    work = matching_queues(sqs, pattern, dead_name)
    if not work:
        raise ConfigError(PATTERN_OPTION, f"no queue matches {pattern}; `s3sync init` creates them")
    for queue in work:
        _refuse_foreign(sqs, queue, dead_name)
    return Queues(tuple(work), dead)


def own_queues(sqs: "SQSClient", pattern: str, dead_name: str | None) -> list[Queue]:
    """The queues of `find_queues` that are there, whichever that are, the dead-letter queue last.

    Raises ConfigError where a FIFO or a foreign queue matches, ServiceError where SQS can't be asked.
    """
    work = matching_queues(sqs, pattern, dead_name)
    for queue in work:
        _refuse_foreign(sqs, queue, dead_name)
    dead = find_queue(sqs, dead_name) if dead_name is not None else None
    return [*work, *((dead,) if dead else ())]


# | queue                                             | dead-letter queue configured | then    |
# |---------------------------------------------------|------------------------------|---------|
# | FIFO                                              | any                          | refused |
# | any other                                         | no                           | taken   |
# | redrive policy to the configured queue            | yes                          | taken   |
# | redrive policy to another queue, or none, or none that can be read | yes         | refused |
def _refuse_foreign(sqs: "SQSClient", queue: Queue, dead_name: str | None) -> None:
    if queue.name.endswith(".fifo"):
        raise ConfigError(
            PATTERN_OPTION, f"matches {queue.name}, a FIFO queue, which is not offered; narrow the pattern"
        )
    if dead_name is None:
        return
    feeds = redrive_of(attributes_of(sqs, queue))[0]
    if feeds != dead_name:
        how = f"whose dead-letter queue is {feeds}" if feeds else "which has no dead-letter queue"
        raise ConfigError(
            PATTERN_OPTION,
            f"matches {queue.name}, {how} and not {dead_name}: it may be somebody else's; "
            "narrow the pattern, or set its redrive policy",
        )


def redrive_of(attributes: Mapping[str, str]) -> tuple[str | None, int | None]:
    """The name of the queue's dead-letter queue and the receive count after which a message goes there."""
    try:
        policy = json.loads(attributes.get("RedrivePolicy") or "{}")
        arn = str(policy.get("deadLetterTargetArn") or "")
        return arn.rpartition(":")[2] or None, int(policy["maxReceiveCount"]) if "maxReceiveCount" in policy else None
    except (ValueError, TypeError, AttributeError):
        return None, None
