"""The service: buckets, a clock that is set from outside, and the table of operations."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import md5
from typing import Any

from s3sync.demo.s3_model.stored import Bucket, Refused, Upload, Version
from s3sync.model.limits import PART_MIN_BYTES

Act = Callable[["Service", Mapping[str, Any]], dict[str, Any]]

OPERATIONS: dict[str, Act] = {}


def operation(act: Act) -> Act:
    """Enter a function as the operation of its name: `head_object` is HeadObject."""
    OPERATIONS["".join(word.capitalize() for word in act.__name__.split("_"))] = act
    return act


class Service:
    """S3, or, with `departs`, a server that does otherwise in what is named (tests/servers/capabilities.py).

    `now` is in seconds since 1970, and only whoever holds the service moves it. `caller` is who opens uploads.
    `on_write` and `on_open` are called in the instant in which an object is written, and an upload opened.
    """

    def __init__(self, *, departs: frozenset[str] = frozenset(), part_min_bytes: int = PART_MIN_BYTES) -> None:
        self.buckets: dict[str, Bucket] = {}
        self.now = 0.0
        self.caller = "caller"
        self.departs = departs
        self.part_min_bytes = part_min_bytes
        self.repeats_completions = False
        self.completions: dict[str, dict[str, Any]] = {}
        self.on_write: Callable[[Bucket, str, Version], None] = _unheard
        self.on_open: Callable[[Bucket, Upload], None] = _unheard
        self._numbers = 0

    @property
    def second(self) -> int:
        return int(self.now)

    def next_number(self) -> int:
        """Ids that were never given before."""
        self._numbers += 1
        return self._numbers

    def call(self, name: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """One request, done whole in this instant. Raises Refused, and then nothing has changed."""
        return OPERATIONS[name](self, params)

    def create_bucket(self, name: str, **more: Any) -> Bucket:
        bucket = self.buckets[name] = Bucket(name, **more)
        return bucket

    def bucket(self, params: Mapping[str, Any]) -> Bucket:
        return self._bucket(params["Bucket"], params.get("ExpectedBucketOwner"))

    def source_bucket(self, params: Mapping[str, Any]) -> Bucket:
        return self._bucket(params["CopySource"]["Bucket"], params.get("ExpectedSourceBucketOwner"))

    def _bucket(self, name: str, expected_owner: str | None) -> Bucket:
        """Source: "Verifying bucket ownership with bucket owner condition" [embedded]."""
        found = self.buckets.get(name)
        if found is None:
            raise Refused(404, "NoSuchBucket", "The specified bucket does not exist", BucketName=name)
        if expected_owner not in (None, found.owner) and "expected_bucket_owner" not in self.departs:
            raise Refused(403, "AccessDenied", "Access Denied")
        return found

    def check_digest(self, params: Mapping[str, Any]) -> None:
        """A body that is not what Content-MD5 says is not stored. Source: "PutObject" [embedded, radosgw]."""
        sent, body = params.get("ContentMD5"), params.get("Body", b"")
        if sent is None or not isinstance(body, bytes) or "content_md5_checked" in self.departs:
            return
        if sent != b64encode(md5(body, usedforsecurity=False).digest()).decode():
            raise Refused(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")

    def range_of(self, text: str, size_bytes: int) -> tuple[int, int]:
        """First and last byte of a `bytes=FIRST-LAST`, cut at the end. Source: RFC 9110, 14.1.2 [embedded]."""
        first, _, last = text.removeprefix("bytes=").partition("-")
        begin, end = int(first), min(int(last or size_bytes), size_bytes - 1)
        if begin >= size_bytes or begin > end:
            raise Refused(416, "InvalidRange", "The requested range is not satisfiable")
        return begin, end


def _unheard(*_: object) -> None:
    pass
