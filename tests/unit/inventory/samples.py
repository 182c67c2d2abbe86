"""Reports for the tests of this folder: written by the demo's writer, or by hand where they must be wrong."""

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from s3sync.demo.inventory_writer import InventoryObject, write_inventory
from s3sync.inventory.data_file import read_data_file
from s3sync.inventory.manifest import DataFile, FileFormat, Manifest, parse_manifest

WHEN = datetime(2025, 6, 1, 12, 30, 45, 678000, tzinfo=UTC)
URI = "s3://reports/inv/source/daily/2025-06-02T01-00Z/manifest.json"
CSV_COLUMNS = ("Bucket", "Key", "Size", "LastModifiedDate", "ETag", "StorageClass", "EncryptionStatus")
MANIFEST: dict[str, Any] = {
    "sourceBucket": "source",
    "destinationBucket": "arn:aws:s3:::reports",
    "version": "2016-11-30",
    "creationTimestamp": "1748826000000",
    "fileFormat": "CSV",
    "fileSchema": ", ".join(CSV_COLUMNS),
    "files": [{"key": "inv/source/daily/data/a.csv.gz", "size": 10, "MD5checksum": "0" * 32}],
}


def manifest_body(*without: str, **changed: Any) -> bytes:
    return json.dumps({name: value for name, value in (MANIFEST | changed).items() if name not in without}).encode()


def manifest_of(file_format: FileFormat = FileFormat.CSV, columns: Sequence[str] = CSV_COLUMNS) -> Manifest:
    return Manifest(URI, "source", "reports", file_format, tuple(columns), WHEN, (DataFile("data/a", 10, "0" * 32),))


def csv_line(*values: str) -> str:
    return ",".join(f'"{value}"' for value in values) + "\n"


def csv_row(
    bucket: str = "source",
    key: str = "a",
    size: str = "1",
    modified: str = "2025-06-01T12:30:45.678Z",
    etag: str = "e" * 32,
    storage_class: str = "STANDARD",
    encryption: str = "SSE-S3",
) -> str:
    return csv_line(bucket, key, size, modified, etag, storage_class, encryption)


def csv_file(*lines: str) -> bytes:
    return gzip.compress("".join(lines).encode("utf-8", "surrogateescape"), mtime=0)


def obj(key: str, **changed: Any) -> InventoryObject:
    return InventoryObject(**{"key": key, "size": 3, "etag": "e" * 32, "last_modified": WHEN} | changed)


def report(objects: Sequence[InventoryObject], file_format: FileFormat, **changed: Any) -> dict[str, bytes]:
    options = {
        "file_format": file_format,
        "source_bucket": "source",
        "destination_bucket": "reports",
        "prefix": "inv",
        "config_id": "daily",
        "created_at": datetime(2025, 6, 2, 1, tzinfo=UTC),
    }
    return write_inventory(objects, **options | changed)


def manifest_in(bodies: dict[str, bytes]) -> Manifest:
    key = next(key for key in bodies if key.endswith("/manifest.json"))
    return parse_manifest(bodies[key], f"s3://reports/{key}")


def read(body: bytes, manifest: Manifest, folder: Path, file: DataFile | None = None) -> list[dict[str, Any]]:
    path = folder / "file"
    path.write_bytes(body)
    rows: list[dict[str, Any]] = []
    for batch in read_data_file(path, manifest, file or manifest.files[0]):
        batch.validate(full=True)
        rows += batch.to_pylist()
    return rows


def read_report(bodies: dict[str, bytes], folder: Path) -> list[dict[str, Any]]:
    manifest = manifest_in(bodies)
    return [row for file in manifest.files for row in read(bodies[file.key], manifest, folder, file)]
