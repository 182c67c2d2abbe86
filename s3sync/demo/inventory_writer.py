"""An S3 Inventory report as S3 itself writes it, for buckets on servers that write none.

Source: "Amazon S3 Inventory list" in the S3 documentation, for the layout of keys, the order of columns and the
text of the schemas. In CSV every field is quoted and the key URL-encoded with `+` for a space; in ORC and Parquet the
key is as it is.
"""

import gzip
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import md5
from typing import Any
from urllib.parse import quote_plus
from uuid import NAMESPACE_URL, uuid5

import pyarrow as pa
import pyarrow.orc as pa_orc
import pyarrow.parquet as pa_parquet

from s3sync.inventory.manifest import FileFormat


class OptionalField(StrEnum):
    """The optional fields of a report that can be written, by the names of S3's API, in the order of S3's columns."""

    SIZE = "Size"
    LAST_MODIFIED_DATE = "LastModifiedDate"
    ETAG = "ETag"
    STORAGE_CLASS = "StorageClass"
    IS_MULTIPART_UPLOADED = "IsMultipartUploaded"
    ENCRYPTION_STATUS = "EncryptionStatus"
    OBJECT_OWNER = "ObjectOwner"


ALL_FIELDS = tuple(OptionalField)


@dataclass(frozen=True, slots=True)
class InventoryObject:
    """One object, or one version or delete marker of it, at the time of the report.

    `size` is in bytes; `etag` is without quotes; both are None for a delete marker, as is `storage_class`.
    `version_id` is None, or empty, for the version that S3 calls `null`.
    """

    key: str
    size: int | None
    etag: str | None
    last_modified: datetime
    storage_class: str | None = "STANDARD"
    is_multipart: bool = False
    version_id: str | None = None
    is_latest: bool = True
    is_delete_marker: bool = False
    encryption_status: str | None = "SSE-S3"
    object_owner: str | None = None


@dataclass(frozen=True, slots=True)
class _Column:
    """`value` takes the bucket and the object. ORC's `timestamp` carries no zone, Parquet's is in UTC."""

    csv: str
    snake: str
    kind: pa.DataType
    value: Callable[[str, InventoryObject], Any]
    is_required: bool = False


_KEY = _Column("Key", "key", pa.string(), lambda _, o: o.key, is_required=True)
_ALWAYS = (_Column("Bucket", "bucket", pa.string(), lambda bucket, _: bucket, is_required=True), _KEY)
_VERSIONED = (
    _Column("VersionId", "version_id", pa.string(), lambda _, o: o.version_id or ""),
    _Column("IsLatest", "is_latest", pa.bool_(), lambda _, o: o.is_latest),
    _Column("IsDeleteMarker", "is_delete_marker", pa.bool_(), lambda _, o: o.is_delete_marker),
)
_OPTIONAL = {
    OptionalField.SIZE: _Column("Size", "size", pa.int64(), lambda _, o: o.size),
    OptionalField.LAST_MODIFIED_DATE: _Column(
        "LastModifiedDate", "last_modified_date", pa.timestamp("ms", tz="UTC"), lambda _, o: o.last_modified
    ),
    OptionalField.ETAG: _Column("ETag", "e_tag", pa.string(), lambda _, o: o.etag),
    OptionalField.STORAGE_CLASS: _Column("StorageClass", "storage_class", pa.string(), lambda _, o: o.storage_class),
    OptionalField.IS_MULTIPART_UPLOADED: _Column(
        "IsMultipartUploaded", "is_multipart_uploaded", pa.bool_(), lambda _, o: o.is_multipart
    ),
    OptionalField.ENCRYPTION_STATUS: _Column(
        "EncryptionStatus", "encryption_status", pa.string(), lambda _, o: o.encryption_status
    ),
    OptionalField.OBJECT_OWNER: _Column("ObjectOwner", "object_owner", pa.string(), lambda _, o: o.object_owner),
}
_ORC_KINDS = {pa.string(): "string", pa.bool_(): "boolean", pa.int64(): "bigint"}
_PARQUET_KINDS = {pa.string(): ("binary", " (STRING)"), pa.bool_(): ("boolean", ""), pa.int64(): ("int64", "")}
_SUFFIXES = {FileFormat.CSV: "csv.gz", FileFormat.PARQUET: "parquet", FileFormat.ORC: "orc"}


def write_inventory(
    objects: Iterable[InventoryObject],
    *,
    file_format: FileFormat,
    source_bucket: str,
    destination_bucket: str,
    prefix: str,
    config_id: str,
    created_at: datetime,
    versioned: bool = False,
    columns: Sequence[OptionalField] = ALL_FIELDS,
    files: int = 2,
) -> dict[str, bytes]:
    """The report as keys of the destination bucket and their bodies, in the order in which S3 puts them.

    Data files come first, then `manifest.json`, and last `manifest.checksum`, which marks the report as complete.
    The rows are spread over `files` data files, fewer where there are fewer objects; no objects make no data file.
    The same arguments give the same keys and bytes. `created_at` must be aware.
    """
    home = f"{prefix.strip('/')}/{source_bucket}/{config_id}".lstrip("/")
    folder = f"{home}/{created_at.astimezone(UTC):%Y-%m-%dT%H-%MZ}"
    chosen = (
        *_ALWAYS,
        *(_VERSIONED if versioned else ()),
        *(_OPTIONAL[field] for field in OptionalField if field in columns),
    )
    bodies = {
        f"{home}/data/{uuid5(NAMESPACE_URL, f's3://{destination_bucket}/{folder}/{index}')}.{_SUFFIXES[file_format]}": (
            _WRITERS[file_format](chosen, source_bucket, share)
        )
        for index, share in enumerate(_shares(list(objects), files))
    }
    manifest = {
        "sourceBucket": source_bucket,
        "destinationBucket": f"arn:aws:s3:::{destination_bucket}",
        "version": "2016-11-30",
        "creationTimestamp": str(int(created_at.timestamp() * 1000)),
        "fileFormat": file_format.value,
        "fileSchema": _schema_text(chosen, file_format),
        "files": [{"key": key, "size": len(body), "MD5checksum": _md5(body)} for key, body in bodies.items()],
    }
    body = json.dumps(manifest, indent=2, ensure_ascii=False).encode()
    checksum = f"{_md5(body)}\n".encode()
    return {**bodies, f"{folder}/manifest.json": body, f"{folder}/manifest.checksum": checksum}


def _md5(body: bytes) -> str:
    return md5(body, usedforsecurity=False).hexdigest()


def _shares(objects: list[InventoryObject], files: int) -> list[list[InventoryObject]]:
    share = max(1, -(-len(objects) // max(1, files)))
    return [objects[start : start + share] for start in range(0, len(objects), share)]


def _schema_text(columns: tuple[_Column, ...], file_format: FileFormat) -> str:
    if file_format is FileFormat.CSV:
        return ", ".join(column.csv for column in columns)
    if file_format is FileFormat.ORC:
        return f"struct<{','.join(map(_orc_field, columns))}>"
    return f"message s3.inventory {{ {' '.join(map(_parquet_field, columns))}}}"


def _orc_field(column: _Column) -> str:
    return f"{column.snake}:{_ORC_KINDS.get(column.kind, 'timestamp')}"


def _parquet_field(column: _Column) -> str:
    kind, note = _PARQUET_KINDS.get(column.kind, ("int64", " (TIMESTAMP(MILLIS,true))"))
    return f" {'required' if column.is_required else 'optional'} {kind} {column.snake}{note};"


def _csv(columns: tuple[_Column, ...], bucket: str, objects: list[InventoryObject]) -> bytes:
    lines = [",".join(f'"{_csv_text(column, bucket, item)}"' for column in columns) + "\n" for item in objects]
    return gzip.compress("".join(lines).encode(), mtime=0)


def _csv_text(column: _Column, bucket: str, item: InventoryObject) -> str:
    value = column.value(bucket, item)
    if column is _KEY:
        return quote_plus(item.key, safe="/*")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _table(columns: tuple[_Column, ...], bucket: str, objects: list[InventoryObject]) -> pa.Table:
    arrays = [pa.array([column.value(bucket, item) for item in objects], column.kind) for column in columns]
    fields = [pa.field(column.snake, column.kind, nullable=not column.is_required) for column in columns]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _parquet(columns: tuple[_Column, ...], bucket: str, objects: list[InventoryObject]) -> bytes:
    sink = pa.BufferOutputStream()
    pa_parquet.write_table(_table(columns, bucket, objects), sink, compression="snappy", store_schema=False)
    return bytes(sink.getvalue())


def _orc(columns: tuple[_Column, ...], bucket: str, objects: list[InventoryObject]) -> bytes:
    table = _table(columns, bucket, objects)
    for index, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            table = table.set_column(index, field.name, table.column(index).cast(pa.timestamp("ms")))
    sink = pa.BufferOutputStream()
    pa_orc.write_table(table, sink, compression="zlib")
    return bytes(sink.getvalue())


_WRITERS = {FileFormat.CSV: _csv, FileFormat.PARQUET: _parquet, FileFormat.ORC: _orc}
