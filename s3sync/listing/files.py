"""Where a listing's segments and records lie, and what of them counts when a driver goes on."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from s3sync.errors import StoreError
from s3sync.listing.state import Listed, Listing
from s3sync.runs.folder import SCHEMA_VERSION
from s3sync.runs.store import Store


@dataclass(frozen=True, slots=True)
class ListingFolder:
    """Where a listing lies on the store. Segments are told as `folder` and a name and lie below `base`; all else lies
    below `state`."""

    store: Store
    base: str
    folder: str
    state: str

    @property
    def uri(self) -> str:
        return f"{self.store.uri}/{self.base}{self.folder}".rstrip("/")

    def put_segment(self, name: str, body: bytes) -> str:
        """Write a segment; returns what it is told as."""
        file = f"{self.folder}{name}"
        self.store.put(f"{self.base}{file}", body)
        return file

    def segment_files(self) -> Iterator[str]:
        """All files that lie where the segments do, whether they count or not, as they are told."""
        top = f"{self.base}{self.folder}"
        for path in self.store.names(top):
            if path.count("/") == top.count("/"):
                yield path[len(self.base) :]

    def drop_segment(self, file: str) -> None:
        self.store.delete(f"{self.base}{file}")

    def put_task(self, name: str, listed: Listed) -> None:
        self._put(f"tasks/{name}.json", listed.to_json())

    def put_round(self, number: int, listed: Listed) -> None:
        self._put(f"rounds/{number:05d}.json", listed.to_json())

    def task_records(self, name: str) -> Iterator[Listed]:
        """What the attempts at a task, or at all tasks whose names begin so, have listed, the first attempt first."""
        for path in sorted(self.store.names(f"{self.state}tasks/{name}")):
            yield Listed.from_json(self._get(path))

    def resume(self) -> tuple[Listing, int]:
        """What is listed so far, and the number of the next round."""
        listing, following = Listing(), 0
        committed = {path.rpartition("/")[2][:5]: path for path in self.store.names(f"{self.state}rounds/")}
        begun = {path.rpartition("/")[2][:5] for path in self.store.names(f"{self.state}tasks/")}
        for number in sorted(begun | committed.keys()):
            following = int(number) + 1
            if number in committed:
                listing.add(Listed.from_json(self._get(committed[number])))
            else:
                for listed in self.task_records(f"{number}-"):
                    listing.add(listed)
        return listing, following

    def manifest(self) -> dict[str, Any] | None:
        body = self.store.get(f"{self.state}manifest.json")
        return None if body is None else self._parsed(f"{self.state}manifest.json", body)

    def commit(self, manifest: dict[str, Any]) -> None:
        self._put("manifest.json", {"schema_version": SCHEMA_VERSION, **manifest})

    def options(self) -> dict[str, Any] | None:
        """What the listing was begun with, where that is kept here."""
        body = self.store.get(f"{self.state}options.json")
        return None if body is None else self._parsed(f"{self.state}options.json", body)

    def put_options(self, options: dict[str, Any]) -> None:
        self._put("options.json", options)

    def begin_epoch(self) -> int:
        """Count this driver's start: no two drivers get the same number."""
        epoch = 1 + sum(1 for _ in self.store.names(f"{self.state}starts/"))
        while not self.store.put_new(f"{self.state}starts/{epoch:04d}", secrets.token_hex(8).encode()):
            epoch += 1
        return epoch

    def is_newest(self, epoch: int) -> bool:
        """Whether no driver began after this one."""
        newest = max((int(name.rpartition("/")[2]) for name in self.store.names(f"{self.state}starts/")), default=0)
        return newest == epoch

    def _put(self, name: str, value: dict[str, Any]) -> None:
        self.store.put(f"{self.state}{name}", json.dumps(value).encode())

    def _get(self, path: str) -> dict[str, Any]:
        body = self.store.get(path)
        if body is None:
            raise StoreError(f"{self.store.uri}/{path}: is missing")
        return self._parsed(path, body)

    def _parsed(self, path: str, body: bytes) -> dict[str, Any]:
        try:
            value: dict[str, Any] = json.loads(body)
        except ValueError as error:
            raise StoreError(f"{self.store.uri}/{path}: is not JSON: {error}") from error
        return value
