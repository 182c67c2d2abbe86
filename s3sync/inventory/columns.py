"""From the columns of an inventory's data file to the LISTING schema of `model/tables.py`.

Source: "Amazon S3 Inventory list" in the S3 documentation: the CSV names (`IsDeleteMarker`) and those of ORC and
Parquet (`is_delete_marker`) are the same words; only CSV writes keys URL-encoded.
"""

import re
from enum import StrEnum
from string import hexdigits

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from s3sync.errors import InventoryError
from s3sync.model import keys
from s3sync.model.tables import LISTING, TIMESTAMP, moments

# What S3 never leaves in a URL-encoded key: a control character, a space, a quote, a `%` without two hex digits.
_NOT_ENCODED = re.compile(r"""[\x00-\x20"\x7f]|%(?![0-9A-Fa-f]{2})""")
_NEVER_THERE = np.array([byte <= ord(" ") or byte in b'"\x7f' for byte in range(256)])
_NO_DIGIT = 255
_HEX_DIGITS = np.array([int(chr(b), 16) if chr(b) in hexdigits else _NO_DIGIT for b in range(256)], np.uint8)
_CAUSE_CHARACTERS = 200


class Column(StrEnum):
    """The columns that are read; the value is the name in lower case without underscores."""

    BUCKET = "bucket"
    KEY = "key"
    VERSION_ID = "versionid"
    IS_LATEST = "islatest"
    IS_DELETE_MARKER = "isdeletemarker"
    SIZE = "size"
    LAST_MODIFIED = "lastmodifieddate"
    ETAG = "etag"
    STORAGE_CLASS = "storageclass"
    ENCRYPTION = "encryptionstatus"
    OWNER = "objectowner"


_BY_NAME = {column.value: column for column in Column}

# Columns of few different values, which readers may hand over as dictionaries.
REPEATING = frozenset({Column.BUCKET, Column.STORAGE_CLASS, Column.ENCRYPTION, Column.OWNER})


def known_column(name: str) -> Column | None:
    """The column of this name in any of the three formats; None for one that is not read."""
    return _BY_NAME.get(name.replace("_", "").lower())


def one_line(error: BaseException) -> str:
    """The cause of an Arrow error, fit for the one line of an error message."""
    return keys.printable(" ".join(str(error).split()), _CAUSE_CHARACTERS)


def to_listing(batch: pa.RecordBatch, source_bucket: str, keys_are_encoded: bool, where: str) -> pa.RecordBatch:
    """The rows of `batch`, whose columns have the data file's own names, in the LISTING schema.

    | VersionId column | its value     | IsLatest column | version_id | is_latest     |
    |------------------|---------------|-----------------|------------|---------------|
    | absent           |               | absent          | null       | null: current |
    | absent           |               | present         | null       | IsLatest's    |
    | present          | empty or null | present         | `null`     | IsLatest's    |
    | present          | any other     | present         | that       | IsLatest's    |

    Missing optional columns and empty texts become nulls. `keys_are_encoded` is true for CSV. Raises InventoryError,
    naming `where`, for a value that can't be what S3 wrote and for a bucket that is not `source_bucket`.
    """
    rows = batch.num_rows
    found = {column: batch.column(name) for name in batch.schema.names if (column := known_column(name))}
    if Column.KEY not in found:
        raise InventoryError(where, "has no Key column")
    if Column.BUCKET in found:
        _check_bucket(found[Column.BUCKET], source_bucket, where)

    def text(column: Column) -> pa.Array:
        return _text(found[column], column, where) if column in found else pa.nulls(rows, pa.string())

    def flag(column: Column) -> pa.Array:
        return _cast(found[column], pa.bool_(), column, where) if column in found else pa.nulls(rows, pa.bool_())

    versioned = Column.VERSION_ID in found
    arrays = {
        "key": _keys(found[Column.KEY], keys_are_encoded, where),
        "version_id": pc.fill_null(text(Column.VERSION_ID), "null") if versioned else pa.nulls(rows, pa.string()),
        "is_latest": _is_latest(flag(Column.IS_LATEST), where)
        if versioned or Column.IS_LATEST in found
        else pa.nulls(rows, pa.bool_()),
        "is_delete_marker": flag(Column.IS_DELETE_MARKER),
        "size": _sizes(found[Column.SIZE], where) if Column.SIZE in found else pa.nulls(rows, pa.int64()),
        "last_modified": _instants(found[Column.LAST_MODIFIED], where)
        if Column.LAST_MODIFIED in found
        else pa.nulls(rows, TIMESTAMP),
        "etag": _unquoted(text(Column.ETAG)),
        "storage_class": text(Column.STORAGE_CLASS),
        "encryption": text(Column.ENCRYPTION),
        "owner": text(Column.OWNER),
    }
    return pa.RecordBatch.from_arrays([arrays[name] for name in LISTING.names], schema=LISTING)


def _cast(array: pa.Array, kind: pa.DataType, column: Column, where: str) -> pa.Array:
    try:
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        return array.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InventoryError(where, f"column {column.name}: {one_line(error)}") from error


def _valid_text(array: pa.Array, column: Column, where: str) -> pa.Array:
    """The column as text whose bytes are UTF-8: Parquet and ORC readers take that on trust."""
    array = _cast(array, pa.string(), column, where)
    try:
        array.validate(full=True)
    except pa.ArrowInvalid as error:
        raise InventoryError(where, f"column {column.name}: {one_line(error)}") from error
    return array


def _text(array: pa.Array, column: Column, where: str) -> pa.Array:
    array = _valid_text(array, column, where)
    empty = pc.equal(array, "")
    return pc.if_else(empty, pa.scalar(None, pa.string()), array) if pc.any(empty).as_py() else array


def _check_bucket(array: pa.Array, source_bucket: str, where: str) -> None:
    for name in pc.unique(array).to_pylist():
        text = name.decode(errors="replace") if isinstance(name, bytes) else name
        if text != source_bucket:
            shown = f"`{keys.printable(text)}`" if text else "no bucket"
            raise InventoryError(where, f"lists objects of {shown}, but its manifest is of `{source_bucket}`")


def _keys(array: pa.Array, are_encoded: bool, where: str) -> pa.Array:
    """The real keys (C10): where they are encoded, decoded once, and only rows that need it leave Arrow."""
    array = _valid_text(array, Column.KEY, where)
    if array.null_count or pc.any(pc.equal(array, "")).as_py():
        raise InventoryError(where, "has a row without a key")
    if not are_encoded:
        return array
    decoded = _url_decoded(array)
    try:
        if decoded is not None:
            decoded.validate(full=True)
            return decoded
    except pa.ArrowInvalid:
        pass
    raise InventoryError(where, _fault_of_encoded(array))


def _url_decoded(array: pa.Array) -> pa.Array | None:
    """`keys.from_url` for a whole column of texts without nulls; None where a text is not URL-encoded as S3 does it.

    Keys of the form `year=2025/...` are encoded in every row, so rows are not decoded one by one in Python. That the
    result is UTF-8 is not checked here.
    """
    _, offsets_buffer, text_buffer = array.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int32)[array.offset : array.offset + len(array) + 1]
    text = np.frombuffer(text_buffer, np.uint8)[offsets[0] : offsets[-1]]
    offsets = offsets - offsets[0]
    if _NEVER_THERE[text].any():
        return None
    escapes = np.flatnonzero(text == ord("%"))
    ends = offsets[np.searchsorted(offsets, escapes, side="right")]  # each of the row that the escape stands in
    if (escapes + 2 >= ends).any():
        return None
    high, low = _HEX_DIGITS[text[escapes + 1]], _HEX_DIGITS[text[escapes + 2]]
    if (high == _NO_DIGIT).any() or (low == _NO_DIGIT).any():
        return None
    plain = np.where(text == ord("+"), np.uint8(ord(" ")), text)
    plain[escapes] = high * 16 + low
    kept = np.ones(len(text), bool)
    kept[escapes + 1] = kept[escapes + 2] = False
    shorter = offsets - 2 * np.searchsorted(escapes, offsets)
    return pa.StringArray.from_buffers(len(array), pa.py_buffer(shorter.astype(np.int32)), pa.py_buffer(plain[kept]))


def _fault_of_encoded(array: pa.Array) -> str:
    for text in array.to_pylist():
        if _NOT_ENCODED.search(text):
            return f"has a key that is not URL-encoded as S3 does it: `{keys.printable(text)}`"
        try:
            keys.from_url(text)
        except UnicodeDecodeError:
            return f"has a key that is not UTF-8: `{keys.printable(text)}`"
    return "has a key that can't be decoded"


def _is_latest(array: pa.Array, where: str) -> pa.Array:
    # A null would be read as "current", and so bring an old version back.
    if array.null_count:
        raise InventoryError(where, "has a row without IsLatest, though it tells of versions")
    return array


def _sizes(array: pa.Array, where: str) -> pa.Array:
    array = _cast(array, pa.int64(), Column.SIZE, where)
    least = pc.min(array).as_py()
    if least is not None and least < 0:
        raise InventoryError(where, f"has an object of {least} bytes")
    return array


def _instants(array: pa.Array, where: str) -> pa.Array:
    kind = array.type
    if pa.types.is_timestamp(kind):
        if kind.unit == "ns":  # ORC's own precision; S3 knows milliseconds
            array = array.cast(pa.timestamp("us", tz=kind.tz), safe=False)
    elif pa.types.is_string(kind):
        try:
            return moments(array)
        except pa.ArrowInvalid as error:
            raise InventoryError(where, f"column {Column.LAST_MODIFIED.name}: {one_line(error)}") from error
    elif not pa.types.is_null(kind):
        raise InventoryError(where, f"column {Column.LAST_MODIFIED.name}: {kind} is no time")
    return _cast(array, TIMESTAMP, Column.LAST_MODIFIED, where)  # without a zone it is UTC


def _unquoted(array: pa.Array) -> pa.Array:
    """As `model.etag.bare`."""
    if not pc.any(pc.match_substring(array, '"')).as_py():
        return array
    return pc.utf8_trim(pc.replace_substring_regex(array, "^W/", ""), '"')
