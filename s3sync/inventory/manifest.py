"""The manifest of an S3 Inventory report: what it promises, read strictly.

Source: "Amazon S3 Inventory list" (Locating your inventory list; Inventory manifest) in the S3 documentation.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import md5
from typing import Any

from s3sync.errors import InventoryError
from s3sync.inventory.columns import Column, known_column

_ARN = re.compile(r"arn:[a-z0-9-]+:s3:::([A-Za-z0-9._-]+)")
_MD5 = re.compile(r"[0-9a-fA-F]{32}")
_MILLISECONDS = re.compile(r"[0-9]{1,14}")  # until the year 5138
_ORC_SCHEMA = re.compile(r"struct\s*<(.*)>\s*", re.DOTALL)
_PARQUET_SCHEMA = re.compile(r"message\s+[\w.]+\s*\{(.*)\}\s*", re.DOTALL)
_PARQUET_FIELD = re.compile(r"(?:required|optional|repeated)\s+\w+(?:\s*\(\d+\))?\s+(\w+)\b.*", re.DOTALL)
_PARQUET_GROUP = re.compile(r"(?:required|optional|repeated)\s+group\s+(\w+)\b.*\{.*\}\s*", re.DOTALL)
_ORC_FIELD = re.compile(r"(\w+)\s*:\s*\S.*", re.DOTALL)
_SHOWN_CHARACTERS = 80


class FileFormat(StrEnum):
    """The formats of data files, as `fileFormat` names them."""

    CSV = "CSV"
    PARQUET = "Parquet"
    ORC = "ORC"


@dataclass(frozen=True, slots=True)
class DataFile:
    """One data file: a key in the destination bucket, its size in bytes and the MD5 of its bytes in lower-case hex."""

    key: str
    size_bytes: int
    md5: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A report. `columns` are the names that the data files themselves use, in their order.

    `files` may be empty: that is the report of an empty bucket.
    """

    uri: str
    source_bucket: str
    destination_bucket: str
    file_format: FileFormat
    columns: tuple[str, ...]
    created_at: datetime
    files: tuple[DataFile, ...]

    def file_uri(self, file: DataFile) -> str:
        return f"s3://{self.destination_bucket}/{file.key}"


def parse_manifest(body: bytes, uri: str) -> Manifest:
    """The manifest in `body`, which was read from `uri`.

    No files are allowed (an empty bucket); everything else that S3 would not write raises InventoryError.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InventoryError(uri, f"is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise InventoryError(uri, "is not a manifest: a JSON object was expected")
    file_format = _file_format(_text(found, "fileFormat", uri), uri)
    return Manifest(
        uri=uri,
        source_bucket=_text(found, "sourceBucket", uri),
        destination_bucket=_bucket_of_arn(_text(found, "destinationBucket", uri), uri),
        file_format=file_format,
        columns=_columns(_text(found, "fileSchema", uri), file_format, uri),
        created_at=_instant(_member(found, "creationTimestamp", uri), uri),
        files=_files(_member(found, "files", uri), uri),
    )


def verify_checksum(body: bytes, checksum_body: bytes, uri: str) -> None:
    """Raises InventoryError where `checksum_body`, a `manifest.checksum`, is not the MD5 of the manifest in `body`."""
    promised = checksum_body.decode("ascii", errors="replace").strip()
    if not _MD5.fullmatch(promised):
        raise InventoryError(uri, f"manifest.checksum holds no MD5 in hex but {_shown(promised)}")
    actual = md5(body, usedforsecurity=False).hexdigest()
    if actual != promised.lower():
        raise InventoryError(uri, f"has the MD5 {actual}, but manifest.checksum says {promised.lower()}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def _member(found: dict[str, Any], name: str, uri: str) -> Any:
    if name not in found:
        raise InventoryError(uri, f"is not a manifest: `{name}` is missing")
    return found[name]


def _text(found: dict[str, Any], name: str, uri: str) -> str:
    value = _member(found, name, uri)
    if not isinstance(value, str) or not value.strip():
        raise InventoryError(uri, f"`{name}` should be text, but is {_shown(value)}")
    return value


def _file_format(text: str, uri: str) -> FileFormat:
    for known in FileFormat:
        if text.upper() == known.upper():
            return known
    raise InventoryError(uri, f"`fileFormat` is {_shown(text)}; only CSV, ORC and Parquet can be read")


def _bucket_of_arn(text: str, uri: str) -> str:
    found = _ARN.fullmatch(text)
    if not found:
        raise InventoryError(uri, f"`destinationBucket` should be a bucket's ARN, but is {_shown(text)}")
    return found[1]


def _instant(value: Any, uri: str) -> datetime:
    """`creationTimestamp` is milliseconds since 1970, written as text."""
    if not _MILLISECONDS.fullmatch(str(value)):
        raise InventoryError(uri, f"`creationTimestamp` should be milliseconds, but is {_shown(value)}")
    return datetime.fromtimestamp(int(value) / 1000, UTC)


def _columns(schema: str, file_format: FileFormat, uri: str) -> tuple[str, ...]:
    names = _schema_names(schema, file_format)
    if not names or not all(names):
        raise InventoryError(uri, f"`fileSchema` can't be read as {file_format}'s: {_shown(schema)}")
    known = [column for column in map(known_column, names) if column]
    if len(set(known)) < len(known) or len(set(names)) < len(names):
        raise InventoryError(uri, f"`fileSchema` names a column twice: {', '.join(names)}")
    if Column.KEY not in known:
        raise InventoryError(uri, f"`fileSchema` has no Key column; it has {', '.join(names)}")
    if Column.VERSION_ID in known and Column.IS_LATEST not in known:
        raise InventoryError(uri, "`fileSchema` has VersionId but not IsLatest: the current versions can't be told")
    return tuple(names)


def _schema_names(schema: str, file_format: FileFormat) -> list[str]:
    """The names in the schema; an empty one, or none at all, where it can't be read.

    | format  | text                                                            |
    |---------|-----------------------------------------------------------------|
    | CSV     | `Bucket, Key, VersionId, ...`                                   |
    | ORC     | `struct<bucket:string,key:string,...>`                          |
    | Parquet | `message s3.inventory { required binary bucket (STRING); ... }` |
    """
    if file_format is FileFormat.CSV:
        return [name.strip() for name in schema.split(",")]
    outer, field = (_ORC_SCHEMA, _ORC_FIELD) if file_format is FileFormat.ORC else (_PARQUET_SCHEMA, _PARQUET_FIELD)
    inside = outer.fullmatch(schema.strip())
    if not inside:
        return []
    parts = _split_outside(inside[1], ",") if file_format is FileFormat.ORC else _fields_of_parquet(inside[1])
    fields = [field.fullmatch(part.strip()) or _PARQUET_GROUP.fullmatch(part.strip()) for part in parts]
    return [found[1] if found else "" for found in fields]


def _fields_of_parquet(text: str) -> list[str]:
    """One text a column: that of a nested one ends with a brace, that of any other with a semicolon."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character == "{") - (character == "}")
        if depth == 0 and character in ";}":
            parts.append(text[start:position] + character.strip(";"))
            start = position + 1
    parts.append(text[start:])
    return [part for part in parts if part.strip()]


def _split_outside(text: str, separator: str) -> list[str]:
    """Split at separators that stand in no brackets (`decimal(10,2)`, `array<struct<...>>`)."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        if character in "<(":
            depth += 1
        elif character in ">)":
            depth -= 1
        elif character == separator and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]


def _files(entries: Any, uri: str) -> tuple[DataFile, ...]:
    if not isinstance(entries, list):
        raise InventoryError(uri, f"`files` should be a list, but is {_shown(entries)}")
    files = tuple(_file(entry, f"`files[{index}]`", uri) for index, entry in enumerate(entries))
    seen: set[str] = set()
    for file in files:
        if file.key in seen:
            raise InventoryError(uri, f"names the data file {_shown(file.key)} twice")
        seen.add(file.key)
    return files


def _file(entry: Any, place: str, uri: str) -> DataFile:
    if not isinstance(entry, dict):
        raise InventoryError(uri, f"{place} should be an object, but is {_shown(entry)}")
    key, size, checksum = entry.get("key"), entry.get("size"), entry.get("MD5checksum")
    if not isinstance(key, str) or not key:
        raise InventoryError(uri, f"{place} has no `key`")
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise InventoryError(uri, f"{place}: `size` should be a number of bytes, but is {_shown(size)}")
    if not isinstance(checksum, str) or not _MD5.fullmatch(checksum):
        raise InventoryError(uri, f"{place}: `MD5checksum` should be an MD5 in hex, but is {_shown(checksum)}")
    return DataFile(key, size, checksum.lower())
