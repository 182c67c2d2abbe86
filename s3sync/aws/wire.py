"""From a request's parameters to what goes over the wire, and from the answer back to boto3's names.

CopyObject (see `quick_form` too), a page of a listing and the bodies of a relay are written out here, as they come by
the million. All other operations go through botocore's own serializer and parser, so that names and formats are boto3's
by construction.
"""

import re
from collections.abc import Mapping
from functools import cache
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

from s3sync.aws import object_wire, quick_form
from s3sync.aws.http_text import (
    HEADERS,
    MalformedRequest,
    Wire,
    final_headers,
    flag_header,
    header_map,
    header_value,
    headers_of,
)
from s3sync.aws.messages import one_line
from s3sync.aws.quick_form import copy_source
from s3sync.aws.retry_after import retry_after_seconds
from s3sync.aws.transport import Reply, Request, checked
from s3sync.model import keys

_ETAG = re.compile(rb"<ETag>([^<]*)</ETag>")
_ERROR = re.compile(rb"^\s*(?:<\?xml[^>]*\?>)?\s*<Error[\s>]")
_ENCRYPTION = b"\nx-amz-server-side-encryption:"
_MEMBER = re.compile(rb"<(\w+)>([^<]*)</\1>")
_STREAMED = frozenset({"GetObject"})
NO_BODY_STATUSES = frozenset({204, 304})


def wire_of(request: Request) -> Wire:
    """Raises MalformedRequest."""
    if request.operation == "CopyObject":
        return _copy_object(request.params)
    if request.operation in _LISTINGS:
        return _listing(request.operation, request.params)
    if request.operation in object_wire.METHODS:
        wire = object_wire.wire_of_object(request.operation, request.params)
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
    return Wire(
        found["method"],
        path or "/",
        _query(fixed, found["query_string"]),
        headers,
        body if has_body else None,
    )


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
    if status < 300 and not (body and operation not in _STREAMED and _ERROR.match(body)):  # noqa: PLR2004
        if operation == "CopyObject":
            return _copied(request, status, headers, body, seconds)
        if request.is_raw:
            return Reply(request, status, values={"Body": body}, seconds=seconds)
        if operation in object_wire.METHODS:
            reply = object_wire.reply_of_object(request, status, headers, body, seconds)
            if reply is not None:
                return checked(reply)
        return _parsed(request, status, headers, body, seconds)
    return _refused(request, status, headers, body, seconds)


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
        values = _parser().parse(answer, _model(request.operation).output_shape)
    except (ResponseParserError, ValueError, OverflowError) as error:
        return Reply(request, 0, "Truncated", one_line(str(error)), seconds=seconds)
    values.pop("ResponseMetadata", None)
    if is_streamed:
        values["Body"] = body
    if expires is not None:
        values["ExpiresString"] = expires
    return checked(Reply(request, status, values=values, seconds=seconds))


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


def _refused(request: Request, status: int, headers: bytes, body: bytes, seconds: float) -> Reply:
    members = {name.decode(): unescape(value.decode(errors="replace")) for name, value in _MEMBER.findall(body)}
    code = members.pop("Code", "") or str(status)
    message = members.pop("Message", "") or ("" if request.operation.startswith("Head") else one_line(code))
    pause = retry_after_seconds(header_map(headers)) if b"\nretry-after:" in headers.lower() else 0.0
    return Reply(request, status, code, one_line(message), members, seconds, retry_after_seconds=pause)
