"""Progress for people: a bar on a terminal, a line every so often in a log."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column

from s3sync.model.keys import printable
from s3sync.report.console import size_text

LINE_SECONDS = 5.0
BAR_FROM_WIDTH = 120  # characters of the terminal: on a narrower one the figures take the room


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a stage is: `settled` of `total` objects (None: nobody knows), with what came of them so far."""

    total: int | None
    settled: int
    size_bytes: int
    failed: int
    throttled: int
    hottest: tuple[str, int] | None = None  # the prefix that was throttled most


def line(standing: Standing, began: Standing, seconds: float) -> str:
    """One line of a log; the rate is that since `began`, `seconds` ago."""
    rate = (standing.settled - began.settled) / seconds if seconds > 0 else 0.0
    if standing.total is None:
        left, so_far = None, f"{standing.settled:,} objects"
    else:
        left = (standing.total - standing.settled) / rate if rate > 0 else None
        share = 100 * standing.settled / standing.total if standing.total else 100.0
        so_far = f"{standing.settled:,} of {standing.total:,} objects ({share:.1f} %)"
    parts = [so_far, size_text(standing.size_bytes), f"{rate:,.0f} objects/s"]
    if standing.total is not None or standing.failed:
        parts.append(f"{standing.failed:,} failed")
    if standing.throttled:
        where = f", {standing.hottest[1]:,} of them in {printable(standing.hottest[0])}" if standing.hottest else ""
        parts.append(f"{standing.throttled:,} throttled{where}")
    if left is not None:
        parts.append(f"{_duration(left)} left")
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


class ProgressView:
    """Shows the standings that it is given; in a log at most one line in `line_seconds`.

    Use as a context manager; `show` may be called as often as one likes.
    """

    def __init__(
        self,
        console: Console,
        title: str,
        line_seconds: float = LINE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._title = title
        self._clock = clock
        self._began: tuple[float, Standing] | None = None
        self._line_seconds = line_seconds
        self._last_line = -line_seconds
        self._unprinted: str | None = None
        self._bar: Progress | None = None
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                *([BarColumn()] if console.width >= BAR_FROM_WIDTH else []),
                # Wrapped, not cut: how many failed stands at its end.
                TextColumn("{task.fields[text]}", table_column=Column(overflow="fold")),
                TimeElapsedColumn(),
                console=console,
            )

    def __enter__(self) -> "ProgressView":
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=None, text="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self._unprinted is not None:
            self._print(self._unprinted)

    def show(self, standing: Standing) -> None:
        now = self._clock()
        if self._began is None:
            self._began = (now, standing)
        text = line(standing, self._began[1], now - self._began[0])
        if self._bar is not None:
            self._bar.update(self._task, total=standing.total, completed=standing.settled, text=text)
        elif now - self._last_line >= self._line_seconds:
            self._last_line = now
            self._unprinted = None
            self._print(text)
        else:
            self._unprinted = text

    def _print(self, text: str) -> None:
        self._console.print(f"{self._title}: {text}", highlight=False, markup=False, soft_wrap=True)
