"""parse_manifest and verify_checksum: what S3 writes is read, all else is refused in one line."""

from datetime import UTC, datetime
from hashlib import md5

import pytest

from s3sync.errors import InventoryError
from s3sync.inventory.manifest import DataFile, FileFormat, parse_manifest, verify_checksum
from tests.unit.inventory.samples import CSV_COLUMNS, MANIFEST, URI, manifest_body

ORC = (
    "struct<bucket:string,key:string,version_id:string,is_latest:boolean,is_delete_marker:boolean,size:bigint,"
    "last_modified_date:timestamp,e_tag:string,price:decimal(10,2),tags:array<struct<name:string,value:string>>>"
)
ORC_NAMES = "bucket key version_id is_latest is_delete_marker size last_modified_date e_tag price tags"
PARQUET = (
    "message s3.inventory {  required binary bucket (STRING);  required binary key (STRING);  optional int64 size;"
    "  optional int64 last_modified_date (TIMESTAMP(MILLIS,true));  optional binary e_tag (STRING);}"
)
PARQUET_OLD = (
    "message s3.inventory { required binary bucket (UTF8); required binary key (UTF8); optional int64 size; "
    "optional int64 last_modified_date (TIMESTAMP_MILLIS); optional fixed_len_byte_array(16) e_tag; }"
)
PARQUET_NAMES = "bucket key size last_modified_date e_tag"
PARQUET_NESTED = (
    "message s3.inventory { required binary bucket (STRING); optional group tags (LIST) { repeated group list { "
    "optional group element { required binary key (STRING); optional binary value (STRING); } } } "
    "required binary key (STRING); optional group last (MAP) { repeated group key_value { required binary key; } }}"
)


def test_all_of_it() -> None:
    found = parse_manifest(manifest_body(), URI)
    assert found.uri == URI
    assert (found.source_bucket, found.destination_bucket) == ("source", "reports")
    assert found.file_format is FileFormat.CSV
    assert found.columns == CSV_COLUMNS
    assert found.created_at == datetime(2025, 6, 2, 1, tzinfo=UTC)
    assert found.files == (DataFile("inv/source/daily/data/a.csv.gz", 10, "0" * 32),)
    assert found.file_uri(found.files[0]) == "s3://reports/inv/source/daily/data/a.csv.gz"


@pytest.mark.parametrize(
    ("file_format", "schema", "names"),
    [
        ("CSV", "Bucket, Key, VersionId, IsLatest", "Bucket Key VersionId IsLatest"),
        ("CSV", "Bucket,Key,Size", "Bucket Key Size"),
        ("CSV", "Key", "Key"),
        ("ORC", ORC, ORC_NAMES),
        ("Parquet", PARQUET, PARQUET_NAMES),
        ("Parquet", PARQUET_OLD, PARQUET_NAMES),
        ("Parquet", PARQUET_NESTED, "bucket tags key last"),
        ("PARQUET", PARQUET.replace("  ", "\n  "), PARQUET_NAMES),
    ],
)
def test_schemas(file_format: str, schema: str, names: str) -> None:
    assert parse_manifest(manifest_body(fileFormat=file_format, fileSchema=schema), URI).columns == tuple(names.split())


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov", "aws-iso-b"])
def test_any_partition(partition: str) -> None:
    body = manifest_body(destinationBucket=f"arn:{partition}:s3:::my.reports-1")
    assert parse_manifest(body, URI).destination_bucket == "my.reports-1"


def test_no_files_is_an_empty_bucket() -> None:
    assert parse_manifest(manifest_body(files=[]), URI).files == ()


def test_a_checksum_in_capitals_is_the_same() -> None:
    files = [{"key": "a", "size": 0, "MD5checksum": "AB" * 16}]
    assert parse_manifest(manifest_body(files=files), URI).files == (DataFile("a", 0, "ab" * 16),)


def parquet_body(schema: str) -> bytes:
    return manifest_body(fileFormat="Parquet", fileSchema=schema)


FILE = MANIFEST["files"][0]
BAD = {
    "no_json": (b"{", "is not JSON: "),
    "not_text": (b"\xff\xfe\x00", "is not JSON: "),
    "nothing": (b"", "is not JSON: "),
    "deep": (b"[" * 100_000, "is not JSON: "),
    "a_list": (b"[]", "is not a manifest: a JSON object was expected"),
    "a_page": (b"<html></html>", "is not JSON: "),
    **{f"no_{name}": (manifest_body(name), f"is not a manifest: `{name}` is missing")
       for name in MANIFEST if name != "version"},
    "source_empty": (manifest_body(sourceBucket=""), "`sourceBucket` should be text, but is ''"),
    "source_number": (manifest_body(sourceBucket=7), "`sourceBucket` should be text, but is 7"),
    "no_arn": (manifest_body(destinationBucket="reports"), "should be a bucket's ARN, but is 'reports'"),
    "arn_of_a_queue": (manifest_body(destinationBucket="arn:aws:sqs:::q"), "but is 'arn:aws:sqs:::q'"),
    "arn_of_nothing": (manifest_body(destinationBucket="arn:aws:s3:::"), "but is 'arn:aws:s3:::'"),
    "arn_of_a_key": (manifest_body(destinationBucket="arn:aws:s3:::b/k"), "but is 'arn:aws:s3:::b/k'"),
    "format": (manifest_body(fileFormat="Avro"), "`fileFormat` is 'Avro'; only CSV, ORC and Parquet can be read"),
    "no_key": (manifest_body(fileSchema="Bucket, Size"), "`fileSchema` has no Key column; it has Bucket, Size"),
    "two_keys": (manifest_body(fileSchema="Key, Key"), "`fileSchema` names a column twice: Key, Key"),
    "two_etags": (manifest_body(fileSchema="Key, ETag, e_tag"), "`fileSchema` names a column twice"),
    "two_unknown": (manifest_body(fileSchema="Key, New, New"), "`fileSchema` names a column twice"),
    "no_latest": (manifest_body(fileSchema="Key, VersionId"), "has VersionId but not IsLatest"),
    "comma": (manifest_body(fileSchema="Bucket,,Key"), "`fileSchema` can't be read as CSV's"),
    "orc_as_csv": (manifest_body(fileFormat="ORC"), "`fileSchema` can't be read as ORC's"),
    "orc_open": (manifest_body(fileFormat="ORC", fileSchema="struct<key:string"), "can't be read as ORC's: 'struct<"),
    "orc_no_kind": (manifest_body(fileFormat="ORC", fileSchema="struct<key>"), "can't be read as ORC's: 'struct<"),
    "parquet_open": (parquet_body("message m { required"), "can't be read as Parquet's"),
    "parquet_field": (parquet_body("message m { binary key; }"), "can't be read as Parquet's"),
    "parquet_empty": (parquet_body("message m { }"), "can't be read as Parquet's"),
    "time_words": (manifest_body(creationTimestamp="today"), "should be milliseconds, but is 'today'"),
    "time_flag": (manifest_body(creationTimestamp=True), "should be milliseconds, but is True"),
    "time_far": (manifest_body(creationTimestamp="9" * 20), "`creationTimestamp` should be milliseconds"),
    "files_object": (manifest_body(files={}), "`files` should be a list, but is {}"),
    "file_text": (manifest_body(files=["a"]), "`files[0]` should be an object, but is 'a'"),
    "file_no_key": (manifest_body(files=[FILE, {"size": 1}]), "`files[1]` has no `key`"),
    "file_no_size": (manifest_body(files=[{"key": "a"}]), "`files[0]`: `size` should be a number of bytes"),
    "file_size_text": (manifest_body(files=[FILE | {"size": "1"}]), "should be a number of bytes, but is '1'"),
    "file_size_flag": (manifest_body(files=[FILE | {"size": True}]), "should be a number of bytes, but is True"),
    "file_size_minus": (manifest_body(files=[FILE | {"size": -1}]), "should be a number of bytes, but is -1"),
    "file_md5": (manifest_body(files=[FILE | {"MD5checksum": "x"}]), "should be an MD5 in hex, but is 'x'"),
    "file_no_md5": (manifest_body(files=[{"key": "a", "size": 1}]), "should be an MD5 in hex, but is None"),
    "file_twice": (manifest_body(files=[FILE, FILE]), "names the data file 'inv/source/daily/data/a.csv.gz' twice"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_manifests(name: str) -> None:
    body, message = BAD[name]
    with pytest.raises(InventoryError) as caught:
        parse_manifest(body, URI)
    assert caught.value.where == URI
    assert str(caught.value).startswith(f"{URI}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_long_wrong_value_is_cut() -> None:
    with pytest.raises(InventoryError) as caught:
        parse_manifest(manifest_body(fileFormat="x" * 10_000), URI)
    assert len(str(caught.value)) < 300


def test_checksum() -> None:
    body = manifest_body()
    right = md5(body).hexdigest()
    verify_checksum(body, f"{right}\n".encode(), URI)
    verify_checksum(body, right.upper().encode(), URI)
    with pytest.raises(InventoryError, match=f"has the MD5 {md5(body + b' ').hexdigest()}, but .* says {right}"):
        verify_checksum(body + b" ", right.encode(), URI)


@pytest.mark.parametrize("checksum", [b"", b"0" * 31, b"<html>", b"\xff" * 32, b"0" * 32 + b" manifest.json"])
def test_a_checksum_that_is_none(checksum: bytes) -> None:
    with pytest.raises(InventoryError, match=r"manifest\.checksum holds no MD5 in hex but "):
        verify_checksum(manifest_body(), checksum, URI)
