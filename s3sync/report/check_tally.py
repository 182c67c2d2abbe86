"""What a check's findings amount to: counts by verdict, and what the pictures of the report are drawn from.

Tallies are made where the rows are, added up on the driver, and bounded: the number of prefixes and of examples that
one holds has a limit, whatever is in the bucket (C11).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from s3sync.model.finding import Verdict
from s3sync.model.limits import GIB, KIB, MIB
from s3sync.report.time_axis import coarsened, hours

EXAMPLES = 10
PREFIXES_MAX = 200
TIMES_MAX = 400
OTHERS = "\u2026"  # in the place of a prefix: those that were too many to be told apart

SIZE_EDGES = (1, KIB, 32 * KIB, MIB, 32 * MIB, GIB)
SIZE_NAMES = ("empty", "under 1 KiB", "1 to 32 KiB", "32 KiB to 1 MiB", "1 to 32 MiB", "32 MiB to 1 GiB", "over 1 GiB")

_Places = Counter[tuple[str, str]]  # (where, verdict)


@dataclass(slots=True)
class CheckTally:
    """`folders`, `subfolders` and `times` are of what does not match: prefixes one level deep, two levels, and the last
    change by the source, else the target (moments as `report.time_axis` has them). `examples` are the first ones by
    key.
    """

    objects: Counter[str] = field(default_factory=Counter)
    size_bytes: Counter[str] = field(default_factory=Counter)
    evidence: _Places = field(default_factory=Counter)
    sizes: _Places = field(default_factory=Counter)
    folders: _Places = field(default_factory=Counter)
    subfolders: _Places = field(default_factory=Counter)
    times: _Places = field(default_factory=Counter)
    details: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    throttled: int = 0
    read_bytes: int = 0

    @classmethod
    def of(cls, findings: pa.Table) -> "CheckTally":
        """The tally of a table of the schema FINDINGS; what the requests were is not in it."""
        made = cls(read_bytes=pc.sum(findings["read_bytes"]).as_py() or 0)
        for verdict in findings["verdict"].unique().to_pylist():
            rows = findings.filter(pc.equal(findings["verdict"], verdict)).combine_chunks()
            sizes = pc.fill_null(pc.coalesce(rows["source_size"], rows["target_size"]), 0).to_numpy()
            made.add_sizes(verdict, sizes)
            for entry in pc.value_counts(rows["evidence"]).to_pylist():
                made.evidence[entry["values"], verdict] += entry["counts"]
            if verdict != Verdict.MATCH:
                made._add_places(verdict, rows)
                made.examples[verdict] = [_plain(row) for row in rows.slice(0, EXAMPLES).to_pylist()]
        made._trim()
        return made

    def add_sizes(self, verdict: str, sizes: npt.NDArray[np.int64]) -> None:
        """Count objects of a verdict by their sizes in bytes."""
        if not sizes.size:
            return
        self.objects[verdict] += sizes.size
        self.size_bytes[verdict] += int(sizes.sum())
        counts = np.bincount(np.digitize(sizes, SIZE_EDGES), minlength=len(SIZE_NAMES))
        for name, count in zip(SIZE_NAMES, counts.tolist(), strict=True):
            if count:
                self.sizes[name, verdict] += count

    def add_matches(self, by_evidence: Mapping[str, int]) -> None:
        """Count by what objects match that are written down nowhere."""
        for evidence, count in by_evidence.items():
            self.evidence[evidence, Verdict.MATCH.value] += count

    def _add_places(self, verdict: str, rows: pa.Table) -> None:
        for place, depth in ((self.folders, 1), (self.subfolders, 2)):
            for entry in pc.value_counts(folders(rows["target_key"], depth)).to_pylist():
                place[entry["values"], verdict] += entry["counts"]
        for moment, count in hours(_modified(rows)).items():
            self.times[moment, verdict] += count
        if verdict in (Verdict.ERROR, Verdict.UNPROVABLE):
            for entry in pc.value_counts(rows["detail"]).to_pylist():
                self.details[entry["values"] or "no reason"] += entry["counts"]

    def add(self, other: "CheckTally") -> None:
        for name in _COUNTERS:
            getattr(self, name).update(getattr(other, name))
        for verdict, examples in other.examples.items():
            known = self.examples.setdefault(verdict, [])
            known.extend(examples)
            known.sort(key=lambda row: str(row["target_key"]))
            del known[EXAMPLES:]
        self.retries += other.retries
        self.throttled += other.throttled
        self.read_bytes += other.read_bytes
        self._trim()

    def _trim(self) -> None:
        for places in (self.folders, self.subfolders):
            _keep_largest(places)
        self.times = coarsened(self.times, TIMES_MAX)
        if len(self.details) > PREFIXES_MAX:
            self.details = Counter(dict(self.details.most_common(PREFIXES_MAX)))

    @property
    def differing(self) -> int:
        return self.objects.total() - self.objects[Verdict.MATCH]

    def to_json(self) -> dict[str, Any]:
        pairs = {name: [[*key, n] for key, n in sorted(getattr(self, name).items())] for name in _PAIRS}
        plain = {name: dict(getattr(self, name)) for name in _COUNTERS if name not in _PAIRS}
        rest = {name: getattr(self, name) for name in ("examples", "retries", "throttled", "read_bytes")}
        return {**plain, **pairs, **rest}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "CheckTally":
        known: dict[str, Any] = {name: Counter({(a, b): n for a, b, n in value[name]}) for name in _PAIRS}
        known |= {name: Counter(value[name]) for name in _COUNTERS if name not in _PAIRS}
        known |= {name: value[name] for name in ("examples", "retries", "throttled", "read_bytes")}
        return cls(**known)


_PAIRS = ("evidence", "sizes", "folders", "subfolders", "times")
_COUNTERS = ("objects", "size_bytes", *_PAIRS, "details", "requests")


def folders(keys: pa.ChunkedArray, depth: int) -> pa.ChunkedArray:
    """The first `depth` (1 or 2) levels of each key, as far as it has them, with the `/` at the end; else empty."""
    parts = pc.split_pattern(pc.binary_join_element_wise(keys, "//", ""), "/", max_splits=2)
    first = pc.binary_join_element_wise(pc.list_element(parts, 0), "/", "")
    levels = pc.count_substring(keys, "/")
    found = pc.if_else(pc.greater_equal(levels, 1), first, "")
    if depth == 1:
        return found
    second = pc.binary_join_element_wise(first, pc.list_element(parts, 1), "/", "")
    return pc.if_else(pc.greater_equal(levels, 2), second, found)


def _modified(rows: pa.Table) -> pa.ChunkedArray:
    return pc.coalesce(rows["source_last_modified"], rows["target_last_modified"])


def _keep_largest(places: _Places) -> None:
    """Fold all but the PREFIXES_MAX largest prefixes into OTHERS."""
    totals: Counter[str] = Counter()
    for (where, _), count in places.items():
        totals[where] += count
    if len(totals) <= PREFIXES_MAX + 1:
        return
    totals.pop(OTHERS, None)
    kept = {where for where, _ in totals.most_common(PREFIXES_MAX)} | {OTHERS}
    for where, verdict in [key for key in places if key[0] not in kept]:
        places[OTHERS, verdict] += places.pop((where, verdict))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: v.isoformat() if isinstance(v, datetime) else v for name, v in row.items()}
