"""The comparison of a plan with its inventory finds what is missing, doubled, changed or misnamed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.plan_formats import compare, objects
from benchmarks.s3_server import SOURCE_BUCKET, TARGET_BUCKET
from benchmarks.usage import Failed
from s3sync.model.task import task_id

ROWS = objects(50)
Rows = list[dict[str, Any]]


def right() -> Rows:
    return [
        {
            "source_key": row.key,
            "size": row.size,
            "etag": row.etag,
            "last_modified": row.last_modified,
            "task_id": task_id(SOURCE_BUCKET, row.key, None, TARGET_BUCKET, row.key),
        }
        for row in ROWS
    ]


def run_of(folder: Path, rows: Rows) -> Path:
    """A run whose plan has these rows in two batches, and a file that no manifest names."""
    (folder / "plan").mkdir()
    schema = pa.Table.from_pylist(right()).schema.set(3, pa.field("last_modified", pa.timestamp("us", tz="UTC")))
    for name, share in (("a", rows[::2]), ("b", rows[1::2]), ("uncommitted", rows)):
        pq.write_table(pa.Table.from_pylist(share, schema=schema), folder / f"plan/{name}.parquet")
    batches = [[name, f"plan/{name}.parquet", 25, 0] for name in "ab"]
    (folder / "plan/manifest.json").write_text(json.dumps({"batches": batches}))
    return folder


def test_the_right_plan_passes(tmp_path: Path) -> None:
    compare(run_of(tmp_path, right()), ROWS)


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda rows: rows[1:],
        lambda rows: [*rows, rows[0]],
        lambda rows: [*rows[1:], rows[1]],
        lambda rows: [rows[0] | {"source_key": "other"}, *rows[1:]],
        lambda rows: [rows[0] | {"size": 77}, *rows[1:]],
        lambda rows: [rows[0] | {"size": None}, *rows[1:]],
        lambda rows: [rows[0] | {"etag": "f" * 32}, *rows[1:]],
        lambda rows: [rows[0] | {"task_id": "f" * 32}, *rows[1:]],
    ],
)
def test_a_wrong_one_does_not(tmp_path: Path, spoiled: Callable[[Rows], Rows]) -> None:
    with pytest.raises(Failed):
        compare(run_of(tmp_path, spoiled(right())), ROWS)
