"""Key spaces that nobody designed: a seed decides how the names of each level look and how unevenly the keys lie.

So a planning that only fits the shapes of `key_spaces` is found out. Computed like those, never stored.
"""

import random
from collections.abc import Callable, Sequence
from functools import lru_cache

from benchmarks.key_spaces import Children, chance, descend, hashed, spread

LEVELS_MAX = 5
WIDTHS = (1, 2, 3, 7, 16, 60, 300, 1500)
LEAF_KEYS = 3000  # a node with fewer is not divided further
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ODD = "\x01\x02\t !~+%&=éüßΩЖя中日가🌍🚀\ufffd\U0010ffff"


def _text(letters: str, seed: tuple[object, ...], length: int) -> str:
    return "".join(letters[chance(*seed, place) % len(letters)] for place in range(length))


Naming = Callable[[str, int], str]  # the path so far and a number: a name; others for other numbers, mostly

NAMINGS: dict[str, Naming] = {
    "word": lambda path, at: _text(_LETTERS, ("word", path, at), 3 + at % 6),
    "hex": lambda path, at: f"{chance('hex', path, at) % 16**4:04x}",
    "base64": lambda path, at: _text(_BASE64, ("base64", path, at), 2 + at % 3),
    "number": lambda _path, at: str(at),  # 1, 10, 100, 2: not in the order of numbers
    "padded": lambda _path, at: f"{at:06d}",
    "month": lambda _path, at: f"dt={2000 + at // 12}-{1 + at % 12:02d}",
    "odd": lambda path, at: _text(_ODD, ("odd", path, at), 1 + at % 4),
    "upper": lambda path, at: _text(_LETTERS, ("up", path, at), 4).title() + " Report",
    "falling": lambda _path, at: str(9_999_999_999 - at * 86_400),
    "long": lambda path, at: "x" * 120 + f"{chance('long', path, at) % 1000:03d}",
}
SPREADS: dict[str, Callable[[random.Random, int], list[float]]] = {
    "even": lambda _chance, width: [1.0] * width,
    "random": lambda chance, width: [0.05 + chance.random() for _ in range(width)],
    "zipf": lambda chance, width: [1 / (1 + chance.randrange(width)) ** 1.2 for _ in range(width)],
    "one": lambda chance, width: _one_in(chance.randrange(width), width, 99.0 * width),
    "growing": lambda _chance, width: [1.02 ** min(at, 1000) for at in range(width)],
    "halving": lambda _chance, width: [0.5 ** min(at, 200) for at in range(width)],
}
LEAVES: dict[str, Callable[[int, int], str]] = {
    "hash": lambda index, count: hashed(index, count, 16),
    "short hash": lambda index, count: hashed(index, count, 10),
    "counter": lambda index, _count: f"{index:012d}",
    "uuid": lambda index, count: f"{hashed(index, count, 16)[:8]}-{hashed(index, count, 16)[8:]}",
    "stamp": lambda index, _count: f"2023-05-06T{1_000_000_000 + index * 3}.json",
    "same": lambda index, _count: f"{'data/' * 20}part-{index:010d}",
}


def _one_in(place: int, width: int, weight: float) -> list[float]:
    weights = [1.0] * width
    weights[place] = weight
    return weights


def strange(seed: int) -> Callable[[int, int], str]:
    """The shape of this seed."""
    chance_of = random.Random(seed)
    levels: Sequence[tuple[str, str, int, str]] = [
        (
            chance_of.choice(list(NAMINGS)),
            chance_of.choice(list(SPREADS)),
            chance_of.choice(WIDTHS),
            chance_of.choice(["/", "/", "-", "_", "/_/", ""]),
        )
        for _ in range(chance_of.randrange(LEVELS_MAX))
    ]
    leaf = LEAVES[chance_of.choice(list(LEAVES))]

    @lru_cache(maxsize=20_000)
    def children(level: int, path: str, count: int) -> Children:
        naming, spreading, width, end = levels[level]
        names = sorted({f"{NAMINGS[naming](path, at)}{end}" for at in range(width)})
        kept: list[str] = []  # none begins another one, else the keys below the two would mix
        for name in names:
            if not kept or not name.startswith(kept[-1]):
                kept.append(name)
        return spread(kept, SPREADS[spreading](random.Random(f"{seed}{path}"), len(kept)), count)

    def select(index: int, count: int) -> str:
        path = ""
        for level in range(len(levels)):
            if count <= LEAF_KEYS:
                break
            name, index, count = descend(children(level, path, count), index)
            path += name
        return path + leaf(index, count)

    return select


def described(seed: int) -> str:
    """What a seed stands for, in a few words."""
    chance_of = random.Random(seed)
    levels = [
        f"{chance_of.choice(list(NAMINGS))}/{chance_of.choice(list(SPREADS))}/{chance_of.choice(WIDTHS)}"
        f"{chance_of.choice(['/', '/', '-', '_', '/_/', ''])}"
        for _ in range(chance_of.randrange(LEVELS_MAX))
    ]
    return " ".join([*levels, chance_of.choice(list(LEAVES))])
