"""HTTP as text: a request ready to be signed, and the headers of an answer.

`Retry-After`: a number of seconds, or a date (RFC 9110, 10.2.3).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO

from botocore.awsrequest import HeadersDict

from s3sync.s3.wire.sigv4 import Header


@dataclass(slots=True)
class Wire:
    """A request ready to be signed: `path` begins behind the bucket's and is encoded, so is `query`; header names are
    lower-case; `body` is bytes, a file that is sent from its beginning, or None where there is none at all."""

    method: str
    path: str
    query: str
    headers: list[Header]
    body: bytes | BinaryIO | None = None


class MalformedRequest(ValueError):
    """A parameter that no request can carry."""


# A request's headers by boto3's names of the parameters, whatever the operation: one name is one header. (A test holds
# them against botocore's model.)
HEADERS = {
    "ACL": "x-amz-acl",
    "AnnotationDirective": "x-amz-object-annotation-directive",
    "BucketKeyEnabled": "x-amz-server-side-encryption-bucket-key-enabled",
    "CacheControl": "cache-control",
    "ContentDisposition": "content-disposition",
    "ContentEncoding": "content-encoding",
    "ContentLanguage": "content-language",
    "ContentMD5": "content-md5",
    "ContentType": "content-type",
    "CopySource": "x-amz-copy-source",
    "CopySourceIfMatch": "x-amz-copy-source-if-match",
    "ExpectedBucketOwner": "x-amz-expected-bucket-owner",
    "ExpectedSourceBucketOwner": "x-amz-source-expected-bucket-owner",
    "IfMatch": "if-match",
    "IfNoneMatch": "if-none-match",
    "Range": "range",
    "RequestPayer": "x-amz-request-payer",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "StorageClass": "x-amz-storage-class",
    "Tagging": "x-amz-tagging",
    "TaggingDirective": "x-amz-tagging-directive",
    "WebsiteRedirectLocation": "x-amz-website-redirect-location",
}


def headers_of(names: str) -> dict[str, str]:
    """The part of HEADERS for these parameters, given with spaces between."""
    return {name: HEADERS[name] for name in names.split()}


def flag_header(name: str, value: object) -> Header:
    """A header that says yes or no."""
    return HEADERS[name], "true" if value else "false"


_CARRIED = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110, 5.5: field-content, obs-text included


def header_value(name: str, value: Any) -> str:
    """Values are as they come in headers: a character that is not ASCII stands for one byte (Latin-1)."""
    text = value if isinstance(value, str) else str(value)
    if not _CARRIED.fullmatch(text):
        raise MalformedRequest(f"{name}: a header can't carry this value")
    return text


def signable(headers: list[Header]) -> tuple[list[Header], list[Header]]:
    """The headers that are signed, and those that are sent only: a server may read what is not ASCII otherwise than the
    signature does, and only S3's own headers must be signed."""
    if all(value.isascii() for _, value in headers):
        return headers, []
    signed = [pair for pair in headers if pair[1].isascii() or pair[0].startswith("x-amz-")]
    return signed, [pair for pair in headers if pair not in signed]


def sendable(line: str) -> str | bytes:
    """A header's line as libcurl takes it."""
    return line if line.isascii() else line.encode("latin-1")


_END = b"\r\n\r\n"


def final_headers(headers: bytes) -> bytes:
    """The final answer's part of what libcurl took for headers. What a proxy or a `100 Continue` said stands before it;
    behind it stands the trailer of a body in chunks, which is no header (RFC 9110, 6.5.1), and nothing that S3 says."""
    if headers.find(_END) == len(headers) - len(_END):
        return headers
    answers = [part for part in headers.split(_END) if part.startswith(b"HTTP/")]
    return answers[-1] + _END if answers else b""


def header_lines(headers: bytes) -> list[bytes]:
    """The lines of one answer's headers, without the first, which is no header."""
    return headers.rstrip().split(b"\r\n")[1:]


def header_map(headers: bytes) -> HeadersDict:
    found = HeadersDict()
    for line in header_lines(headers):
        name, colon, value = line.partition(b":")
        if colon:
            found[name.decode("latin-1")] = value.strip().decode("latin-1")
    return found


_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


# | Retry-After          | Date             | seconds                               |
# |----------------------|------------------|---------------------------------------|
# | absent               | any              | 0                                     |
# | a number             | any              | the number                            |
# | a date               | a date           | what lies between, 0 where it is past |
# | a date               | absent or broken | 0                                     |
# | anything else        | any              | 0                                     |
def retry_after_seconds(headers: Mapping[str, str]) -> float:
    """How long the server asks to wait. Names of headers must be found in lower case. Dates are both the server's, so
    this machine's clock does not matter."""
    text = (headers.get("retry-after") or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        seconds = (until - parsedate_to_datetime(headers.get("date") or "")).total_seconds()
    except (ValueError, TypeError):
        return 0.0
    return max(0.0, seconds) if math.isfinite(seconds) else 0.0
