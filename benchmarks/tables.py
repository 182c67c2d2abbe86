"""Results as Markdown tables: pure functions from a result to text."""

from collections.abc import Callable, Iterable, Sequence

from benchmarks.results import Result, Row

MIB = 2**20
NOT_MEASURED = "Not measured yet."


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table.

    >>> print(table(["a", "b"], [["1", "2"]]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def number(value: float) -> str:
    """Three digits that count; whole numbers in groups.

    >>> number(0.023456), number(1.5), number(12.345), number(16411.2)
    ('0.0235', '1.50', '12.3', '16,400')
    """
    if value >= 100:  # noqa: PLR2004  (no digits behind the point any more)
        digits = max(0, len(str(int(value))) - 3)
        return f"{round(value / 10**digits) * 10**digits:,.0f}"
    return f"{value:#.3g}"


def share(value: float, of: float | None) -> str:
    """One figure as a part or a multiple of another.

    >>> share(1, 5), share(4, 1), share(1, None)
    ('1/5.0', '4.0', '')
    """
    if not of or not value:
        return ""
    return f"1/{of / value:.1f}" if value < of else f"{value / of:.1f}"


def best(rows: Iterable[Row], prefix: str) -> Row | None:
    """The row with the least CPU among the clients whose name begins so."""
    return min((row for row in rows if row.client.startswith(prefix)), key=lambda row: row.cpu_ms, default=None)


def copy_table(result: Result) -> str:
    plain = {row.client: row for row in result.rows if not row.tls}
    tls = {row.client: row for row in result.rows if row.tls}
    against = {kind: best(rows.values(), "s5cmd") for kind, rows in (("plain", plain), ("tls", tls))}

    def line(client: str) -> list[str]:
        cells = [client]
        for kind, rows in (("plain", plain), ("tls", tls)):
            row, other = rows.get(client), against[kind]
            cells += [number(row.cpu_ms), share(row.cpu_ms, other.cpu_ms if other else None)] if row else ["", ""]
        row = plain.get(client) or tls[client]
        return [*cells, number(row.objects_per_core_second), f"{row.requests_per_object:.2f}", _mib(row), _count(row)]

    order = sorted({**plain, **tls}, key=lambda client: (plain.get(client) or tls[client]).cpu_ms)
    heads = ["client", "plain, CPU ms", "of s5cmd's best", "TLS, CPU ms", "of s5cmd's best"]
    heads += ["copies a core-second", "requests an object", "peak MiB", "objects"]
    return table(heads, map(line, order))


def latency_table(result: Result) -> str:
    heads = ["client", "in flight", "copies/s", "cores kept busy by others", "CPU ms", "peak MiB", "objects"]
    rows = sorted(result.rows, key=lambda row: -row.objects_per_second)
    return table(
        heads,
        (
            [
                row.client,
                str(row.in_flight),
                number(row.objects_per_second),
                f"{row.others_cores:.1f}",
                number(row.cpu_ms),
                _mib(row),
                _count(row),
            ]
            for row in rows
        ),
    )


def memory_table(result: Result) -> str:
    heads = ["client", "objects", "peak MiB", "CPU ms"]
    return table(heads, ([row.client, _count(row), _mib(row), number(row.cpu_ms)] for row in result.rows))


def list_table(result: Result) -> str:
    heads = ["client", "CPU microseconds a key", "keys a core-second", "requests per 1,000 keys", "peak MiB", "keys"]
    rows = sorted(result.rows, key=lambda row: row.cpu_ms)
    return table(
        heads,
        (
            [
                row.client,
                number(1000 * row.cpu_ms),
                number(row.objects_per_core_second),
                f"{1000 * row.requests_per_object:.2f}",
                _mib(row),
                _count(row),
            ]
            for row in rows
        ),
    )


def relay_table(result: Result) -> str:
    other = best(result.rows, "s5cmd")
    heads = ["client", "CPU ms", "of s5cmd's", "requests an object", "peak MiB", "objects"]
    return table(
        heads,
        (
            [
                row.client,
                number(row.cpu_ms),
                share(row.cpu_ms, other.cpu_ms if other else None),
                f"{row.requests_per_object:.2f}",
                _mib(row),
                _count(row),
            ]
            for row in sorted(result.rows, key=lambda row: row.cpu_ms)
        ),
    )


def plan_table(result: Result) -> str:
    heads = ["rows", "seconds", "CPU seconds", "rows/s", "CPU microseconds a row beyond the start", "worker MiB"]
    start = min(result.rows, key=lambda row: row.objects)
    rows = sorted(result.rows, key=lambda row: row.objects)
    return table(heads, ([*_whole(row), _beyond(row, start), _worker_mib(row)] for row in rows))


def job_table(result: Result) -> str:
    heads = ["client", "objects", "seconds", "CPU seconds", "objects/s", "of s5cmd's CPU", "worker MiB"]
    others = {row.objects: row.whole_cpu_seconds for row in result.rows if row.client.startswith("s5cmd")}
    return table(
        heads,
        (
            [row.client, *_whole(row), share(row.whole_cpu_seconds, others.get(row.objects)), _worker_mib(row)]
            for row in sorted(result.rows, key=lambda row: (row.objects, row.client))
        ),
    )


def check_table(result: Result) -> str:
    heads = ["keys", "keys a side", "rows of both sides", "seconds", "rows/s", "CPU seconds"]
    heads += ["rows for 2 core-seconds", "all processes, MiB"]

    def line(row: Row) -> list[str]:
        rows = row.runs[0].objects
        return [
            row.client.removeprefix("s3sync check, "),
            _count(row),
            f"{rows:,}",
            number(rows / row.objects_per_second),
            number(row.objects_per_second),
            number(row.cpu_ms * rows / 1000),
            number(2 * row.objects_per_core_second),
            number(together_mib(row)),
        ]

    return table(heads, map(line, sorted(result.rows, key=lambda row: row.objects)))


def together_mib(row: Row) -> float:
    """Of all processes at one moment, in the run that took most."""
    return float(max(run.more.get("peak_rss_bytes_together", 0) for run in row.runs)) / MIB


def queues_table(result: Result) -> str:
    heads = ["act, tasks a message", "CPU microseconds a task", "CPU microseconds a message", "tasks a core-second"]
    return table(
        [*heads, "requests a message", "tasks"],
        (
            [
                row.client,
                number(1000 * row.cpu_ms),
                number(1000 * row.cpu_ms * _tasks_a_message(row)),
                number(row.objects_per_core_second),
                number(row.requests_per_object * _tasks_a_message(row)),
                _count(row),
            ]
            for row in result.rows
        ),
    )


TABLES: dict[str, Callable[[Result], str]] = {
    "copy": copy_table,
    "latency": latency_table,
    "memory": memory_table,
    "list": list_table,
    "relay": relay_table,
    "plan": plan_table,
    "job": job_table,
    "check": check_table,
    "queues": queues_table,
}


def block(suite: str, result: Result | None) -> str:
    """A suite's table with where it comes from: command, date, noise."""
    if result is None or not result.rows:
        return f"{NOT_MEASURED} `python -m benchmarks.run {suite}`"
    commands = ", ".join(f"`{command}`" for command in dict.fromkeys(row.command for row in result.rows))
    dates = sorted({row.at[:10] for row in result.rows})
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    noise = max(row.others_cores for row in result.rows)
    runs = {len(row.runs) for row in result.rows}
    each = f"median of {max(runs)}" if runs != {1} else "one run"
    if len(runs) > 1:
        each += f", of some rows only {min(runs)}"
    return (
        f"{TABLES[suite](result)}\n\n{commands}; {when}; {each}; other work on the machine took up to "
        f"{noise:.1f} cores meanwhile."
    )


def machine_block(results: Iterable[Result]) -> str:
    """The machine of the newest of the results, and of each tool the newest version that was measured."""
    oldest_first = sorted(results, key=lambda result: max(row.at for row in result.rows))
    if not oldest_first:
        return NOT_MEASURED
    machine = oldest_first[-1].machine
    found = {name: version for result in oldest_first for name, version in result.versions.items()}
    versions = ", ".join(f"{name} {version}" for name, version in found.items())
    memory = f"{machine['memory_bytes'] / 2**30:.0f} GiB"
    return f"{machine['cores']} cores of {machine['processor']}, {memory}, Linux {machine['kernel']}. {versions}."


def _tasks_a_message(row: Row) -> int:
    return int(row.runs[0].more.get("tasks_a_message", 1))


def _count(row: Row) -> str:
    return f"{row.objects:,}"


def _mib(row: Row) -> str:
    return f"{row.peak_rss_bytes / MIB:.0f}"


def _worker_mib(row: Row) -> str:
    """Of the largest Python process: the driver or a worker."""
    found = [size for run in row.runs for name, size in run.more.get("peak_rss_bytes_by_name", {}).items()
             if name.startswith("python")]  # fmt: skip
    return f"{max(found) / MIB:.0f}" if found else ""


def _whole(row: Row) -> list[str]:
    run_seconds = sorted(run.whole_wall_seconds for run in row.runs)[len(row.runs) // 2]
    return [_count(row), number(run_seconds), number(row.whole_cpu_seconds), number(row.objects / run_seconds)]


def cpu_beyond_start(row: Row, start: Row) -> float | None:
    """CPU seconds an object, without what the smallest job costs; None for that one itself."""
    if row.objects == start.objects:
        return None
    return (row.whole_cpu_seconds - start.whole_cpu_seconds) / (row.objects - start.objects)


def _beyond(row: Row, start: Row) -> str:
    found = cpu_beyond_start(row, start)
    return "" if found is None else number(1e6 * found)
