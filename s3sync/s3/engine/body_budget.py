"""How many bytes of bodies an engine's operations hold together, and that they are given back (C11)."""

import ctypes
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from s3sync.model.limits import MIB

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # mallopt(3)
LARGE_BLOCK_BYTES = 1 * MIB
SPARE_BYTES = 8 * MIB  # of small blocks the library keeps so much, or it would fetch and return pages all the time


def give_back_large_blocks() -> None:
    """Let the C library give large blocks back to the system as soon as they are free. By itself it raises the size
    that it takes for large with each block, up to 32 MiB, and a heap of such blocks has gaps as large as what it holds.

    Without effect where the C library is not glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
        mallopt(_M_TRIM_THRESHOLD, SPARE_BYTES)


Owner = TypeVar("Owner", bound=Hashable)
Waiting = TypeVar("Waiting")


class BodyMemory(Generic[Owner, Waiting]):
    """Lets owners hold up to `most_bytes` together; those that find no room wait in their order.

    An owner asks once, for all that it will ever hold. One that wants more than there is at all has its turn alone.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._held: dict[Owner, int] = {}
        self._held_bytes = 0
        self._waiting: deque[tuple[Owner, int, Waiting]] = deque()

    def is_holding(self, owner: Owner) -> bool:
        return owner in self._held

    def ask(self, owner: Owner, size_bytes: int, waiting: Waiting) -> list[Waiting]:
        """Who may go on now: `waiting` where there is room, nobody else."""
        self._waiting.append((owner, size_bytes, waiting))
        return self._admitted()

    def give_back(self, owner: Owner) -> list[Waiting]:
        """What `owner` held; returns who may go on now. An owner that holds nothing gives nothing."""
        size_bytes = self._held.pop(owner, 0)
        self._held_bytes -= size_bytes
        return self._admitted() if size_bytes else []

    def drop_waiting(self) -> list[Waiting]:
        """Nobody waits any more; those who did."""
        waiting = [each for _, _, each in self._waiting]
        self._waiting.clear()
        return waiting

    def _admitted(self) -> list[Waiting]:
        found = []
        while self._waiting:
            owner, size_bytes, waiting = self._waiting[0]
            if self._held_bytes and self._held_bytes + size_bytes > self._most_bytes:
                break
            self._waiting.popleft()
            self._held[owner] = size_bytes
            self._held_bytes += size_bytes
            found.append(waiting)
        return found
