"""Plans of one inventory in each of S3's three formats: exactly the tasks that it lists, each once, and the same ones.

python -m benchmarks.plan_formats [--rows 1000000] [--format CSV ...]
"""

import argparse
import json
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.jobs import environment, submitted
from benchmarks.s3_server import FILES_BUCKET, SOURCE_BUCKET, TARGET_BUCKET, S3Server, ServerOptions
from benchmarks.usage import Failed, run_measured
from s3sync.config.model import TransportKind
from s3sync.demo.inventory_writer import InventoryObject, write_inventory
from s3sync.inventory.manifest import FileFormat
from s3sync.model.task import task_id

MILLION = 1_000_000
WHEN = datetime(2025, 6, 1, tzinfo=UTC)
ROWS_A_FILE = 100_000
IDS_LOOKED_AT = 1_000


def objects(rows: int) -> list[InventoryObject]:
    """Keys that CSV writes encoded, of a hundred prefixes; the order is not the keys'."""
    return [
        InventoryObject(f"día={n % 97:02d}/a b+{n * 7919 % rows:09d}%.gz", n, f"{n:032x}", WHEN + timedelta(seconds=n))
        for n in range(rows)
    ]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plan_formats", description=__doc__)
    parser.add_argument("--rows", type=int, default=MILLION)
    parser.add_argument("--format", action="append", choices=list(FileFormat), help="only this one; repeatable")
    options = parser.parse_args(argv)
    rows = objects(options.rows)
    failures = 0
    for file_format in map(FileFormat, options.format or FileFormat):
        try:
            said = planned(rows, file_format)
        except Failed as failure:
            failures += 1
            said = f"FAILED: {failure}"
        sys.stderr.write(f"{file_format}: {said}\n")
    return 1 if failures else 0


def planned(rows: list[InventoryObject], file_format: FileFormat) -> str:
    """Plan the inventory and compare; what was found. Raises Failed where the plan is not that of the rows."""
    with tempfile.TemporaryDirectory(prefix="s3sync-bench-") as scratch:
        folder = Path(scratch)
        report = write_inventory(
            rows,
            file_format=file_format,
            source_bucket=SOURCE_BUCKET,
            destination_bucket=FILES_BUCKET,
            prefix="inventory",
            config_id="all",
            created_at=WHEN,
            files=-(-len(rows) // ROWS_A_FILE),
        )
        for key, body in report.items():
            path = folder / "files" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        manifest = next(key for key in report if key.endswith("manifest.json"))
        with S3Server(ServerOptions(len(rows), folder=folder / "files")) as server:
            command = submitted("plan", f"s3://{FILES_BUCKET}/{manifest}", folder, TransportKind.CURL)
            usage = run_measured(command, environment(server), cwd=folder)
        compare(next((folder / "work" / "runs").iterdir()), rows)
        return f"{len(rows):,} rows are {len(rows):,} tasks, each once; {usage.cpu_seconds:.1f} CPU seconds"


def compare(run: Path, rows: list[InventoryObject]) -> None:
    """Raises Failed where the committed plan of a run does not hold each of the rows once, under its own id."""
    manifest = json.loads((run / "plan" / "manifest.json").read_text())
    columns = ["source_key", "size", "etag", "last_modified", "task_id"]
    plan = pa.concat_tables(pq.read_table(run / batch[1], columns=columns) for batch in manifest["batches"])
    if plan.num_rows != len(rows) or pc.count_distinct(plan["task_id"]).as_py() != len(rows):
        raise Failed(f"{plan.num_rows} tasks, {pc.count_distinct(plan['task_id']).as_py()} ids, of {len(rows)} rows")
    listed = pa.table(
        {
            "source_key": pa.array([row.key for row in rows]),
            "size": pa.array([row.size for row in rows], pa.int64()),
            "etag": pa.array([row.etag for row in rows]),
            "last_modified": pa.array([row.last_modified for row in rows], pa.timestamp("us", tz="UTC")),
        }
    ).sort_by("source_key")
    ordered = plan.sort_by("source_key")
    for name in listed.column_names:
        if not ordered[name].equals(listed[name]):
            raise Failed(f"column {name} is not the inventory's")
    for task in ordered.slice(0, IDS_LOOKED_AT).to_pylist():
        if task["task_id"] != task_id(SOURCE_BUCKET, task["source_key"], None, TARGET_BUCKET, task["source_key"]):
            raise Failed(f"{task['source_key']} has another id")


if __name__ == "__main__":
    sys.exit(main())
