"""Plan and summary for a person's eyes, on a terminal or in a log.

Keys and messages come from outside: they are shown as plain text, control characters escaped, never as markup.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import TextIOWrapper
from typing import Any, TextIO, cast

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from s3sync.model.accounting import Amount, Counts
from s3sync.model.keys import printable
from s3sync.model.limits import KIB
from s3sync.model.outcome import Pinned, Status, Verified
from s3sync.model.throttled_prefixes import most_of
from s3sync.runs.summary import State, Summary, told_of_nothing

LOG_WIDTH = 100
PREFIXES = 5

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_STATE_STYLES = {State.COMPLETE: "bold green", State.INCOMPLETE: "bold yellow"}


@dataclass(frozen=True, slots=True)
class PlanFigures:
    """What `s3sync plan` shows: requests by S3 operation, costs by what they are for, notes for a person, planned rows
    by their reason, and how many keys only the target has."""

    source: str
    target: str
    counts: Counts
    requests: Mapping[str, int]
    batches: int
    costs: Mapping[str, float] = field(default_factory=dict)
    currency: str = "USD"
    notes: tuple[str, ...] = ()
    reasons: Mapping[str, int] = field(default_factory=dict)
    only_on_target: int = 0


class _Unheard:
    """A stream whose reader may be gone: under spark-submit that is Java. What nobody reads must not end a job."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(BrokenPipeError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(BrokenPipeError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def console_for(stream: TextIO) -> Console:
    """A console on a stream: as wide as the terminal, or `LOG_WIDTH` characters without colour where there is none.

    What the stream's encoding can't write is escaped from now on: a key must not break a log in ASCII.
    """
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return Console(file=cast("TextIO", _Unheard(stream)), width=None if stream.isatty() else LOG_WIDTH, highlight=False)


def plan_view(figures: PlanFigures) -> Group:
    """The plan as tables, to be printed on a `console_for` a stream."""
    counts = figures.counts
    costs = [(f"{name} ({figures.currency})", f"{value:,.2f}") for name, value in figures.costs.items()]
    if costs:
        costs.append((f"total ({figures.currency})", f"{sum(figures.costs.values()):,.2f}"))
    reasons = _number_rows(figures.reasons)
    if figures.only_on_target:
        reasons.append(("only on the target, left alone", f"{figures.only_on_target:,}"))
    return Group(
        _line("plan", f"{figures.source} to {figures.target}", "bold"),
        _figures("listing", _listing_rows(counts)),
        _amounts("planned", [*counts.planned.items(), ("total", counts.planned_total)]),
        *([_figures("because", reasons)] if reasons else []),
        _figures("requests", [*_number_rows(figures.requests), ("batches", f"{figures.batches:,}")]),
        *([_figures("estimated cost", costs)] if costs else []),
        *(_line("note", note) for note in (*figures.notes, *told_of_nothing(counts))),
    )


def summary_view(summary: Summary) -> Group:
    """The summary of a run as tables, to be printed on a `console_for` a stream."""
    counts, settled = summary.counts, summary.counts.settled
    objects = [*settled.items(), ("planned", counts.planned_total)]
    if counts.remaining:
        objects.insert(len(settled), ("still to do", Amount(counts.remaining)))
    return Group(
        _line(summary.state, _headline(summary), _STATE_STYLES.get(summary.state, "bold red")),
        _amounts("objects", objects),
        _figures("listing", _listing_rows(counts)),
        _figures("requests", [*_number_rows(summary.requests), *_run_rows(summary)]),
        *([_errors(summary)] if summary.errors else []),
        *(_line("next", sentence) for sentence in summary.what_next),
        _line("run", f"{summary.run_id}, exit code {summary.exit_code}"),
    )


def _headline(summary: Summary) -> str:
    vanished = summary.counts.settled[Status.VANISHED].objects
    return f"{summary.source} to {summary.target}" + (f", {vanished:,} vanished from the source" if vanished else "")


def size_text(size_bytes: float) -> str:
    """`1.5 GiB`; bytes have no fraction."""
    unit = 0
    while size_bytes >= KIB and unit < len(_UNITS) - 1:
        size_bytes, unit = size_bytes / KIB, unit + 1
    return f"{size_bytes:,.1f} {_UNITS[unit]}" if unit else f"{size_bytes:,.0f} B"


def duration_text(seconds: float) -> str:
    """`1h 02m 03s`, `2m 03s`, `3.4s`."""
    if round(seconds, 1) < 60:  # noqa: PLR2004 a minute
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m {rest:02}s" if hours else f"{minutes}m {rest:02}s"


def _listing_rows(counts: Counts) -> list[tuple[str, str]]:
    rows = [("listed", counts.listed), ("duplicates", counts.duplicates), ("delete markers", counts.delete_markers)]
    rows += [(f"filtered: {reason}", count) for reason, count in counts.filtered.items()]
    return [(name, f"{count:,}") for name, count in rows]


def _run_rows(summary: Summary) -> list[tuple[str, str]]:
    copied = summary.counts.settled[Status.COPIED]
    return [
        ("retries", f"{summary.retries:,}"),
        ("throttled", f"{summary.throttled:,}"),
        *(
            (f"throttled in {printable(p)}", f"{n:,}")
            for p, n in most_of(summary.throttled_by_prefix, PREFIXES).items()
        ),
        *((f"pinned by {kind}", f"{n:,}") for kind, n in summary.pinned.items() if kind != Pinned.UNPINNED),
        ("unpinned", f"{summary.unpinned:,}"),
        ("verified by ETag", f"{summary.verified.get(Verified.ETAG_EQUAL, 0):,} of {copied.objects:,} copied"),
        ("objects a second", f"{summary.objects_per_second:,.1f}"),
        ("bytes a second", size_text(summary.bytes_per_second)),
        ("time", f"{duration_text(summary.wall_seconds)}, workers {duration_text(summary.worker_seconds)}"),
    ]


def _number_rows(numbers: Mapping[str, int]) -> list[tuple[str, str]]:
    return [(name, f"{count:,}") for name, count in sorted(numbers.items())]


def _amounts(title: str, rows: Iterable[tuple[str, Amount]]) -> Table:
    table = _table(title, "objects", "size", "bytes")
    for name, amount in rows:
        has_size = amount.size_bytes > 0
        size, exact = (size_text(amount.size_bytes), f"{amount.size_bytes:,}") if has_size else ("", "")
        table.add_row(Text(name), f"{amount.objects:,}", size, exact)
    return table


def _figures(title: str, rows: Iterable[tuple[str, str]]) -> Table:
    table = _table(title, "")
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    return table


def _errors(summary: Summary) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("error", overflow="fold")
    table.add_column("class")
    table.add_column("count", justify="right")
    table.add_column("for example", overflow="fold")
    for code, error in sorted(summary.errors.items(), key=lambda item: -item[1].count):
        example = f"{printable(error.example_key)}: {printable(error.example_message)}"
        table.add_row(Text(printable(code)), Text(error.error_class), f"{error.count:,}", Text(example))
    return table


def _table(title: str, *figures: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(title, min_width=24, overflow="fold")
    for name in figures:
        table.add_column(name, justify="right", overflow="fold")
    return table


def _line(label: str, text: str, style: str = "") -> Text:
    return Text.assemble((label, style), " ", printable(text, most=2_000), overflow="fold")
