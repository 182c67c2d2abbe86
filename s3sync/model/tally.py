"""What a part of a run amounts to: counts that add up, read from the rows that were written.

A tally is made from an outcomes table, so the figures of a summary are those of the rows and nothing else. What rows
do not hold (requests by kind, throttles) is counted by the engine and travels in the file's metadata.
"""

import json
from collections import Counter
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.model.outcome import Status
from s3sync.model.throttled_prefixes import merge

ENGINE_KEY = b"s3sync.engine"

_OF_THE_ENGINE = ("requests", "retries", "throttled", "throttled_by_prefix", "engine_seconds", "sent", "unsent")
_OF_ROWS = ("objects", "size_bytes", "reasons", "pinned", "verified")


@dataclass(slots=True)
class ErrorTally:
    error_class: str
    count: int
    example_key: str
    example_message: str


@dataclass(slots=True)
class Tally:
    """Objects and bytes by status, and why; requests by operation; `engine_seconds` is time spent copying.

    `sent` counts the tasks that went to the queues, `unsent` those that did not, by the reason.
    """

    objects: Counter[str] = field(default_factory=Counter)
    size_bytes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    pinned: Counter[str] = field(default_factory=Counter)
    verified: Counter[str] = field(default_factory=Counter)
    errors: dict[str, ErrorTally] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    throttled: int = 0
    throttled_by_prefix: Counter[str] = field(default_factory=Counter)
    engine_seconds: float = 0.0
    sent: int = 0
    unsent: Counter[str] = field(default_factory=Counter)

    @property
    def settled(self) -> int:
        return self.objects.total()

    def failed_by_class(self, classes: frozenset[Any]) -> Counter[str]:
        """How many failed with each code of these error classes."""
        names = {str(name) for name in classes}
        return Counter({code: e.count for code, e in self.errors.items() if e.error_class in names})

    def add(self, other: "Tally") -> None:
        for name in (*_OF_ROWS, "requests", "unsent"):
            getattr(self, name).update(getattr(other, name))
        for code, error in other.errors.items():
            mine = self.errors.get(code)
            if mine is None:
                self.errors[code] = ErrorTally(**asdict(error))
            else:
                mine.count += error.count
        self.retries += other.retries
        self.throttled += other.throttled
        merge(self.throttled_by_prefix, other.throttled_by_prefix)
        self.engine_seconds += other.engine_seconds
        self.sent += other.sent

    def to_json(self) -> dict[str, Any]:
        errors = {code: asdict(error) for code, error in self.errors.items()}
        return {**{f.name: getattr(self, f.name) for f in fields(self)}, "errors": errors}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Tally":
        return cls(
            **{name: Counter(value[name]) for name in (*_OF_ROWS, "requests")},
            errors={code: ErrorTally(**error) for code, error in value["errors"].items()},
            retries=value["retries"],
            throttled=value["throttled"],
            throttled_by_prefix=Counter(value.get("throttled_by_prefix", {})),
            engine_seconds=value["engine_seconds"],
            sent=value.get("sent", 0),
            unsent=Counter(value.get("unsent", {})),
        )


def without(whole: Tally, removed: Tally) -> Tally:
    """The tally without some of its rows; requests, seconds and what was sent are history and stay."""
    rest = Tally()
    rest.add(whole)
    for name in _OF_ROWS:
        setattr(rest, name, +(getattr(rest, name) - getattr(removed, name)))
    for code, error in removed.errors.items():
        mine = rest.errors.get(code)
        if mine is not None:
            mine.count -= error.count
    rest.errors = {code: error for code, error in rest.errors.items() if error.count > 0}
    return rest


def with_engine_counts(table: pa.Table, engine: Tally) -> pa.Table:
    """The table with what the engine and the queues counted while its rows were made, and when that ended, in the
    schema's metadata."""
    counts = {name: getattr(engine, name) for name in _OF_THE_ENGINE}
    counts["ended_at"] = datetime.now(UTC).isoformat()
    return table.replace_schema_metadata({ENGINE_KEY: json.dumps(counts).encode()})


def tally(outcomes: pa.Table) -> Tally:
    """The counts of an outcomes table (schema `model.tables.OUTCOMES`), which may carry the engine's metadata."""
    objects = counted(outcomes, "status")
    copied = _of_status(outcomes, Status.COPIED)
    found = Tally(
        objects=objects,
        size_bytes=Counter({name: pc.sum(_of_status(outcomes, name)["size"]).as_py() or 0 for name in objects}),
        reasons=counted(outcomes, "reason"),
        pinned=counted(copied, "pinned"),
        verified=counted(outcomes, "verified"),
        errors=_errors(outcomes),
    )
    found.add(engine_counts(outcomes))
    return found


def engine_counts(table: pa.Table) -> Tally:
    """What `with_engine_counts` put into a table of any schema."""
    counts = json.loads((table.schema.metadata or {}).get(ENGINE_KEY, b"{}"))
    return Tally(
        requests=Counter(counts.get("requests", {})),
        retries=counts.get("retries", 0),
        throttled=counts.get("throttled", 0),
        throttled_by_prefix=Counter(counts.get("throttled_by_prefix", {})),
        engine_seconds=counts.get("engine_seconds", 0.0),
        sent=counts.get("sent", 0),
        unsent=Counter(counts.get("unsent", {})),
    )


def _of_status(table: pa.Table, status: str) -> pa.Table:
    return table.filter(pc.equal(table["status"], str(status)))


def counted(table: pa.Table, column: str) -> Counter[str]:
    """How often each text stands in a column; nulls are not counted."""
    return Counter({e["values"]: e["counts"] for e in pc.value_counts(table[column]).to_pylist() if e["values"]})


def _errors(table: pa.Table) -> dict[str, ErrorTally]:
    failed = _of_status(table, Status.FAILED)
    if not failed.num_rows:
        return {}
    columns = [("task_id", "count"), ("error_class", "first"), ("source_key", "first"), ("message", "first")]
    rows = failed.group_by("error_code", use_threads=False).aggregate(columns).to_pylist()
    return {
        row["error_code"]: ErrorTally(
            row["error_class_first"], row["task_id_count"], row["source_key_first"], row["message_first"] or ""
        )
        for row in rows
    }
