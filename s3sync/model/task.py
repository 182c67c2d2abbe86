"""One planned act on one object, and the closed sets that describe it.

The ids of many tasks: `model.task.task_id` for whole columns.
"""

from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

TASK_ID_LENGTH = 32


class Action(StrEnum):
    COPY = "copy"
    SKIP = "skip"
    DELETE = "delete"


class Method(StrEnum):
    COPY_OBJECT = "copy_object"
    MULTIPART_COPY = "multipart_copy"
    RELAY = "relay"


class Overwrite(StrEnum):
    """What happens to an object that the target has already."""

    ALWAYS = "always"
    CHANGED = "changed"
    NEVER = "never"


class Task(NamedTuple):
    """A row of `plan/`, as a tuple in the order of its columns: they are made by the million.

    The buckets stand in the plan's manifest, once for all rows.

    `etag` is unquoted and None where the inventory has none; `version_id` is None for the current version;
    `size` is in bytes, None where the inventory has none. `target_etag` is the ETag that the plan saw under the target
    key, ABSENT (model/conditions.py) where nothing was there, None where the plan did not look.
    """

    task_id: str
    source_key: str
    version_id: str | None
    target_key: str
    size: int | None
    etag: str | None
    last_modified: datetime | None
    storage_class: str | None
    action: Action
    reason: str
    method: Method
    target_etag: str | None = None


def task_id(source_bucket: str, source_key: str, version_id: str | None, target_bucket: str, target_key: str) -> str:
    """SHA-256 over the five parts, each with its length in bytes before it, cut to 128 bits, in hex (C2).

    Length and colon before, comma behind each part (netstrings), so no two different tasks share an input.
    """
    parts = (source_bucket, source_key, version_id or "", target_bucket, target_key)
    joined = b"".join(b"%d:%b," % (len(part), part) for part in map(str.encode, parts))
    return sha256(joined).hexdigest()[:TASK_ID_LENGTH]


PIECE_ROWS = 50_000  # keys of 1,024 bytes, twice: 100 MB of text
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)


def task_ids(
    source_bucket: str,
    source_keys: pa.ChunkedArray,
    version_ids: pa.ChunkedArray,
    target_bucket: str,
    target_keys: pa.ChunkedArray,
) -> pa.ChunkedArray:
    """The id of each row (C2); a null version is the current one. Only the hash itself is made row by row."""
    found = [
        _ids(
            _joined(
                [
                    source_bucket,
                    source_keys.slice(start, PIECE_ROWS),
                    pc.fill_null(version_ids.slice(start, PIECE_ROWS), ""),
                    target_bucket,
                    target_keys.slice(start, PIECE_ROWS),
                ]
            )
        )
        for start in range(0, len(source_keys), PIECE_ROWS)
    ]
    return pa.chunked_array(found, pa.string())


def _joined(parts: list[str | pa.ChunkedArray]) -> pa.ChunkedArray:
    """Each part as a netstring: its length in bytes, a colon, itself, a comma."""
    texts: list[str | pa.ChunkedArray] = []
    for part in parts:
        length = str(len(part.encode())) if isinstance(part, str) else pc.binary_length(part).cast(pa.string())
        texts += [length, ":", part, ","]
    return pc.binary_join_element_wise(*texts, "")


def _ids(texts: pa.ChunkedArray) -> pa.Array:
    digests = b"".join([sha256(text).digest()[: TASK_ID_LENGTH // 2] for text in texts.cast(pa.binary()).to_pylist()])
    halves = np.frombuffer(digests, np.uint8)
    letters = np.empty(2 * halves.size, np.uint8)
    letters[0::2], letters[1::2] = _HEX[halves >> 4], _HEX[halves & 15]
    ends = np.arange(0, letters.size + 1, TASK_ID_LENGTH, dtype=np.int32)
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(letters))
