"""to_listing: the columns of any of the three formats become LISTING, and nothing doubtful passes."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, quote_plus

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.errors import InventoryError
from s3sync.inventory.columns import Column, known_column, one_line, to_listing
from s3sync.model import keys
from s3sync.model.tables import LISTING

WHERE = "s3://reports/data/a.csv.gz"
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


def listing(keys_are_encoded: bool = False, **columns: Any) -> pa.RecordBatch:
    batch = to_listing(pa.RecordBatch.from_pydict(columns), "source", keys_are_encoded, WHERE)
    batch.validate(full=True)
    return batch


def unchecked(*texts: bytes) -> pa.Array:
    """Text as the readers of Parquet and ORC give it, which check nothing."""
    binary = pa.array(texts, pa.binary())
    return pa.StringArray.from_buffers(len(texts), *binary.buffers()[1:])


def fault(keys_are_encoded: bool = False, **columns: Any) -> str:
    with pytest.raises(InventoryError) as caught:
        listing(keys_are_encoded, **columns)
    assert caught.value.where == WHERE
    return str(caught.value).removeprefix(f"{WHERE}: ")


@pytest.mark.parametrize(
    ("csv", "snake", "column"),
    [
        ("Bucket", "bucket", Column.BUCKET),
        ("Key", "key", Column.KEY),
        ("VersionId", "version_id", Column.VERSION_ID),
        ("IsLatest", "is_latest", Column.IS_LATEST),
        ("IsDeleteMarker", "is_delete_marker", Column.IS_DELETE_MARKER),
        ("Size", "size", Column.SIZE),
        ("LastModifiedDate", "last_modified_date", Column.LAST_MODIFIED),
        ("ETag", "e_tag", Column.ETAG),
        ("StorageClass", "storage_class", Column.STORAGE_CLASS),
        ("EncryptionStatus", "encryption_status", Column.ENCRYPTION),
        ("ObjectOwner", "object_owner", Column.OWNER),
        ("IsMultipartUploaded", "is_multipart_uploaded", None),
        ("ChecksumAlgorithm", "checksum_algorithm", None),
    ],
)
def test_names(csv: str, snake: str, column: Column | None) -> None:
    assert known_column(csv) is column
    assert known_column(snake) is column


def test_all_columns() -> None:
    batch = listing(
        bucket=["source"], key=["a"], version_id=["v"], is_latest=[True], is_delete_marker=[False], size=[5],
        last_modified_date=pa.array([1_748_781_045_678], pa.timestamp("ms", "UTC")), e_tag=['"abc-2"'],
        storage_class=["GLACIER"], encryption_status=["SSE-KMS"], object_owner=["o" * 64], other=["x"],
    )  # fmt: skip
    assert batch.schema.equals(LISTING)
    assert batch.to_pylist() == [
        {
            "key": "a", "version_id": "v", "is_latest": True, "is_delete_marker": False, "size": 5,
            "last_modified": datetime(2025, 6, 1, 12, 30, 45, 678000, UTC), "etag": "abc-2",
            "storage_class": "GLACIER", "encryption": "SSE-KMS", "owner": "o" * 64,
        }
    ]  # fmt: skip


def test_only_the_key() -> None:
    batch = listing(key=["a", "b"])
    assert batch.schema.equals(LISTING)
    assert batch.to_pylist() == [dict.fromkeys(LISTING.names) | {"key": key} for key in "ab"]


@pytest.mark.parametrize(
    ("columns", "version_id", "is_latest"),
    [
        ({}, None, None),
        ({"is_latest": [True]}, None, True),
        ({"is_latest": [False]}, None, False),
        ({"version_id": [""], "is_latest": [True]}, "null", True),
        ({"version_id": pa.array([None], pa.string()), "is_latest": [False]}, "null", False),
        ({"version_id": ["v1"], "is_latest": [False]}, "v1", False),
        ({"VersionId": ["v1"], "IsLatest": ["true"]}, "v1", True),
        ({"VersionId": ["v1"], "IsLatest": ["FALSE"]}, "v1", False),
    ],
)
def test_versions(columns: dict[str, Any], version_id: str | None, is_latest: bool | None) -> None:
    """Row by row the table above to_listing."""
    row = listing(key=["a"], **columns).to_pylist()[0]
    assert (row["version_id"], row["is_latest"]) == (version_id, is_latest)


@pytest.mark.parametrize("name", ["e_tag", "storage_class", "encryption_status", "object_owner"])
def test_empty_texts_are_nulls(name: str) -> None:
    target = {"e_tag": "etag", "encryption_status": "encryption", "object_owner": "owner"}.get(name, name)
    found = listing(key=["a", "b"], **{name: ["", "x"]}).to_pydict()
    assert found[target] == [None, "x"]


@pytest.mark.parametrize(
    "times",
    [
        pa.array(["2025-06-01T12:30:45.678Z"]),
        pa.array(["2025-06-01T14:30:45.678+02:00"]),
        pa.array([1_748_781_045_678], pa.timestamp("ms", "UTC")),
        pa.array([1_748_781_045_678], pa.timestamp("ms")),
        pa.array([1_748_781_045_678_000_999], pa.timestamp("ns")),
        pa.array([1_748_781_045_678], pa.timestamp("ms", "Europe/Berlin")),
    ],
    ids=str,
)
def test_times(times: pa.Array) -> None:
    found = listing(key=["a"], last_modified_date=times).to_pydict()
    assert found["last_modified"] == [datetime(2025, 6, 1, 12, 30, 45, 678000, UTC)]


def test_dictionaries_and_binaries() -> None:
    def bytes_of(*texts: bytes) -> pa.Array:
        return pa.array(texts, pa.binary())

    batch = listing(
        bucket=bytes_of(b"source", b"source").dictionary_encode(),
        key=bytes_of("é".encode(), b"b"),
        storage_class=pa.array(["STANDARD", ""]).dictionary_encode(),
        encryption_status=bytes_of(b"SSE-S3", b"NOT-SSE").dictionary_encode(),
    )
    assert batch.to_pydict()["key"] == ["é", "b"]
    assert batch.to_pydict()["storage_class"] == ["STANDARD", None]
    assert batch.to_pydict()["encryption"] == ["SSE-S3", "NOT-SSE"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"size": [1]}, "has no Key column"),
        ({"key": ["a", ""]}, "has a row without a key"),
        ({"key": ["a", None]}, "has a row without a key"),
        ({"key": pa.array([b"a", b"\xff"])}, "column KEY: Invalid UTF8 payload"),
        ({"key": unchecked(b"a", b"\xff")}, "column KEY: Invalid"),
        ({"key": ["a"], "storage_class": unchecked(b"\xc3")}, "column STORAGE_CLASS: Invalid"),
        ({"key": [["a"]]}, "column KEY: "),
        ({"key": ["a"], "bucket": ["other"]}, "lists objects of `other`, but its manifest is of `source`"),
        ({"key": ["a", "b"], "bucket": ["source", None]}, "lists objects of no bucket, but its manifest is of"),
        ({"key": ["a"], "bucket": [b"ot\xff"]}, "lists objects of `ot�`, but its manifest is of `source`"),
        ({"key": ["a"], "size": [-1]}, "has an object of -1 bytes"),
        ({"key": ["a"], "size": ["-5"]}, "has an object of -5 bytes"),
        ({"key": ["a"], "size": ["1e3"]}, "column SIZE: Failed to parse string: '1e3' as a scalar of type int64"),
        ({"key": ["a"], "size": ["9" * 30]}, "column SIZE: Failed to parse string"),
        ({"key": ["a"], "size": [1.5]}, "column SIZE: Float value 1.500000 was truncated"),
        ({"key": ["a"], "last_modified_date": ["yesterday"]}, "column LAST_MODIFIED: Failed to parse string"),
        ({"key": ["a"], "last_modified_date": ["2025-02-30T00:00:00Z"]}, "column LAST_MODIFIED: Failed to parse"),
        ({"key": ["a"], "last_modified_date": ["2025-06-01T12:30:45"]}, "expected a zone offset"),
        ({"key": ["a"], "last_modified_date": [1]}, "column LAST_MODIFIED: int64 is no time"),
        ({"key": ["a"], "is_delete_marker": ["maybe"]}, "column IS_DELETE_MARKER: Failed to parse value: maybe"),
        ({"key": ["a"], "version_id": ["v"], "is_latest": pa.array([None], pa.bool_())}, "without IsLatest"),
        ({"key": ["a"], "is_latest": pa.array([None], pa.bool_())}, "without IsLatest"),
        ({"key": ["a"], "e_tag": [b"\xff"]}, "column ETAG: Invalid UTF8 payload"),
    ],
)
def test_what_S3_would_not_write(columns: dict[str, Any], message: str) -> None:  # noqa: N802
    assert message in fault(**columns)


@given(st.lists(KEYS, min_size=1, max_size=30))
def test_keys_are_decoded_once(real: list[str]) -> None:
    """C10: whatever the way to encode them, out come the keys as they were, as `keys.from_url` gives them."""
    for encode in (lambda key: quote_plus(key, safe="/*"), quote_plus, quote, lambda key: quote(key, safe="")):
        encoded = [encode(key) for key in real]
        assert listing(True, key=encoded).column("key").to_pylist() == real
        assert [keys.from_url(text) for text in encoded] == real


@given(st.lists(st.text("aé%+2F5 ", min_size=1), min_size=1, max_size=10))
def test_raw_keys_are_not_decoded(real: list[str]) -> None:
    """C10, for ORC and Parquet."""
    assert listing(False, key=real).column("key").to_pylist() == real


def test_lower_case_escapes_and_slices() -> None:
    whole = pa.RecordBatch.from_pydict({"key": ["%2f", "a%3db+c", "plain", "%e2%82%ac", "%252F"]})
    found = to_listing(whole.slice(1, 4), "source", True, WHERE)
    assert found.column("key").to_pylist() == ["a=b c", "plain", "€", "%2F"]


@pytest.mark.parametrize("key", ["100%", "%", "%4", "a%zz", "%%41", "%4%41", "a b", 'a"b', "a\nb", "\x00", "\x7f"])
def test_a_key_that_is_not_encoded(key: str) -> None:
    assert fault(True, key=["good", key, "41"]) == (
        f"has a key that is not URL-encoded as S3 does it: `{keys.printable(key)}`"
    )


@pytest.mark.parametrize("key", ["%FF", "%C3", "%ED%A0%80", "%F5%80%80%80", "%C0%AF"])
def test_a_key_that_is_not_utf8(key: str) -> None:
    assert fault(True, key=["good", key]) == f"has a key that is not UTF-8: `{key}`"


def test_utf8_does_not_reach_over_rows() -> None:
    assert "not UTF-8: `%C3`" in fault(True, key=["%C3", "%A9"])


def test_one_line() -> None:
    assert one_line(ValueError("a\n  b\x00" + "x" * 500)) == "a b\\x00" + "x" * 193 + "…"
