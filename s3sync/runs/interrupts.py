"""Ctrl-C, SIGTERM and the loss of the lock, in our own hands: the first one stops cleanly, a second signal at once.

All commands stop by this one rule, whatever it is that stops them.
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
from s3sync.runs.lock import TargetLock

EXIT_AT_ONCE = 130
STOPPED = "stopped; the same command goes on from here"
AGAIN_SECONDS = 0.5

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


# | what `stop` says              | the block ends            | then                                           |
# |-------------------------------|---------------------------|------------------------------------------------|
# | True: the work ends by itself | any way                   | as it ended                                    |
# | False                         | not yet                   | `stop` again, for what has been begun since    |
# | False                         | with an error, or without | Interrupted                                    |
# | any, and the lock is lost     | with an error, or without | Interrupted, that says so                      |
@contextmanager
def interruptible(
    stop: Callable[[], bool], say: Callable[[str], None], lock: TargetLock | None = None
) -> Iterator[None]:
    """While the block runs, the first Ctrl-C or SIGTERM, or the loss of the lock, calls `stop` on another thread; a
    second signal ends the process at once. Where `stop` does not make the work end by itself, the block ends with
    Interrupted. Who works under a lock gives it: behind the block it is held still."""
    watch = _Watch(stop, say, lock)
    before = {number: signal.signal(number, watch.hear) for number in _SIGNALS}
    watch.thread.start()
    try:
        yield
    except Exception as error:
        is_done = watch.finish()
        if lock is not None and (why := lock.why_lost()):
            raise Interrupted(why) from error
        if is_done:
            raise
        raise Interrupted(STOPPED) from None
    finally:
        is_done = watch.finish()
        for number, handler in before.items():
            signal.signal(number, handler)
    if lock is not None:
        lock.check()
    if not is_done:
        raise Interrupted(STOPPED)


class _Watch:
    """What hears the signals, looks at the lock, and the thread that acts on them."""

    def __init__(self, stop: Callable[[], bool], say: Callable[[str], None], lock: TargetLock | None) -> None:
        self._stop, self._say, self._lock = stop, say, lock
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
        while (number := self._next()) == 0 and not self._is_lock_lost:
            continue
        if number is None:
            return
        if number:
            self._say("Stopping: what is in flight is finished and written down. Ctrl-C again ends at once.")
        self._ends_by_itself = self._stop()
        while (number := self._next()) is not None:
            if number:
                os._exit(EXIT_AT_ONCE)
            if not self._ends_by_itself:
                self._stop()

    @property
    def _is_lock_lost(self) -> bool:
        return self._lock is not None and self._lock.why_lost() is not None

    def _next(self) -> int | None:
        """The next signal, None at the end of the block, 0 where nothing came for a while."""
        try:
            return self._heard.get(timeout=AGAIN_SECONDS)
        except queue.Empty:
            return 0
