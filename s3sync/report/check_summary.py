"""The summary of a check: what its `summary.json` holds and the console shows, and the exit code that follows."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from s3sync.errors import EXIT_DIFFERENT, EXIT_DONE, EXIT_OTHER, InvariantBroken
from s3sync.model.finding import Verdict
from s3sync.model.keys import printable
from s3sync.report.check_tally import CheckTally
from s3sync.report.console import duration_text, size_text
from s3sync.runs.summary import named

SCHEMA_VERSION = 1
KIND = "check"  # tells the summary of a check from that of a migration
CONSOLE_EXAMPLES = 3


@dataclass(slots=True)
class CheckCounts:
    """Every listed row is in one place (C1): `source_rows` and `target_rows` are those listed, `dropped_*` those that
    filters took out, by reason. `left_out`: keys whose source object a filter took out. `compared`: keys judged."""

    source_rows: int = 0
    target_rows: int = 0
    dropped_source: Counter[str] = field(default_factory=Counter)
    dropped_target: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    left_out: int = 0
    not_of_run: int = 0
    compared: int = 0

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "CheckCounts":
        known = dict(value)
        for name in ("dropped_source", "dropped_target"):
            known[name] = Counter(value[name])
        return cls(**known)


def verify_verdicts(counts: CheckCounts, tally: CheckTally, still_open: int = 0) -> None:
    """Each key that was compared has one verdict, or is open; raises InvariantBroken with both sides (C1)."""
    judged = tally.objects.total()
    if judged + still_open != counts.compared:
        raise InvariantBroken(
            f"the verdicts do not account for every object: {counts.compared} compared, but {judged} have a verdict "
            f"and {still_open} are open"
        )


@dataclass(frozen=True, slots=True)
class CheckSummary:
    """The fields of a check's `summary.json`, whose names stay as they are.

    | field                     | what                                                                            |
    |---------------------------|---------------------------------------------------------------------------------|
    | schema_version, kind      | 1, and `check`                                                                  |
    | run_id, of_run            | the check's run, and the migration that it checked, if one was named            |
    | source, target            | both places as `s3://BUCKET/PREFIX`                                             |
    | source_seen, target_seen  | how each side was seen, and when: a sentence                                    |
    | state, exit_code          | `complete`, and see `exit_code`                                                 |
    | headline                  | the answer in one sentence                                                      |
    | started_at, ended_at      | ISO 8601 with offset                                                            |
    | wall_seconds              | of the check's last driver                                                      |
    | counts                    | `CheckCounts`: listed rows, and where they are                                  |
    | verdicts                  | objects and bytes by verdict, each of them named                                |
    | tally                     | `CheckTally`: what the report's pictures are drawn from                         |
    | requests, read_bytes      | requests by S3 operation, listings included; bytes of bodies that were read     |
    | retries, throttled        | repeats; answers that asked to slow down                                        |
    | work_uri                  | where the check's run lies; null in summaries from before it was written        |
    | requeued                  | objects sent to the dead-letter queue; null where none were to be sent          |
    | accept_unprovable         | whether unprovable objects were accepted                                        |
    | what_next                 | sentences for a person                                                          |
    """

    run_id: str
    source: str
    target: str
    source_seen: str
    target_seen: str
    started_at: datetime
    ended_at: datetime
    counts: CheckCounts
    tally: CheckTally
    of_run: str | None = None
    accept_unprovable: bool = False
    requeued: int | None = None
    work_uri: str | None = None

    @property
    def exit_code(self) -> int:
        return exit_code(self.tally, accept_unprovable=self.accept_unprovable)

    @property
    def wall_seconds(self) -> float:
        return (self.ended_at - self.started_at).total_seconds()

    @property
    def compared(self) -> int:
        return self.tally.objects.total()

    @property
    def headline(self) -> str:
        objects, differing = self.compared, self.tally.differing
        if not objects:
            return "There was nothing to compare"
        if not differing:
            return f"All {objects:,} objects match"
        unproved = self.tally.objects[Verdict.UNPROVABLE]
        if unproved == differing:
            return f"No difference was found, but {unproved:,} of {objects:,} objects could not be proved equal"
        return f"{differing:,} of {objects:,} objects do not match"

    def to_json(self) -> str:
        tally = self.tally
        value = {
            "schema_version": SCHEMA_VERSION,
            "kind": KIND,
            "run_id": self.run_id,
            "of_run": self.of_run,
            "source": self.source,
            "target": self.target,
            "source_seen": self.source_seen,
            "target_seen": self.target_seen,
            "state": "complete",
            "exit_code": self.exit_code,
            "headline": self.headline,
            "started_at": self.started_at.isoformat(),
            "ended_at": self.ended_at.isoformat(),
            "wall_seconds": round(self.wall_seconds, 3),
            "counts": self.counts.to_json(),
            "verdicts": {v.value: {"objects": tally.objects[v], "bytes": tally.size_bytes[v]} for v in Verdict},
            "requests": dict(tally.requests),
            "retries": tally.retries,
            "throttled": tally.throttled,
            "read_bytes": tally.read_bytes,
            "accept_unprovable": self.accept_unprovable,
            "requeued": self.requeued,
            "work_uri": self.work_uri,
            "tally": tally.to_json(),
            "what_next": [sentence for _, sentence in advice(self)],
        }
        return json.dumps(value, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "CheckSummary":
        """Raises ValueError where the text is of a newer schema, KeyError where a field is missing."""
        value: dict[str, Any] = json.loads(text)
        if value["schema_version"] > SCHEMA_VERSION:
            raise ValueError(f"summary of schema version {value['schema_version']}, and {SCHEMA_VERSION} is known")
        same = ("run_id", "of_run", "source", "target", "source_seen", "target_seen", "accept_unprovable", "requeued")
        return cls(
            **{name: value[name] for name in same},
            started_at=datetime.fromisoformat(value["started_at"]),
            ended_at=datetime.fromisoformat(value["ended_at"]),
            work_uri=value.get("work_uri"),
            counts=CheckCounts.from_json(value["counts"]),
            tally=CheckTally.from_json(value["tally"]),
        )


def exit_code(tally: CheckTally, *, accept_unprovable: bool) -> int:
    """The exit code of a check that came to its end.

    | error | differing, missing, changed | unprovable | accepted | exit code |
    |-------|-----------------------------|------------|----------|-----------|
    | some  |                             |            |          | 1         |
    | none  | some                        |            |          | 4         |
    | none  | none                        | some       | no       | 4         |
    | none  | none                        | some       | yes      | 0         |
    | none  | none                        | none       |          | 0         |
    """
    if tally.objects[Verdict.ERROR]:
        return EXIT_OTHER
    settled = Verdict.UNPROVABLE if accept_unprovable else Verdict.MATCH
    differing = tally.differing - (tally.objects[Verdict.UNPROVABLE] if settled is Verdict.UNPROVABLE else 0)
    return EXIT_DIFFERENT if differing else EXIT_DONE


_ADVICE = {
    Verdict.MISSING_ON_TARGET: "Copy them: `{command}`",
    Verdict.MISSING_ON_SOURCE: "Only the target has them. Nothing deletes them: see whether somebody else put them "
    "there, or whether they were deleted on the source since.",
    Verdict.SIZE_DIFFERS: "Find out which side is right. `{command}` overwrites the target's with the source's.",
    Verdict.CONTENT_DIFFERS: "Find out which side is right. `{command}` overwrites the target's with the source's.",
    Verdict.METADATA_DIFFERS: "The content is equal. `{command}` overwrites the target's headers, metadata, tags and "
    "storage class with the source's.",
    Verdict.CHANGED_SINCE: "The source changed after the run. `{command}` copies what is there now; then check again.",
    Verdict.UNPROVABLE: "Nothing that was looked at proves them equal or different. `s3sync check ... --deep` reads "
    "the bodies; `--deep-sample 1%` a share of them.",
    Verdict.ERROR: "Mend the cause that the findings name, then check again.",
}


def advice(summary: CheckSummary) -> list[tuple[Verdict, str]]:
    """What to do next, for each kind of finding there is. A command that copies copies findings of this kind alone."""
    found, run = summary.tally.objects, named(summary.run_id, summary.work_uri)
    command = f"s3sync migrate --from-findings {run} --verdict"
    return [(v, _ADVICE[v].format(command=f"{command} {v}")) for v in Verdict if v in _ADVICE and found[v]]


def check_view(summary: CheckSummary) -> Group:
    """The summary as tables, to be printed on a `console_for` a stream."""
    style = {EXIT_DONE: "bold green", EXIT_DIFFERENT: "bold yellow"}.get(summary.exit_code, "bold red")
    lines: list[Text | Table] = [
        Text(summary.headline, style),
        Text(f"{summary.source} ({summary.source_seen})"),
        Text(f"{summary.target} ({summary.target_seen})"),
        _verdicts(summary),
        *_examples(summary),
        *(Text(f"next: {verdict}: {sentence}") for verdict, sentence in advice(summary)),
        Text(_cost(summary)),
    ]
    return Group(*lines)


def _verdicts(summary: CheckSummary) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("verdict")
    for name in ("objects", "size"):
        table.add_column(name, justify="right")
    for verdict in Verdict:
        objects = summary.tally.objects[verdict]
        if objects or verdict is Verdict.MATCH:
            table.add_row(verdict.value, f"{objects:,}", size_text(summary.tally.size_bytes[verdict]))
    return table


def _examples(summary: CheckSummary) -> list[Text]:
    lines = []
    for verdict in Verdict:
        for row in summary.tally.examples.get(verdict, [])[:CONSOLE_EXAMPLES]:
            detail = f" ({printable(row['detail'], 120)})" if row["detail"] else ""
            lines.append(Text(f"{verdict.value}: {printable(row['target_key'], 120)}{detail}"))
    return lines


def _cost(summary: CheckSummary) -> str:
    requests = ", ".join(f"{count:,} {name}" for name, count in sorted(summary.tally.requests.items())) or "none"
    read = f", {size_text(summary.tally.read_bytes)} of bodies read" if summary.tally.read_bytes else ""
    return f"requests: {requests}{read}; time {duration_text(summary.wall_seconds)}; exit code {summary.exit_code}"
