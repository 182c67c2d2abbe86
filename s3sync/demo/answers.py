"""S3's answers where moto gives another one or none, as a WSGI layer around it.

| request | S3 | moto alone |
|---|---|---|
| a part of, the end of, or the listing of an upload that is not there | 404 NoSuchUpload | 500, or 404 without a body |
| a part of an object that was deleted, its versions kept | 404 | 500 |
| an expected bucket owner who is not the owner | 403 AccessDenied | not looked at |
| when an upload was begun | in its listing | a day of 2010 |
| Content-MD5 that is not the body's | 400 BadDigest | not looked at |
| a copy, which has no body, into a bucket with a default retention | copied | 400 InvalidRequest |
| a part without MD5 or checksum into a bucket with a default retention | 400 InvalidRequest | not looked at |
| denied, or the source of UploadPartCopy missing | an error in XML | no body |
| a listing with `encoding-type=url` | keys, prefixes, markers, the delimiter encoded | some of them raw |
| a character in a key that no XML 1.0 may hold | as `&#x1;` | as it stands |
| more than 2 KiB of `x-amz-tagging` | refused | taken |
| the id of a request | `x-amz-request-id` | `x-amzn-requestid` |
| a defect of the server | 500 InternalError | the connection breaks |
"""

import re
from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime
from hashlib import md5
from typing import Protocol
from urllib.parse import parse_qs, quote
from xml.sax.saxutils import unescape

from s3sync.demo.wire import App, Call, Environ, StartResponse, answer, call_of, error_body, in_xml
from s3sync.model.limits import TAGGING_HEADER_MAX_BYTES

_OF_UPLOADS = frozenset(
    {"UploadPart", "UploadPartCopy", "CompleteMultipartUpload", "AbortMultipartUpload", "ListParts"}
)
_COPIES = frozenset({"CopyObject", "UploadPartCopy"})
# The elements that moto leaves raw, by operation.
_RAW_KEYS = {
    "ListObjectsV2": "StartAfter|Delimiter",
    "ListObjects": "Marker|NextMarker|Delimiter",
    "ListObjectVersions": "Key|Prefix|KeyMarker|NextKeyMarker|Delimiter",
    "ListMultipartUploads": "Key|Prefix|KeyMarker|NextKeyMarker|Delimiter",
}
_ERRORS = {
    "403": ("AccessDenied", "Access Denied"),
    "404": ("NoSuchKey", "The specified key does not exist."),
}


class Uploads(Protocol):
    """Where the layer looks uploads and owners up."""

    owner: str

    def has_upload(self, region: str, bucket: str, key: str, upload_id: str, *, or_completed: bool) -> bool:
        """True where the upload is open; with `or_completed` also where it became the object that is there now."""
        ...

    def has_object(self, region: str, bucket: str, key: str) -> bool:
        """False where nothing is there, or a delete marker."""
        ...

    def has_default_retention(self, region: str, bucket: str) -> bool:
        """Whether the bucket locks what is written."""
        ...

    def initiated(self, region: str, bucket: str, upload_id: str) -> datetime:
        """When an open upload was begun."""
        ...


class Answers:
    def __init__(self, app: App, uploads: Uploads) -> None:
        self._app = app
        self._uploads = uploads

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        call = call_of(environ)
        if not call.is_s3:
            return self._app(environ, start_response)
        refusal = self._refusal(environ, call)
        if refusal:
            status, code, message = refusal
            return answer(environ, start_response, status, error_body(code, message))
        if call.operation in _COPIES:
            environ.setdefault("HTTP_CONTENT_MD5", _content_md5(environ))
        try:
            return self._mended(environ, start_response, call)
        except Exception as error:  # noqa: BLE001 (whatever it is, the client must get an answer)
            return answer(environ, start_response, 500, error_body("InternalError", f"{type(error).__name__}: {error}"))

    def _refusal(self, environ: Environ, call: Call) -> tuple[int, str, str] | None:
        owners = {environ.get(f"HTTP_X_AMZ_{side}EXPECTED_BUCKET_OWNER") for side in ("", "SOURCE_")}
        if owners - {None, self._uploads.owner}:
            return 403, "AccessDenied", "Access Denied"
        if call.operation in _OF_UPLOADS:
            upload_id = parse_qs(environ["QUERY_STRING"])["uploadId"][0]
            or_completed = call.operation == "CompleteMultipartUpload"
            if not self._uploads.has_upload(call.region, call.bucket, call.key, upload_id, or_completed=or_completed):
                return 404, "NoSuchUpload", "The specified upload does not exist."
        query = environ["QUERY_STRING"]
        of_part = call.operation == "HeadObject" and "partNumber=" in query and "versionId=" not in query
        if of_part and not self._uploads.has_object(call.region, call.bucket, call.key):
            return 404, "NoSuchKey", "The specified key does not exist."
        return self._refusal_of_headers(environ, call)

    def _refusal_of_headers(self, environ: Environ, call: Call) -> tuple[int, str, str] | None:
        if len(environ.get("HTTP_X_AMZ_TAGGING", "")) > TAGGING_HEADER_MAX_BYTES:
            return 400, "InvalidArgument", "The header 'x-amz-tagging' shall not be longer than 2 KB."
        sent = environ.get("HTTP_CONTENT_MD5")
        if sent and sent != _content_md5(environ):
            return 400, "BadDigest", "The Content-MD5 you specified did not match what we received."
        has_digest = bool(sent) or any(name.startswith("HTTP_X_AMZ_CHECKSUM_") for name in environ)
        is_body = call.operation in ("PutObject", "UploadPart")
        if is_body and not has_digest and self._uploads.has_default_retention(call.region, call.bucket):
            return 400, "InvalidRequest", "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object"
        return None

    def _mended(self, environ: Environ, start_response: StartResponse, call: Call) -> list[bytes]:
        given: list[tuple[str, list[tuple[str, str]]]] = []
        parts = self._app(environ, lambda status, headers, *_: given.append((status, headers)))
        try:
            body = b"".join(parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()
        status, headers = given[0]
        error = _ERRORS.get(status[:3])
        if error and not body and environ["REQUEST_METHOD"] != "HEAD":
            return answer(environ, start_response, int(status[:3]), error_body(*error))
        if call.operation == "ListMultipartUploads" and status[:3] == "200":
            body = self._timed(body, call)
            headers = [pair for pair in headers if pair[0].lower() != "content-length"]
        if call.operation in _RAW_KEYS and status[:3] == "200" and "encoding-type=url" in environ["QUERY_STRING"]:
            body = _encoded(body, _RAW_KEYS[call.operation])
            headers = [pair for pair in headers if pair[0].lower() != "content-length"]
        written = body if call.operation.startswith("GetObject") else in_xml(body)  # an object is no XML
        if written != body:
            headers = [pair for pair in headers if pair[0].lower() != "content-length"]
        body = written
        start_response(status, [_of_s3(*pair) for pair in headers])
        return [body]

    def _timed(self, body: bytes, call: Call) -> bytes:
        """Each upload of a listing with the time when it was begun."""

        def mend(found: re.Match[str]) -> str:
            began = self._uploads.initiated(call.region, call.bucket, found[2])
            return f"{found[1]}<Initiated>{began:%Y-%m-%dT%H:%M:%S}.000Z</Initiated>"

        pattern = r"(<UploadId>([^<]+)</UploadId>(?:(?!</Upload>).)*?)<Initiated>[^<]*</Initiated>"
        return re.sub(pattern, mend, body.decode(), flags=re.DOTALL).encode()


def _of_s3(name: str, value: str) -> tuple[str, str]:
    return ("x-amz-request-id" if name.lower() == "x-amzn-requestid" else name), value


def _content_md5(environ: Environ) -> str:
    stream = environ["wsgi.input"]
    digest = md5(stream.read(), usedforsecurity=False).digest()
    stream.seek(0)
    return b64encode(digest).decode()


def _encoded(body: bytes, elements: str) -> bytes:
    """The keys of a listing as `encoding-type=url` wants them, and the element that says so."""

    def encode(found: re.Match[str]) -> str:
        return f"<{found[1]}>{quote(unescape(found[2]))}</{found[1]}>"

    text = re.sub(rf"<({elements})>([^<]*)</\1>", encode, body.decode())
    if "<EncodingType>" not in text:
        text = re.sub(r"</(\w+)>\s*$", r"<EncodingType>url</EncodingType></\1>", text)
    return text.encode()
