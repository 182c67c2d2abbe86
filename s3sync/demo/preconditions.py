"""The preconditions of copies and writes that moto does not look at, as a WSGI layer around it.

Sources: "CopyObject", "UploadPartCopy" and "CompleteMultipartUpload" in the S3 API reference, and "How to prevent
object overwrites with conditional writes". All S3 requests go through one lock, so that looking and acting are one
act, as they are in S3; nothing is lost by it, as moto is bound to Python's one running thread anyway.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from s3sync.demo.wire import App, Call, Environ, StartResponse, answer, call_of, copy_source, error_body

_FAILED = "At least one of the pre-conditions you specified did not hold"
_ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_COPIES = frozenset({"CopyObject", "UploadPartCopy"})
_WRITES = frozenset({"PutObject", "CopyObject", "CompleteMultipartUpload"})
_SOURCE_CONDITIONS = tuple(
    f"HTTP_X_AMZ_COPY_SOURCE_{name}"
    for name in ("IF_MATCH", "IF_UNMODIFIED_SINCE", "IF_NONE_MATCH", "IF_MODIFIED_SINCE")
)
_TARGET_CONDITIONS = ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH")


class StoredObject(Protocol):
    """What the layer reads of an object of the server."""

    etag: str
    last_modified: datetime
    storage_class: str
    expiry_date: str | None  # of the restored copy of an archived object


class Objects(Protocol):
    """Where the layer looks objects up."""

    def find(self, region: str, bucket: str, key: str, version_id: str | None) -> Any | None:
        """The object, None where there is none. Raises LookupError where there is no such bucket."""
        ...


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    code: str
    message: str
    condition: str = ""

    def body(self, key: str) -> bytes:
        details = {"Condition": self.condition} if self.condition else {}
        if self.status == 404:  # noqa: PLR2004
            details["Key"] = key
        return error_body(self.code, self.message, **details)


def _failed(condition: str) -> Refusal:
    return Refusal(412, "PreconditionFailed", _FAILED, condition)


def _no_such_key() -> Refusal:
    return Refusal(404, "NoSuchKey", "The specified key does not exist.")


def _bare(etag: str) -> str:
    return etag.strip().removeprefix("W/").strip('"')


def _header_time(text: str) -> datetime:
    time = parsedate_to_datetime(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _whole_second(time: datetime) -> datetime:
    """S3 compares by the second, which is all that a Last-Modified header shows."""
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).replace(microsecond=0)


def source_refusal(environ: Environ, source: StoredObject) -> Refusal | None:
    """Whether the `x-amz-copy-source-if-*` headers let this object be copied.

    | if-match | if-unmodified-since | if-none-match | if-modified-since | answer |
    |---|---|---|---|---|
    | differs | any | any | any | 412 |
    | equal | any, not looked at | as below | as below | as below |
    | absent | modified later | any | any | 412 |
    | absent | not modified later, or absent | as below | as below | as below |
    | ... | ... | equal | any | 412 |
    | ... | ... | differs | any, not looked at | copied |
    | ... | ... | absent | not modified later | 412 |
    | ... | ... | absent | modified later, or absent | copied |
    """

    def header(name: str) -> str | None:
        return environ.get(f"HTTP_X_AMZ_COPY_SOURCE_{name}")

    etag, modified = _bare(source.etag), _whole_second(source.last_modified)
    if_match, if_unmodified = header("IF_MATCH"), header("IF_UNMODIFIED_SINCE")
    if if_match is not None:
        if _bare(if_match) not in (etag, "*"):
            return _failed("x-amz-copy-source-If-Match")
    elif if_unmodified is not None and modified > _header_time(if_unmodified):
        return _failed("x-amz-copy-source-If-Unmodified-Since")
    if_none_match, if_modified = header("IF_NONE_MATCH"), header("IF_MODIFIED_SINCE")
    if if_none_match is not None:
        if _bare(if_none_match) in (etag, "*"):
            return _failed("x-amz-copy-source-If-None-Match")
    elif if_modified is not None and modified <= _header_time(if_modified):
        return _failed("x-amz-copy-source-If-Modified-Since")
    return None


def target_refusal(environ: Environ, target: StoredObject | None) -> Refusal | None:
    """Whether `If-Match` and `If-None-Match: *` let the object be written.

    | header | no such object | object there |
    |---|---|---|
    | If-None-Match: * | written | 412 |
    | If-Match: ETAG | 404 NoSuchKey | written where the ETag is equal, else 412 |
    """
    if target is not None and environ.get("HTTP_IF_NONE_MATCH") == "*":
        return _failed("If-None-Match")
    if_match = environ.get("HTTP_IF_MATCH")
    if if_match is None:
        return None
    if target is None:
        return _no_such_key()
    return None if _bare(if_match) in (_bare(target.etag), "*") else _failed("If-Match")


def archive_refusal(call: Call, source: StoredObject) -> Refusal | None:
    """Moto refuses an archived source that was not restored to CopyObject, but not to UploadPartCopy."""
    if call.operation == "UploadPartCopy" and source.storage_class in _ARCHIVED and source.expiry_date is None:
        return Refusal(403, "InvalidObjectState", "The operation is not valid for the object's storage class")
    return None


def form(operation: str, header: str) -> str:
    """The name of a condition on a request: `CopyObject x-amz-copy-source-if-match`, `PutObject if-none-match`."""
    return f"{operation} {header.removeprefix('HTTP_').replace('_', '-').lower()}"


FORMS = frozenset(
    [form(operation, header) for operation in _COPIES for header in _SOURCE_CONDITIONS]
    + [form(operation, header) for operation in _WRITES for header in _TARGET_CONDITIONS]
)


@dataclass(frozen=True, slots=True)
class Departures:
    """How a server departs from S3 over conditions, by their forms (see `form`): `ignored` ones are not looked at, over
    `unknown` ones it answers 501. `are_demanded`: a write without a condition on the target is denied, as a bucket
    policy can demand (AWS: "Enforce conditional writes on Amazon S3 buckets")."""

    ignored: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    are_demanded: bool = False

    def __post_init__(self) -> None:
        if wrong := (self.ignored | self.unknown) - FORMS:
            raise ValueError(f"no such forms: {sorted(wrong)}")


AS_S3 = Departures()


class Preconditions:
    """The layer. `departures` lets the server depart from S3 as others do; with all forms ignored it leaves only the
    lock, and moto as it is."""

    def __init__(self, app: App, objects: Objects, departures: Departures = AS_S3) -> None:
        self._app = app
        self._objects = objects
        self._departures = departures
        self._one_at_a_time = threading.Lock()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        call = call_of(environ)
        if not call.is_s3:
            return self._app(environ, start_response)
        with self._one_at_a_time:
            refusal = self._departure(environ, call) or self._refusal_of(environ, call)
            if refusal is None:
                return self._whole(environ, start_response)
        return answer(environ, start_response, refusal.status, refusal.body(call.key))

    def _whole(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        """The answer read to its end, so that the lock is held until it is complete."""
        parts = self._app(environ, start_response)
        try:
            return list(parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()

    def _departure(self, environ: Environ, call: Call) -> Refusal | None:
        """Takes the conditions away that the server does not look at, moto's own looks included."""
        given = [header for header in (*_SOURCE_CONDITIONS, *_TARGET_CONDITIONS) if header in environ]
        for header in given:
            if form(call.operation, header) in self._departures.unknown:
                return Refusal(501, "NotImplemented", "A header you provided implies functionality not implemented")
        is_bare = call.operation in _WRITES and not any(header in environ for header in _TARGET_CONDITIONS)
        if self._departures.are_demanded and is_bare:
            return Refusal(403, "AccessDenied", "Access Denied")
        for header in given:
            if form(call.operation, header) in self._departures.ignored:
                del environ[header]
        return None

    def _refusal_of(self, environ: Environ, call: Call) -> Refusal | None:
        try:
            return self._refusal(environ, call)
        except LookupError:  # no such bucket: moto says so
            return None

    def _refusal(self, environ: Environ, call: Call) -> Refusal | None:
        if call.operation in _COPIES:
            source = self._objects.find(call.region, *copy_source(environ))
            if source is not None:
                refusal = source_refusal(environ, source) or archive_refusal(call, source)
                if refusal is not None:
                    return refusal
        if call.operation in _WRITES:
            return target_refusal(environ, self._objects.find(call.region, call.bucket, call.key, None))
        return None
