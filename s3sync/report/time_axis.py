"""Counts over time in columns of one width, for a picture: hours, days, months or years, whichever fits.

A moment is the beginning of its ISO text in UTC, as long as its unit: `2026-02-03T14`, `2026-02-03`, `2026-02`, `2026`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

UNITS = {13: "hour", 10: "day", 7: "month", 4: "year"}  # the length of a moment's text, finest first
UNKNOWN = "unknown"
COLUMNS_MIN, COLUMNS_MAX = 12, 120
_FIRST_YEARS = "0012"  # a server may tell any time; Python knows none before the year 1
Places: TypeAlias = Counter[tuple[str, str]]  # (moment, name)


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """`moments` follow each other without a gap, `unit` is what lies between two of them."""

    unit: str
    moments: tuple[str, ...]


def hours(times: pa.ChunkedArray) -> dict[str, int]:
    """How many of these timestamps lie in each hour."""
    counted = pc.value_counts(pc.floor_temporal(times, unit="hour"))
    texts = pc.strftime(counted.field("values"), format="%Y-%m-%dT%H", locale="C")
    counts = counted.field("counts").to_pylist()
    return {text or UNKNOWN: count for text, count in zip(texts.to_pylist(), counts, strict=True)}


def coarsened(places: Places, most: int) -> Places:
    """The counts by (moment, name) in one unit: the finest that all of them tell and that has `most` moments at most;
    years at last, however many there are."""
    moments = {moment for moment, _ in places if moment != UNKNOWN}
    finest = min(map(len, moments), default=0)
    for length in (length for length in UNITS if length <= finest):
        if length == min(UNITS) or len({moment[:length] for moment in moments}) <= most:
            return _cut(places, length)
    return places


def time_axis(moments: Iterable[str]) -> TimeAxis | None:
    """The axis that all of these moments lie on; None where none is known."""
    known = sorted({moment for moment in moments if moment != UNKNOWN})
    if not known:
        return None
    finest = min(map(len, known))
    for length in (length for length in UNITS if length <= finest):
        first, last = known[0][:length], max(moment[:length] for moment in known)
        steps = _steps(first, last)
        if steps[-1] == last or length == min(UNITS):
            return TimeAxis(UNITS[length], tuple(steps))
    return None


def on_axis(axis: TimeAxis, places: Mapping[tuple[str, str], int]) -> list[Counter[str]]:
    """The counts by name of each moment of the axis."""
    length = len(axis.moments[0])
    found: dict[str, Counter[str]] = {moment: Counter() for moment in axis.moments}
    for (moment, name), count in places.items():
        if moment[:length] in found:
            found[moment[:length]][name] += count
    return list(found.values())


def _cut(places: Places, length: int) -> Places:
    made: Places = Counter()
    for (moment, name), count in places.items():
        made[moment if moment == UNKNOWN else moment[:length], name] += count
    return made


def _steps(first: str, last: str) -> list[str]:
    """All moments from the first to the last, `COLUMNS_MAX` at most; earlier ones too where they are too few."""
    steps = [first]
    while steps[-1] < last and len(steps) < COLUMNS_MAX:
        steps.append(_later(steps[-1], 1))
    while len(steps) < COLUMNS_MIN and steps[0] > _FIRST_YEARS:
        steps.insert(0, _later(steps[0], -1))
    return steps


def _later(moment: str, count: int) -> str:
    """The moment so many units after this one, of the same unit."""
    unit = UNITS[len(moment)]
    if unit == "year":
        return f"{int(moment) + count:04}"
    if unit == "month":
        year, month = divmod(int(moment[:4]) * 12 + int(moment[5:]) - 1 + count, 12)
        return f"{year:04}-{month + 1:02}"
    later = datetime.fromisoformat(moment) + count * (timedelta(days=1) if unit == "day" else timedelta(hours=1))
    return later.isoformat()[: len(moment)]
