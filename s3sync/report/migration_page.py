"""What the report of a migration shows: the summary, and the run over time as far as its tables tell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from markupsafe import Markup

from s3sync.errors import EXIT_DONE, EXIT_INCOMPLETE
from s3sync.model.outcome import ErrorClass, Status
from s3sync.report import charts
from s3sync.report.charts import Bar, Timeline
from s3sync.report.check_page import share_text
from s3sync.report.console import duration_text, size_text
from s3sync.runs.summary import Summary, unfinished

COLUMNS = 60


@dataclass(frozen=True, slots=True)
class BarPiece:
    """A part of the outcomes, as one worker wrote it: when, how many seconds it covers, what it settled."""

    ended_at: datetime
    seconds: float
    objects: int
    size_bytes: int
    failed: int
    throttled: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """Objects below a prefix: those that failed, and those of them that were throttled to the end."""

    prefix: str
    failed: int
    throttled: int


@dataclass(frozen=True, slots=True)
class MigrationView:
    summary: Summary
    pieces: Sequence[BarPiece] = ()
    troubles: Sequence[Trouble] = field(default_factory=tuple)

    @property
    def headline(self) -> str:
        settled, total = self.summary.counts.settled, self.summary.counts.planned_total.objects
        done = sum(settled[status].objects for status in Status if status.is_complete)
        if total and done == total:
            return f"All {total:,} objects are done"
        return f"{done:,} of {total:,} objects are done" if total else "There was nothing to copy"

    @property
    def colour(self) -> str:
        return {EXIT_DONE: "good", EXIT_INCOMPLETE: "warn"}.get(self.summary.exit_code, "bad")

    @property
    def overall(self) -> Markup:
        settled, total = self.summary.counts.settled, self.summary.counts.planned_total.objects or 1
        parts = [(status.value, settled[status].objects / total) for status in Status]
        return charts.stacked([*parts, ("others", self.summary.counts.remaining / total)], "bar large")

    @property
    def tiles(self) -> list[tuple[str, str, str]]:
        """The figures that are told first: title, figure, and a word about it."""
        summary = self.summary
        copied = summary.counts.settled[Status.COPIED]
        left = unfinished(summary.counts) + summary.counts.remaining
        fastest = max(self._rates("objects"), default=summary.objects_per_second)
        return [
            ("Objects copied", f"{copied.objects:,}", f"of {summary.counts.planned_total.objects:,} planned"),
            ("Bytes copied", size_text(copied.size_bytes), f"{size_text(summary.bytes_per_second)}/s on average"),
            ("Objects a second", _rate_text(summary.objects_per_second), f"{_rate_text(fastest)} at its fastest"),
            ("Left to do", f"{left:,}", "failed, changed, archived, not begun" if left else "nothing"),
        ]

    @property
    def statuses(self) -> list[tuple[str, str, int, str, int]]:
        """Name, title, objects, their share, bytes; what has no outcome yet comes last."""
        counts = self.summary.counts
        total, settled, left = counts.planned_total, counts.settled, counts.remaining
        rows = [(s.value, s.value, settled[s].objects, settled[s].size_bytes) for s in Status if settled[s].objects]
        if left:
            rows.append(("others", "still to do", left, total.size_bytes - sum(size for *_, size in rows)))
        return [(name, title, n, share_text(n, total.objects), size) for name, title, n, size in rows]

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """From the first to the last work that the tables tell of; None where they tell no times."""
        if not self.pieces:
            return None
        begins = [piece.ended_at - timedelta(seconds=piece.seconds) for piece in self.pieces]
        return min(begins), max(piece.ended_at for piece in self.pieces)

    @property
    def objects_over_time(self) -> Timeline:
        return self._timeline("objects", lambda rate: f"{_rate_text(rate)} objects/s at most")

    @property
    def bytes_over_time(self) -> Timeline:
        return self._timeline("size_bytes", lambda rate: f"{size_text(rate)}/s at most")

    @property
    def trouble_over_time(self) -> Timeline | None:
        failed, throttled = self._spread("failed"), self._spread("throttled")
        highest = max(map(sum, zip(failed, throttled, strict=True)), default=0.0)
        if not highest:
            return None
        svg = charts.columns([{"failed": f, "throttled": t} for f, t in zip(failed, throttled, strict=True)])
        legend = (("failed", "objects that failed"), ("throttled", "answers that asked to slow down"))
        return Timeline(svg, f"{highest:,.0f} at most in {duration_text(self._column_seconds)}", self._ticks, legend)

    def _timeline(self, unit: str, told: Callable[[float], str]) -> Timeline:
        """A rate over the span; each piece is spread evenly over its seconds."""
        rates = self._rates(unit)
        return Timeline(charts.columns([{"copied": rate} for rate in rates]), told(max(rates)), self._ticks)

    def _rates(self, unit: str) -> list[float]:
        """Objects or bytes a second in each column; none where the tables tell no times."""
        return [amount / self._column_seconds for amount in self._spread(unit)] if self.pieces else []

    @property
    def _column_seconds(self) -> float:
        begin, end = self.span or (self.summary.started_at, self.summary.ended_at)
        return max((end - begin).total_seconds(), 1.0) / COLUMNS

    @property
    def _ticks(self) -> list[str]:
        begin, end = self.span or (self.summary.started_at, self.summary.ended_at)
        middle = begin + (end - begin) / 2
        return [f"{at:%Y-%m-%d %H:%M:%S}" if at is begin else f"{at:%H:%M:%S}" for at in (begin, middle, end)]

    @property
    def trouble_bars(self) -> list[Bar]:
        most = max((trouble.failed for trouble in self.troubles), default=1) or 1
        return [
            Bar(
                trouble.prefix or "(no prefix)",
                f"{trouble.failed:,} failed, {trouble.throttled:,} of them throttled",
                charts.stacked(
                    [("throttled", trouble.throttled / most), ("failed", (trouble.failed - trouble.throttled) / most)]
                ),
            )
            for trouble in self.troubles[: charts.BARS_MAX]
        ]

    @property
    def throttled_bars(self) -> list[Bar]:
        """Answers that asked to slow down, by prefix, the most first."""
        found = sorted(self.summary.throttled_by_prefix.items(), key=lambda item: -item[1])
        most = found[0][1] if found else 1
        return [
            Bar(prefix or "(no prefix)", f"{count:,}", charts.stacked([("throttled", count / most)]))
            for prefix, count in found[: charts.BARS_MAX]
        ]

    @property
    def errors(self) -> list[tuple[str, str, int, str, str, bool]]:
        found = sorted(self.summary.errors.items(), key=lambda item: -item[1].count)
        return [
            (code, e.error_class, e.count, e.example_key, e.example_message, ErrorClass(e.error_class).is_retried)
            for code, e in found
        ]

    def _spread(self, unit: str) -> list[float]:
        """The pieces' objects, bytes, failures or throttles in each of the span's columns."""
        spread = [0.0] * COLUMNS
        span = self.span
        if span is None:
            return spread
        begin, width = span[0], self._column_seconds
        for piece in self.pieces:
            last = (piece.ended_at - begin).total_seconds() / width
            first = last - max(piece.seconds, 0.001) / width
            for place in range(max(int(first), 0), min(int(last), COLUMNS - 1) + 1):
                overlap = min(last, place + 1) - max(first, place)
                spread[place] += getattr(piece, unit) * max(overlap, 0.0) / (last - first)
        return spread


def _rate_text(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"  # noqa: PLR2004  (two digits that count)
