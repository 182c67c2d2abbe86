"""From a request's parameters to what goes over the wire, and from the answer back to boto3's names.

CopyObject (see `quick_form` too), a page of a listing and the bodies of a relay are written out here, as they come by
the million. All other operations go through botocore's own serializer and parser, so that names and formats are boto3's
by construction.

GetObject, GetObjectTagging, PutObject and UploadPart as a relay needs them, written and read without botocore.

What is not in the tables here (a date as a condition, a rare header) goes through botocore as every other operation:
`wire_of_object` and `reply_of_object` give None for it.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from hashlib import md5
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import unescape

import botocore.session
from botocore.awsrequest import HeadersDict
from botocore.exceptions import ParamValidationError
from botocore.model import OperationModel
from botocore.parsers import ResponseParserError, create_parser
from botocore.serialize import create_serializer
from botocore.utils import parse_timestamp

from s3sync.model import keys
from s3sync.model.keys import one_line
from s3sync.s3.request import Reply, Request, checked, note_date
from s3sync.s3.wire import templates as quick_form
from s3sync.s3.wire.http import (
    HEADERS,
    MalformedRequest,
    Wire,
    final_headers,
    flag_header,
    header_lines,
    header_map,
    header_value,
    headers_of,
)
from s3sync.s3.wire.refusals import is_error, refused
from s3sync.s3.wire.templates import copy_source
from s3sync.s3.wire.xml_text import legible

_ETAG = re.compile(rb"<ETag>([^<]*)</ETag>")
_ETAG_HEADER = re.compile(rb"(?im)^etag: *([^\r\n]*?) *\r?$")
_ENCRYPTION = b"\nx-amz-server-side-encryption:"
_STREAMED = {"GetObject": "Body", "GetObjectAnnotation": "AnnotationPayload"}
NO_BODY_STATUSES = frozenset({204, 304})


def wire_of(request: Request) -> Wire:
    """Raises MalformedRequest."""
    if request.operation == "CopyObject":
        return _copy_object(request.params)
    if request.operation in _LISTINGS:
        return _listing(request.operation, request.params)
    if request.operation in METHODS:
        wire = wire_of_object(request.operation, request.params)
        if wire is not None:
            return wire
    return _modelled(request.operation, request.params)


def _copy_object(params: Mapping[str, Any]) -> Wire:
    headers = [(HEADERS["CopySource"], copy_source(params["CopySource"]))]
    for name, value in params.items():
        header = quick_form.COPY_HEADERS.get(name)
        if header is not None:
            headers.append((header, header_value(name, value)))
        elif name == "BucketKeyEnabled":
            headers.append(flag_header(name, value))
        elif name not in quick_form.NOT_HEADERS:
            return _modelled("CopyObject", params)
    return Wire("PUT", f"/{keys.to_path(params['Key'])}", "", headers)


# The parameters of a page of a listing: headers, and what stands in the query.
_LISTINGS = {"ListObjectsV2": "list-type=2", "ListObjectVersions": "versions="}
_LISTING_HEADERS = headers_of("ExpectedBucketOwner RequestPayer")
_LISTING_PARAMETERS = {
    "ContinuationToken": "continuation-token",
    "EncodingType": "encoding-type",
    "FetchOwner": "fetch-owner",
    "KeyMarker": "key-marker",
    "MaxKeys": "max-keys",
    "Prefix": "prefix",
    "StartAfter": "start-after",
    "VersionIdMarker": "version-id-marker",
}


def _listing(operation: str, params: Mapping[str, Any]) -> Wire:
    query, headers = [_LISTINGS[operation]], []
    for given, value in params.items():
        if given == "Bucket":
            continue
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if given in _LISTING_HEADERS:
            headers.append((_LISTING_HEADERS[given], header_value(given, text)))
        elif given in _LISTING_PARAMETERS:
            query.append(f"{_LISTING_PARAMETERS[given]}={quote(text, safe='-_.~')}")
        else:
            return _modelled(operation, params)
    return Wire("GET", "/", "&".join(sorted(query)), headers)


@cache
def _model(operation: str) -> OperationModel:
    return botocore.session.get_session().get_service_model("s3").operation_model(operation)


@cache
def _serializer() -> Any:
    return create_serializer("rest-xml", include_validation=True)


@cache
def _parser() -> Any:
    return create_parser("rest-xml")


def _modelled(operation: str, params: Mapping[str, Any]) -> Wire:
    given = {name: value for name, value in params.items() if name != "Body"}
    if "CopySource" in given:
        given["CopySource"] = copy_source(given["CopySource"])
    model = _model(operation)
    try:
        found = _serializer().serialize_to_request(given, model)
    except ParamValidationError as error:
        raise MalformedRequest(one_line(str(error))) from error
    path, _, fixed = found["url_path"].partition("?")
    path = path.removeprefix(f"/{quote(given['Bucket'], safe='')}")
    body = params.get("Body", found["body"])
    headers = [(name.lower(), header_value(name, value)) for name, value in found["headers"].items()]
    has_body = bool(body) or found["method"] in ("PUT", "POST")
    if isinstance(body, (str, bytearray)):
        body = body.encode() if isinstance(body, str) else bytes(body)
    if model.http_checksum.get("requestChecksumRequired") and isinstance(body, bytes) and not _has_checksum(headers):
        headers.append((HEADERS["ContentMD5"], b64encode(md5(body, usedforsecurity=False).digest()).decode()))
    return Wire(
        found["method"],
        path or "/",
        _query(fixed, found["query_string"]),
        headers,
        body if has_body else None,
    )


def _has_checksum(headers: list[tuple[str, str]]) -> bool:
    return any(name == HEADERS["ContentMD5"] or name.startswith("x-amz-checksum-") for name, _ in headers)


def _query(fixed: str, given: Mapping[str, Any]) -> str:
    """Encoded and sorted, each name with its `=`, as it is signed and sent."""
    pairs = [part.partition("=")[::2] for part in fixed.split("&") if part]
    encoded = [(name, value) for name, value in pairs]
    for name, value in given.items():
        for each in value if isinstance(value, list) else [value]:
            encoded.append((quote(name, safe="-_.~"), quote(str(each), safe="-_.~")))
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def reply_of(request: Request, status: int, headers: bytes, body: bytes, seconds: float) -> Reply:
    """The answer under boto3's names. A 200 with an error in it is the error (AWS: "CopyObject")."""
    operation, headers = request.operation, final_headers(headers)
    if status < 300 and not (body and operation not in _STREAMED and is_error(body)):  # noqa: PLR2004
        if operation == "CopyObject":
            return _copied(request, status, headers, body, seconds)
        if request.is_raw:
            return Reply(request, status, values={"Body": body, **_etag_of(headers)}, seconds=seconds)
        if operation in METHODS:
            reply = reply_of_object(request, status, headers, body, seconds)
            if reply is not None:
                return checked(reply)
        return _parsed(request, status, headers, body, seconds)
    return refused(request, status, headers, body, seconds)


def _etag_of(headers: bytes) -> dict[str, Any]:
    found = _ETAG_HEADER.search(headers)
    return {"ETag": found[1].decode("latin-1")} if found else {}


def _copied(request: Request, status: int, headers: bytes, body: bytes, seconds: float) -> Reply:
    found = _ETAG.search(body)
    if found is None:
        return Reply(request, 0, "Truncated", "the answer to the copy has no ETag", seconds=seconds)
    etag = found[1].decode(errors="replace")
    if etag[:6] == etag[-6:] == "&quot;":
        etag = f'"{etag[6:-6]}"'
    if "&" in etag:
        etag = unescape(etag, {"&quot;": '"', "&#34;": '"'})
    values: dict[str, Any] = {"CopyObjectResult": {"ETag": etag}}
    at = headers.lower().rfind(_ENCRYPTION)
    if at >= 0:
        value = headers[at + len(_ENCRYPTION) : headers.find(b"\n", at + 1)]
        values["ServerSideEncryption"] = value.strip().decode("latin-1")
    return Reply(request, status, None, "", values, seconds)


def _parsed(request: Request, status: int, headers: bytes, body: bytes, seconds: float) -> Reply:
    found = header_map(headers)
    expires = _take_wrong_expires(found)
    is_streamed = request.operation in _STREAMED  # botocore takes bytes for text there, so it gets none
    answer = {"status_code": status, "headers": found, "body": b"" if is_streamed else body}
    try:
        values = _parse(answer, request.operation)
    except (ResponseParserError, ValueError, OverflowError) as error:
        return Reply(request, 0, "Truncated", one_line(str(error)), seconds=seconds)
    values.pop("ResponseMetadata", None)
    note_date(request, values, found.get("Date"))
    if is_streamed:
        values[_STREAMED[request.operation]] = body
    if expires is not None:
        values["ExpiresString"] = expires
    return checked(Reply(request, status, values=values, seconds=seconds))


def _parse(answer: dict[str, Any], operation: str) -> dict[str, Any]:
    """Raises as botocore's parser does. A body is made legible only where it must be."""
    shape = _model(operation).output_shape
    try:
        parsed: dict[str, Any] = _parser().parse(answer, shape)
    except ResponseParserError:
        clean = legible(answer["body"])
        if clean == answer["body"]:
            raise
        parsed = _parser().parse({**answer, "body": clean}, shape)
    return parsed


def _take_wrong_expires(headers: HeadersDict) -> str | None:
    """S3 keeps an `Expires` as it was given, a date or not; as boto3 does, one that is none is told as text."""
    given = headers.get("Expires")
    if given is None:
        return None
    try:
        parse_timestamp(given)
    except (ValueError, RuntimeError, OverflowError):
        del headers["Expires"]
        return str(given) or "0"
    return None


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
