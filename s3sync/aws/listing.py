"""Pages of a live listing, accepted only when they are whole (C5)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from botocore.exceptions import BotoCoreError, ClientError

from s3sync.aws.clients import error_text
from s3sync.errors import ServiceError
from s3sync.model import etag
from s3sync.model.keys import printable
from s3sync.model.ranges import KeyRange
from s3sync.model.tables import LISTING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What a listing asks for: `fetch_owner` costs S3 time and is asked for only where a filter needs it."""

    bucket: str
    prefix: str
    fetch_owner: bool = False
    expected_owner: str | None = None
    requester_pays: bool = False

    def parameters(self) -> dict[str, Any]:
        given: dict[str, Any] = {"Bucket": self.bucket, "Prefix": self.prefix}
        if self.fetch_owner:
            given["FetchOwner"] = True
        if self.expected_owner:
            given["ExpectedBucketOwner"] = self.expected_owner
        if self.requester_pays:
            given["RequestPayer"] = "requester"
        return given


def list_range(s3: "S3Client", options: ListOptions, key_range: KeyRange) -> Iterator[pa.RecordBatch]:
    """The objects of the range, a record batch (schema LISTING) a page, in key order.

    Each page starts after the last key of the one before, so a page that does not move is noticed. Raises ServiceError
    where a page cannot be had or does not add up: a failed page is never an empty one (s5cmd #564).
    """
    after = key_range.after
    while True:
        page = _page(s3, options, after)
        entries = page.get("Contents", [])
        _accept(options, after, page, entries)
        wanted = [entry for entry in entries if key_range.upto is None or entry["Key"] <= key_range.upto]
        if wanted:
            yield _batch(wanted)
        if len(wanted) < len(entries) or not page.get("IsTruncated"):
            return
        after = entries[-1]["Key"]


def common_prefixes(s3: "S3Client", options: ListOptions, most: int) -> list[str]:
    """The first `most` prefixes one level below `options.prefix`: places where cutting the key space may help."""
    found: list[str] = []
    after = ""
    while len(found) < most:
        page = _page(s3, options, after, Delimiter="/")
        names = [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]
        found.extend(names)
        # A common prefix counts as one entry; the next page starts behind all keys that it stands for.
        last = max([*names, *(entry["Key"] for entry in page.get("Contents", []))], default=None)
        if not page.get("IsTruncated") or last is None:
            break
        beyond = last + "\U0010ffff" if last in names else last
        if beyond <= after:
            break
        after = beyond
    return found[:most]


def _page(s3: "S3Client", options: ListOptions, after: str, **more: Any) -> dict[str, Any]:
    parameters = {**options.parameters(), **more}
    if after:
        parameters["StartAfter"] = after
    try:
        return s3.list_objects_v2(**parameters)  # type: ignore[return-value]
    except (ClientError, BotoCoreError) as error:
        code, message = error_text(error)
        where = f"s3://{options.bucket}/{printable(options.prefix)}"
        raise ServiceError(f"{where}: cannot be listed after {printable(after)!r}: {code}: {message}") from error


def _accept(options: ListOptions, after: str, page: dict[str, Any], entries: list[dict[str, Any]]) -> None:
    where = f"s3://{options.bucket}/{printable(options.prefix)} after {printable(after)!r}"
    count = page.get("KeyCount")
    if count is not None and count != len(entries):
        raise ServiceError(f"{where}: the page says {count} keys and holds {len(entries)}")
    if page.get("IsTruncated") and not entries:
        raise ServiceError(f"{where}: the page is empty and says that more follow")
    last = after
    for entry in entries:
        if entry["Key"] <= last:
            raise ServiceError(
                f"{where}: keys are not in order at {printable(entry['Key'])!r}; is it a directory bucket?"
            )
        last = entry["Key"]


def _batch(entries: list[dict[str, Any]]) -> pa.RecordBatch:
    nothing = [None] * len(entries)
    columns: dict[str, list[Any]] = {
        "key": [entry["Key"] for entry in entries],
        "size": [entry["Size"] for entry in entries],
        "last_modified": [entry["LastModified"] for entry in entries],
        "etag": [etag.bare(entry.get("ETag")) for entry in entries],
        "storage_class": [entry.get("StorageClass") for entry in entries],
        "owner": [entry.get("Owner", {}).get("ID") for entry in entries],
    }
    return pa.record_batch([pa.array(columns.get(f.name, nothing), f.type) for f in LISTING], schema=LISTING)
