"""How an object is copied: decided here alone, for a plan, for findings of a check, and for a task that is tried again.

`method_of` says it for one object, `methods_of` for columns; both follow the one table above `method_of`.
"""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.model import etag as etags
from s3sync.model.limits import COPY_OBJECT_MAX_BYTES
from s3sync.model.task import Method


@dataclass(frozen=True, slots=True)
class MethodRule:
    """What of a run decides the method. `is_relayed`: the bytes go through the workers, see `planning.resolve`."""

    multipart_threshold_bytes: int = COPY_OBJECT_MAX_BYTES
    preserve_etags: bool = False
    is_relayed: bool = False

    @property
    def most_bytes(self) -> int:
        """The largest object that is copied by one CopyObject: never above the 5 GiB that this takes."""
        return min(self.multipart_threshold_bytes, COPY_OBJECT_MAX_BYTES)


# | relayed | size              | preserve_etags, and the ETag shows parts | method         |
# |---------|-------------------|------------------------------------------|----------------|
# | yes     |                   |                                          | relay          |
# | no      | over threshold    |                                          | multipart_copy |
# | no      |                   | yes                                      | multipart_copy |
# | no      | other, or unknown | no                                       | copy_object    |
def method_of(size: int | None, etag: str | None, rule: MethodRule) -> Method:
    """How an object of this size in bytes and this ETag is copied."""
    if rule.is_relayed:
        return Method.RELAY
    is_large = size is not None and size > rule.most_bytes
    in_parts = is_large or (rule.preserve_etags and etags.part_count(etag) > 0)
    return Method.MULTIPART_COPY if in_parts else Method.COPY_OBJECT


def methods_of(sizes: pa.ChunkedArray, etag_column: pa.ChunkedArray, rule: MethodRule) -> pa.Array | pa.ChunkedArray:
    """`method_of` for columns."""
    if rule.is_relayed:
        return pa.repeat(str(Method.RELAY), len(sizes))
    in_parts = pc.fill_null(pc.greater(sizes, rule.most_bytes), False)
    if rule.preserve_etags:
        in_parts = pc.or_(in_parts, pc.fill_null(pc.match_substring_regex(etag_column, etags.PARTS_PATTERN), False))
    return pc.if_else(in_parts, str(Method.MULTIPART_COPY), str(Method.COPY_OBJECT))
