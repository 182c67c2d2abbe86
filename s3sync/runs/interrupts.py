"""Ctrl-C, and SIGTERM, in our own hands: the first one stops cleanly, the second one at once."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from s3sync.errors import Interrupted

EXIT_AT_ONCE = 130


@contextmanager
def interruptible(on_first: Callable[[], bool], say: Callable[[str], None]) -> Iterator[None]:
    """The first Ctrl-C calls `on_first`, which says whether the work ends by itself (True), else Interrupted is raised;
    a second one ends the process at once."""
    seen = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        if seen.is_set():
            os._exit(EXIT_AT_ONCE)
        seen.set()
        say("Stopping: what is in flight is finished and written down. Ctrl-C again ends at once.")
        if not on_first():
            raise Interrupted("stopped by Ctrl-C; the same command goes on from here")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
