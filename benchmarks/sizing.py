"""The table of docs/operations.md: how long a migration takes and what it costs, from measured figures and list prices.

    python -m benchmarks.sizing     prints it
    python -m benchmarks.table      puts it into the page, with all other tables

| column         | is                                                                                            |
|----------------|-----------------------------------------------------------------------------------------------|
| copies/s       | what S3 takes: 3,500 a second for each partition of the keys ("Best practices design patterns") |
| cores          | copies/s over the measured rate of one worker with the default of requests in flight          |
| planning       | objects times the measured CPU of planning a row                                              |
| hours          | planning on those cores, and objects over copies/s                                            |
| requests       | one CopyObject an object, by conf/prices.yml                                                  |
| cluster        | the nodes for those cores and a primary one, by the hour                                      |
| transfer       | the bytes, where they leave the region, by conf/prices.yml                                    |
"""

import sys
from dataclasses import dataclass
from math import ceil

from benchmarks.results import Row, load
from benchmarks.s3_server import CHECKOUT
from benchmarks.tables import NOT_MEASURED, cpu_beyond_start, number, table
from benchmarks.targets import WORKER, Results
from s3sync.planning.cost import Prices, load_prices

S3_COPIES_A_SECOND = 3_500
IN_FLIGHT = 64  # the default of copy.in_flight
# On-demand list prices of us-east-1 in US dollars an hour, EC2 and EMR together; spot nodes cost a third of it or less.
NODE, NODE_CORES, NODE_DOLLARS = "m7g.2xlarge", 8, 0.3264 + 0.0816
PRIMARY_DOLLARS = 0.1632 + 0.0408  # m7g.xlarge
KIB, GIB = 2**10, 2**30


@dataclass(frozen=True, slots=True)
class Bucket:
    """`partitions`: into how many parts S3 has split the keys, which grow under load (docs/operations.md)."""

    objects: int
    mean_bytes: int
    partitions: int


BUCKETS = (
    Bucket(10_000_000, 100 * KIB, 1),
    Bucket(200_000_000, 10 * KIB, 4),  # what the tool of old moved in a day, with 500 executors
    Bucket(1_000_000_000, 100 * KIB, 8),
    Bucket(10_000_000_000, 100 * KIB, 32),
)


def worker_row(results: Results) -> Row | None:
    """One worker at 50 ms with the default of requests in flight."""
    rows = results["latency"].rows if "latency" in results else ()
    return next((row for row in rows if row.client == WORKER and row.in_flight == IN_FLIGHT), None)


def planning_us(results: Results) -> float | None:
    """CPU microseconds of a row, of the largest plan measured."""
    rows = sorted(results["plan"].rows, key=lambda row: row.objects) if "plan" in results else []
    seconds = cpu_beyond_start(rows[-1], rows[0]) if rows else None
    return None if seconds is None else 1e6 * seconds


def line(bucket: Bucket, worker_rate: float, plan_us: float, prices: Prices) -> list[str]:
    rate = bucket.partitions * S3_COPIES_A_SECOND
    cores = ceil(rate / worker_rate)
    hours = (bucket.objects * plan_us / 1e6 / cores + bucket.objects / rate) / 3600
    size_gib = bucket.objects * bucket.mean_bytes / GIB
    nodes = ceil(cores / NODE_CORES)
    return [
        f"{bucket.objects / 1e6:,.0f}",
        f"{number(size_gib / 1024)} TiB",
        str(bucket.partitions),
        f"{rate:,}",
        f"{cores} ({nodes} {'node' if nodes == 1 else 'nodes'})",
        f"{bucket.objects * plan_us / 1e6 / 3600:,.1f}",
        number(hours),
        f"{bucket.objects / 1000 * prices.storage_classes['STANDARD'].write:,.0f}",
        number(hours * (nodes * NODE_DOLLARS + PRIMARY_DOLLARS)),
        f"{size_gib * prices.transfer_per_gb:,.0f}",
    ]


def sizing_block(results: Results) -> str:
    """The table, and the figures it is made of."""
    worker, plan_us = worker_row(results), planning_us(results)
    if worker is None or plan_us is None:
        return NOT_MEASURED
    prices = load_prices(CHECKOUT / "conf" / "prices.yml")
    heads = ["million objects", "bytes", "partitions", "copies/s", "worker cores", "planning, core hours", "hours"]
    heads += ["requests, $", "cluster, $", "transfer to another region, $"]
    rows = table(heads, (line(bucket, worker.objects_per_second, plan_us, prices) for bucket in BUCKETS))
    when = f"checked on {prices.checked}" if prices.checked else "which nobody has checked lately"
    return (
        f"{rows}\n\n"
        f"`python -m benchmarks.sizing`. One worker with {IN_FLIGHT} requests in flight made "
        f"{number(worker.objects_per_second)} copies/s at {worker.latency_ms} ms (`{worker.command}`, "
        f"{worker.at[:10]}, {worker.others_cores:.1f} cores kept busy by others); planning took {number(plan_us)} "
        "microseconds of CPU a row (`python -m benchmarks.run plan`). "
        f"A node is {NODE} at ${NODE_DOLLARS:.3f} an hour with EMR, on demand; prices are list prices of "
        f"{prices.region}, {when}: see conf/prices.yml."
    )


def main() -> int:
    known = {suite: result for suite in ("latency", "plan") if (result := load(suite)) is not None}
    sys.stdout.write(sizing_block(known) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
