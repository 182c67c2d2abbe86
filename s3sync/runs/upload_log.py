"""The uploads of a run's giants: one is opened, its parts come from many tasks, and one outcome ends it.

    uploads/{batch_id}/{generation}-open.json                      the upload: its id, how it is cut
    uploads/{batch_id}/{generation}-{attempt}-{first}-{n}.parquet  parts that are there
    uploads/{batch_id}/{generation}-gone.json                      this upload is of no use any more
    outcomes/{batch_id}/                                           the end, as of any batch

Of several tasks that open an upload at the same time the first to put its record wins, and the others use that one.
A generation follows where an upload is gone: somebody aborted it, or a lifecycle rule did."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

import pyarrow as pa

from s3sync.model.part_layout import Boundaries, Cut, PartLayout
from s3sync.model.tables import UPLOAD_PARTS
from s3sync.model.tally import Tally, engine_counts, with_engine_counts
from s3sync.runs.folder import RunFolder
from s3sync.runs.outcomes import parquet_bytes, read_parquet


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """What every task of a giant must know of its upload. `requests` and `milliseconds` are what opening it took;
    `late_tagging` are the tags that are to follow, see `copying.late_tags`."""

    upload_id: str
    source_etag: str | None
    source_last_modified: datetime
    source_hides_md5: bool
    target_hides_md5: bool
    cut: Cut
    requests: int = 0
    milliseconds: int = 0
    late_tagging: str = ""

    @property
    def size_bytes(self) -> int:
        return self.cut.layout.size_bytes

    def to_json(self) -> dict[str, Any]:
        """Parts that are alike are told once: `layout` has pairs of a size and how many parts have it."""
        runs = [[size, len(list(same))] for size, same in groupby(self.cut.layout.part_sizes)]
        return {
            "upload_id": self.upload_id,
            "source_etag": self.source_etag,
            "source_last_modified": self.source_last_modified.isoformat(),
            "source_hides_md5": self.source_hides_md5,
            "target_hides_md5": self.target_hides_md5,
            "layout": runs,
            "boundaries": str(self.cut.boundaries),
            "requests": self.requests,
            "milliseconds": self.milliseconds,
            "late_tagging": self.late_tagging,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "OpenUpload":
        sizes = tuple(size for size, count in value["layout"] for _ in range(count))
        return cls(
            value["upload_id"],
            value["source_etag"],
            datetime.fromisoformat(value["source_last_modified"]),
            value["source_hides_md5"],
            value["target_hides_md5"],
            Cut(PartLayout(sizes), Boundaries(value["boundaries"])),
            value["requests"],
            value["milliseconds"],
            value.get("late_tagging", ""),
        )


COUNTS_ONLY = 0  # in place of a piece's first part: what opening and finishing took
_OPEN, _GONE = "-open.json", "-gone.json"


@dataclass(frozen=True, slots=True)
class OpenGiant:
    """A giant whose upload is open, and the parts that are still to be copied, in portions for a task each.

    `attempt` is the number for its outcome.
    """

    batch_id: str
    file: str
    generation: int
    attempt: int
    missing: tuple[tuple[int, ...], ...] = ()

    def pieces(self) -> "list[Piece]":
        return [Piece(self.batch_id, self.file, self.generation, self.attempt, numbers) for numbers in self.missing]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some parts of a giant: a task's work."""

    batch_id: str
    file: str
    generation: int
    attempt: int
    numbers: tuple[int, ...]

    @property
    def name(self) -> str:
        return f"{self.batch_id}/{self.generation:04d}-{self.numbers[0]:05d}"


@dataclass(slots=True)
class Carried:
    """The parts that are there, by number, and what copying them took, opening and finishing left out."""

    etags: dict[int, str] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)


class UploadLog:
    """The uploads of one giant."""

    def __init__(self, folder: RunFolder, batch_id: str) -> None:
        self._folder = folder
        self._prefix = f"uploads/{batch_id}/"

    def current(self) -> tuple[int, OpenUpload | None]:
        """The upload in use, with its generation; None where that one is still to be opened."""
        names = list(self._folder.names(self._prefix))
        gone = [self._generation(name) for name in names if name.endswith(_GONE)]
        generation = max(gone, default=0) + 1
        is_open = self._name(generation, _OPEN) in names
        return generation, self.opened(generation) if is_open else None

    def opened(self, generation: int) -> OpenUpload:
        """Raises StoreError where there is none."""
        return OpenUpload.from_json(json.loads(self._folder.get(self._name(generation, _OPEN))))

    def put_open(self, generation: int, upload: OpenUpload) -> OpenUpload:
        """Write the upload down; the one that was first, where another task has done so meanwhile."""
        body = json.dumps(upload.to_json(), indent=1).encode()
        return upload if self._folder.put_new(self._name(generation, _OPEN), body) else self.opened(generation)

    def put_gone(self, generation: int) -> None:
        self._folder.put_json(self._name(generation, _GONE), {})

    def put_parts(
        self, generation: int, attempt: str, first: int, number: int, etags: Mapping[int, str], counted: Tally
    ) -> None:
        """Write down parts that are there, and what was counted meanwhile. `first` names the piece, `number` the file
        among those of this attempt at it."""
        columns = [pa.array(list(etags), pa.int32()), pa.array(list(etags.values()), pa.string())]
        table = with_engine_counts(pa.table(columns, schema=UPLOAD_PARTS), counted)
        name = self._name(generation, f"-{attempt}-{first:05d}-{number:04d}.parquet")
        self._folder.put(name, parquet_bytes(table))

    def carried(self, generation: int, first: int | None = None) -> Carried:
        """The parts of an upload, or those that attempts at one piece left. Of two rows the later attempt's counts:
        where a part was copied twice, it may be the one that the server has."""
        found = Carried()
        for name in self._folder.names(self._name(generation, "-")):
            if not name.endswith(".parquet"):
                continue
            piece = int(name.split("-")[-2])
            if piece != COUNTS_ONLY and first in (None, piece):
                table = read_parquet(self._folder.get(name))
                found.etags.update(zip(*(table[column].to_pylist() for column in UPLOAD_PARTS.names), strict=True))
                found.tally.add(engine_counts(table))
        return found

    def counted(self) -> Tally:
        """What all uploads of the giant took, those that are gone included."""
        counts = Tally()
        for name in self._folder.names(self._prefix):
            if name.endswith(".parquet"):
                counts.add(engine_counts(read_parquet(self._folder.get(name))))
        return counts

    def _name(self, generation: int, rest: str) -> str:
        return f"{self._prefix}{generation:04d}{rest}"

    def _generation(self, name: str) -> int:
        return int(name.removeprefix(self._prefix).partition("-")[0])
