"""Key spaces of any size that are computed, never stored: the n-th key in byte order, and the rank of any text.

A shape is a tree: each node says how its keys are spread over its children, all by hashes, so that the same number
always gives the same key.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from itertools import accumulate

CACHED_RANKS = 200_000
Children = tuple[tuple[str, ...], tuple[int, ...]]  # names in order, and where each one's keys end


def chance(*about: object) -> int:
    """A number below 2**64 that depends on nothing else."""
    return int.from_bytes(blake2b(repr(about).encode(), digest_size=8).digest(), "big")


@dataclass(slots=True)
class KeySpace:
    """`select(index, count)` gives the key at an index of a space of `count`; a greater index has a greater key."""

    name: str
    count: int
    select: Callable[[int, int], str]
    _ranks: dict[str, int] = field(default_factory=dict, repr=False)

    def key(self, index: int) -> str:
        found = self.select(index, self.count)
        if len(self._ranks) > CACHED_RANKS:
            self._ranks.clear()
        self._ranks[found] = index
        return found

    def behind(self, text: str) -> int:
        """How many keys are not beyond `text`."""
        known = self._ranks.get(text)
        if known is not None:
            return known + 1
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            if self.select(middle, self.count) <= text:
                low = middle + 1
            else:
                high = middle
        return low


def spread(names: list[str], weights: list[float], count: int) -> Children:
    """`count` keys over the names, by weight, each name getting at least one while there are enough."""
    order = sorted(range(len(names)), key=lambda at: names[at])[: max(1, count)]
    total = sum(weights[at] for at in order)
    spare = count - len(order)
    ends: list[int] = []
    for done, so_far in enumerate(accumulate(weights[at] for at in order), 1):
        ends.append(done + int(spare * so_far / total))
    ends[-1] = count
    return tuple(names[at] for at in order), tuple(ends)


def descend(children: Children, index: int) -> tuple[str, int, int]:
    """The child that holds the index, the index within it, and how many keys it has."""
    names, ends = children
    at = bisect_right(ends, index)
    begin = ends[at - 1] if at else 0
    return names[at], index - begin, ends[at] - begin


def hashed(index: int, count: int, digits: int = 32) -> str:
    """Hexadecimal digits as of a hash: spread evenly, and unevenly in the small."""
    step = 16**digits // max(count, 1)
    return f"{index * step + chance('hash', index) % max(step, 1):0{digits}x}"


def flat(index: int, count: int) -> str:
    return hashed(index, count)


@lru_cache(maxsize=4)
def _days(count: int) -> Children:
    days = [(year, month, day) for year in range(2014, 2026) for month in range(1, 13) for day in range(1, 29)]
    names = [f"logs/{year}/{month:02d}/{day:02d}/" for year, month, day in days]
    return spread(names, [1.0007**at * (0.3 + chance("day", at) / 2**64) for at in range(len(days))], count)


def dates(index: int, count: int) -> str:
    """Twelve years of days that grow, hosts within a day, numbers within a host."""
    day, within, size = descend(_days(count), index)
    per_host = max(1, size // 17)
    return f"{day}host-{within // per_host:02d}/{within % per_host:08d}.log.gz"


@lru_cache(maxsize=100_000)
def _branches(path: str, count: int) -> Children:
    width = 2 + chance("width", path) % 40
    names = sorted({_word(path, at) for at in range(width)})
    weights = [1.0 / (1 + chance("rank", path, at) % width) ** 1.3 for at in range(len(names))]
    return spread(names, weights, count)


def _word(path: str, at: int) -> str:
    letters = chance("word", path, at)
    return "".join(chr(97 + (letters >> (5 * place)) % 26) for place in range(3 + letters % 7))


def deep(index: int, count: int) -> str:
    """A tree of up to nine levels whose branches differ in width and, much, in size."""
    path = ""
    for _ in range(9):
        if count <= 400:  # noqa: PLR2004
            break
        name, index, count = descend(_branches(path, count), index)
        path += f"{name}/"
    return f"{path}part-{index:06d}"


def hot(index: int, count: int) -> str:
    """One prefix with 99 % of the keys, between small ones."""
    small = count // 200
    if index < small:
        return f"{chr(97 + index * 7 // max(small, 1))}-team/{hashed(index, small)}"
    if index >= count - small:
        index -= count - small
        return f"{chr(105 + index * 17 // max(small, 1))}-team/{hashed(index, small)}"
    return f"hot/data/{hashed(index - small, count - 2 * small, 20)}.bin"


_LONG = "".join("abcdefghij"[chance("long", at) % 10] + "/" * (at % 9 == 0) for at in range(810))


def long_prefixes(index: int, count: int) -> str:
    """Three prefixes of 900 bytes that differ only at their ends."""
    third = -(-count // 3)
    return f"{_LONG}/set-{index // third}/{hashed(index % third, third, 16)}"


_SCRIPTS = "019AZaz" + "éñßø" + "ΑΩδω" + "АЯбю" + "אש" + "अह" + "かきア" + "一中日本龍" + "가힣" + "🌍😀🚀"


@lru_cache(maxsize=50_000)
def _scripts(path: str, count: int) -> Children:
    names = sorted({_script_word(path, at) for at in range(30)})
    return spread(names, [0.1 + (chance("weight", path, at) % 100) / 20 for at in range(len(names))], count)


def _script_word(path: str, at: int) -> str:
    return "".join(_SCRIPTS[chance("script", path, at, place) % len(_SCRIPTS)] for place in range(2 + at % 3))


def mixed_scripts(index: int, count: int) -> str:
    """Names of all scripts, from ASCII to emoji, three levels of them."""
    path = ""
    for _ in range(3):
        name, index, count = descend(_scripts(path, count), index)
        path += f"{name}/"
    return f"{path}файл-{index:08d}"


@lru_cache(maxsize=4)
def _tenants(count: int) -> Children:
    return spread(
        [f"t{at:05d}/" for at in range(20_000)], [1.0 / (1 + chance("t", at) % 20_000) for at in range(20_000)], count
    )


def tenants(index: int, count: int) -> str:
    """20,000 tenants of sizes by Zipf's law, hashes within each."""
    tenant, within, size = descend(_tenants(count), index)
    return f"{tenant}{hashed(within, size)}"


def counters(index: int, _count: int) -> str:
    """Milliseconds since 1970 at a steady rate: nearly all digits at the beginning are alike."""
    return f"events/{1_650_000_000_000 + index * 7}-{chance('c', index) % 65536:04x}"


SHAPES: dict[str, Callable[[int, int], str]] = {
    "flat": flat,
    "dates": dates,
    "deep": deep,
    "hot": hot,
    "long_prefixes": long_prefixes,
    "mixed_scripts": mixed_scripts,
    "tenants": tenants,
    "counters": counters,
}
