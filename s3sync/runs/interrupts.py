"""Ctrl-C, and SIGTERM, in our own hands: the first one stops cleanly, the second one at once.

A signal comes on the main thread in the middle of whatever it does, so its handler only puts down that it came. A
thread of its own reads that and acts: it may write, and call Spark, whose driver the main thread waits in.
"""

import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from s3sync.errors import Interrupted

EXIT_AT_ONCE = 130
STOPPED = "stopped; the same command goes on from here"
AGAIN_SECONDS = 0.5

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


# | what `stop` says              | the block ends            | then                                           |
# |-------------------------------|---------------------------|------------------------------------------------|
# | True: the work ends by itself | any way                   | as it ended                                    |
# | False                         | not yet                   | `stop` again, for what has been begun since    |
# | False                         | with an error, or without | Interrupted                                    |
@contextmanager
def interruptible(stop: Callable[[], bool], say: Callable[[str], None]) -> Iterator[None]:
    """While the block runs, the first Ctrl-C or SIGTERM calls `stop` on another thread; a second one ends the process
    at once. Where `stop` does not make the work end by itself, the block ends with Interrupted."""
    watch = _Watch(stop, say)
    before = {number: signal.signal(number, watch.hear) for number in _SIGNALS}
    watch.thread.start()
    try:
        yield
    except Exception:
        if watch.finish():
            raise
        raise Interrupted(STOPPED) from None
    finally:
        is_done = watch.finish()
        for number, handler in before.items():
            signal.signal(number, handler)
    if not is_done:
        raise Interrupted(STOPPED)


class _Watch:
    """What hears the signals, and the thread that acts on them."""

    def __init__(self, stop: Callable[[], bool], say: Callable[[str], None]) -> None:
        self._stop, self._say = stop, say
        self._heard: queue.SimpleQueue[int | None] = queue.SimpleQueue()  # its `put` may come in the middle of another
        self._ends_by_itself = True
        self.thread = threading.Thread(target=self._act, name="interrupts", daemon=True)

    def hear(self, number: int, _frame: FrameType | None) -> None:
        self._heard.put(number)

    def finish(self) -> bool:
        """End the thread. False where the block is to end with Interrupted."""
        self._heard.put(None)
        self.thread.join()
        return self._ends_by_itself

    def _act(self) -> None:
        if self._heard.get() is None:
            return
        self._say("Stopping: what is in flight is finished and written down. Ctrl-C again ends at once.")
        self._ends_by_itself = self._stop()
        while (number := self._next()) is not None:
            if number:
                os._exit(EXIT_AT_ONCE)
            if not self._ends_by_itself:
                self._stop()

    def _next(self) -> int | None:
        """The next signal, None at the end of the block, 0 where nothing came for a while."""
        try:
            return self._heard.get(timeout=AGAIN_SECONDS)
        except queue.Empty:
            return 0
