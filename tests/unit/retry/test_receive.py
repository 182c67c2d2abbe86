"""What a worker holds of messages that it leaves where they are."""

from types import SimpleNamespace
from typing import Any, cast

from s3sync.queues.find import Queue
from s3sync.retry.drain import DRAIN_ATTRIBUTE
from s3sync.retry.receive import Intake

DEAD = Queue("q-dead", "url-dead")


def test_c11_dead_letters_that_this_drain_wrote_are_kept_without_their_bodies() -> None:
    letters = [
        {
            "MessageId": str(number),
            "ReceiptHandle": f"receipt-{number}",
            "Body": "x" * 1_000,
            "MessageAttributes": {DRAIN_ATTRIBUTE: {"StringValue": "mine"}},
        }
        for number in range(3)
    ]
    sqs = SimpleNamespace(receive_message=lambda **_: {"Messages": letters})
    context = SimpleNamespace(
        drain_id="mine", take=(DEAD,), follow=False, wait_seconds=0.0, max_receive_num=10, hold_seconds=300.0
    )
    intake = Intake(cast("Any", sqs), cast("Any", context))
    assert not intake.next_load().messages
    assert [(each.receipt, each.body) for each in intake.own] == [(f"receipt-{number}", "") for number in range(3)]
