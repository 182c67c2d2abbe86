"""What of an answer the window sees."""

from s3sync.s3.engine.congestion import SMALL_BYTES, START, AdaptivePace
from s3sync.s3.request import Reply, Request, Side

WARM = 400


def answer(
    pace: AdaptivePace, operation: str = "CopyObject", seconds: float = 0.05, size_bytes: int = 0, **more
) -> None:
    request = Request(operation, Side.TARGET, {}, size_bytes=size_bytes)
    pace.on_reply(Reply(request, more.pop("status", 200), seconds=seconds, **more))


def warm(most: int = 64) -> AdaptivePace:
    pace = AdaptivePace(most)
    for _ in range(WARM):
        answer(pace)
    assert pace.limit == most
    return pace


def test_it_begins_slowly_and_never_beyond_the_most() -> None:
    assert AdaptivePace(64).limit == START
    assert AdaptivePace(3).limit == 3


def test_throttled_answers_cut_whatever_they_are_called() -> None:
    for status, code in ((503, "SlowDown"), (429, "TooManyRequests"), (200, "SlowDown"), (503, "503"), (429, "429")):
        pace = warm()
        for _ in range(64):
            answer(pace, status=status, code=code)
        assert pace.limit == 32, code


def test_other_failures_do_not() -> None:
    for status, code in (
        (500, "InternalError"),
        (0, "ConnectionError"),
        (403, "AccessDenied"),
        (412, "PreconditionFailed"),
    ):
        pace = warm()
        for _ in range(300):
            answer(pace, status=status, code=code)
        assert pace.limit == 64, code


def test_small_copies_that_take_longer_cut() -> None:
    pace = warm()
    for _ in range(64 + 64):
        answer(pace, seconds=0.3, size_bytes=SMALL_BYTES)
    assert pace.limit < 64


def test_large_copies_and_parts_may_take_their_time() -> None:
    pace = warm()
    for _ in range(200):
        answer(pace, seconds=30.0, size_bytes=SMALL_BYTES + 1)
        answer(pace, "UploadPartCopy", seconds=60.0)
        answer(pace, "CompleteMultipartUpload", seconds=200.0)
        answer(pace, "GetObject", seconds=5.0)
    assert pace.limit == 64


def test_each_operation_has_its_own_measure() -> None:
    pace = AdaptivePace(64)
    for _ in range(WARM):
        answer(pace, "HeadObject", seconds=0.01)
        answer(pace, "CopyObject", seconds=0.2)
    assert pace.limit == 64
