"""The checksums that S3 stores beside an object, as HEAD shows them.

Source: "Checking object integrity" in the S3 documentation. A FULL_OBJECT checksum is of the content; a COMPOSITE one
is the checksum of the parts' checksums, with `-N` behind it in most answers, and depends on where the parts were cut.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from s3sync.model import etag as etags
from s3sync.model.closed_sets import CHECKSUMS

_COMPOSITE = re.compile(r"(.+)-([1-9][0-9]{0,4})")


@dataclass(frozen=True, slots=True)
class StoredChecksum:
    """`parts` is the number of parts of a composite one, 0 of a full one, None where that can't be told."""

    value: str
    parts: int | None

    @property
    def is_full(self) -> bool:
        return self.parts == 0

    @property
    def is_composite(self) -> bool:
        return bool(self.parts)


# | type named  | value ends in -N | object's ETag | algorithm | then                     |
# |-------------|------------------|---------------|-----------|--------------------------|
# | any         | yes              |               |           | composite of N           |
# | FULL_OBJECT | no               |               |           | full                     |
# | COMPOSITE   | no               | of N parts    |           | composite of N           |
# | COMPOSITE   | no               | other         |           | can't be told            |
# | none        | no               | of parts      | CRC64NVME | full                     |
# | none        | no               | of parts      | other     | can't be told            |
# | none        | no               | other         |           | full                     |
def checksums_of(head: Mapping[str, Any]) -> dict[str, StoredChecksum]:
    """The checksums in the values of a HEAD with checksum mode, by algorithm."""
    found: dict[str, StoredChecksum] = {}
    parts = etags.part_count(etags.bare(head.get("ETag")))
    kind = head.get("ChecksumType")
    for algorithm in CHECKSUMS:
        value = head.get(f"Checksum{algorithm}")
        if value:
            found[algorithm] = _checksum(value, kind, parts, algorithm)
    return found


def _checksum(value: str, kind: str | None, parts: int, algorithm: str) -> StoredChecksum:
    composite = _COMPOSITE.fullmatch(value)
    if composite:
        return StoredChecksum(value, int(composite[2]))
    if kind == "COMPOSITE":
        return StoredChecksum(value, parts or None)
    is_full = kind == "FULL_OBJECT" or not parts or CHECKSUMS[algorithm].is_always_full
    return StoredChecksum(value, 0 if is_full else None)
