"""One planned act on one object, and the closed sets that describe it."""

from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

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
    `size` is in bytes, None where the inventory has none.
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


def task_id(source_bucket: str, source_key: str, version_id: str | None, target_bucket: str, target_key: str) -> str:
    """SHA-256 over the five parts, each with its length in bytes before it, cut to 128 bits, in hex (C2).

    Length and colon before, comma behind each part (netstrings), so no two different tasks share an input.
    """
    parts = (source_bucket, source_key, version_id or "", target_bucket, target_key)
    joined = b"".join(b"%d:%b," % (len(part), part) for part in map(str.encode, parts))
    return sha256(joined).hexdigest()[:TASK_ID_LENGTH]
