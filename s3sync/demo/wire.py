"""Requests to S3 and SQS as a WSGI server sees them, and S3's errors as S3 writes them.

A layer around the embedded server reads the request into a `Call`, and either answers it by itself or hands it on.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, quote, unquote
from uuid import uuid4
from xml.sax.saxutils import escape

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]

REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    412: "Precondition Failed",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Slow Down",
}

_SCOPE = re.compile(r"Credential=[^/]*/[^/]*/([^/]*)/([^/]*)/aws4_request")
_VIRTUAL_HOST = re.compile(r"(?P<bucket>.+?)(\.s3)?\.(localhost|127\.0\.0\.1)(?P<port>:\d+)?")

# The first parameter found in the query names the operation; "" is the one without such a parameter.
_BUCKET_OPERATIONS = {
    "GET": {
        "versions": "ListObjectVersions",
        "uploads": "ListMultipartUploads",
        "versioning": "GetBucketVersioning",
        "location": "GetBucketLocation",
        "policy": "GetBucketPolicy",
        "encryption": "GetBucketEncryption",
        "tagging": "GetBucketTagging",
        "list-type": "ListObjectsV2",
        "": "ListObjects",
    },
    "HEAD": {"": "HeadBucket"},
    "PUT": {
        "versioning": "PutBucketVersioning",
        "policy": "PutBucketPolicy",
        "encryption": "PutBucketEncryption",
        "tagging": "PutBucketTagging",
        "": "CreateBucket",
    },
    "POST": {"delete": "DeleteObjects", "": "PostObject"},
    "DELETE": {"policy": "DeleteBucketPolicy", "": "DeleteBucket"},
}
_OBJECT_OPERATIONS = {
    "GET": {
        "uploadId": "ListParts",
        "tagging": "GetObjectTagging",
        "acl": "GetObjectAcl",
        "attributes": "GetObjectAttributes",
        "annotationName": "GetObjectAnnotation",
        "annotation": "ListObjectAnnotations",
        "": "GetObject",
    },
    "HEAD": {"": "HeadObject"},
    "PUT": {
        "uploadId": "UploadPart",
        "tagging": "PutObjectTagging",
        "acl": "PutObjectAcl",
        "annotation": "PutObjectAnnotation",
        "": "PutObject",
    },
    "POST": {
        "uploads": "CreateMultipartUpload",
        "uploadId": "CompleteMultipartUpload",
        "restore": "RestoreObject",
        "": "PostObject",
    },
    "DELETE": {
        "uploadId": "AbortMultipartUpload",
        "tagging": "DeleteObjectTagging",
        "annotation": "DeleteObjectAnnotation",
        "": "DeleteObject",
    },
}
_COPIES = {"PutObject": "CopyObject", "UploadPart": "UploadPartCopy"}


_NO_XML = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")


@dataclass(frozen=True, slots=True)
class Call:
    """One request: `operation` is AWS's name of it, `service` the one it was signed for (`s3` where unsigned).

    `bucket` and `key` are empty where the request has none; the key is decoded.
    """

    service: str
    region: str
    operation: str
    bucket: str = ""
    key: str = ""

    @property
    def is_s3(self) -> bool:
        return self.service == "s3"


def call_of(environ: Environ) -> Call:
    """What a request asks for; virtual hosts are understood by `path_style`, which comes first."""
    scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    region, service = (scope[1], scope[2]) if scope else ("us-east-1", "s3")
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target or service != "s3":
        return Call(service, region, target.rpartition(".")[2])
    bucket, _, key = str(environ["RAW_URI"]).partition("?")[0].removeprefix("/").partition("/")
    call = Call(service, region, "", unquote(bucket), unquote(key))
    return replace(call, operation=_s3_operation(environ, call))


def _s3_operation(environ: Environ, call: Call) -> str:
    if not call.bucket:
        return "ListBuckets"
    table = (_OBJECT_OPERATIONS if call.key else _BUCKET_OPERATIONS).get(environ["REQUEST_METHOD"], {"": ""})
    query = {name for name, _ in parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)}
    operation = next((table[name] for name in table if name in query), table[""])
    return _COPIES.get(operation, operation) if "HTTP_X_AMZ_COPY_SOURCE" in environ else operation


def path_style(environ: Environ) -> None:
    """Turn `http://BUCKET.localhost/key` and `http://BUCKET.s3.localhost/key` into `http://localhost/BUCKET/key`."""
    found = _VIRTUAL_HOST.fullmatch(environ.get("HTTP_HOST", ""))
    if not found or found["bucket"] == "s3":
        return
    bucket = found["bucket"]
    environ["HTTP_HOST"] = "localhost" + (found["port"] or "")
    environ["PATH_INFO"] = f"/{bucket}{environ['PATH_INFO']}"
    for name in ("RAW_URI", "REQUEST_URI"):
        environ[name] = f"/{quote(bucket)}{environ[name]}"


def copy_source(environ: Environ) -> tuple[str, str, str | None]:
    """Bucket, key and version id of `x-amz-copy-source`."""
    path, _, query = str(environ["HTTP_X_AMZ_COPY_SOURCE"]).partition("?versionId=")
    bucket, _, key = unquote(path).removeprefix("/").partition("/")
    return bucket, key, query or None


def error_body(code: str, message: str, **details: str) -> bytes:
    """The XML of an error; `details` are elements of its own (`Key`, `Condition`)."""
    fields = {"Code": code, "Message": message, **details, "RequestId": uuid4().hex[:16].upper(), "HostId": "embedded"}
    inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in fields.items())
    return in_xml(f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode())


def in_xml(body: bytes) -> bytes:
    """As S3 writes what no XML 1.0 may hold: a reference, which is none either."""
    return _NO_XML.sub(lambda found: f"&#x{ord(found[0].decode()):x};".encode(), body)


def answer(environ: Environ, start_response: StartResponse, status: int, body: bytes) -> list[bytes]:
    """Answer with XML; to a HEAD with the headers only, as S3 does."""
    headers = [("Content-Type", "application/xml"), ("x-amz-request-id", uuid4().hex[:16].upper()), ("Server", "s3")]
    is_head = environ["REQUEST_METHOD"] == "HEAD"
    if not is_head:
        headers.append(("Content-Length", str(len(body))))
    start_response(f"{status} {REASONS.get(status, 'Error')}", headers)
    return [] if is_head else [body]
