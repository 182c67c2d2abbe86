"""Where a schedule's chance comes from: a seed, or the list of choices that an earlier schedule made.

Each choice is a whole number and 0 is always the plainest one (no fault, nobody else acts), so a list with more zeros,
or a shorter one, is a simpler schedule: that is all that shrinking needs.
"""

import random
from collections.abc import Callable, Sequence


class Choices:
    __slots__ = ("_at", "_draw", "_script", "taken")

    def __init__(self, seed: int | None = None, script: Sequence[int] = ()) -> None:
        self.taken: list[int] = []
        self._draw = None if seed is None else random.Random(seed).random
        self._script = script
        self._at = 0

    def pick(self, count: int) -> int:
        """0 to `count` - 1."""
        value = int(self._draw() * count) if self._draw is not None else min(self._next(), count - 1)
        self.taken.append(value)
        return value

    def happens(self, probability: float) -> bool:
        value = int(self._draw() < probability) if self._draw is not None else self._next()
        self.taken.append(value)
        return bool(value)

    def _next(self) -> int:
        at, self._at = self._at, self._at + 1
        return self._script[at] if at < len(self._script) else 0


def shrunk(script: Sequence[int], fails: Callable[[Sequence[int]], bool], tries_max: int = 3_000) -> list[int]:
    """A simpler list of choices that still fails: pieces are left out, then set to 0, then made smaller."""
    best, tries = list(script), 0

    def try_it(candidate: list[int]) -> bool:
        nonlocal best, tries
        tries += 1
        if candidate != best and tries < tries_max and fails(candidate):
            best = candidate
            return True
        return False

    is_better = True
    while is_better and tries < tries_max:
        before = list(best)
        size = max(1, len(best) // 2)
        while size:
            at = 0
            while at < len(best):
                if not try_it(best[:at] + best[at + size :]):
                    at += size
            size //= 2
        for at in range(len(best)):
            if at < len(best) and best[at]:
                try_it([*best[:at], 0, *best[at + 1 :]]) or try_it([*best[:at], best[at] // 2, *best[at + 1 :]])
        is_better = best != before
    while best and not best[-1]:
        best.pop()
    return best
