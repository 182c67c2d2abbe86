"""The conditions of reads, copies and writes.

They are looked at in the same instant in which the request acts: no other request can come between. That is what makes
them worth more than any look before.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from s3sync.demo.s3_model.stored import Refused, no_such_key

_FAILED = "At least one of the pre-conditions you specified did not hold"
NOT_MODIFIED_STATUS = 304
FAILED_STATUS = 412


class Seen(Protocol):
    """What a condition looks at: the object's ETag, without quotes, and its time."""

    @property
    def etag(self) -> str: ...

    @property
    def last_modified(self) -> datetime: ...


def failed(condition: str) -> Refused:
    return Refused(FAILED_STATUS, "PreconditionFailed", _FAILED, Condition=condition)


def bare(etag: str) -> str:
    """The ETag without quotes and without a weak mark: S3 takes it with and without them."""
    return etag.strip().removeprefix("W/").strip('"')


def _second(time: datetime) -> datetime:
    """S3 compares by the second, which is all that it shows of a time."""
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).replace(microsecond=0)


# | if-match | if-unmodified-since | if-none-match | if-modified-since        | then   |
# |----------|---------------------|---------------|--------------------------|--------|
# | differs  |                     |               |                          | failed |
# | equal    | not looked at       | as below      | as below                 |        |
# | absent   | modified later      |               |                          | failed |
# |          |                     | equal         |                          | failed |
# |          |                     | differs       | not looked at            | holds  |
# |          |                     | absent        | not modified later       | failed |
# | any other                                                                | holds  |
def failing(
    seen: Seen, match: str | None, unmodified: datetime | None, none_match: str | None, modified: datetime | None
) -> str | None:
    """Which of the four conditions of a read, or of the source of a copy, does not hold; None where all do.

    Source: "CopyObject", x-amz-copy-source-if-*, and "GetObject", If-* [embedded, versitygw].
    """
    etag, time = bare(seen.etag), _second(seen.last_modified)
    if match is not None:
        if bare(match) not in (etag, "*"):
            return "If-Match"
    elif unmodified is not None and time > _second(unmodified):
        return "If-Unmodified-Since"
    if none_match is not None:
        if bare(none_match) in (etag, "*"):
            return "If-None-Match"
    elif modified is not None and time <= _second(modified):
        return "If-Modified-Since"
    return None


def check_source(seen: Seen, params: Mapping[str, Any], departs: frozenset[str], operation: str) -> None:
    """The source of CopyObject and UploadPartCopy: 412, whichever condition fails."""
    which = {
        name: None if _ignored(operation, flag, departs) else params.get(f"CopySource{name}")
        for name, flag in (
            ("IfMatch", "if_match"),
            ("IfUnmodifiedSince", "if_unmodified_since"),
            ("IfNoneMatch", "if_none_match"),
            ("IfModifiedSince", "if_modified_since"),
        )
    }
    found = failing(seen, *which.values())
    if found is not None:
        raise failed(f"x-amz-copy-source-{found}")


def _ignored(operation: str, flag: str, departs: frozenset[str]) -> bool:
    prefix = "part_copy" if operation == "UploadPartCopy" and flag == "if_match" else "copy"
    return f"{prefix}_source_{flag}" in departs


def check_read(seen: Seen, params: Mapping[str, Any]) -> None:
    """Source: "GetObject", "HeadObject". 304 where the caller has the object already, else 412."""
    names = ("IfMatch", "IfUnmodifiedSince", "IfNoneMatch", "IfModifiedSince")
    found = failing(seen, *(params.get(name) for name in names))
    if found in ("If-None-Match", "If-Modified-Since"):
        raise Refused(NOT_MODIFIED_STATUS, "304", "Not Modified")
    if found is not None:
        raise failed(found)


# | header           | no object, or a delete marker | object there                        |
# |------------------|-------------------------------|-------------------------------------|
# | If-None-Match: * | written                       | 412                                 |
# | If-Match: ETAG   | 404 NoSuchKey                 | written where the ETag is equal, else 412 |
# | If-Match: *      | 404 NoSuchKey                 | written                             |
def check_target(key: str, seen: Seen | None, match: str | None, none_match: str | None) -> None:
    """The target of PutObject, CopyObject and CompleteMultipartUpload; of DeleteObject, with If-Match only.

    Source: "How to prevent object overwrites with conditional writes" [embedded, versitygw].
    """
    if seen is not None and none_match == "*":
        raise failed("If-None-Match")
    if match is None:
        return
    if seen is None:
        raise no_such_key(key)
    if bare(match) not in (bare(seen.etag), "*"):
        raise failed("If-Match")
