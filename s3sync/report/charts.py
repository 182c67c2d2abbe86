"""Pictures of a report, as inline SVG. Shapes are drawn here; texts are the page's, so that they keep their size on a
phone, and nothing that comes from a bucket ever stands in the drawing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from s3sync.model.finding import Verdict
from s3sync.report.check_tally import OTHERS, SIZE_NAMES, CheckTally

BARS_MAX = 12
MONTHS_MAX = 48
HEIGHT = 100


@dataclass(frozen=True, slots=True)
class Bar:
    """A labelled bar: `parts` are its colours (names of CSS classes) with their shares of the picture's width."""

    label: str
    value: str
    svg: Markup


def stacked(parts: Sequence[tuple[str, float]]) -> Markup:
    """One bar of parts beside each other: CSS classes, and shares of the width that add up to 1 at most."""
    shapes, at = [], 0.0
    for name, share in parts:
        if share > 0:
            width = max(share * 1000, 2.0)  # a single object among millions is still to be seen
            shapes.append(_rect(name, at, 0, width, 10))
            at += width
    return _svg(1000, 10, shapes, "bar")


def columns(series: Sequence[Mapping[str, float]]) -> Markup:
    """Columns side by side, each of parts on top of each other: heights in any unit, by CSS class."""
    highest = max((sum(column.values()) for column in series), default=0) or 1
    width = 1000 / max(len(series), 1)
    shapes = []
    for place, column in enumerate(series):
        top = float(HEIGHT)
        for name, value in column.items():
            if value > 0:
                height = max(value / highest * HEIGHT, 1.5)
                top -= height
                shapes.append(_rect(name, place * width, top, width * 0.9, height))
    return _svg(1000, HEIGHT, shapes, "columns")


def verdict_bar(tally: CheckTally) -> Markup:
    """All objects as one bar, by verdict."""
    total = tally.objects.total() or 1
    return stacked([(verdict.value, tally.objects[verdict] / total) for verdict in Verdict])


def folder_bars(tally: CheckTally) -> list[Bar]:
    """What does not match, by prefix: the largest ones, one level deep, or two where one level shows too little."""
    places = tally.folders if len({where for where, _ in tally.folders}) > 2 else tally.subfolders  # noqa: PLR2004
    totals: Counter[str] = Counter()
    for (where, _), count in places.items():
        totals[where] += count
    shown = [where for where, _ in totals.most_common() if where != OTHERS][:BARS_MAX]
    rest = sum(totals.values()) - sum(totals[where] for where in shown)
    most = max(totals.values(), default=1)
    bars = [Bar(where or "(no prefix)", f"{totals[where]:,}", stacked(_of(places, where, most))) for where in shown]
    return (
        [*bars, Bar("all other prefixes", f"{rest:,}", stacked([("others", min(1.0, rest / most))]))] if rest else bars
    )


def size_bars(tally: CheckTally) -> list[Bar]:
    """All objects by size, by verdict: each bar is a whole, since nearly all objects match."""
    bars = []
    for name in SIZE_NAMES:
        counts = {verdict: tally.sizes[name, verdict.value] for verdict in Verdict}
        total = sum(counts.values())
        if total:
            differing = total - counts[Verdict.MATCH]
            value = f"{differing:,} of {total:,}"
            bars.append(Bar(name, value, stacked([(v.value, n / total) for v, n in counts.items()])))
    return bars


def months(tally: CheckTally) -> tuple[list[str], Markup] | None:
    """What does not match, by the month of its last change; None where no month is known."""
    known = sorted({month for month, _ in tally.months if month != "unknown"})[-MONTHS_MAX:]
    if not known:
        return None
    series = [{v.value: float(tally.months[month, v.value]) for v in Verdict} for month in known]
    return known, columns(series)


def _of(places: Counter[tuple[str, str]], where: str, most: int) -> list[tuple[str, float]]:
    return [(verdict.value, places[where, verdict.value] / most) for verdict in Verdict]


def _rect(name: str, x: float, y: float, width: float, height: float) -> Markup:
    return Markup('<rect class="{}" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}"/>').format(
        name, x, y, width, height
    )


def _svg(width: int, height: int, shapes: Iterable[Markup], kind: str) -> Markup:
    return Markup('<svg class="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">{}</svg>').format(
        kind, width, height, Markup("").join(shapes)
    )
