"""The listings that a check is measured with hold what is said of them; one that finds anything else is no result."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.check_listings import SHAPES, SIDES, write_listings
from benchmarks.checks import verify
from benchmarks.results import Row
from benchmarks.tables import check_table
from benchmarks.targets import check_growth, check_memory, check_rate
from benchmarks.usage import Failed
from s3sync.model.tables import LISTING
from tests.unit.benchmarks.test_results import result, row

KEYS = 2_500


@pytest.mark.parametrize("shape", SHAPES)
def test_the_listings_hold_what_is_expected_of_them(tmp_path: Path, shape: str) -> None:
    expected = write_listings(tmp_path / "listing", KEYS, shape)
    source, target = (
        pa.concat_tables(pq.read_table(path, schema=LISTING) for path in sorted(tmp_path.glob(f"*/{side}-*")))
        for side in SIDES
    )
    assert source.num_rows + target.num_rows == expected.rows
    assert source["key"].to_pylist() == sorted(set(source["key"].to_pylist()))
    mine, others = ({row["key"]: row for row in table.to_pylist()} for table in (source, target))
    both = mine.keys() & others.keys()
    found = {
        "missing_on_target": len(mine.keys() - others.keys()),
        "size_differs": sum(mine[key]["size"] != others[key]["size"] for key in both),
        "unprovable": sum(mine[key]["etag"] != others[key]["etag"] for key in both),
        "missing_on_source": len(others.keys() - mine.keys()),
    }
    assert found == expected.verdicts == dict.fromkeys(found, 3)
    assert expected.matches == sum(mine[key] == others[key] for key in both)


def test_a_check_that_finds_anything_else_is_no_result(tmp_path: Path) -> None:
    expected = write_listings(tmp_path / "listing", KEYS, "hot")
    told = {"objects": expected.rows, "verdicts": {"match": expected.matches, **expected.verdicts}}
    verify(expected, told)
    for wrong in (
        {**told, "objects": expected.rows - 1},
        {**told, "verdicts": {**told["verdicts"], "match": expected.matches - 1}},
        {},
    ):
        with pytest.raises(Failed, match="instead of"):
            verify(expected, wrong)


def test_rates_growth_and_memory_of_checks() -> None:
    def measured(keys: str, objects: int, cpu_seconds: float, mib: int) -> Row:
        made = row(f"s3sync check, {keys}", cpu_seconds, objects=objects)
        run = replace(made.runs[0], objects=2 * objects, more={"peak_rss_bytes_together": mib * 2**20})
        return replace(made, runs=(run,))

    rows = (
        measured("spread", 1_000, 1.0, 900),
        measured("hot", 1_000, 2.0, 800),
        measured("spread", 10_000, 7.0, 1500),
    )
    found = {"check": result(*rows, suite="check")}
    assert check_rate(found) == pytest.approx(2 * 2_000 / 2.0)  # the slowest
    assert check_growth(found) == pytest.approx(7.0)
    assert check_memory(found) == 1500
    assert check_growth({"check": result(*rows[:2], suite="check")}) is None
    cells = [line.split(" | ") for line in check_table(found["check"]).splitlines()]
    assert cells[-1][1:3] == ["10,000", "20,000"]
