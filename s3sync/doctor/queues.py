"""The queues, where they are configured: that they are there and feed their dead-letter queue. Nothing is received."""

from collections.abc import Iterator

from s3sync.config.model import Config
from s3sync.doctor.sides import RefusedCall, asked
from s3sync.doctor.symptom import Symptom, ok, problem, warning
from s3sync.queues.find import Queue, attributes_of, depth_of, find_queues, redrive_of, sqs_client

TOPIC = "queues"
INIT = "`s3sync init` creates the queues and says how they differ"


def queues(config: Config) -> Iterator[Symptom]:
    pattern, dead_name = config.sqs.queue_name_pattern, config.sqs.dead_queue_name
    if pattern is None:
        yield ok(TOPIC, "none are configured: what fails stands in the run's tables, from which `retry` takes it")
        return
    found = asked(lambda: find_queues(sqs_client(config.access.queue), pattern, dead_name))
    if isinstance(found, RefusedCall):
        yield problem(TOPIC, found.message or found.code, INIT)
        return
    yield ok(TOPIC, f"{len(found.work)} work queues{f', dead-letter queue {dead_name}' if found.dead else ''}")
    if found.dead is None:
        yield warning(TOPIC, "no dead-letter queue is configured: a message that never succeeds comes for days", INIT)
    for queue in found.work:
        yield from _redrive(queue, config)
    if found.dead is not None:
        depth = asked(lambda: depth_of(sqs_client(config.access.queue), found.dead))  # type: ignore[arg-type]
        if not isinstance(depth, RefusedCall) and depth.total:
            yield warning(
                TOPIC,
                f"{dead_name} holds about {depth.total:,} messages of earlier runs",
                "`s3sync queues` shows them; `s3sync retry -n -1 -d` tries them again",
            )


def _redrive(queue: Queue, config: Config) -> Iterator[Symptom]:
    attributes = asked(lambda: attributes_of(sqs_client(config.access.queue), queue))
    if isinstance(attributes, RefusedCall):
        yield problem(TOPIC, f"{queue.name}: {attributes}", "allow sqs:GetQueueAttributes, sqs:SendMessage")
        return
    feeds, count = redrive_of(attributes)
    if feeds is None:
        yield warning(TOPIC, f"{queue.name} has no dead-letter queue", INIT)
    elif count is not None and count < 2:  # noqa: PLR2004
        yield warning(
            TOPIC, f"{queue.name} gives a message up after {count} receipt", "set maxReceiveCount to 3 or more"
        )
