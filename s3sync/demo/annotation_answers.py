"""Object annotations, which moto does not know: it takes the request for one of the object itself, and a
PutObjectAnnotation overwrites it. A WSGI layer around it.

Sources: the four operations and "CopyObject" (x-amz-object-annotation-directive) in the S3 API reference. An annotation
belongs to one version of an object: whatever writes the object again, a copy by parts among it, leaves it without.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import md5
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from s3sync.demo.preconditions import Objects
from s3sync.demo.wire import App, Call, Environ, StartResponse, answer, call_of, copy_source, error_body
from s3sync.model.limits import ANNOTATION_MAX_BYTES, ANNOTATIONS_MAX

_NAME_MAX_BYTES = 512
_RESERVED = ("aws", "s3")
_OPERATIONS = frozenset(
    {"PutObjectAnnotation", "GetObjectAnnotation", "ListObjectAnnotations", "DeleteObjectAnnotation"}
)


@dataclass(frozen=True, slots=True)
class StoredAnnotation:
    payload: bytes
    etag: str
    last_modified: datetime


class RefusedAnnotation(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class AnnotationAnswers:
    """The layer. `is_known=False` leaves moto as it is, like a server that never heard of annotations."""

    def __init__(self, app: App, objects: Objects, *, is_known: bool = True) -> None:
        self._app = app
        self._objects = objects
        self._is_known = is_known

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        call = call_of(environ)
        if call.operation == "CopyObject":
            return self._copied(environ, start_response, call)
        if call.operation not in _OPERATIONS or not self._is_known:
            return self._app(environ, start_response)
        query = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
        try:
            stored = self._stored(call, query.get("versionId"), environ.get("HTTP_X_AMZ_OBJECT_IF_MATCH"))
            return _ANSWERS[call.operation](environ, start_response, call, query, annotations_of(stored))
        except RefusedAnnotation as refused:
            body = error_body(refused.code, refused.message, Key=call.key)
            return answer(environ, start_response, refused.status, body)

    def _stored(self, call: Call, version_id: str | None, expected_etag: str | None) -> Any:
        try:
            found = self._objects.find(call.region, call.bucket, call.key, version_id)
        except LookupError as error:
            raise RefusedAnnotation(404, "NoSuchBucket", "The specified bucket does not exist") from error
        if found is None:
            raise RefusedAnnotation(404, "NoSuchKey", "The specified key does not exist.")
        if expected_etag is not None and expected_etag.strip('"') != found.etag.strip('"'):
            raise RefusedAnnotation(
                412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"
            )
        return found

    def _copied(self, environ: Environ, start_response: StartResponse, call: Call) -> Iterable[bytes]:
        """S3 copies annotations unless it is told otherwise, and no website redirect; moto does it the other way."""
        source = self._of_source(call, environ)
        given: list[str] = []

        def begun(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            given.append(status)
            return start_response(status, headers, *more)

        parts = list(self._app(environ, begun))
        if given[0].startswith(str(HTTPStatus.OK.value)):
            target = self._objects.find(call.region, call.bucket, call.key, None)
            if target is not None:
                target.metadata.pop("x-amz-website-redirect-location", None)
                if environ.get("HTTP_X_AMZ_OBJECT_ANNOTATION_DIRECTIVE") != "EXCLUDE":
                    annotations_of(target).update(source)
        return parts

    def _of_source(self, call: Call, environ: Environ) -> dict[str, StoredAnnotation]:
        try:
            source = self._objects.find(call.region, *copy_source(environ))
        except LookupError:  # no such bucket: moto says so
            return {}
        return dict(annotations_of(source)) if source is not None else {}


def annotations_of(stored: Any) -> dict[str, StoredAnnotation]:
    """The annotations that an object of moto has; they are kept with it, and go when it goes."""
    found: dict[str, StoredAnnotation] = vars(stored).setdefault("s3sync_annotations", {})
    return found


def _put(
    environ: Environ,
    start_response: StartResponse,
    call: Call,
    query: dict[str, str],
    there: dict[str, StoredAnnotation],
) -> list[bytes]:
    name, payload = query.get("annotationName", ""), environ["wsgi.input"].read()
    size_bytes = len(name.encode())
    if not size_bytes or name.lower().startswith(_RESERVED):
        raise RefusedAnnotation(400, "InvalidAnnotationName", "The annotation name is not valid.")
    if size_bytes > _NAME_MAX_BYTES:
        raise RefusedAnnotation(400, "AnnotationNameTooLong", "The annotation name is too long.")
    if not 0 < len(payload) <= ANNOTATION_MAX_BYTES:
        raise RefusedAnnotation(400, "InvalidRequest", "The annotation payload must have 1 byte to 1 MiB.")
    try:
        payload.decode()
    except UnicodeDecodeError as error:
        raise RefusedAnnotation(415, "UnsupportedMediaType", "The annotation payload is not UTF-8.") from error
    if name not in there and len(there) >= ANNOTATIONS_MAX:
        raise RefusedAnnotation(400, "AnnotationLimitExceeded", "The object has 1,000 annotations.")
    etag = f'"{md5(payload, usedforsecurity=False).hexdigest()}"'
    there[name] = StoredAnnotation(payload, etag, datetime.now(UTC))
    body = f"<PutObjectAnnotationResult><Key>{escape(call.key)}</Key><AnnotationName>{escape(name)}</AnnotationName>"
    return _with_headers(start_response, (body + "</PutObjectAnnotationResult>").encode(), ETag=etag)


def _get(
    _: Environ, start_response: StartResponse, __: Call, query: dict[str, str], there: dict[str, StoredAnnotation]
) -> list[bytes]:
    found = _named(query, there)
    modified = f"{found.last_modified:%a, %d %b %Y %H:%M:%S GMT}"
    return _with_headers(start_response, found.payload, ETag=found.etag, **{"Last-Modified": modified})


def _list(
    environ: Environ,
    start_response: StartResponse,
    call: Call,
    query: dict[str, str],
    there: dict[str, StoredAnnotation],
) -> list[bytes]:
    most, after = int(query.get("max-annotation-results", ANNOTATIONS_MAX)), query.get("continuation-token", "")
    prefix = query.get("annotation-prefix", "")
    names = sorted(name for name in there if name.startswith(prefix) and name > after)
    page = names[:most]
    more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if len(names) > most else ""
    body = (
        '<ListObjectAnnotationsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Bucket>{call.bucket}</Bucket><Key>{escape(call.key)}</Key><AnnotationCount>{len(page)}</AnnotationCount>"
        f"<MaxAnnotationResults>{most}</MaxAnnotationResults>{more}"
        f"<Annotations>{''.join(_entry(name, there[name]) for name in page)}</Annotations>"
        "</ListObjectAnnotationsResult>"
    )
    return answer(environ, start_response, 200, f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode())


def _entry(name: str, found: StoredAnnotation) -> str:
    fields = {
        "AnnotationName": name,
        "LastModified": f"{found.last_modified:%Y-%m-%dT%H:%M:%S}.000Z",
        "ETag": found.etag,
        "Size": str(len(found.payload)),
    }
    inner = "".join(f"<{field}>{escape(text)}</{field}>" for field, text in fields.items())
    return f"<AnnotationEntry>{inner}</AnnotationEntry>"


def _delete(
    _: Environ, start_response: StartResponse, __: Call, query: dict[str, str], there: dict[str, StoredAnnotation]
) -> list[bytes]:
    _named(query, there)
    del there[query["annotationName"]]
    start_response("204 No Content", [])
    return []


def _named(query: dict[str, str], there: dict[str, StoredAnnotation]) -> StoredAnnotation:
    found = there.get(query.get("annotationName", ""))
    if found is None:
        raise RefusedAnnotation(404, "NoSuchAnnotation", "The specified annotation does not exist.")
    return found


def _with_headers(start_response: StartResponse, body: bytes, **headers: str) -> list[bytes]:
    start_response("200 OK", [*headers.items(), ("Content-Length", str(len(body)))])
    return [body]


_ANSWERS = {
    "PutObjectAnnotation": _put,
    "GetObjectAnnotation": _get,
    "ListObjectAnnotations": _list,
    "DeleteObjectAnnotation": _delete,
}
