"""What became of a task."""

from enum import StrEnum
from typing import NamedTuple

# The reason of a copy whose source has annotations, which the target's server does not know.
ANNOTATIONS_LEFT = "annotations_left"


class Status(StrEnum):
    COPIED = "copied"
    SKIPPED = "skipped"
    FAILED = "failed"
    VANISHED = "vanished"  # the source is gone since it was listed
    CHANGED = "changed"  # the source is another object than the one that was listed
    ARCHIVED = "archived"  # the source must be restored first

    @property
    def is_complete(self) -> bool:
        """True where nothing is left to do for the object: copied, skipped or no longer there."""
        return self in (Status.COPIED, Status.SKIPPED, Status.VANISHED)


class ErrorClass(StrEnum):
    THROTTLED = "throttled"
    TRANSIENT = "transient"
    DENIED = "denied"
    NOT_FOUND = "not_found"
    PRECONDITION = "precondition"
    ARCHIVED = "archived"
    INVALID = "invalid"
    CORRUPT = "corrupt"
    UNKNOWN = "unknown"

    @property
    def is_retried(self) -> bool:
        return self in (ErrorClass.THROTTLED, ErrorClass.TRANSIENT)


class Pinned(StrEnum):
    """By what a copy was tied to the object that was listed (C4)."""

    ETAG = "etag"
    TIME = "time"
    UNPINNED = "unpinned"


class Verified(StrEnum):
    """What the answer to the copy proved at no cost (C13)."""

    ETAG_EQUAL = "etag_equal"
    MD5_EQUAL = "md5_equal"  # relayed: the bytes have the source's MD5, and the target took them by theirs
    NOT_COMPARABLE = "not_comparable"
    NOT_COPIED = "not_copied"


class Outcome(NamedTuple):
    """A row of `outcomes/`, as a tuple in the order of its columns.

    The last five fields are of the attempt that settled the task.
    """

    task_id: str
    source_key: str
    target_key: str
    attempt: int
    status: Status
    reason: str
    error_code: str | None
    error_class: ErrorClass | None
    message: str | None
    size: int | None
    target_etag: str | None
    pinned: Pinned | None
    verified: Verified | None
    requests: int
    milliseconds: int

    @property
    def copied_bytes(self) -> int:
        return self.size or 0 if self.status is Status.COPIED else 0
