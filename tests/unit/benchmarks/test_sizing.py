"""The sizing table of docs/operations.md: its arithmetic, by round figures. test_tables.py looks at the page."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.sizing import BUCKETS, Bucket, line, sizing_block
from benchmarks.tables import NOT_MEASURED
from s3sync.planning.cost import load_prices
from tests.unit.benchmarks.test_results import result, row
from tests.unit.benchmarks.test_tables import cells

PRICES = load_prices(Path(__file__).parents[3] / "conf" / "prices.yml")


def test_rate_cores_hours_and_dollars_follow_from_the_figures() -> None:
    found = line(Bucket(12_600_000, 2**20, 1), worker_rate=1_000, plan_us=4_000_000 / 12_600_000 * 3_600, prices=PRICES)
    million, size, partitions, rate, cores, planning, hours, requests, cluster, transfer = found
    assert (million, size, partitions, rate) == ("13", "12.0 TiB", "1", "3,500")
    assert cores == "4 (1 node)"  # 3,500 / 1,000, rounded up
    assert planning == "4.0"
    assert hours == "2.00"  # an hour of planning on four cores, an hour of copying
    assert requests == "63"  # 0.005 dollars a thousand
    assert cluster == "1.22"  # two hours of a node and a primary node
    assert transfer == "246"


def test_what_is_not_measured_makes_no_table() -> None:
    assert sizing_block({}) == NOT_MEASURED


def test_the_block_names_its_commands() -> None:
    worker = replace(row("s3sync (curl)", objects=10_000), in_flight=64, latency_ms=50)
    plans = [row("plan", objects=count) for count in (10, 1_000)]
    plans[1] = replace(plans[1], runs=(replace(plans[1].runs[0], whole_cpu_seconds=plans[0].whole_cpu_seconds + 1),))
    text = sizing_block({"latency": result(worker, suite="latency"), "plan": result(*plans, suite="plan")})
    assert len(cells(text)) == len(BUCKETS) + 2
    for command in ("python -m benchmarks.sizing", worker.command, "python -m benchmarks.run plan"):
        assert f"`{command}`" in text


@pytest.mark.parametrize("bucket", BUCKETS)
def test_the_buckets_are_ones_that_it_is_made_for(bucket: Bucket) -> None:
    assert bucket.objects >= 10**7
