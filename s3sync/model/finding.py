"""What a check found of an object: the verdict, and by what evidence."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Verdict(StrEnum):
    MATCH = "match"
    MISSING_ON_TARGET = "missing_on_target"
    MISSING_ON_SOURCE = "missing_on_source"  # only the target has it
    SIZE_DIFFERS = "size_differs"
    CONTENT_DIFFERS = "content_differs"
    METADATA_DIFFERS = "metadata_differs"  # the content is equal; looked for only where asked
    CHANGED_SINCE = "changed_since"  # the source changed after the run, or the check, began
    UNPROVABLE = "unprovable"  # nothing that was looked at shows the content equal or different (C14)
    ERROR = "error"

    @property
    def is_copied_again(self) -> bool:
        """True where a copy of the source as it is now settles the finding."""
        return self in _COPIED_AGAIN


_COPIED_AGAIN = frozenset(
    {
        Verdict.MISSING_ON_TARGET,
        Verdict.SIZE_DIFFERS,
        Verdict.CONTENT_DIFFERS,
        Verdict.METADATA_DIFFERS,
        Verdict.CHANGED_SINCE,
    }
)


class Evidence(StrEnum):
    """By what a verdict was reached, cheapest first."""

    NONE = "none"  # nothing was decisive
    PRESENCE = "presence"  # one side has the object, the other has not
    SIZE = "size"
    ETAG = "etag"
    PART_ETAGS = "part_etags"  # ETags of parts whose boundaries are known
    CHECKSUM = "checksum"  # checksums that S3 stored
    BODY = "body"  # the bytes themselves
    METADATA = "metadata"


@dataclass(frozen=True, slots=True)
class Finding:
    """A row of `findings/`. The values of the sides are those that the verdict was reached with, None where unknown.

    `source_key` is the key that maps to `target_key`, whether the source has it or not. `detail` is one line for a
    person. `requests` and `read_bytes` are what the look at this object cost.
    """

    target_key: str
    source_key: str
    verdict: Verdict
    evidence: Evidence
    detail: str | None
    source_size: int | None
    source_etag: str | None
    source_last_modified: datetime | None
    source_storage_class: str | None
    target_size: int | None
    target_etag: str | None
    target_last_modified: datetime | None
    target_storage_class: str | None
    requests: int
    read_bytes: int

    @property
    def size_bytes(self) -> int:
        """The size that the finding is about: the source's, or the target's where only it is known."""
        return self.source_size if self.source_size is not None else self.target_size or 0
