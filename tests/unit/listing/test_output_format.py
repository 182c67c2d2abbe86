"""What `s3sync list` writes is read by other readers as what was listed (C10)."""

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.json as pa_json
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.config.model import FilterConfig, ListFormat, SourceConfig
from s3sync.listing.output_format import ListedFiles
from s3sync.model.tables import LISTING
from s3sync.selection.filters import Filters

KEYS = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8), unique=True, min_size=1, max_size=20)
AT = datetime(2024, 2, 29, 23, 59, 59, 123000, UTC)


def table(keys: Sequence[str], **more: Any) -> pa.Table:
    rows = [
        {"key": key, "size": at, "last_modified": AT, "etag": "abc-2", "storage_class": None, **more}
        for at, key in enumerate(keys)
    ]
    return pa.Table.from_pylist(rows, LISTING)


def written(form: ListFormat, rows: pa.Table, **more: bool) -> bytes:
    made = ListedFiles(form, Filters.of(SourceConfig(bucket="b"), FilterConfig(), None), **more)()
    selected, dropped = made.select(rows)
    assert dropped == {}
    return made.encode(selected)


def read(form: ListFormat, body: bytes) -> list[dict[str, Any]]:
    if form is ListFormat.PARQUET:
        return list(pq.read_table(pa.BufferReader(body)).to_pylist())
    text = io.StringIO(body.decode(), newline="")
    if form is ListFormat.CSV:
        return list(csv.DictReader(text))
    return [json.loads(line) for line in body.decode().split("\n")[:-1]]


@given(KEYS)
@pytest.mark.parametrize("form", list(ListFormat))
def test_c10_any_key_comes_back(form: ListFormat, keys: list[str]) -> None:
    rows = read(form, written(form, table(sorted(keys))))
    assert [row["key"] for row in rows] == sorted(keys)
    assert [int(row["size"]) for row in rows] == list(range(len(keys)))


def test_values() -> None:
    (row,) = read(ListFormat.CSV, written(ListFormat.CSV, table(["=1+1"])))
    assert row == {
        "key": "=1+1",
        "size": "0",
        "last_modified": "2024-02-29T23:59:59Z",
        "etag": "abc-2",
        "storage_class": "",
    }
    (row,) = read(ListFormat.JSONL, written(ListFormat.JSONL, table(["k"])))
    assert row == {"key": "k", "size": 0, "last_modified": "2024-02-29T23:59:59Z", "etag": "abc-2"}
    (row,) = read(ListFormat.PARQUET, written(ListFormat.PARQUET, table(["k"])))
    assert row["last_modified"] == AT


def test_json_lines_are_read_by_arrow_too() -> None:
    body = written(ListFormat.JSONL, table(["a\n\r\u2028b", "é\U0001f30d", 'x"\\']))
    assert pa_json.read_json(pa.BufferReader(body))["key"].to_pylist() == ["a\n\r\u2028b", "é\U0001f30d", 'x"\\']


@pytest.mark.parametrize("form", list(ListFormat))
def test_versions_and_owners_have_their_columns(form: ListFormat) -> None:
    marker = table(["k"], version_id="v1", is_latest=True, is_delete_marker=True, owner="me").set_column(
        LISTING.get_field_index("size"), "size", pa.nulls(1, pa.int64())
    )
    (row,) = read(form, written(form, marker, owners=True, versions=True))
    assert (row["key"], row["version_id"], row["owner"]) == ("k", "v1", "me")
    assert [str(row[name]).lower() for name in ("is_latest", "is_delete_marker")] == ["true", "true"]
    assert row.get("size") in (None, "")
