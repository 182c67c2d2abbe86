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


class Ruling(StrEnum):
    """What the listings show. One that is open has the verdict that stands as long as nobody looks further."""

    GONE_FROM_BOTH = "gone_from_both"
    GONE_FROM_SOURCE = "gone_from_source"
    EXTRA = "extra"
    ABSENT = "absent"
    CHANGED = "changed"
    LATE = "late"
    UNREPORTED = "unreported"
    OUTDATED = "outdated"
    SIZE_UNKNOWN = "size_unknown"
    SIZES_DIFFER = "sizes_differ"
    EMPTY = "empty"
    ETAGS_EQUAL = "etags_equal"
    ETAGS_DIFFER = "etags_differ"
    NOT_COMPARABLE = "not_comparable"

    @property
    def verdict(self) -> Verdict:
        return _MEANING[self][0]

    @property
    def evidence(self) -> Evidence:
        return _MEANING[self][1]

    @property
    def detail(self) -> str | None:
        return _DETAILS.get(self)

    @property
    def is_open(self) -> bool:
        return self.evidence is Evidence.NONE


_MEANING = {
    Ruling.GONE_FROM_BOTH: (Verdict.MISSING_ON_TARGET, Evidence.PRESENCE),
    Ruling.GONE_FROM_SOURCE: (Verdict.CHANGED_SINCE, Evidence.PRESENCE),
    Ruling.EXTRA: (Verdict.MISSING_ON_SOURCE, Evidence.PRESENCE),
    Ruling.ABSENT: (Verdict.MISSING_ON_TARGET, Evidence.PRESENCE),
    Ruling.CHANGED: (Verdict.CHANGED_SINCE, Evidence.PRESENCE),
    Ruling.LATE: (Verdict.UNPROVABLE, Evidence.NONE),
    Ruling.UNREPORTED: (Verdict.UNPROVABLE, Evidence.NONE),
    Ruling.OUTDATED: (Verdict.UNPROVABLE, Evidence.NONE),
    Ruling.SIZE_UNKNOWN: (Verdict.UNPROVABLE, Evidence.NONE),
    Ruling.SIZES_DIFFER: (Verdict.SIZE_DIFFERS, Evidence.SIZE),
    Ruling.EMPTY: (Verdict.MATCH, Evidence.SIZE),
    Ruling.ETAGS_EQUAL: (Verdict.MATCH, Evidence.ETAG),
    Ruling.ETAGS_DIFFER: (Verdict.CONTENT_DIFFERS, Evidence.ETAG),
    Ruling.NOT_COMPARABLE: (Verdict.UNPROVABLE, Evidence.NONE),
}


_DETAILS = {
    Ruling.GONE_FROM_BOTH: "the run says it copied it, and neither side has it now",
    Ruling.GONE_FROM_SOURCE: "deleted on the source since the run copied it",
    Ruling.CHANGED: "the source is newer than the run, or than the beginning of the check",
    Ruling.LATE: "one side is newer than the other side's report, so the two can't be compared",
    Ruling.UNREPORTED: "the run says it copied it, and a report does not show it",
    Ruling.OUTDATED: "only an older report of the same inventory shows it, so it may be gone",
    Ruling.SIZE_UNKNOWN: "a listing does not tell the size",
    Ruling.NOT_COMPARABLE: "the ETags can't be compared",
}
