"""What the report of a migration shows: the summary, and the run over time as far as its tables tell."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from markupsafe import Markup

from s3sync.errors import EXIT_DONE, EXIT_INCOMPLETE
from s3sync.model.outcome import ErrorClass, Status
from s3sync.report import charts
from s3sync.report.charts import Bar
from s3sync.report.summary import Summary

COLUMNS = 60


@dataclass(frozen=True, slots=True)
class Piece:
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
    pieces: Sequence[Piece] = ()
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
        return charts.stacked([(status.value, settled[status].objects / total) for status in Status])

    @property
    def statuses(self) -> list[tuple[str, int, int]]:
        settled = self.summary.counts.settled
        return [(s.value, settled[s].objects, settled[s].size_bytes) for s in Status if settled[s].objects]

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """From the first to the last work that the tables tell of; None where they tell no times."""
        if not self.pieces:
            return None
        begins = [piece.ended_at - timedelta(seconds=piece.seconds) for piece in self.pieces]
        return min(begins), max(piece.ended_at for piece in self.pieces)

    def over_time(self, unit: str) -> Markup:
        """Throughput over the span, in `objects` or `size_bytes`; each piece is spread evenly over its seconds."""
        return charts.columns([{"copied": value} for value in self._spread(unit)])

    @property
    def trouble_over_time(self) -> Markup | None:
        failed, throttled = self._spread("failed"), self._spread("throttled")
        if not any(failed) and not any(throttled):
            return None
        return charts.columns([{"failed": f, "throttled": t} for f, t in zip(failed, throttled, strict=True)])

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
        spread = [0.0] * COLUMNS
        span = self.span
        if span is None:
            return spread
        begin, width = span[0], max((span[1] - span[0]).total_seconds(), 1.0) / COLUMNS
        for piece in self.pieces:
            last = (piece.ended_at - begin).total_seconds() / width
            first = last - max(piece.seconds, 0.001) / width
            for place in range(max(int(first), 0), min(int(last), COLUMNS - 1) + 1):
                overlap = min(last, place + 1) - max(first, place)
                spread[place] += getattr(piece, unit) * max(overlap, 0.0) / (last - first)
        return spread
