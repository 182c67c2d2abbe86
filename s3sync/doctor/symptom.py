"""What a look before a run found, and what to do about it.

What the doctor found, for a person's eyes.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from rich.text import Text

from s3sync.model.keys import printable


class Health(StrEnum):
    OK = "ok"
    WARNING = "warning"  # a run works, but not as somebody may expect
    PROBLEM = "problem"  # a run, or a part of it, would fail
    UNKNOWN = "unknown"  # it could not be looked at


@dataclass(frozen=True, slots=True)
class Symptom:
    """`topic` is what was looked at (`target: versioning`), `found` one sentence, `todo` what to do, empty where there
    is nothing to do."""

    topic: str
    health: Health
    found: str
    todo: str = ""


def ok(topic: str, found: str) -> Symptom:
    return Symptom(topic, Health.OK, found)


def warning(topic: str, found: str, todo: str) -> Symptom:
    return Symptom(topic, Health.WARNING, found, todo)


def problem(topic: str, found: str, todo: str) -> Symptom:
    return Symptom(topic, Health.PROBLEM, found, todo)


def unknown(topic: str, found: str, todo: str = "") -> Symptom:
    return Symptom(topic, Health.UNKNOWN, found, todo)


def worst(symptoms: Iterable[Symptom]) -> Health:
    order = (Health.OK, Health.UNKNOWN, Health.WARNING, Health.PROBLEM)
    return max((symptom.health for symptom in symptoms), key=order.index, default=Health.OK)


_STYLES = {Health.OK: "green", Health.WARNING: "yellow", Health.PROBLEM: "bold red", Health.UNKNOWN: "cyan"}
_WIDTH = max(map(len, Health))
_MOST = 2_000


def symptom_line(symptom: Symptom) -> Text:
    """`warning  target: versioning: Enabled: ...`, and what to do in a second line."""
    health = Text(f"{symptom.health:<{_WIDTH}}", style=_STYLES[symptom.health])
    line = Text.assemble(health, "  ", printable(f"{symptom.topic}: {symptom.found}", most=_MOST), overflow="fold")
    if symptom.todo:
        line.append(f"\n{' ' * _WIDTH}  -> {printable(symptom.todo, most=_MOST)}")
    return line


def total_line(symptoms: Iterable[Symptom]) -> Text:
    """`12 ok, 2 warning, 1 problem`."""
    counts = Counter(symptom.health for symptom in symptoms)
    total = ", ".join(f"{counts[health]} {health}" for health in Health if counts[health])
    return Text(total or "nothing was looked at")
