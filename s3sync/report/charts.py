"""Pictures of a report: shapes as inline SVG. Texts are the page's, so that they keep their size on a phone, and
nothing that comes from a bucket ever stands in a drawing.

A treemap's rectangles: areas as the values are, each as near to a square as it goes.

Source: Bruls, Huizing, van Wijk, "Squarified Treemaps" (2000).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

BARS_MAX = 12
HEIGHT = 100
GAP = 0.12  # of a column's width
LEAST_WIDTH = 2.5  # of a thousand: a single object among millions is still to be seen


@dataclass(frozen=True, slots=True)
class Bar:
    """A labelled bar; `label` may come from a bucket."""

    label: str
    value: str
    svg: Markup


@dataclass(frozen=True, slots=True)
class Timeline:
    """Columns over time, with the texts at their axes."""

    svg: Markup
    highest: str
    ticks: Sequence[str]
    legend: Sequence[tuple[str, str]] = ()  # (CSS class, title)


def stacked(parts: Sequence[tuple[str, float]], kind: str = "bar") -> Markup:
    """One bar of parts beside each other: CSS classes, and shares of the width that add up to 1 at most."""
    shares = [(name, share) for name, share in parts if share > 0]
    widths = [max(share * 1000, LEAST_WIDTH) for _, share in shares]
    total = sum(widths)
    if total > 1000 and (wide := sum(width for width in widths if width > LEAST_WIDTH)):  # noqa: PLR2004
        # What the thin parts were given is taken from the wide ones.
        factor = (wide - (total - 1000)) / wide
        widths = [width * factor if width > LEAST_WIDTH else width for width in widths]
    shapes, at = [], 0.0
    for (name, _), width in zip(shares, widths, strict=True):
        shapes.append(_rect(name, at, 0, width, 10))
        at += width
    return _svg(1000, 10, shapes, kind)


def columns(series: Sequence[Mapping[str, float]]) -> Markup:
    """Columns side by side, each of parts on top of each other: heights in any unit, by CSS class."""
    highest = max((sum(column.values()) for column in series), default=0) or 1
    width = 1000 / max(len(series), 1)
    shapes = [_rect("grid", 0, at, 1000, 0.4) for at in (0, HEIGHT / 4, HEIGHT / 2, HEIGHT * 3 / 4)]
    for place, column in enumerate(series):
        top = float(HEIGHT)
        for name, value in column.items():
            if value > 0:
                height = max(value / highest * HEIGHT, 1.5)
                top -= height
                shapes.append(_rect(name, (place + GAP / 2) * width, max(top, 0), width * (1 - GAP), height))
    return _svg(1000, HEIGHT, shapes, "columns")


def ticks(moments: Sequence[str]) -> list[str]:
    """The texts below an axis: the first moment, the middle and the last, as far as they are different ones."""
    places = sorted({0, len(moments) // 2, len(moments) - 1}) if len(moments) > 2 else range(len(moments))  # noqa: PLR2004
    return [moments[place] for place in places]


def _rect(name: str, x: float, y: float, width: float, height: float) -> Markup:
    return Markup('<rect class="{}" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}"/>').format(
        name, x, y, width, height
    )


def _svg(width: int, height: int, shapes: Iterable[Markup], kind: str) -> Markup:
    return Markup('<svg class="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">{}</svg>').format(
        kind, width, height, Markup("").join(shapes)
    )


@dataclass(frozen=True, slots=True)
class Rectangle:
    """In parts of the whole picture, from its left upper corner."""

    left: float
    top: float
    width: float
    height: float


def treemap(values: Sequence[float], *, aspect: float) -> list[Rectangle]:
    """A rectangle for each value, which must be above 0 and in falling order; together they fill the picture, which is
    `aspect` times as wide as it is high."""
    total = sum(values)
    areas = [value / total * aspect for value in values]
    left, top, width, height = 0.0, 0.0, aspect, 1.0
    placed: list[Rectangle] = []
    at = 0
    while at < len(areas):
        side = min(width, height)
        row = _row(areas[at:], side)
        at += len(row)
        depth = sum(row) / side
        for offset, length in _along(row, depth):
            if width >= height:
                placed.append(Rectangle(left / aspect, top + offset, depth / aspect, length))
            else:
                placed.append(Rectangle((left + offset) / aspect, top, length / aspect, depth))
        if width >= height:
            left, width = left + depth, max(width - depth, 1e-9)
        else:
            top, height = top + depth, max(height - depth, 1e-9)
    return placed


def _row(areas: Sequence[float], side: float) -> list[float]:
    """As many areas as are put beside each other before their shapes get worse."""
    row = [areas[0]]
    for area in areas[1:]:
        if _worst([*row, area], side) > _worst(row, side):
            break
        row.append(area)
    return row


def _worst(row: Sequence[float], side: float) -> float:
    """The largest ratio of the sides of the rectangles of a row."""
    depth = sum(row) / side
    return max(max(depth * depth / area, area / (depth * depth)) for area in row)


def _along(row: Sequence[float], depth: float) -> Iterator[tuple[float, float]]:
    offset = 0.0
    for area in row:
        yield offset, area / depth
        offset += area / depth
