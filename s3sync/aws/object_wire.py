"""GetObject, GetObjectTagging, PutObject and UploadPart as a relay needs them, written and read without botocore.

What is not in the tables here (a date as a condition, a rare header) goes through botocore as every other operation:
`wire_of_object` and `reply_of_object` give None for it.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from s3sync.aws.http_text import Wire, flag_header, header_lines, header_value, headers_of
from s3sync.aws.transport import Reply, Request
from s3sync.model import keys

METHODS = {"GetObject": "GET", "GetObjectTagging": "GET", "PutObject": "PUT", "UploadPart": "PUT"}

# Header or query parameter by boto3's name; what begins with `?` goes into the query.
_GIVEN = {
    **headers_of("ACL CacheControl ContentDisposition ContentEncoding ContentLanguage ContentMD5 ContentType"),
    **headers_of("ExpectedBucketOwner IfMatch IfNoneMatch Range RequestPayer"),
    **headers_of("SSEKMSKeyId ServerSideEncryption StorageClass Tagging WebsiteRedirectLocation"),
    "PartNumber": "?partNumber",
    "UploadId": "?uploadId",
    "VersionId": "?versionId",
}
_ELSEWHERE = frozenset({"Bucket", "Key", "Body"})
_FLAG = "BucketKeyEnabled"


def wire_of_object(operation: str, params: Mapping[str, Any]) -> Wire | None:
    """Raises MalformedRequest."""
    headers = []
    query = ["tagging="] if operation == "GetObjectTagging" else []
    for given, value in params.items():
        name = _GIVEN.get(given)
        if name is not None:
            if name[0] == "?":
                query.append(f"{name[1:]}={quote(str(value), safe='-_.~')}")
            elif value or operation.startswith("Get"):
                headers.append((name, header_value(given, value)))
        elif given == "Metadata":
            headers.extend((f"x-amz-meta-{each.lower()}", header_value(each, text)) for each, text in value.items())
        elif given == _FLAG:
            headers.append(flag_header(given, value))
        elif given not in _ELSEWHERE:
            return None
    method = METHODS[operation]
    body = params.get("Body", b"") if method == "PUT" else None
    return Wire(method, f"/{keys.to_path(params['Key'])}", "&".join(sorted(query)), headers, body)


# An answer's headers by boto3's names. Others say nothing of what a relay carries over.
_TOLD = {
    b"cache-control": "CacheControl",
    b"content-disposition": "ContentDisposition",
    b"content-encoding": "ContentEncoding",
    b"content-language": "ContentLanguage",
    b"content-length": "ContentLength",
    b"content-range": "ContentRange",
    b"content-type": "ContentType",
    b"etag": "ETag",
    b"last-modified": "LastModified",
    b"x-amz-missing-meta": "MissingMeta",
    b"x-amz-mp-parts-count": "PartsCount",
    b"x-amz-server-side-encryption": "ServerSideEncryption",
    b"x-amz-server-side-encryption-customer-algorithm": "SSECustomerAlgorithm",
    b"x-amz-storage-class": "StorageClass",
    b"x-amz-tagging-count": "TagCount",
    b"x-amz-version-id": "VersionId",
    b"x-amz-website-redirect-location": "WebsiteRedirectLocation",
}
_OF_A_PUT = re.compile(rb"(?im)^(etag|x-amz-server-side-encryption|x-amz-version-id): *([^\r\n]*?) *\r?$")
_META = b"x-amz-meta-"


def _time(text: str) -> datetime:
    """As HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`. Raises ValueError where it is written otherwise."""
    month = _MONTHS[text[8:11]]
    clock = int(text[17:19]), int(text[20:22]), int(text[23:25])
    if text[25:] != " GMT" or text[3:5] != ", ":
        raise ValueError(text)
    return datetime(int(text[12:16]), month, int(text[5:7]), *clock, tzinfo=UTC)


_MONTHS = {"JanFebMarAprMayJunJulAugSepOctNovDec"[at : at + 3]: at // 3 + 1 for at in range(0, 36, 3)}
_CONVERTED: Mapping[str, Callable[[str], Any]] = {
    "ContentLength": int,
    "LastModified": _time,
    "MissingMeta": int,
    "PartsCount": int,
    "TagCount": int,
}


def reply_of_object(request: Request, status: int, headers: bytes, body: bytes, seconds: float) -> Reply | None:
    """The answer of a success under boto3's names."""
    operation = request.operation
    if operation == "GetObjectTagging":
        return _tags(request, status, body, seconds)
    if operation != "GetObject":
        found = {_TOLD[name.lower()]: value.decode("latin-1") for name, value in _OF_A_PUT.findall(headers)}
        return Reply(request, status, values=found, seconds=seconds)
    if "ChecksumMode" in request.params:
        return None
    try:
        values = _values(headers)
    except (ValueError, KeyError, IndexError):
        return None
    values["Body"] = body
    return Reply(request, status, values=values, seconds=seconds)


def _tags(request: Request, status: int, body: bytes, seconds: float) -> Reply | None:
    """None where there are some. A proxy's page is no answer; where an object has none, radosgw's has no body."""
    if b"<Tag>" in body:
        return None
    if body and b"<Tagging" not in body:
        return Reply(request, 0, "Truncated", "the answer has no Tagging", seconds=seconds)
    return Reply(request, status, values={"TagSet": []}, seconds=seconds)


def _values(headers: bytes) -> dict[str, Any]:
    """Raises ValueError, KeyError or IndexError where a value is written in another way than S3's."""
    values: dict[str, Any] = {}
    metadata: dict[str, str] = {}
    for line in header_lines(headers):
        name, value = _told(line)
        if name is not None:
            values[name] = value
        elif line[: len(_META)].lower() == _META:
            meta, _, text = line[len(_META) :].partition(b":")
            metadata[meta.decode("latin-1")] = text.strip().decode("latin-1")
    values["Metadata"] = metadata
    return values


@lru_cache(maxsize=1024)  # most lines say the same for all objects: type, length, class, server
def _told(line: bytes) -> tuple[str | None, Any]:
    """A header by boto3's name, and its value; no name where it is not among `_TOLD`. Raises as `_values` does."""
    name, _, value = line.partition(b":")
    lower = name.lower()
    known = _TOLD.get(lower)
    if known is None:
        if lower == b"expires":
            raise ValueError(line)
        return None, None
    text = value.strip().decode("latin-1")
    convert = _CONVERTED.get(known)
    return known, convert(text) if convert else text
