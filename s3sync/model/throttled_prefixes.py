"""Which prefixes are asked to slow down: S3 limits requests by prefix, so one can be hot while the others are not.

| the counter has                                  | then the request counts for                        |
|--------------------------------------------------|----------------------------------------------------|
| its two first folders, or room for them          | `BUCKET/a/b/`                                      |
| its first folder, or room for it                 | `BUCKET/a/`                                        |
| its bucket, or room for it                       | `BUCKET/`                                          |
| none of them                                     | `OTHERS`                                           |

Half of the room is for the first row. Counts only grow, so that what came in between is their difference.
"""

from collections import Counter
from collections.abc import Mapping

MOST = 200
MOST_MERGED = 50
MOST_REPORTED = 10
PREFIX_MOST_CHARACTERS = 200
OTHERS = "(others)"


def count(counter: Counter[str], bucket: str, key: str, most: int = MOST) -> None:
    """Count a throttled request; the counter never has more than `most` entries."""
    folders = key.split("/", 2)[:-1]
    for depth in range(len(folders), -1, -1):
        prefix = "/".join((bucket, *folders[:depth], ""))[:PREFIX_MOST_CHARACTERS]
        room = most // 2 if depth > 1 else most - 1
        if prefix in counter or len(counter) < room:
            counter[prefix] += 1
            return
    counter[OTHERS] += 1


def merge(into: Counter[str], more: Mapping[str, int], most: int = MOST_MERGED) -> None:
    """Add counts; the smallest become `OTHERS` where there are more than `most`."""
    into.update(more)
    if len(into) > most:
        kept = Counter(dict(Counter({name: n for name, n in into.items() if name != OTHERS}).most_common(most - 1)))
        kept[OTHERS] = into.total() - kept.total()
        into.clear()
        into.update(kept)


def most_of(counter: Mapping[str, int], most: int = MOST_REPORTED) -> dict[str, int]:
    """The prefixes with the most throttled requests."""
    return dict(Counter(counter).most_common(most))


def hottest(counter: Mapping[str, int]) -> tuple[str, int] | None:
    """The prefix with the most throttled requests, None where there is none."""
    named = {name: n for name, n in counter.items() if name != OTHERS and n > 0}
    return max(named.items(), key=lambda item: (item[1], item[0]), default=None)
