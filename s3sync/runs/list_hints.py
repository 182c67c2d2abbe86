"""Where to cut a key space at first, from what is known of it: an earlier listing, or an inventory. Only a hint: it may
be old or of another bucket, and costs time then, nothing else.

    {work_uri}/listings/{name}.json     the ranges of the last listing of a bucket
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from s3sync.aws.store import Store
from s3sync.errors import StoreError
from s3sync.model.ranges import KeyRange
from s3sync.planning.key_space import behind
from s3sync.planning.splitting import PAGE_KEYS, UNKNOWN_PAGES, Lane

PARTS_PER_SLOT = 3
PART_PAGES_MIN = 32  # fewer pages are not worth a cut
REMEMBERED_MAX = 4096


@dataclass(frozen=True, slots=True)
class Hints:
    """`marks` are keys in order, each with the objects since the one before."""

    marks: tuple[tuple[str, float], ...] = ()

    def lanes(self, prefix: str, part: KeyRange, slots: int) -> list[Lane]:
        """The range, cut so that about as many objects lie in each piece."""
        end = behind(prefix)
        inside = [
            (key, objects)
            for key, objects in self.marks
            if part.holds(key) and key >= prefix and (end is None or key < end)
        ]
        total = sum(objects for _, objects in inside)
        size = max(total / (PARTS_PER_SLOT * slots), PART_PAGES_MIN * PAGE_KEYS)
        cuts: list[str] = []
        held = 0.0
        for key, objects in inside:
            held += objects
            if held >= size:
                cuts.append(key)
                held = 0.0
        pages = size / PAGE_KEYS if cuts else max(total / PAGE_KEYS, UNKNOWN_PAGES)
        return [Lane(prefix, each.after, each.upto, pages) for each in part.split(cuts)]


def of_ranges(ranges: Iterable[Mapping[str, Any]]) -> Hints:
    """From the ranges of a listing's manifest."""
    rows = sorted((row["last_key"], row["objects"]) for row in ranges if row["last_key"] is not None)
    return thinned((key, float(objects)) for key, objects in rows)


def of_sample(keys: Iterable[str], objects: float) -> Hints:
    """From keys that are some of many, `objects` in all."""
    found = sorted(keys)
    return thinned((key, objects / len(found)) for key in found)


def thinned(marks: Iterable[tuple[str, float]]) -> Hints:
    """The marks, neighbours taken together where there are too many."""
    kept = list(marks)
    while len(kept) > REMEMBERED_MAX:
        pairs = zip(kept[::2], kept[1::2], strict=False)
        odd = kept[-1:] if len(kept) % 2 else []
        kept = [(right[0], left[1] + right[1]) for left, right in pairs] + odd
    return Hints(tuple(kept))


def remember(store: Store, bucket: str, endpoint_url: str | None, ranges: Iterable[Mapping[str, Any]]) -> None:
    """Keep a listing's ranges for the next one of the bucket."""
    body = json.dumps({"bucket": bucket, "marks": of_ranges(ranges).marks})
    store.put(_path(bucket, endpoint_url), body.encode())


def remembered(store: Store, bucket: str, endpoint_url: str | None) -> Hints:
    """What the last listing left; nothing where there is none, or what it left can't be read."""
    try:
        body = store.get(_path(bucket, endpoint_url))
        marks = json.loads(body)["marks"] if body is not None else ()
        return Hints(tuple((str(key), float(objects)) for key, objects in marks))
    except (StoreError, ValueError, KeyError, TypeError):
        return Hints()


def _path(bucket: str, endpoint_url: str | None) -> str:
    name = sha256(f"{endpoint_url or 'aws'}/{bucket}".encode()).hexdigest()[:24]
    return f"listings/{name}.json"
