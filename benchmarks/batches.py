"""A plan's batch files for the worker's path, made of the server's keys."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from benchmarks.s3_server import ServerOptions, print_keys
from s3sync.model.tables import PLAN, TIMESTAMP
from s3sync.model.task import Action, Method
from s3sync.runs.plan import Batch

RUN_ID = "bench"
WARM_UP_OBJECTS = 200
BATCH_OBJECTS = 50_000
_COLUMNS = ("bucket", "key", "size", "last_modified", "etag", "storage_class", "is_multipart", "encryption")


@dataclass(frozen=True, slots=True)
class WrittenPlan:
    """Batches of a run in a folder; the first one warms up and is not counted."""

    folder: Path
    batches: tuple[Batch, ...]


def batch_sizes(objects: int, first: int = 10_000) -> list[int]:
    """How many objects each batch has: a warm-up, what fills up to `first`, then as large as the job makes them.

    >>> batch_sizes(120_000)
    [200, 9800, 50000, 50000, 10000]
    >>> batch_sizes(100)
    [10, 90]
    """
    warm_up = min(WARM_UP_OBJECTS, objects // 10)
    sizes = [warm_up, max(0, min(objects, first) - warm_up)]
    left = objects - sum(sizes)
    sizes += [BATCH_OBJECTS] * (left // BATCH_OBJECTS) + [left % BATCH_OBJECTS]
    return [size for size in sizes if size]


def write_plan(options: ServerOptions, folder: Path, method: Method) -> WrittenPlan:
    """Plan all keys of the server to be copied under their own names. The order is mixed, as hashing mixes it."""
    tasks = plan_table(inventory_rows(options), method)
    batches, start = [], 0
    for number, size in enumerate(batch_sizes(tasks.num_rows)):
        file = f"plan/batch-{number:05d}.parquet"
        path = folder / "runs" / RUN_ID / file
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(tasks.slice(start, size), path, compression="zstd")
        batches.append(Batch(f"{number:05d}", file, size, size * options.object_bytes))
        start += size
    return WrittenPlan(folder, tuple(batches))


def inventory_rows(options: ServerOptions) -> pa.Table:
    """The server's keys, decoded, with what an inventory says of them."""
    with tempfile.TemporaryFile() as out:
        print_keys(options, out, csv=True)
        out.seek(0)
        rows = pa_csv.read_csv(
            out,
            pa_csv.ReadOptions(column_names=list(_COLUMNS)),
            convert_options=pa_csv.ConvertOptions(
                include_columns=["key", "size", "last_modified", "etag", "storage_class"],
                column_types={"key": pa.string(), "etag": pa.string(), "last_modified": TIMESTAMP},
            ),
        )
    if pc.any(pc.match_substring_regex(rows["key"], "[%+]")).as_py():
        raise ValueError(f"keys of the shape {options.shape} are encoded in CSV; plans are made of plain ones only")
    return rows


def plan_table(rows: pa.Table, method: Method) -> pa.Table:
    count = rows.num_rows
    index = pa.array(range(count), pa.int64())
    # The last digits first: neighbours in the listing come far apart, and the order is the same each time.
    order = pc.sort_indices(pc.utf8_reverse(pc.cast(index, pa.string())))
    rows = rows.take(order)

    def always(text: str) -> pa.Array:
        return pa.repeat(text, count)

    columns = {
        "task_id": pc.utf8_lpad(pc.cast(index, pa.string()), 32, "0"),
        "source_key": rows["key"],
        "target_key": rows["key"],
        "size": rows["size"],
        "etag": rows["etag"],
        "last_modified": rows["last_modified"],
        "storage_class": rows["storage_class"],
        "action": always(Action.COPY.value),
        "reason": always("bench"),
        "method": always(method.value),
        "version_id": pa.nulls(count, pa.string()),
        "target_etag": pa.nulls(count, pa.string()),
    }
    return pa.table([columns[name] for name in PLAN.names], schema=PLAN)
