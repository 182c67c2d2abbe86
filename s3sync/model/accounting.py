"""Counts that must add up (C1): every listed object is in exactly one place, from the listing to its outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from s3sync.errors import InvariantBroken
from s3sync.model.outcome import Status
from s3sync.model.tally import Tally
from s3sync.model.task import Action

DELETE_MARKER = "delete_marker"
LIMIT = "limit"  # the reason in `filtered` of what a canary run (`--limit`) leaves out


@dataclass(frozen=True, slots=True)
class Amount:
    """Objects and their bytes; an object of unknown size adds none."""

    objects: int = 0
    size_bytes: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.objects + other.objects, self.size_bytes + other.size_bytes)


@dataclass(frozen=True, slots=True)
class Counts:
    """Of a run or a part of one; parts are added with `+`.

    `filtered` is by reason; `planned` by `copy/METHOD`, `skip` or `delete`; `outcomes` by status, of the tasks that
    were carried out: rows planned as `skip` are in no batch and have no outcome of their own, see `settled`.
    """

    listed: int = 0
    duplicates: int = 0
    delete_markers: int = 0
    filtered: Mapping[str, int] = field(default_factory=dict)
    planned: Mapping[str, Amount] = field(default_factory=dict)
    outcomes: Mapping[str, Amount] = field(default_factory=dict)

    @classmethod
    def of_dropped(cls, dropped: Mapping[str, int]) -> "Counts":
        """What `selection.filters` dropped; `listed` is left to the caller."""
        filtered = {str(reason): count for reason, count in dropped.items() if reason != DELETE_MARKER}
        return cls(delete_markers=dropped.get(DELETE_MARKER, 0), filtered=filtered)

    @classmethod
    def of_plan(cls, plan: pa.Table) -> "Counts":
        """The planned rows of a table of the schema `model.tables.PLAN`."""
        grouped = plan.group_by(["action", "method"]).aggregate([("task_id", "count"), ("size", "sum")])
        planned: dict[str, Amount] = {}
        for row in grouped.to_pylist():
            name = f"{row['action']}/{row['method']}" if row["action"] == Action.COPY else row["action"]
            planned[name] = planned.get(name, Amount()) + Amount(row["task_id_count"], row["size_sum"] or 0)
        return cls(planned=planned)

    @classmethod
    def of_outcomes(cls, tally: Tally) -> "Counts":
        """The outcomes of a tally, in which each task counts once."""
        return cls(outcomes={s: Amount(count, tally.size_bytes[s]) for s, count in tally.objects.items()})

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.listed + other.listed,
            self.duplicates + other.duplicates,
            self.delete_markers + other.delete_markers,
            _added(self.filtered, other.filtered, 0),
            _added(self.planned, other.planned, Amount()),
            _added(self.outcomes, other.outcomes, Amount()),
        )

    @property
    def planned_total(self) -> Amount:
        return sum(self.planned.values(), Amount())

    @property
    def skips(self) -> Amount:
        """The rows that the plan itself skips."""
        return self.planned.get(Action.SKIP, Amount())

    @property
    def settled(self) -> dict[str, Amount]:
        """Every status and its amount, none left out; `skipped` includes the rows that the plan skips."""
        settled = {str(status): self.outcomes.get(status, Amount()) for status in Status}
        settled[Status.SKIPPED] += self.skips
        return settled

    @property
    def remaining(self) -> int:
        """How many planned objects have no outcome yet."""
        return self.planned_total.objects - sum(amount.objects for amount in self.settled.values())

    def to_json(self) -> dict[str, Any]:
        return {
            "listed": self.listed,
            "duplicates": self.duplicates,
            "delete_markers": self.delete_markers,
            "filtered": dict(self.filtered),
            "planned": {name: _amount_json(amount) for name, amount in self.planned.items()},
            "outcomes": {name: _amount_json(amount) for name, amount in self.outcomes.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Counts":
        return cls(
            value["listed"],
            value["duplicates"],
            value["delete_markers"],
            dict(value["filtered"]),
            {name: Amount(a["objects"], a["bytes"]) for name, a in value["planned"].items()},
            {name: Amount(a["objects"], a["bytes"]) for name, a in value["outcomes"].items()},
        )


def verify_plan(counts: Counts) -> None:
    """listed = duplicates + delete markers + filtered + planned; raises InvariantBroken with both sides."""
    filtered, planned = sum(counts.filtered.values()), counts.planned_total.objects
    found = counts.duplicates + counts.delete_markers + filtered + planned
    if counts.listed != found:
        raise InvariantBroken(
            f"the plan does not account for every listed object: {counts.listed} listed, but {counts.duplicates} "
            f"duplicates + {counts.delete_markers} delete markers + {filtered} filtered + {planned} planned = {found}"
        )


def verify_outcomes(counts: Counts, *, stopped_early: bool = False) -> None:
    """planned = copied + skipped + failed + vanished + changed + archived; raises InvariantBroken with both sides.

    A run that `stopped_early` may have planned objects without an outcome, but never more outcomes than planned.
    """
    unknown = sorted(set(counts.outcomes) - set(Status))
    if unknown:
        raise InvariantBroken(f"outcomes of a status that does not exist: {', '.join(unknown)}")
    if counts.remaining < 0 or (counts.remaining and not stopped_early):
        parts = {status: amount.objects for status, amount in counts.settled.items()}
        total = " + ".join(f"{count} {status}" for status, count in parts.items())
        raise InvariantBroken(
            f"the outcomes do not account for every planned object: {counts.planned_total.objects} planned, "
            f"but {total} = {sum(parts.values())}"
        )


def _added(mine: Mapping[str, Any], others: Mapping[str, Any], zero: Any) -> dict[str, Any]:
    return {name: mine.get(name, zero) + others.get(name, zero) for name in {**mine, **others}}


def _amount_json(amount: Amount) -> dict[str, int]:
    return {"objects": amount.objects, "bytes": amount.size_bytes}
