"""A committed comparison of two listings, as its manifest tells it, and the moments that it goes by.

moments.json                                     when the first driver saw both sides
judged/findings-{partition}-{attempt}.parquet    findings that the listings settle (schema FINDINGS)
judged/open-{partition}-{number}-{attempt}.parquet   objects to be looked at, a batch a file (schema FINDINGS)
judged/manifest.json                             which of them count, and what they add up to
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from s3sync.checking.rules import Moments
from s3sync.report.check_summary import CheckCounts
from s3sync.report.check_tally import CheckTally
from s3sync.runs.folder import RunFolder
from s3sync.runs.plan import Batch

_MOMENTS = "moments.json"


def settled_moments(folder: RunFolder, moments: Moments) -> Moments:
    """The moments that a check goes by: those of the first driver that worked on it, which are kept.

    A later driver may find listings of back then, and what is newer than they are would seem old by its own times.
    To be called before the first listing.
    """
    known = {name: None if at is None else at.isoformat() for name, at in asdict(moments).items()}
    if not folder.put_new(_MOMENTS, json.dumps(known).encode()):
        known = folder.get_json(_MOMENTS) or {}
    return Moments(**{name: None if at is None else datetime.fromisoformat(at) for name, at in known.items()})


@dataclass(frozen=True, slots=True)
class Judged:
    """What the listings came to. `tally` is of what they settle; `open` are the batches that must be looked at, of
    `open_objects`, for which the boundaries of parts take `part_requests` at most.
    """

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
        return {
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
            CheckCounts.from_json(value["counts"]),
            CheckTally.from_json(value["tally"]),
            tuple(value["findings"]),
            tuple(Batch(*batch) for batch in value["open"]),
            value["part_requests"],
            value["listing_pages"],
        )
