"""Medians, merging and saving of results; the checks that each run passes."""

import doctest
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import batches, machine, table, tables
from benchmarks.results import Result, Row, Run, load
from benchmarks.s3_server import ServerOptions, Stats
from benchmarks.trials import all_copied_once, all_listed
from benchmarks.usage import REPORT_MARK, Failed, Usage, usage_of

RUN = Run(1_000, 0.05, 0.1, 0.3, 0.5, 1_010, 64, 50 * 2**20, 0.1)


def row(client: str = "s3sync (curl)", *cpu_seconds: float, **changes: Any) -> Row:
    runs = tuple(replace(RUN, cpu_seconds=seconds) for seconds in cpu_seconds or (0.05,))
    made = Row("python -m benchmarks.run copy", client, 1_000, 64, False, 0, 1_024, "2026-01-02T03:04:05+00:00", runs)
    return replace(made, **changes)


def result(*rows: Row, suite: str = "copy") -> Result:
    facts = {"processor": "P", "cores": 2, "memory_bytes": 2**34, "kernel": "6.1", "libc": "glibc"}
    return Result(suite, facts, {"python": "3.11"}, rows)


def test_the_median_run_counts() -> None:
    found = row("s3sync", 0.09, 0.01, 0.02)
    assert found.cpu_ms == pytest.approx(0.02)
    assert found.objects_per_core_second == pytest.approx(50_000)
    assert found.requests_per_object == pytest.approx(1.01)


def test_a_row_in_the_same_situation_is_replaced_in_its_place() -> None:
    old, other, tls = row("a", 0.1), row("b", 0.1), row("a", 0.1, tls=True)
    merged = result(old, other).with_rows([tls, row("a", 0.2)])
    assert [(each.client, each.tls, each.cpu_ms) for each in merged.rows] == [
        ("a", False, 0.2),
        ("b", False, 0.1),
        ("a", True, 0.1),
    ]


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    saved = result(row("a", 0.1, 0.2), row("b"))
    assert saved.save(tmp_path) == tmp_path / "copy.json"
    assert load("copy", tmp_path) == saved
    assert load("list", tmp_path) is None


def usage(output: str = "", **own: Any) -> Usage:
    return Usage(1, 1, 1, 0, 1, {}, own, output)


@pytest.mark.parametrize(
    ("once", "again", "wrong", "says"),
    [
        (99, 0, 0, "99 of 100"),
        (99, 1, 0, "99 of 100"),
        (100, 1, 0, "more than once"),
        (100, 0, 1, "none of the source"),
    ],
)
def test_a_run_that_copied_wrongly_is_refused(once: int, again: int, wrong: int, says: str) -> None:
    with pytest.raises(Failed, match=says):
        all_copied_once(ServerOptions(100), Stats({}, once, again, wrong, 0, 0), usage())
    all_copied_once(ServerOptions(100), Stats({}, 100, 0, 0, 7, 1), usage())


def test_a_run_that_listed_wrongly_is_refused() -> None:
    stats = Stats({"ListObjectsV2": 3}, 0, 0, 0, 0, 0)
    all_listed(ServerOptions(3_000), stats, usage(objects=3_000))
    all_listed(ServerOptions(2), stats, usage("a\nb\n"))
    with pytest.raises(Failed, match="2 of 3 keys"):
        all_listed(ServerOptions(3), stats, usage("a\nb\n"))
    with pytest.raises(Failed, match="4000 keys came from 3 pages"):
        all_listed(ServerOptions(4_000), stats, usage(objects=4_000))


FOUND = {
    "exit_code": 0,
    "wall_seconds": 9.0,
    "user_seconds": 2.0,
    "system_seconds": 0.7,
    "unwaited_seconds": 0.3,
    "peak_rss_bytes": 5,
    "peak_rss_bytes_by_name": {},
    "left_running": 0,
}


def test_a_clients_own_report_is_preferred() -> None:
    line = f'noise\n{REPORT_MARK}{{"cpu_seconds": 0.5, "wall_seconds": 0.6, "objects": 7}}\n'
    found = usage_of(dict(FOUND), line, "client")
    assert (found.cpu_seconds, found.work_cpu_seconds, found.work_wall_seconds, found.work_objects) == (3, 0.5, 0.6, 7)
    silent = usage_of(dict(FOUND), "noise", "client")
    assert (silent.work_cpu_seconds, silent.work_wall_seconds, silent.work_objects) == (3, 9, None)


@pytest.mark.parametrize(("change", "says"), [({"exit_code": 1}, "exit code 1"), ({"left_running": 2}, "left 2")])
def test_a_command_that_went_wrong_gives_no_usage(change: dict[str, int], says: str) -> None:
    with pytest.raises(Failed, match=says):
        usage_of({**FOUND, **change}, "", "client")


def test_others_work_is_what_remains() -> None:
    before, after = machine.Moment(0.0, 100.0, 10.0), machine.Moment(10.0, 118.0, 13.0)
    assert after.others_since(before, own_cpu_seconds=5.0) == pytest.approx(1.0)
    assert after.others_since(before, own_cpu_seconds=50.0) == 0


@pytest.mark.parametrize("objects", [1, 15, 200, 9_999, 10_000, 10_001, 60_000, 1_000_000])
def test_batches_hold_every_object(objects: int) -> None:
    sizes = batches.batch_sizes(objects)
    assert sum(sizes) == objects
    assert all(0 < size <= batches.BATCH_OBJECTS for size in sizes)


@pytest.mark.parametrize("module", [batches, machine, table, tables])
def test_examples(module: Any) -> None:
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0
