"""What the doctor found, for a person's eyes."""

from collections import Counter
from collections.abc import Iterable

from rich.text import Text

from s3sync.model.health import Health, Symptom
from s3sync.model.keys import printable

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
