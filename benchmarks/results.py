"""Results as values and as JSON: rows of repeated runs, and the medians that are shown."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Run:
    """`cpu_seconds` and `wall_seconds` are those of the work on `objects`; `whole_cpu_seconds` is the process's, with
    its start. `requests` is what the server saw. `others_cores`: cores that others kept busy meanwhile."""

    objects: int
    cpu_seconds: float
    wall_seconds: float
    whole_cpu_seconds: float
    whole_wall_seconds: float
    requests: int
    connections: int
    peak_rss_bytes: int
    others_cores: float
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One client in one situation. `objects` is how many there were; a run's figures may be for a few less, where a
    client counts from its first answers on. `command` measures it again."""

    command: str
    client: str
    objects: int
    in_flight: int
    tls: bool
    latency_ms: int
    object_bytes: int
    at: str
    runs: tuple[Run, ...]

    @property
    def situation(self) -> tuple[object, ...]:
        return (self.client, self.objects, self.in_flight, self.tls, self.latency_ms, self.object_bytes)

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds for one object, the work alone."""
        return median(1000 * run.cpu_seconds / run.objects for run in self.runs)

    @property
    def whole_cpu_seconds(self) -> float:
        return median(run.whole_cpu_seconds for run in self.runs)

    @property
    def objects_per_second(self) -> float:
        return median(run.objects / run.wall_seconds for run in self.runs)

    @property
    def objects_per_core_second(self) -> float:
        return 1000 / self.cpu_ms

    @property
    def requests_per_object(self) -> float:
        return median(run.requests / self.objects for run in self.runs)

    @property
    def peak_rss_bytes(self) -> float:
        return median(run.peak_rss_bytes for run in self.runs)

    @property
    def others_cores(self) -> float:
        return median(run.others_cores for run in self.runs)


@dataclass(frozen=True, slots=True)
class Result:
    """One suite's results. Machine and versions are those of the newest row."""

    suite: str
    machine: dict[str, Any]
    versions: dict[str, str]
    rows: tuple[Row, ...]

    def with_rows(self, rows: Iterable[Row]) -> "Result":
        """These rows too; one in the same situation is replaced and keeps its place."""
        known = {row.situation: row for row in self.rows}
        known.update({row.situation: row for row in rows})
        return Result(self.suite, self.machine, self.versions, tuple(known.values()))

    def save(self, folder: Path = RESULTS) -> Path:
        path = folder / f"{self.suite}.json"
        path.write_text(json.dumps(_rounded(asdict(self)), indent=1) + "\n")
        return path


def load(suite: str, folder: Path = RESULTS) -> Result | None:
    """The suite's saved result, None where it was never run."""
    path = folder / f"{suite}.json"
    if not path.exists():
        return None
    value = json.loads(path.read_text())
    rows = tuple(Row(**{**row, "runs": tuple(Run(**run) for run in row["runs"])}) for row in value.pop("rows"))
    return Result(**value, rows=rows)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, (list, tuple)) else value
