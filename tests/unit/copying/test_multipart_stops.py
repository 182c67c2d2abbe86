"""Copies of many parts on an engine: a stop leaves no upload (C7), and their requests come in portions (C11)."""

import random
from typing import Any

import pytest

from s3sync.copying.dispatch import copy_task
from s3sync.copying.source_parts import PORTION
from s3sync.model import etag as etags
from s3sync.model.limits import GIB, MIB
from s3sync.model.outcome import Status
from s3sync.model.task import Method
from s3sync.s3.engine.engine import Engine
from s3sync.s3.engine.retry_policy import RetryPolicy
from s3sync.s3.request import Request
from tests.unit.copying.uploads import ABORT, COMPLETE, CREATE, HEAD, PART, TAGS
from tests.unit.scripted import PLAIN, Answer, FakeTransport, VirtualClock, a_task, head, names, ok, some_settings


def serve(request: Request) -> Answer:
    """A server that has a source of 300 parts of 5 MiB, and takes a second for each part."""
    if request.operation == PART:
        return Answer({"CopyPartResult": {"ETag": f'"{PLAIN}"'}}, seconds=1.0)
    count = 300
    return {
        HEAD: head(etags.of_parts([PLAIN] * count), count * 5 * MIB),
        TAGS: ok(TagSet=[]),
        CREATE: ok(UploadId="up"),
        COMPLETE: ok(ETag=f'"{etags.of_parts([PLAIN] * count)}"'),
        ABORT: Answer(status=204),
    }[request.operation]


def start(transport: FakeTransport, clock: VirtualClock) -> tuple[Engine, Any]:
    engine = Engine(transport, RetryPolicy(), clock=clock, sleep=clock.sleep, chance=random.Random(1))
    task = a_task(method=Method.MULTIPART_COPY, etag=None, size=6 * GIB)
    return engine, copy_task(task, some_settings(part_size_bytes=5 * MIB), 1, look_first=False)


@pytest.mark.parametrize("parts_before", [0, 1, 50, 200, 299])
def test_a_stop_in_the_middle_leaves_no_upload(parts_before: int) -> None:
    """C7."""
    clock = VirtualClock()
    transport = FakeTransport(clock, serve, capacity=16)
    engine, operation = start(transport, clock)
    sent = transport.sent

    def should_stop() -> bool:
        return names(sent).count(PART) > parts_before or (not parts_before and CREATE in names(sent))

    assert list(engine.run([("giant", operation)], should_stop)) == []
    assert names(sent)[-1] == ABORT
    assert COMPLETE not in names(sent)
    assert transport.in_flight == 0


def test_without_a_stop_the_same_upload_completes() -> None:
    clock = VirtualClock()
    transport = FakeTransport(clock, serve, capacity=16)
    engine, operation = start(transport, clock)
    ((_, outcome),) = engine.run([("giant", operation)])
    assert (outcome.status, outcome.size) == (Status.COPIED, 300 * 5 * MIB)
    assert ABORT not in names(transport.sent)
    assert transport.most_in_flight == 16


def test_a_giant_hands_over_its_parts_in_portions() -> None:
    """C11: ten thousand requests are not made at once."""
    clock = VirtualClock()
    _, operation = start(FakeTransport(clock, serve), clock)
    handed_over, requests = [], next(operation)
    while COMPLETE not in names(requests):
        handed_over.append(len(requests))
        requests = operation.send([serve(request).to(request) for request in requests])
    assert max(handed_over) == PORTION


def test_c7_an_upload_is_written_down_before_its_first_part() -> None:
    noted: list[tuple[str, str]] = []
    written: list[tuple[str, str]] = []
    clock = VirtualClock()

    def answer(request: Request) -> Answer:
        assert request.operation != PART or written == [("t1", "up")]
        return serve(request)

    transport = FakeTransport(clock, answer, capacity=16)
    engine = Engine(transport, RetryPolicy(), clock=clock, sleep=clock.sleep, chance=random.Random(1))
    task = a_task(method=Method.MULTIPART_COPY, etag=None, size=6 * GIB)
    settings = some_settings(part_size_bytes=5 * MIB)
    operation = copy_task(task, settings, 1, False, note_upload=lambda task, up: noted.append((task.task_id, up)))
    ((_, outcome),) = engine.run([("giant", operation)], on_tick=lambda: written.extend(noted[len(written) :]))
    assert outcome.status is Status.COPIED
