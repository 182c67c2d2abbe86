"""A committed comparison of two listings, as its manifest tells it.

judged/findings-{partition}-{attempt}.parquet    findings that the listings settle (schema FINDINGS)
judged/open-{partition}-{number}-{attempt}.parquet   objects to be looked at, a batch a file (schema FINDINGS)
judged/manifest.json                             which of them count, and what they add up to
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from s3sync.planning.verdicts import Moments
from s3sync.report.check_summary import CheckCounts
from s3sync.report.check_tally import CheckTally
from s3sync.runs.plan import Batch


@dataclass(frozen=True, slots=True)
class Judged:
    """What the listings came to. `tally` is of what they settle; `open` are the batches that must be looked at, of
    `open_objects`, for which the boundaries of parts take `part_requests` at most.
    """

    moments: Moments
    counts: CheckCounts
    tally: CheckTally
    findings: tuple[str, ...] = ()
    open: tuple[Batch, ...] = ()
    part_requests: int = 0
    listing_pages: int = 0

    @property
    def open_objects(self) -> int:
        return sum(batch.tasks for batch in self.open)

    def to_json(self) -> dict[str, Any]:
        moments = {name: _text(getattr(self.moments, name)) for name in _MOMENTS}
        return {
            "moments": moments,
            "counts": self.counts.to_json(),
            "tally": self.tally.to_json(),
            "findings": list(self.findings),
            "open": [[b.batch_id, b.file, b.tasks, b.size_bytes] for b in self.open],
            "part_requests": self.part_requests,
            "listing_pages": self.listing_pages,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Judged":
        return cls(
            Moments(**{name: _moment(value["moments"][name]) for name in _MOMENTS}),
            CheckCounts.from_json(value["counts"]),
            CheckTally.from_json(value["tally"]),
            tuple(value["findings"]),
            tuple(Batch(*batch) for batch in value["open"]),
            value["part_requests"],
            value["listing_pages"],
        )


_MOMENTS = ("changed_after", "source_seen_at", "target_seen_at")


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
