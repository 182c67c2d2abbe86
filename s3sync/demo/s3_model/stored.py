"""What S3 holds: buckets, keys with their versions, uploads that are open. And what it says when it refuses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from s3sync.demo.s3_model.content import Body

NULL_VERSION = "null"


class Refused(Exception):
    """An answer that is an error: the HTTP status, S3's code and message."""

    def __init__(self, status: int, code: str, message: str = "", **details: str) -> None:
        super().__init__(status, code)
        self.status, self.code, self.message, self.details = status, code, message, details


def no_such_key(key: str) -> Refused:
    return Refused(404, "NoSuchKey", "The specified key does not exist.", Key=key)


@lru_cache(maxsize=4096)
def at_second(second: int) -> datetime:
    """S3 tells times in whole seconds [embedded, radosgw]."""
    return datetime.fromtimestamp(second, UTC)


@dataclass(slots=True)
class Description:
    """What is said of an object beside its content, as it was given with the write."""

    headers: Mapping[str, Any]  # ContentType, CacheControl, ... by boto3's names
    metadata: Mapping[str, str]
    tags: dict[str, str]
    storage_class: str = "STANDARD"
    encryption: str | None = None
    kms_key_id: str | None = None
    checksum_algorithm: str | None = None


@dataclass(slots=True, eq=False)
class Version:
    """One version of a key. It never changes, but for tags, lock, annotations and restored copies.

    `parts` are the bodies of an object that was written by parts, None of one written in one piece.
    """

    version_id: str
    etag: str
    body: Body
    size_bytes: int
    modified: int  # in seconds
    described: Description
    parts: tuple[Body, ...] | None = None
    is_marker: bool = False
    restored_until: float = 0.0
    retained_until: float = 0.0
    has_legal_hold: bool = False
    annotations: dict[str, bytes] = field(default_factory=dict)

    @property
    def last_modified(self) -> datetime:
        return at_second(self.modified)


@dataclass(slots=True)
class Part:
    etag: str
    body: Body
    size_bytes: int


@dataclass(slots=True, eq=False)
class Upload:
    """An upload that is open: it is no object, costs money, and stays until it is completed or aborted."""

    upload_id: str
    key: str
    initiated: int  # in seconds
    initiator: str
    described: Description
    parts: dict[int, Part] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Bucket:
    """`versioning` is "" for never, else Enabled or Suspended. `encryption` is the default one: SSE-S3 on every bucket
    of S3 ("Setting default server-side encryption behavior"), None on servers that have none. `demands_conditions`: a
    policy refuses writes without a condition. `default_retention_seconds` locks every new version."""

    name: str
    owner: str = "123456789012"
    versioning: str = ""
    encryption: str | None = "AES256"
    demands_conditions: bool = False
    default_retention_seconds: float = 0.0
    keys: dict[str, list[Version]] = field(default_factory=dict)  # of each key the newest version is the last one
    uploads: dict[str, Upload] = field(default_factory=dict)

    def current(self, key: str) -> Version | None:
        """The object that a request without a version id sees: none where the newest version is a delete marker."""
        versions = self.keys.get(key)
        if not versions:
            return None
        newest = versions[-1]
        return None if newest.is_marker else newest

    def version(self, key: str, version_id: str) -> Version | None:
        return next((each for each in self.keys.get(key, ()) if each.version_id == version_id), None)

    # | versioning | a write or a delete marker                                       |
    # |------------|------------------------------------------------------------------|
    # | never      | replaces the one version, called null                            |
    # | Enabled    | comes on top; those below stay                                   |
    # | Suspended  | replaces the version called null, comes on top; all others stay  |
    def add(self, key: str, version: Version) -> None:
        """Source: "Using versioning in S3 buckets", "Adding objects to versioning-suspended buckets"."""
        if self.versioning != "Enabled":
            version.version_id = NULL_VERSION
            self.keys[key] = [each for each in self.keys.get(key, ()) if each.version_id != NULL_VERSION]
        self.keys.setdefault(key, []).append(version)
