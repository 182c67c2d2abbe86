"""Tables and targets say what the results say, and docs/performance.md says the same."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import table
from benchmarks.tables import NOT_MEASURED, TABLES, block, copy_table, job_table, plan_table
from benchmarks.targets import TARGETS, targets_block
from tests.unit.benchmarks.test_results import result, row


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]


def lines(text: str) -> dict[str, list[str]]:
    """The cells of a table's lines by the first of each."""
    return {first: rest for first, *rest in cells(text)}


def test_copies_stand_beside_s5cmds_best_mode() -> None:
    found = lines(
        copy_table(
            result(
                row("s3sync (curl)", 0.05),
                row("s3sync (curl)", 0.06, tls=True),
                row("s5cmd run FILE", 1.0),
                row("s5cmd cp", 0.25),
                row("s5cmd cp", 0.42, tls=True),
            )
        )
    )
    assert found["s3sync (curl)"][:4] == ["0.0500", "1/5.0", "0.0600", "1/7.0"]
    assert found["s5cmd run FILE"][:4] == ["1.00", "4.0", "", ""]


def test_the_start_is_taken_off_a_row() -> None:
    small = row("plan", objects=10_000)
    large = replace(small, objects=1_010_000, runs=(replace(small.runs[0], whole_cpu_seconds=10.3),))
    found = lines(plan_table(result(large, small, suite="plan")))
    assert found["10,000"][3] == ""
    assert found["1,010,000"][3] == "10.0"  # (10.3 - 0.3) s for a million rows


def test_the_whole_job_stands_beside_s5cmd_with_as_many_objects() -> None:
    slow = row("s5cmd cp", objects=50)
    rows = [
        row("s3sync migrate (curl)", objects=50),
        replace(slow, runs=(replace(slow.runs[0], whole_cpu_seconds=0.9),)),
    ]
    found = lines(job_table(result(*rows, row("s3sync migrate (boto3)", objects=60), suite="job")))
    assert found["s3sync migrate (curl)"][4] == "1/3.0"
    assert found["s3sync migrate (boto3)"][4] == ""


@pytest.mark.parametrize("suite", TABLES)
def test_a_table_without_results_says_so(suite: str) -> None:
    assert block(suite, None).startswith(NOT_MEASURED)
    assert NOT_MEASURED not in block(suite, result(row(), suite=suite))


def test_a_block_names_its_command_date_and_noise() -> None:
    noisy = row("b", objects=1, command="python -m benchmarks.run copy --transport boto3")
    noisy = replace(noisy, runs=(replace(noisy.runs[0], others_cores=1.26),))
    text = block("copy", result(row("a", 0.1, 0.2, 0.3), noisy)).splitlines()[-1]
    assert "`python -m benchmarks.run copy`, `python -m benchmarks.run copy --transport boto3`; 2026-01-02;" in text
    assert "median of 3, of some rows only 1; other work on the machine took up to 1.3 cores" in text


@pytest.mark.parametrize(
    ("cpu_seconds", "shown", "met"), [(0.05, "1/5.0", "yes"), (0.051, "1/4.9", "no"), (0.3, "1.20", "no")]
)
def test_a_target_is_met_or_not(cpu_seconds: float, shown: str, met: str) -> None:
    found = lines(targets_block([result(row("s3sync (curl)", cpu_seconds), row("s5cmd cp", 0.25))]))
    assert found["CopyObject in the worker, plain: share of s5cmd's CPU"] == ["1/5", shown, met]
    assert found["CopyObject in the worker, TLS: share of s5cmd's CPU"] == ["1/5", "not measured yet", ""]


@pytest.mark.parametrize(("sizes", "shown"), [((1, 10), "9.00"), ((0.1, 1), "not measured yet")])
def test_growth_is_from_one_million_rows_to_ten(sizes: tuple[float, float], shown: str) -> None:
    rows = [row("plan", objects=round(size * 1_000_000)) for size in sizes]
    rows[1] = replace(rows[1], runs=(replace(rows[1].runs[0], whole_cpu_seconds=2.7),))
    found = lines(targets_block([result(*rows, suite="plan")]))
    assert found["inventory to plan, growth of CPU from 1 to 10 million rows"][1] == shown


def test_nothing_is_met_where_nothing_was_measured() -> None:
    found = cells(targets_block([]))[2:]
    assert len(found) == len(TARGETS)
    assert {(line[2], line[3]) for line in found} == {("not measured yet", "")}


def test_a_block_of_the_page_that_nothing_is_known_of_is_an_error() -> None:
    with pytest.raises(KeyError):
        table.rendered("<!-- benchmark: none -->\n<!-- end -->", {})


def test_the_page_shows_what_the_results_say(tmp_path: Path) -> None:
    assert table.main(["--check"]) == 0
    page = tmp_path / "page.md"
    page.write_text(table.PAGE.read_text().replace("<!-- end -->", "a figure made by hand\n<!-- end -->"))
    assert table.main(["--check"], page) == 1
    assert table.main([], page) == 0
    assert page.read_text() == table.PAGE.read_text()
