"""What the page of a check shows, drawn from its summary."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from s3sync.model.finding import Evidence, Verdict
from s3sync.report import charts
from s3sync.report.charts import BARS_MAX, Bar, Rectangle, Timeline, treemap
from s3sync.report.check_summary import CheckSummary, advice
from s3sync.report.check_tally import OTHERS, SIZE_NAMES, CheckTally
from s3sync.report.console import size_text
from s3sync.report.time_axis import on_axis, time_axis

TITLES = {
    Verdict.MATCH: "equal",
    Verdict.MISSING_ON_TARGET: "missing on the target",
    Verdict.MISSING_ON_SOURCE: "only on the target",
    Verdict.SIZE_DIFFERS: "of another size",
    Verdict.CONTENT_DIFFERS: "of another content",
    Verdict.METADATA_DIFFERS: "with other metadata",
    Verdict.CHANGED_SINCE: "changed on the source since",
    Verdict.UNPROVABLE: "not proved equal or different",
    Verdict.ERROR: "that could not be looked at",
}
EVIDENCE = {
    Evidence.NONE: "nothing was decisive",
    Evidence.PRESENCE: "one side has it, the other has not",
    Evidence.SIZE: "their sizes",
    Evidence.ETAG: "the MD5 that both ETags show",
    Evidence.PART_ETAGS: "the ETags of their parts",
    Evidence.CHECKSUM: "checksums that S3 stored",
    Evidence.BODY: "their bytes, read and compared",
    Evidence.METADATA: "headers, metadata, tags, storage class",
}
CELLS_MAX = 24
LABELLED = 0.02  # of the treemap's area: a box that is smaller has no room for a text
NARROW = 0.2  # of its width: has none on a phone
MAP_ASPECT = 2.6
NEARLY_ALL, NEARLY_NOTHING = 99.99, 0.01


@dataclass(frozen=True, slots=True)
class Cell:
    """A box of the treemap; `parts` are its objects by CSS class. `label` may come from a bucket."""

    label: str
    value: str
    parts: Sequence[tuple[str, int]]
    place: Rectangle

    @property
    def has_label(self) -> bool:
        return self.place.width * self.place.height >= LABELLED

    @property
    def is_narrow(self) -> bool:
        return self.place.width < NARROW


@dataclass(frozen=True, slots=True)
class CheckView:
    summary: CheckSummary

    @property
    def tally(self) -> CheckTally:
        return self.summary.tally

    @property
    def colour(self) -> str:
        return {0: "good", 4: "warn"}.get(self.summary.exit_code, "bad")

    @property
    def tiles(self) -> list[tuple[str, str, str]]:
        """The figures that are told first: title, figure, and a word about it."""
        tally, summary = self.tally, self.summary
        objects, bytes_total = summary.compared, tally.size_bytes.total()
        equal = tally.objects[Verdict.MATCH]
        requests = tally.requests.total()
        read = f"{size_text(tally.read_bytes)} of bodies read" if tally.read_bytes else "no body read"
        return [
            ("Objects compared", f"{objects:,}", size_text(bytes_total)),
            ("Equal", share_text(equal, objects), f"{equal:,} objects"),
            ("Not equal, or not proved", f"{tally.differing:,}", size_text(bytes_total - tally.size_bytes["match"])),
            ("Requests", f"{requests:,}", read),
        ]

    @property
    def verdicts(self) -> list[tuple[str, str, int, str, int]]:
        """Name, title, objects, their share, bytes."""
        tally = self.tally
        total = tally.objects.total()
        return [
            (v.value, TITLES[v], tally.objects[v], share_text(tally.objects[v], total), tally.size_bytes[v])
            for v in Verdict
            if tally.objects[v]
        ]

    @property
    def by_objects(self) -> Markup:
        return _whole(self.tally.objects)

    @property
    def by_bytes(self) -> Markup:
        return _whole(self.tally.size_bytes)

    @property
    def advice(self) -> list[tuple[str, str, int, str]]:
        return [(v.value, TITLES[v], self.tally.objects[v], text) for v, text in advice(self.summary)]

    @property
    def folders(self) -> list[Bar]:
        """What does not match, by prefix: the largest ones, one level deep, or two where one level shows too little."""
        places, totals = self._places()
        shown = [where for where, _ in totals.most_common() if where != OTHERS][:BARS_MAX]
        rest = totals.total() - sum(totals[where] for where in shown)
        most = max(totals.values(), default=1)
        bars = [
            Bar(
                where or "(no prefix)",
                f"{totals[where]:,}",
                charts.stacked([(v.value, places[where, v.value] / most) for v in Verdict]),
            )
            for where in shown
        ]
        others = Bar("all other prefixes", f"{rest:,}", charts.stacked([("others", min(1.0, rest / most))]))
        return [*bars, others] if rest else bars

    @property
    def cells(self) -> list[Cell]:
        """The same two levels deep, as a treemap; none where there are too few prefixes for a picture."""
        places = self.tally.subfolders
        totals = _totals(places)
        shown = [(where, count) for where, count in totals.most_common() if where != OTHERS][:CELLS_MAX]
        rest = totals.total() - sum(count for _, count in shown)
        shown = sorted([*shown, *([(OTHERS, rest)] if rest else [])], key=lambda item: -item[1])
        if len(shown) < 3:  # noqa: PLR2004
            return []
        rectangles = treemap([count for _, count in shown], aspect=MAP_ASPECT)
        return [
            Cell(
                "all other prefixes" if where == OTHERS else where or "(no prefix)",
                f"{count:,}",
                [("others", count)] if where == OTHERS else _parts(places, where),
                rectangle,
            )
            for (where, count), rectangle in zip(shown, rectangles, strict=True)
        ]

    def _places(self) -> tuple[Counter[tuple[str, str]], Counter[str]]:
        """What does not match by (prefix, verdict), and by prefix."""
        tally = self.tally
        places = tally.folders if len(_totals(tally.folders)) > 2 else tally.subfolders  # noqa: PLR2004
        return places, _totals(places)

    @property
    def sizes(self) -> list[Bar]:
        """All objects by size, by verdict: each bar is a whole, since nearly all objects match."""
        bars = []
        for name in SIZE_NAMES:
            counts = {verdict: self.tally.sizes[name, verdict.value] for verdict in Verdict}
            total = sum(counts.values())
            if total:
                value = f"{total - counts[Verdict.MATCH]:,} of {total:,}"
                bars.append(Bar(name, value, charts.stacked([(v.value, n / total) for v, n in counts.items()])))
        return bars

    @property
    def over_time(self) -> tuple[str, Timeline] | None:
        """What does not match, by its last change, and the unit of a column; None where no time is known."""
        axis = time_axis(moment for moment, _ in self.tally.times)
        if axis is None:
            return None
        found = on_axis(axis, self.tally.times)
        series = [{v.value: float(column[v.value]) for v in Verdict} for column in found]
        names = [v for v in Verdict if any(column[v.value] for column in found)]
        highest = max(column.total() for column in found)
        shown = [moment.replace("T", " ") + ":00" if axis.unit == "hour" else moment for moment in axis.moments]
        legend = [(v.value, TITLES[v]) for v in names]
        return axis.unit, Timeline(charts.columns(series), f"{highest:,}", charts.ticks(shown), legend)

    @property
    def examples(self) -> list[tuple[str, str, int, Sequence[dict[str, object]]]]:
        """Name, title, how many there are, the first ones."""
        found = self.tally.examples
        return [(v.value, TITLES[v], self.tally.objects[v], found[v]) for v in Verdict if found.get(v)]

    @property
    def evidence(self) -> list[tuple[str, int, int]]:
        """By what objects were found equal, and not equal."""
        found = self.tally.evidence
        equal = {kind: found[kind.value, Verdict.MATCH.value] for kind in Evidence}
        others = {kind: sum(found[kind.value, v.value] for v in Verdict if v is not Verdict.MATCH) for kind in Evidence}
        return [(EVIDENCE[kind], equal[kind], others[kind]) for kind in Evidence if equal[kind] or others[kind]]


def share_text(part: int, whole: int) -> str:
    """`99.98 %`; what is not all is never shown as all, nor what is something as nothing."""
    if not whole:
        return "-"
    share = round(100 * part / whole, 2)
    if part and share < NEARLY_NOTHING:
        return f"< {NEARLY_NOTHING} %"
    share = min(share, NEARLY_ALL) if part < whole else share
    return f"{share:.2f} %" if share % 1 else f"{share:.0f} %"


def _totals(places: Counter[tuple[str, str]]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for (where, _), count in places.items():
        totals[where] += count
    return totals


def _parts(places: Counter[tuple[str, str]], where: str) -> list[tuple[str, int]]:
    return [(v.value, places[where, v.value]) for v in Verdict if places[where, v.value]]


def _whole(amounts: Counter[str]) -> Markup:
    total = amounts.total() or 1
    return charts.stacked([(verdict.value, amounts[verdict] / total) for verdict in Verdict], "bar large")
