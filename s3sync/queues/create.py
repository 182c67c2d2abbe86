"""Creating the queues, saying how existing ones differ from what is configured, and deleting them."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from s3sync.config.model import QueueConfig
from s3sync.errors import ConfigError
from s3sync.queues.find import (
    PATTERN_OPTION,
    Queue,
    asked,
    attributes_of,
    find_queue,
    matching_queues,
    names_for,
    redrive_of,
)

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

DAY_SECONDS = 24 * 3600
WORK_RETENTION_SECONDS = 4 * DAY_SECONDS
# A message keeps its first timestamp when it is moved, so it must be kept longer there (AWS: "Dead-letter queues").
DEAD_RETENTION_SECONDS = 14 * DAY_SECONDS


@dataclass(frozen=True, slots=True)
class SetUp:
    """What `init` did to one queue: `differences` are sentences, of a queue that was there before."""

    name: str
    is_new: bool
    differences: tuple[str, ...] = ()


def set_up_queues(sqs: "SQSClient", config: QueueConfig) -> list[SetUp]:
    """Create what is missing; what is there is left as it is, and compared.

    Raises ConfigError where the names can't be made from the pattern, ServiceError.
    """
    names = queue_names(config)
    dead_name = config.dead_queue_name or ""
    done = [_set_up(sqs, dead_name, _dead_attributes())]
    dead = find_queue(sqs, dead_name)
    arn = attributes_of(sqs, dead)["QueueArn"] if dead else ""
    wanted = _work_attributes(config, arn)
    done += [_set_up(sqs, name, wanted) for name in names]
    matching = matching_queues(sqs, config.queue_name_pattern or "", dead_name)
    beyond = f"matches the pattern too, and is used, but QUEUE_NUM is {config.queue_num}"
    return [
        *done,
        *(SetUp(queue.name, is_new=False, differences=(beyond,)) for queue in matching if queue.name not in names),
    ]


def queue_names(config: QueueConfig) -> list[str]:
    """The work queues' names. Raises ConfigError."""
    try:
        names = names_for(config.queue_name_pattern or "", config.queue_num)
    except ValueError as error:
        raise ConfigError(PATTERN_OPTION, str(error)) from None
    if config.dead_queue_name in names:
        raise ConfigError("--dead-queue-name", f"{config.dead_queue_name} is a work queue's name too; give another one")
    return names


def delete_queue(sqs: "SQSClient", queue: Queue) -> None:
    """Delete a queue and all that is in it. Raises ServiceError."""
    asked(f"queue {queue.name} cannot be deleted", lambda: sqs.delete_queue(QueueUrl=queue.url))


def _dead_attributes() -> dict[str, str]:
    return {"MessageRetentionPeriod": str(DEAD_RETENTION_SECONDS), "SqsManagedSseEnabled": "true"}


def _work_attributes(config: QueueConfig, dead_arn: str) -> dict[str, str]:
    redrive = {"deadLetterTargetArn": dead_arn, "maxReceiveCount": str(config.redrive_after)}
    return {
        "MessageRetentionPeriod": str(WORK_RETENTION_SECONDS),
        "SqsManagedSseEnabled": "true",
        "VisibilityTimeout": str(round(config.visibility_seconds)),
        "ReceiveMessageWaitTimeSeconds": str(round(config.wait_seconds)),
        "RedrivePolicy": json.dumps(redrive),
    }


def _set_up(sqs: "SQSClient", name: str, wanted: dict[str, str]) -> SetUp:
    there = find_queue(sqs, name)
    if there is not None:
        return SetUp(name, is_new=False, differences=_differences(attributes_of(sqs, there), wanted))
    asked(
        f"queue {name} cannot be created",
        lambda: sqs.create_queue(QueueName=name, Attributes=wanted),  # type: ignore[arg-type]
    )
    return SetUp(name, is_new=True)


def _differences(found: dict[str, str], wanted: dict[str, str]) -> tuple[str, ...]:
    """Encryption with a key of one's own is encryption too."""
    said = []
    for name, value in wanted.items():
        is_value = found.get(name)
        if name == "RedrivePolicy":
            mine, theirs = redrive_of(wanted), redrive_of(found)
            if mine != theirs:
                said.append(f"RedrivePolicy is {_redrive_text(*theirs)}, configured is {_redrive_text(*mine)}")
        elif name == "SqsManagedSseEnabled":
            if is_value != "true" and not found.get("KmsMasterKeyId"):
                said.append("messages are not encrypted at rest")
        elif is_value != value:
            said.append(f"{name} is {is_value}, configured is {value}")
    return tuple(said)


def _redrive_text(name: str | None, count: int | None) -> str:
    return f"{name} after {count} receives" if name else "none"
