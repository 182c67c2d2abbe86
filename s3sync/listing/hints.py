"""Where to cut a key space at first, from what is known of it: an earlier listing, or an inventory. Only a hint: it may
be old or of another bucket, and costs time then, nothing else.

    {work_uri}/listings/{name}.json     the ranges of the last listing of a bucket

A hint that a user names: what kind it is, and what it says of the key space.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from s3sync.aws.clients import client
from s3sync.config.model import Config
from s3sync.errors import ConfigError, StoreError
from s3sync.inventory.data_file import read_data_file
from s3sync.inventory.locate import fetch_data_file, find_manifest
from s3sync.inventory.manifest import FileFormat, Manifest
from s3sync.listing.key_space import behind
from s3sync.listing.split import PAGE_KEYS, UNKNOWN_PAGES, Lane
from s3sync.model.key_range import KeyRange
from s3sync.runs.store import Store, open_store

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


MANIFESTS = ("_s3sync/manifest.json", "manifest.json", "listing-source/manifest.json")
FILES_MAX = 4
KEYS_PER_FILE = 2_000
_OPTION = "--hint"


def given_hints(config: Config) -> Hints:
    """What `--hint` names: the output of `s3sync list`, the folder of a run or of its listing, or an inventory.

    Nothing where none is given. Raises ConfigError where it is none of these, InventoryError where an inventory can't
    be read.
    """
    uri = config.listing.hint
    if uri is None:
        return Hints()
    store = open_store(uri, config.access.work)
    for name in MANIFESTS:
        if (body := store.get(name)) is not None and (found := _of_manifest(body, f"{store.uri}/{name}")) is not None:
            return found
    if not uri.startswith("s3://"):
        raise ConfigError(_OPTION, f"{uri} holds no finished listing; name the folder of one, or an inventory")
    return _of_inventory(config, find_manifest(client("s3", config.access.inventory), uri))


def _of_manifest(body: bytes, uri: str) -> Hints | None:
    """From the manifest of a listing; None where it is that of something else. Raises ConfigError where it is none."""
    try:
        told = json.loads(body)
        return of_ranges(told["ranges"]) if isinstance(told, dict) and "ranges" in told else None
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(_OPTION, f"{uri} is not the manifest of a listing, or is damaged: {error!r}") from error


def _of_inventory(config: Config, manifest: Manifest) -> Hints:
    """From some keys of some of its files: nobody says that their rows are in order."""
    files = manifest.files
    chosen = files[:: max(1, -(-len(files) // FILES_MAX))]
    keys: list[str] = []
    rows = 0
    for file in chosen:
        directory = Path(config.run.tmp_dir or tempfile.gettempdir())
        s3 = client("s3", config.access.inventory)
        # liborc ends the process at some damaged bytes, so no ORC file is read that was not verified.
        path = fetch_data_file(s3, manifest, file, directory, manifest.file_format is FileFormat.ORC)
        try:
            some = list(_some(batch.column("key").to_pylist() for batch in read_data_file(path, manifest, file)))
        finally:
            path.unlink(missing_ok=True)
        keys += [key for part, _ in some for key in part]
        rows += sum(count for _, count in some)
    read_bytes, all_bytes = sum(file.size_bytes for file in chosen), sum(file.size_bytes for file in files)
    return of_sample(keys, rows * all_bytes / max(read_bytes, 1)) if keys else Hints()


def _some(batches: Iterator[list[str]]) -> Iterator[tuple[list[str], int]]:
    """Of each batch some keys, and how many it has."""
    for keys in batches:
        yield keys[:: max(1, len(keys) * 20 // KEYS_PER_FILE)], len(keys)
