"""Places in a space of keys: what lies behind a prefix, and what lies between two keys.

Keys are text and order by code point, which is the order of their UTF-8 bytes. So every place is text too, and any
place may be sent as `StartAfter`, whether a key stands there or not.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

TOP = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)
LEVELS = 8  # how many characters are measured: 60**8 places are enough
_FAMILIES = (
    range(ord("0"), ord("9") + 1),
    range(ord("A"), ord("Z") + 1),
    range(ord("a"), ord("z") + 1),
    range(0x80, 0x250),  # Latin
    range(0x370, 0x400),  # Greek
    range(0x400, 0x530),  # Cyrillic
    range(0x3040, 0x3100),  # Hiragana, Katakana
    range(0x4E00, 0xA000),  # CJK
    range(0xAC00, 0xD7A4),  # Hangul
    range(0x1F300, 0x1FB00),  # emoji
)
_HEX = frozenset("0123456789abcdef")


def common_length(first: str, second: str) -> int:
    """How many characters at the beginning are the same."""
    most = min(len(first), len(second))
    if first[:most] == second[:most]:
        return most
    low, high = 0, most  # the first `low` characters are the same, the first `high` are not
    while high - low > 1:
        middle = (low + high) // 2
        if first[:middle] == second[:middle]:
            low = middle
        else:
            high = middle
    return low


def behind(prefix: str) -> str | None:
    """The first place behind all keys that begin so; None where nothing can lie there."""
    while prefix and ord(prefix[-1]) == TOP:
        prefix = prefix[:-1]
    if not prefix:
        return None
    following = ord(prefix[-1]) + 1
    return prefix[:-1] + chr(_SURROGATES.stop if following in _SURROGATES else following)


def shared_by_all(low: str, high: str | None) -> str:
    """The longest text known to begin every key above `low` and below `high`.

    `high` may be what lies just behind a prefix: between `hot/a` and `hot0` all keys begin with `hot/`.
    """
    if high is None:
        return ""
    level = common_length(low, high)
    if len(high) == level + 1 and len(low) > level and behind(low[: level + 1]) == high:
        return low[: level + 1]
    return high[:level]


@lru_cache(maxsize=1024)
def family(character: str) -> Sequence[int]:
    """The code points among which a key's character is one: digits, letters of one script, or itself."""
    point = ord(character)
    for known in _FAMILIES:
        if point in known:
            return known
    if point < 0x80:  # noqa: PLR2004  (ASCII punctuation: each for itself)
        return (point,)
    block = range(point & ~0x7F, (point | 0x7F) + 1)
    return block if block.start not in _SURROGATES else (point,)


class Alphabet:
    """Which characters keys have at a place of their structure: the n-th character of the m-th name of a path.

    Learned from keys that lie far from one another, such as those met behind cuts; from `ENOUGH` of them on it is
    believed that no other characters stand there (the days of a month begin with 0 to 3).
    """

    ENOUGH = 24
    NAMES_MAX = 32

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int], Counter[str]] = {}

    def learn(self, key: str) -> None:
        name, offset = 0, 0
        for character in key:
            if offset < LEVELS:
                self._seen.setdefault((name, offset), Counter())[character] += 1
            name, offset = _step(name, offset, character)
            if name > self.NAMES_MAX:
                break

    def merge(self, other: "Alphabet") -> None:
        for place, counts in other._seen.items():
            self._seen.setdefault(place, Counter()).update(counts)

    def since(self, earlier: "Alphabet") -> "Alphabet":
        """What was learned since this was a copy of `earlier`."""
        news = Alphabet()
        for place, counts in self._seen.items():
            fresh = counts - earlier._seen.get(place, Counter())
            if fresh:
                news._seen[place] = fresh
        return news

    def copy(self) -> "Alphabet":
        copied = Alphabet()
        copied.merge(self)
        return copied

    def at(self, prefix: str) -> frozenset[str] | None:
        """What may follow the prefix; None where too little was seen."""
        name, offset = 0, 0
        for character in prefix:
            name, offset = _step(name, offset, character)
        counts = self._seen.get((name, offset))
        return frozenset(counts) if counts is not None and counts.total() >= self.ENOUGH else None


def _step(name: int, offset: int, character: str) -> tuple[int, int]:
    return (name, offset + 1) if character.isalnum() else (name + 1, 0)


class Ruler:
    """Measures the keys that begin with `shared`, by the characters that keys were seen to have.

    Each of the next characters is one that the alphabet has learned for its place, or else one of the families of those
    seen there (hexadecimal digits, where no other letters were seen). A place is a number; keys whose characters are
    spread evenly are spread evenly over the numbers.
    """

    def __init__(self, shared: str, seen: Sequence[str], alphabet: Alphabet) -> None:
        """`seen` are keys from nearby; what the first of them begins with tells the places in the structure."""
        tails = [key[len(shared) :] for key in seen if key.startswith(shared)]
        model = shared + (tails[0] if tails else "")
        letters = {character for tail in tails for character in _name(tail) if character.isalpha()}
        is_hex = bool(letters) and letters <= _HEX
        self.shared = shared
        self._levels = [
            _points(
                frozenset(tail[level] for tail in tails if len(tail) > level),
                alphabet.at(model[: len(shared) + level]) if len(model) >= len(shared) + level else None,
                is_hex=is_hex,
            )
            for level in range(LEVELS)
        ]
        units = [1]
        for points in reversed(self._levels[1:]):
            units.append(units[-1] * (len(points) + 1))
        self._units = units[::-1]
        self.end = len(self._levels[0]) * self._units[0]

    def place(self, key: str | None) -> int:
        """The number of a key that begins with `shared`; None is the end."""
        if key is None:
            return self.end
        number = 0
        rest = key[len(self.shared) : len(self.shared) + LEVELS]
        for level, (character, points, unit) in enumerate(zip(rest, self._levels, self._units, strict=False)):
            digit = bisect_left(points, ord(character))
            is_member = digit < len(points) and points[digit] == ord(character)
            number += min(digit + (level > 0), len(points)) * unit
            if not is_member:
                break
        return number

    def text(self, place: int, tolerance: int) -> str:
        """A place as text, shortened as long as it moves by no more than `tolerance`; it never moves up."""
        characters = [self.shared]
        for level, (points, unit) in enumerate(zip(self._levels, self._units, strict=True)):
            digit, place = divmod(place, unit)
            digit -= level > 0
            if not 0 <= digit < len(points):
                break
            characters.append(chr(points[digit]))
            if place <= tolerance:
                break
        return "".join(characters)


def _name(tail: str) -> str:
    """The tail up to where its first name ends."""
    for at, character in enumerate(tail):
        if not character.isalnum():
            return tail[:at]
    return tail


@lru_cache(maxsize=4096)
def _points(seen: frozenset[str], learned: frozenset[str] | None, *, is_hex: bool) -> Sequence[int]:
    points = set(map(ord, seen | (learned or frozenset())))
    if learned is None:
        for character in seen:
            points.update(map(ord, _HEX) if is_hex and character in _HEX else family(character))
    return sorted(points)
