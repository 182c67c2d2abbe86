"""The targets, each beside what was measured. Ratios are of one machine; what was not measured says so."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from benchmarks.results import Result, Row
from benchmarks.tables import MIB, best, cpu_beyond_start, number, table, together_mib

WORKER = "s3sync (curl)"
JOB = "s3sync migrate (curl)"
MILLION = 1_000_000
Results = Mapping[str, Result]


@dataclass(frozen=True, slots=True)
class Target:
    """`measured` gives the figure, None where there is none; `most` and `least` are the ends of what is wanted."""

    what: str
    wanted: str
    measured: Callable[[Results], float | None]
    most: float | None = None
    least: float | None = None

    def is_met(self, value: float) -> bool:
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)


def _rows(results: Results, suite: str) -> tuple[Row, ...]:
    return results[suite].rows if suite in results else ()


def _ratio(row: Row | None, other: Row | None) -> float | None:
    return row.cpu_ms / other.cpu_ms if row and other else None


def copy_ratio(other: str, *, tls: bool) -> Callable[[Results], float | None]:
    """The worker's CPU an object as a share of another client's in its best mode."""

    def measured(results: Results) -> float | None:
        rows = [row for row in _rows(results, "copy") if row.tls is tls]
        return _ratio(best(rows, WORKER), best(rows, other))

    return measured


def rate(results: Results) -> float | None:
    rates = [row.objects_per_second for row in _rows(results, "latency") if row.client == WORKER]
    return max(rates, default=None)


def listing_rate(results: Results) -> float | None:
    row = best(_rows(results, "list"), "s3sync")
    return row.objects_per_core_second if row else None


def relay_ratio(results: Results) -> float | None:
    rows = _rows(results, "relay")
    return _ratio(best(rows, "s3sync"), best(rows, "s5cmd"))


def worker_memory(results: Results) -> float | None:
    rows = [row for row in _rows(results, "memory") if row.client == WORKER]
    return max((row.peak_rss_bytes / MIB for row in rows), default=None)


def job_ratio(results: Results) -> float | None:
    """Whole trees, at the largest number of objects that both copied."""
    mine = {row.objects: row for row in _rows(results, "job") if row.client == JOB}
    others = {row.objects: row for row in _rows(results, "job") if row.client.startswith("s5cmd")}
    both = mine.keys() & others.keys()
    return mine[max(both)].whole_cpu_seconds / others[max(both)].whole_cpu_seconds if both else None


def _plan_rows(results: Results) -> list[Row]:
    return sorted(_rows(results, "plan"), key=lambda row: row.objects)


def plan_rate(results: Results) -> float | None:
    rows = _plan_rows(results)
    return max((row.objects / run.whole_wall_seconds for row in rows[-1:] for run in row.runs), default=None)


def plan_cpu_us(results: Results) -> float | None:
    rows = _plan_rows(results)
    found = cpu_beyond_start(rows[-1], rows[0]) if rows else None
    return None if found is None else 1e6 * found


def plan_growth(results: Results) -> float | None:
    """From one million rows to ten; None where either was not planned."""
    cpu_seconds = {row.objects: row.whole_cpu_seconds for row in _plan_rows(results)}
    if not {MILLION, 10 * MILLION} <= cpu_seconds.keys():
        return None
    return cpu_seconds[10 * MILLION] / cpu_seconds[MILLION]


def _check_rows(results: Results) -> list[Row]:
    return sorted(_rows(results, "check"), key=lambda row: row.objects)


def check_rate(results: Results) -> float | None:
    """Rows of both sides a second, were both cores its own."""
    return min((2 * row.objects_per_core_second for row in _check_rows(results)), default=None)


def check_growth(results: Results) -> float | None:
    """Of the CPU, from a million keys on each side to ten."""
    spread = [row for row in _check_rows(results) if row.client.endswith("spread")]
    large = [row for row in spread if row.objects > 9 * spread[0].objects]
    return large[-1].cpu_ms * large[-1].objects / (spread[0].cpu_ms * spread[0].objects) if large else None


def check_memory(results: Results) -> float | None:
    return max(map(together_mib, _check_rows(results)), default=None)


def queue_rate(act: str) -> Callable[[Results], float | None]:
    """Tasks a core-second, of the dearest way to do it: one task a message."""

    def measured(results: Results) -> float | None:
        rates = [row.objects_per_core_second for row in _rows(results, "queues") if row.client.startswith(act)]
        return min(rates, default=None)

    return measured


TARGETS = (
    Target("CopyObject in the worker, plain: share of s5cmd's CPU", "1/5", copy_ratio("s5cmd", tls=False), most=1 / 5),
    Target("CopyObject in the worker, TLS: share of s5cmd's CPU", "1/5", copy_ratio("s5cmd", tls=True), most=1 / 5),
    Target("one worker process at 50 ms, copies/s", "12,000", rate, least=12_000),
    Target("listing to Arrow, keys a core-second", "400,000", listing_rate, least=400_000),
    Target("relay of 10 KiB: share of s5cmd's CPU, down and up", "1/5", relay_ratio, most=1 / 5),
    Target("worker, peak MiB, up to ten million objects", "220", worker_memory, most=220),
    Target("the whole job: share of s5cmd's CPU", "1/3", job_ratio, most=1 / 3),
    Target("inventory to plan, rows/s on 2 cores, the largest plan measured", "150,000", plan_rate, least=150_000),
    Target("inventory to plan, CPU microseconds a row beyond the start", "12", plan_cpu_us, most=12),
    Target("inventory to plan, growth of CPU from 1 to 10 million rows", "10.5", plan_growth, most=10.5),
    Target("check of two listings, rows for 2 core-seconds, the slowest keys", "300,000", check_rate, least=300_000),
    Target("check, growth of CPU from 1 to 10 million keys a side", "10.5", check_growth, most=10.5),
    Target("check, peak MiB of all processes, 10 million keys a side", "4,096", check_memory, most=4_096),
    Target("failed tasks sent to the queues, a core-second", "1,000", queue_rate("sending"), least=1_000),
    Target("tasks drained from the queues, a core-second", "1,000", queue_rate("draining"), least=1_000),
)


def targets_block(results: Iterable[Result]) -> str:
    """The table of all targets."""
    by_suite = {result.suite: result for result in results}
    return table(["what", "target", "measured", "met"], (_line(target, by_suite) for target in TARGETS))


def _line(target: Target, results: Results) -> list[str]:
    value = target.measured(results)
    if value is None:
        return [target.what, target.wanted, "not measured yet", ""]
    shown = f"1/{1 / value:.1f}" if "/" in target.wanted and value < 1 else number(value)
    return [target.what, target.wanted, shown, "yes" if target.is_met(value) else "no"]
