"""A committed plan, as its manifest tells it."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from s3sync.model.accounting import Counts
from s3sync.model.estimate import Estimate
from s3sync.model.tables import PLAN, TIMESTAMP
from s3sync.model.task import Action, Method, Task
from s3sync.runs.folder import RunFolder

_LOOKED = "looked_at.json"
REPORT, LISTING, FINDINGS = "the inventory report", "a listing of", "the findings of check"


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of a committed plan: `file` is its path in the run's folder, `tasks` its number of rows.

    A giant's has one, and is carried out by many tasks (runs/giants.py)."""

    batch_id: str
    file: str
    tasks: int
    size_bytes: int
    is_giant: bool = False


def first_looked_at(folder: RunFolder, target_time: datetime) -> datetime:
    """The target server's time when the first driver of the run began to list; to be called before the first listing.

    A later driver finds those listings: what came to the target since then is in none of them, and would seem old by
    the later driver's own time.
    """
    if folder.put_new(_LOOKED, json.dumps({"target_time": target_time.isoformat()}).encode()):
        return target_time
    return datetime.fromisoformat((folder.get_json(_LOOKED) or {})["target_time"])


def looked_at(folder: RunFolder) -> datetime | None:
    """What `first_looked_at` wrote down; None where nothing was looked at yet."""
    known = folder.get_json(_LOOKED)
    return None if known is None else datetime.fromisoformat(known["target_time"])


def forget_listings(folder: RunFolder) -> None:
    """Let the run list anew: of these listings no plan can be made, and the mistake may be mended at the source."""
    for stage in ("listing-source", "listing-target"):
        folder.drop(stage)
    folder.store.delete(folder.path(_LOOKED))


@dataclass(frozen=True, slots=True)
class Origin:
    """One thing that a plan was made from, and when that saw its bucket."""

    what: str
    place: str
    at: datetime

    def __str__(self) -> str:
        return f"{self.what} {self.place} of {self.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True)
class Plan:
    """What was listed and what became of it (C1), why, what it will ask of S3, and the files that hold it.

    `planned_at` is the target server's time before anything was listed: an object on the target that is newer
    was not there when the plan was made. `reasons` counts the planned rows by their reason. `made_from` is empty where
    the version that planned did not write it down.
    """

    source_bucket: str
    target_bucket: str
    planned_at: datetime
    counts: Counts
    reasons: Counter[str] = field(default_factory=Counter)
    only_on_target: int = 0
    listing_pages: int = 0
    estimate: Estimate = field(default_factory=Estimate)
    batches: tuple[Batch, ...] = ()
    skip_files: tuple[str, ...] = ()
    made_from: tuple[Origin, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "source_bucket": self.source_bucket,
            "target_bucket": self.target_bucket,
            "planned_at": self.planned_at.isoformat(),
            "counts": self.counts.to_json(),
            "reasons": dict(self.reasons),
            "only_on_target": self.only_on_target,
            "listing_pages": self.listing_pages,
            "estimate": self.estimate.to_json(),
            "batches": [[b.batch_id, b.file, b.tasks, b.size_bytes, b.is_giant] for b in self.batches],
            "skip_files": list(self.skip_files),
            "made_from": [[origin.what, origin.place, origin.at.isoformat()] for origin in self.made_from],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Plan":
        return cls(
            source_bucket=value["source_bucket"],
            target_bucket=value["target_bucket"],
            planned_at=datetime.fromisoformat(value["planned_at"]),
            counts=Counts.from_json(value["counts"]),
            reasons=Counter(value["reasons"]),
            only_on_target=value["only_on_target"],
            listing_pages=value["listing_pages"],
            estimate=Estimate.from_json(value["estimate"]),
            batches=tuple(Batch(*batch) for batch in value["batches"]),
            skip_files=tuple(value["skip_files"]),
            made_from=tuple(
                Origin(what, place, datetime.fromisoformat(at)) for what, place, at in value.get("made_from", ())
            ),
        )


def tasks_of(batches: Iterable[pa.RecordBatch]) -> Iterator[Task]:
    """The rows of a plan (schema `model.tables.PLAN`) as tasks. A column that may be null is where the version that
    planned did not know it."""
    for batch in batches:
        columns = {field.name: _values_of(batch, field) for field in PLAN}
        columns["action"] = list(map(_ACTIONS.__getitem__, columns["action"]))
        columns["method"] = list(map(_METHODS.__getitem__, columns["method"]))
        yield from map(Task._make, zip(*columns.values(), strict=True))


def _values_of(batch: pa.RecordBatch, field: pa.Field) -> list[Any]:
    is_missing = field.nullable and batch.schema.get_field_index(field.name) < 0
    return [None] * batch.num_rows if is_missing else _plain_values(batch.column(field.name))


_ACTIONS = {str(action): action for action in Action}


_METHODS = {str(method): method for method in Method}


def _plain_values(column: pa.Array) -> list[Any]:
    """The column as a list. Times go through numpy, which is ten times as fast as pyarrow's own way."""
    if column.type != TIMESTAMP:
        values: list[Any] = column.to_pylist()
        return values
    naive: list[Any] = column.to_numpy(zero_copy_only=False).tolist()
    return [None if time is None else time.replace(tzinfo=UTC) for time in naive]
