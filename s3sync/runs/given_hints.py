"""A hint that a user names: what kind it is, and what it says of the key space."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from s3sync.aws.clients import client
from s3sync.aws.inventory_source import fetch_data_file, find_manifest
from s3sync.aws.store import open_store
from s3sync.config.model import Config
from s3sync.errors import ConfigError
from s3sync.inventory.datafile import read_data_file
from s3sync.inventory.manifest import FileFormat, Manifest
from s3sync.runs.list_hints import Hints, of_ranges, of_sample

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
