"""Which conditions of requests a server heeds, each in the form in which copies rely on it (C4, C16).

| form                                              | relied on by               | where it is not heeded       |
|---------------------------------------------------|----------------------------|------------------------------|
| CopyObject, x-amz-copy-source-if-match            | the pin of a copy          | `unpinned`                   |
| CopyObject, x-amz-copy-source-if-unmodified-since | the pin without an ETag    | `unpinned`                   |
| UploadPartCopy, x-amz-copy-source-if-match        | the pin of a copy by parts | `unpinned`                   |
| If-None-Match: * of CopyObject, PutObject,        | `never`; a write where     | the target is looked at      |
| CompleteMultipartUpload                           | nothing was seen           | right before, and it is said |
| If-Match of CopyObject, PutObject,                | a write over an object     | the target is looked at      |
| CompleteMultipartUpload                           | that was seen              | right before, and it is said |
"""

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

ABSENT = ""  # in place of a target's ETag: it was looked at, and nothing was there

# Asked for every object: ready to be called.
_FIELD_OF = {
    (operation, parameter): attrgetter(f"{write}_{header}")
    for operation, write in (("CopyObject", "copy"), ("PutObject", "put"), ("CompleteMultipartUpload", "complete"))
    for parameter, header in (("IfNoneMatch", "if_none_match"), ("IfMatch", "if_match"))
}


@dataclass(frozen=True, slots=True)
class Conditions:
    """A field a form: True where the server refuses a request whose condition does not hold, and carries out one whose
    condition holds. The defaults are S3's. `are_demanded`: the bucket denies a write without a condition on the target
    (AWS: "Enforce conditional writes on Amazon S3 buckets")."""

    copy_source_if_match: bool = True
    copy_source_if_unmodified_since: bool = True
    part_copy_source_if_match: bool = True
    copy_if_none_match: bool = True
    copy_if_match: bool = True
    put_if_none_match: bool = True
    put_if_match: bool = True
    complete_if_none_match: bool = True
    complete_if_match: bool = True
    are_demanded: bool = False

    def heeds(self, operation: str, parameter: str) -> bool:
        """Whether a write (`CopyObject`, ...) heeds `IfNoneMatch` or `IfMatch`."""
        found: bool = _FIELD_OF[operation, parameter](self)
        return found

    def to_json(self) -> dict[str, bool]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Conditions":
        """A form that an older version did not try counts as not heeded."""
        return cls(**{field.name: bool(value.get(field.name, False)) for field in fields(cls)})


AS_S3 = Conditions()
NONE_HEEDED = Conditions.from_json({})
