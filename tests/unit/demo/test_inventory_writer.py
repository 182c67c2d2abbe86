"""write_inventory: as S3 writes it, compared with texts copied from its documentation and from real reports."""

import gzip
import io
import json
from hashlib import md5

import pyarrow.orc as pa_orc
import pyarrow.parquet as pa_parquet
import pytest

from s3sync.demo.inventory_writer import OptionalField
from s3sync.inventory.manifest import FileFormat, verify_checksum
from tests.unit.inventory.samples import WHEN, manifest_in, obj, report

PARQUET_SCHEMA = (
    "message s3.inventory {  required binary bucket (STRING);  required binary key (STRING);"
    "  optional int64 size;  optional int64 last_modified_date (TIMESTAMP(MILLIS,true));"
    "  optional boolean is_multipart_uploaded;}"
)
FOLDER = "inv/source/daily/2025-06-02T01-00Z"


def test_layout() -> None:
    bodies = report([obj("a"), obj("b")], FileFormat.CSV)
    *data, manifest, checksum = bodies
    assert len(data) == 2
    assert all(key.startswith("inv/source/daily/data/") and key.endswith(".csv.gz") for key in data)
    assert (manifest, checksum) == (f"{FOLDER}/manifest.json", f"{FOLDER}/manifest.checksum")
    assert bodies[checksum] == md5(bodies[manifest]).hexdigest().encode() + b"\n"
    verify_checksum(bodies[manifest], bodies[checksum], manifest)


def test_manifest() -> None:
    bodies = report([obj("a")], FileFormat.CSV, versioned=True)
    found = json.loads(bodies[f"{FOLDER}/manifest.json"])
    key = next(iter(bodies))
    assert found == {
        "sourceBucket": "source",
        "destinationBucket": "arn:aws:s3:::reports",
        "version": "2016-11-30",
        "creationTimestamp": "1748826000000",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass, "
        "IsMultipartUploaded, EncryptionStatus, ObjectOwner",
        "files": [{"key": key, "size": len(bodies[key]), "MD5checksum": md5(bodies[key]).hexdigest()}],
    }


@pytest.mark.parametrize(
    ("file_format", "schema"),
    [
        (FileFormat.CSV, "Bucket, Key, Size, LastModifiedDate, IsMultipartUploaded"),
        (
            FileFormat.ORC,
            "struct<bucket:string,key:string,size:bigint,last_modified_date:timestamp,is_multipart_uploaded:boolean>",
        ),
        (
            FileFormat.PARQUET,
            PARQUET_SCHEMA,
        ),
    ],
)
def test_schema(file_format: FileFormat, schema: str) -> None:
    # In S3's order, whatever the order asked for.
    columns = (OptionalField.IS_MULTIPART_UPLOADED, OptionalField.LAST_MODIFIED_DATE, OptionalField.SIZE)
    bodies = report([obj("a")], file_format, columns=columns)
    assert json.loads(bodies[f"{FOLDER}/manifest.json"])["fileSchema"] == schema


def test_csv_lines() -> None:
    objects = [
        obj("a b+c/ü%.txt", etag="d" * 32 + "-3", is_multipart=True, version_id="v1"),
        obj("a", size=None, etag=None, storage_class=None, encryption_status=None, is_delete_marker=True),
    ]
    bodies = report(objects, FileFormat.CSV, versioned=True, files=1)
    assert gzip.decompress(next(iter(bodies.values()))).decode() == (
        '"source","a+b%2Bc/%C3%BC%25.txt","v1","true","false","3","2025-06-01T12:30:45.678Z",'
        f'"{"d" * 32}-3","STANDARD","true","SSE-S3",""\n'
        '"source","a","","true","true","","2025-06-01T12:30:45.678Z","","","false","",""\n'
    )


def test_parquet_is_that_of_its_schema() -> None:
    body = next(iter(report([obj("a b+c%")], FileFormat.PARQUET, files=1).values()))
    schema = pa_parquet.ParquetFile(io.BytesIO(body)).schema
    key, modified = schema.column(1), schema.column(3)
    assert (key.name, key.physical_type, str(key.logical_type), key.max_definition_level) == (
        "key", "BYTE_ARRAY", "String", 0,
    )  # fmt: skip
    assert (modified.name, modified.physical_type) == ("last_modified_date", "INT64")
    assert "isAdjustedToUTC=true, timeUnit=milliseconds" in str(modified.logical_type)
    assert pa_parquet.read_table(io.BytesIO(body))["key"].to_pylist() == ["a b+c%"]


def test_orc_is_that_of_its_schema() -> None:
    body = next(iter(report([obj("a b+c%")], FileFormat.ORC, files=1).values()))
    table = pa_orc.read_table(io.BytesIO(body))
    assert table["key"].to_pylist() == ["a b+c%"]
    assert str(table.schema.field("last_modified_date").type) == "timestamp[ns]"
    assert table["last_modified_date"][0].as_py().replace(tzinfo=WHEN.tzinfo) == WHEN


@pytest.mark.parametrize(("objects", "files", "expected"), [(0, 2, 0), (1, 3, 1), (4, 2, 2), (5, 2, 2), (5, 1, 1)])
def test_data_files(objects: int, files: int, expected: int) -> None:
    bodies = report([obj(f"k{index}") for index in range(objects)], FileFormat.CSV, files=files)
    assert len(manifest_in(bodies).files) == len(bodies) - 2 == expected


@pytest.mark.parametrize("file_format", FileFormat)
def test_the_same_again(file_format: FileFormat) -> None:
    assert report([obj("a")], file_format) == report([obj("a")], file_format)


def test_no_prefix() -> None:
    assert "source/daily/2025-06-02T01-00Z/manifest.json" in report([obj("a")], FileFormat.CSV, prefix="")
