"""read_data_file: what the writer wrote comes back byte for byte; what is damaged is named."""

import gzip
import io
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.orc as pa_orc
import pyarrow.parquet as pa_parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s3sync.demo.inventory_writer import InventoryObject, OptionalField
from s3sync.demo.odd_keys import ODD_KEYS
from s3sync.errors import InventoryError
from s3sync.inventory.data_file import read_data_file
from s3sync.inventory.manifest import DataFile, FileFormat
from s3sync.model.limits import MIB
from s3sync.model.tables import LISTING
from tests.unit.inventory.samples import (
    WHEN,
    csv_file,
    csv_line,
    csv_row,
    manifest_in,
    manifest_of,
    obj,
    read,
    read_report,
    report,
)

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
OBJECTS = st.builds(
    InventoryObject,
    key=KEYS,
    size=st.integers(0, 2**50),
    etag=st.sampled_from(["e" * 32, "0" * 32 + "-3"]),
    last_modified=st.integers(1_142_294_400_000, 4_102_444_800_000).map(
        lambda milliseconds: (
            datetime.fromtimestamp(milliseconds // 1000, UTC) + timedelta(milliseconds=milliseconds % 1000)
        )
    ),
    storage_class=st.sampled_from(["STANDARD", "GLACIER"]),
    version_id=st.sampled_from([None, "v1", "null-like"]),
    is_latest=st.booleans(),
    is_delete_marker=st.just(False),
    encryption_status=st.sampled_from(["SSE-S3", "SSE-KMS", "NOT-SSE"]),
    object_owner=st.sampled_from([None, "o" * 64]),
)
CSV, PARQUET, ORC = FileFormat.CSV, FileFormat.PARQUET, FileFormat.ORC
every_format = pytest.mark.parametrize("file_format", FileFormat)


def expected(item: InventoryObject, versioned: bool) -> dict[str, Any]:
    return {
        "key": item.key,
        "version_id": (item.version_id or "null") if versioned else None,
        "is_latest": item.is_latest if versioned else None,
        "is_delete_marker": item.is_delete_marker if versioned else None,
        "size": item.size,
        "last_modified": item.last_modified,
        "etag": item.etag,
        "storage_class": item.storage_class,
        "encryption": item.encryption_status,
        "owner": item.object_owner,
    }


@every_format
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(objects=st.lists(OBJECTS, max_size=12), versioned=st.booleans(), files=st.integers(1, 3))
def test_round_trip(
    tmp_path: Path, file_format: FileFormat, objects: list[InventoryObject], versioned: bool, files: int
) -> None:
    """C10: any key, control characters included, comes back as it was, and all else with it."""
    rows = read_report(report(objects, file_format, versioned=versioned, files=files), tmp_path)
    assert rows == [expected(item, versioned) for item in objects]


@every_format
def test_odd_keys(tmp_path: Path, file_format: FileFormat) -> None:
    """C10, and the names that readers of CSV like to take for nothing."""
    names = [odd.key for odd in ODD_KEYS] + ["NA", "N/A", "NULL", "null", "nan", "None", "true", "1", "-", "#N/A"]
    rows = read_report(report([obj(name) for name in names], file_format), tmp_path)
    assert [row["key"].encode() for row in rows] == [name.encode() for name in names]


@every_format
@pytest.mark.parametrize(
    "columns", [(), (OptionalField.SIZE,), (OptionalField.LAST_MODIFIED_DATE, OptionalField.STORAGE_CLASS)], ids=str
)
def test_missing_optional_columns_are_nulls(
    tmp_path: Path, file_format: FileFormat, columns: tuple[OptionalField, ...]
) -> None:
    row = read_report(report([obj("a")], file_format, columns=columns), tmp_path)[0]
    assert row["key"] == "a"
    assert row["etag"] is None
    assert row["size"] == (3 if OptionalField.SIZE in columns else None)
    assert row["last_modified"] == (WHEN if OptionalField.LAST_MODIFIED_DATE in columns else None)
    assert row["storage_class"] == ("STANDARD" if OptionalField.STORAGE_CLASS in columns else None)


@every_format
def test_versions_report(tmp_path: Path, file_format: FileFormat) -> None:
    objects = [
        obj("a", version_id="v2"),
        obj("a", version_id="", is_latest=False),
        obj("gone", version_id="v9", size=None, etag=None, storage_class=None, is_delete_marker=True),
    ]
    rows = read_report(report(objects, file_format, versioned=True), tmp_path)
    assert [(row["key"], row["version_id"], row["is_latest"], row["is_delete_marker"]) for row in rows] == [
        ("a", "v2", True, False),
        ("a", "null", False, False),
        ("gone", "v9", True, True),
    ]
    assert (rows[2]["size"], rows[2]["etag"], rows[2]["storage_class"]) == (None, None, None)


@every_format
@pytest.mark.parametrize("rows_per_batch", [1, 7, 1000])
def test_batches_are_bounded(tmp_path: Path, file_format: FileFormat, rows_per_batch: int) -> None:
    """C11."""
    bodies = report([obj(f"k{index}") for index in range(50)], file_format, files=1)
    manifest = manifest_in(bodies)
    path = tmp_path / "file"
    path.write_bytes(bodies[manifest.files[0].key])
    batches = list(read_data_file(path, manifest, manifest.files[0], rows_per_batch))
    assert all(0 < batch.num_rows <= rows_per_batch for batch in batches)
    assert all(batch.schema.equals(LISTING) for batch in batches)
    keys = [key for batch in batches for key in batch.column("key").to_pylist()]
    assert keys == [f"k{index}" for index in range(50)]


@pytest.mark.parametrize("file_format", [PARQUET, ORC])
def test_a_nested_column_that_nobody_needs_is_passed_over(tmp_path: Path, file_format: FileFormat) -> None:
    """Also where something within it is called as a column that is needed."""
    tags = pa.array([[{"key": "colour", "value": "blue"}], None, []])
    columns = {"bucket": ["source"] * 3, "tags": tags, "key": ["a", "b", "c"], "size": [1, 2, 3]}
    path = tmp_path / "file"
    path.write_bytes(parquet(columns) if file_format is PARQUET else orc(columns))
    manifest = manifest_of(file_format, tuple(columns))
    rows = [row for batch in read_data_file(path, manifest, manifest.files[0]) for row in batch.to_pylist()]
    assert [(row["key"], row["size"]) for row in rows] == [("a", 1), ("b", 2), ("c", 3)]


def big_csv() -> bytes:
    """2 million rows, 180 MB once unpacked."""
    lines = [csv_line("source", f"prefix/{index:072d}") for index in range(100_000)]
    return gzip.compress("".join(lines).encode(), compresslevel=1) * 20


def big_parquet() -> bytes:
    """300,000 rows in one row group of 60 MB, which no codec makes smaller."""
    texts = [os.urandom(50).hex() for _ in range(300_000)]
    sink = io.BytesIO()
    table = pa.table({"Key": texts, "ETag": texts})
    pa_parquet.write_table(table, sink, use_dictionary=False, compression="none", row_group_size=300_000)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("file_format", "columns", "write", "rows", "most_bytes"),
    [
        # Arrow reads at most 32 blocks ahead, each of which it holds as text and as columns.
        (FileFormat.CSV, ("Bucket", "Key"), big_csv, 2_000_000, 100 * MIB),
        (FileFormat.PARQUET, ("Key", "ETag"), big_parquet, 300_000, 30 * MIB),
    ],
)
def test_memory_does_not_grow_with_the_file(
    tmp_path: Path,
    file_format: FileFormat,
    columns: tuple[str, ...],
    write: Callable[[], bytes],
    rows: int,
    most_bytes: int,
) -> None:
    """C11."""
    path = tmp_path / "file"
    path.write_bytes(write())
    manifest = manifest_of(file_format, columns)
    before, most, seen = pa.total_allocated_bytes(), 0, 0
    for batch in read_data_file(path, manifest, manifest.files[0]):
        seen += batch.num_rows
        most = max(most, pa.total_allocated_bytes() - before)
    assert seen == rows
    assert 0 < most < most_bytes


def parquet(table: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    pa_parquet.write_table(pa.table(table), sink)
    return sink.getvalue()


def orc(table: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    pa_orc.write_table(pa.table(table), sink)
    return sink.getvalue()


GOOD = csv_file(csv_row())
FEW = ("bucket", "key")
ROW = {"bucket": ["source"], "key": ["a"]}


DAMAGED = {
    "csv_empty": (CSV, None, b"", "can't be read as CSV: the file has no bytes"),
    "csv_not_gzip": (CSV, None, csv_row().encode(), "can't be read as CSV: zlib inflate failed"),
    "csv_cut_in_the_end": (CSV, None, GOOD[:-4], "can't be read as CSV: Truncated compressed stream"),
    "csv_cut_in_the_middle": (CSV, None, GOOD[:30], "can't be read as CSV: Truncated compressed stream"),
    "csv_cut_in_the_head": (CSV, None, GOOD[:5], "can't be read as CSV: Truncated compressed stream"),
    "csv_bit": (CSV, None, GOOD[:-5] + bytes([GOOD[-5] ^ 1]) + GOOD[-4:], "zlib inflate failed"),
    "csv_garbage_behind": (CSV, None, GOOD + b"garbage!", "zlib inflate failed"),
    "csv_few": (CSV, None, csv_file(csv_row(), csv_line("source", "b")), "Expected 7 columns, got 2"),
    "csv_many": (CSV, None, csv_file(csv_row()[:-1] + ',"x"\n'), "Expected 7 columns, got 8"),
    "csv_cut_row": (CSV, None, csv_file(csv_row(), csv_row()[:40]), "Expected 7 columns, got 4"),
    "csv_no_key": (CSV, None, csv_file(csv_row(key="")), "has a row without a key"),
    "csv_raw_key": (CSV, None, csv_file(csv_row(key="100%")), "not URL-encoded as S3 does it: `100%`"),
    "csv_open_quote": (CSV, FEW, csv_file('"source","a\n"source","b"\n'), "Row #1: Expected 2 columns, got 3"),
    "csv_newline": (CSV, FEW, csv_file('"source","a\n"\n'), "not URL-encoded as S3 does it: `a\\n`"),
    "csv_key_bytes": (CSV, None, csv_file(csv_row(key="%FF")), "has a key that is not UTF-8: `%FF`"),
    "csv_bytes": (CSV, None, csv_file(csv_row(key="\udcff")), "can't be read as CSV: In CSV column #1"),
    "csv_bucket": (CSV, None, csv_file(csv_row(), csv_row("evil")), "lists objects of `evil`, but its manifest is of"),
    "csv_no_bucket": (CSV, None, csv_file(csv_row("")), "lists objects of no bucket, but its manifest is of `source`"),
    "csv_size": (CSV, None, csv_file(csv_row(size="big")), "column SIZE: Failed to parse string: 'big'"),
    "csv_minus": (CSV, None, csv_file(csv_row(size="-1")), "has an object of -1 bytes"),
    "csv_date": (CSV, None, csv_file(csv_row(modified="01.06.2025")), "column LAST_MODIFIED: Failed to parse string"),
    "csv_header": (CSV, None, csv_file(csv_row("Bucket", "Key")), "lists objects of `Bucket`, but"),
    "parquet_empty": (PARQUET, FEW, b"", "can't be read as Parquet: Parquet file size is 0 bytes"),
    "parquet_csv": (PARQUET, FEW, GOOD, "can't be read as Parquet: Parquet magic bytes not found"),
    "parquet_cut": (PARQUET, FEW, parquet(ROW)[:-9], "can't be read as Parquet: "),
    "parquet_no_key": (PARQUET, FEW, parquet({"bucket": ["source"]}), "has no column `key`, which its manifest"),
    "parquet_no_bucket": (PARQUET, FEW, parquet({"key": ["a"]}), "has no column `bucket`, which its manifest"),
    "parquet_null_key": (PARQUET, FEW, parquet(ROW | {"key": pa.array([None], "string")}), "a row without a key"),
    "parquet_bytes": (PARQUET, FEW, parquet(ROW | {"key": [b"\xff"]}), "column KEY: Invalid UTF8"),
    "parquet_bucket": (PARQUET, FEW, parquet(ROW | {"bucket": ["evil"]}), "lists objects of `evil`, but"),
    "parquet_nested": (PARQUET, FEW, parquet(ROW | {"key": [{"x": "a"}]}), "column KEY: "),
    "orc_empty": (ORC, FEW, b"", "can't be read as ORC: "),
    "orc_parquet": (ORC, FEW, parquet(ROW), "can't be read as ORC: "),
    "orc_cut": (ORC, FEW, orc(ROW)[:-9], "can't be read as ORC: "),
    "orc_no_key": (ORC, FEW, orc({"bucket": ["source"]}), "has no column `key`, which its manifest promises"),
    "orc_no_name": (ORC, FEW, orc(ROW | {"key": [""]}), "has a row without a key"),
    "orc_size": (ORC, ("key", "size"), orc({"key": ["a"], "size": [-1]}), "has an object of -1 bytes"),
    "orc_time": (ORC, ("key", "last_modified_date"), orc({"key": ["a"], "last_modified_date": [1]}), "is no time"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files(tmp_path: Path, name: str) -> None:
    file_format, columns, body, message = DAMAGED[name]
    manifest = manifest_of(file_format, columns) if columns else manifest_of(file_format)
    with pytest.raises(InventoryError) as caught:
        read(body, manifest, tmp_path)
    assert caught.value.where == "s3://reports/data/a"
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_rows_that_damaged_files_are_made_of_are_good(tmp_path: Path) -> None:
    """The negative control of the table above."""
    assert len(read(GOOD, manifest_of(CSV), tmp_path)) == 1
    assert len(read(parquet(ROW), manifest_of(PARQUET, FEW), tmp_path)) == 1
    assert len(read(orc(ROW), manifest_of(ORC, FEW), tmp_path)) == 1


@pytest.mark.parametrize(
    ("file_format", "body"),
    [
        (CSV, csv_file()),
        (PARQUET, parquet({"key": pa.array([], "string")})),
        (ORC, orc({"key": pa.array([], "string")})),
    ],
)
def test_a_file_without_rows(tmp_path: Path, file_format: FileFormat, body: bytes) -> None:
    assert read(body, manifest_of(file_format, ("key",)), tmp_path) == []


def test_several_gzip_members_are_one_file(tmp_path: Path) -> None:
    body = csv_file(csv_row(key="a")) + csv_file(csv_row(key="b"))
    assert [row["key"] for row in read(body, manifest_of(), tmp_path)] == ["a", "b"]


@pytest.mark.parametrize(("file_format", "write"), [(PARQUET, parquet), (ORC, orc)])
def test_any_order_of_columns(
    tmp_path: Path, file_format: FileFormat, write: Callable[[dict[str, Any]], bytes]
) -> None:
    """Parquet and ORC name their columns, so the manifest's order need not be theirs; unknown columns are let be."""
    body = write({"new_column": ["?"], "e_tag": ["e"], "key": ["a"], "bucket": ["source"]})
    row = read(body, manifest_of(file_format, ("bucket", "key", "new_column", "e_tag")), tmp_path)[0]
    assert (row["key"], row["etag"]) == ("a", "e")


def test_csv_columns_are_found_by_the_schema(tmp_path: Path) -> None:
    columns = ("ETag", "NewColumn", "Key", "Size")
    row = read(csv_file(csv_line("e", "not UTF-8: \udcff", "a+b", "")), manifest_of(CSV, columns), tmp_path)[0]
    assert (row["key"], row["etag"], row["size"]) == ("a b", "e", None)


def test_a_local_copy_that_is_gone(tmp_path: Path) -> None:
    for file_format in FileFormat:
        manifest = manifest_of(file_format)
        with pytest.raises(InventoryError, match=f"s3://reports/k: can't be read as {file_format}: "):
            next(read_data_file(tmp_path / "none", manifest, DataFile("k", 1, "0" * 32)))


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.floats(0, 1, exclude_max=True), file_format=st.sampled_from(FileFormat))
def test_a_file_cut_anywhere_is_noticed(tmp_path: Path, at: float, file_format: FileFormat) -> None:
    bodies = report([obj(f"key {index}") for index in range(20)], file_format, files=1)
    manifest = manifest_in(bodies)
    body = bodies[manifest.files[0].key]
    with pytest.raises(InventoryError):
        read(body[: int(at * len(body))], manifest, tmp_path)


def test_a_changed_footer_loses_no_rows(tmp_path: Path) -> None:
    """Each byte of a Parquet footer cleared in turn: all rows come, or an error does."""
    body = parquet({"key": [f"k{index}" for index in range(20)]})
    manifest = manifest_of(PARQUET, ("key",))
    footer_bytes = int.from_bytes(body[-8:-4], "little")
    outcomes = set()
    for at in range(len(body) - 8 - footer_bytes, len(body)):
        try:
            outcomes.add(len(read(body[:at] + b"\0" + body[at + 1 :], manifest, tmp_path)))
        except InventoryError:
            outcomes.add("error")
    assert outcomes == {20, "error"}
