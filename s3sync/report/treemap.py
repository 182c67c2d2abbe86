"""A treemap's rectangles: areas as the values are, each as near to a square as it goes.

Source: Bruls, Huizing, van Wijk, "Squarified Treemaps" (2000).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


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
