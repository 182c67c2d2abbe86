"""The operations that come by the million as they go over the wire, laid out once for all requests that give the same
parameters.

The copies of a run differ in two keys, an ETag and sometimes a storage class; what a relay reads differs in a key and
an ETag, what it writes in a key, an MD5 and a type. What requests share is put together once a second, with the time
that is signed; each fills in the rest:

    canonical request    PUT %s ... x-amz-copy-source:%s x-amz-copy-source-if-match:%s ... names, hash of nothing
    lines sent           host: ..., x-amz-date: ...      + one for each value + authorization
"""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from s3sync.model import keys
from s3sync.s3.wire.endpoints import Endpoint
from s3sync.s3.wire.http import HEADERS, headers_of
from s3sync.s3.wire.sigv4 import EMPTY_SHA256, UNSIGNED, Second, Signer

_SOURCE = HEADERS["CopySource"]
_OF_ALL = headers_of("ExpectedBucketOwner RequestPayer")
_OF_WRITES = headers_of("ACL IfNoneMatch SSEKMSKeyId ServerSideEncryption StorageClass WebsiteRedirectLocation")

# Those of CopyObject whose values are texts. `Metadata` and dates are not among them: a copy carries the source's.
COPY_HEADERS = {
    **_OF_ALL,
    **_OF_WRITES,
    **headers_of("AnnotationDirective CopySourceIfMatch ExpectedSourceBucketOwner TaggingDirective"),
}
# Those of PutObject; an object with user metadata, whose names differ, goes the slow way.
_PUT_HEADERS = {
    **_OF_ALL,
    **_OF_WRITES,
    **headers_of("CacheControl ContentDisposition ContentEncoding ContentLanguage ContentMD5 ContentType Tagging"),
}
NOT_HEADERS = frozenset({"Bucket", "Key", "CopySource"})


@dataclass(frozen=True, slots=True)
class _Shape:
    """`query` is encoded; `headers` are by boto3's names; `sent` are lines that are sent and not signed; `payload` is
    what is signed of the body."""

    method: str
    query: str
    headers: Mapping[str, str]
    sent: tuple[str, ...] = ()
    payload: str = EMPTY_SHA256

    @property
    def has_body(self) -> bool:
        return self.payload == UNSIGNED


_SHAPES = {
    "CopyObject": _Shape("PUT", "", {"CopySource": _SOURCE, **COPY_HEADERS}, ("Content-Length: 0",)),
    "GetObject": _Shape("GET", "", {**_OF_ALL, **headers_of("IfMatch Range")}),
    "GetObjectTagging": _Shape("GET", "tagging=", _OF_ALL),
    "PutObject": _Shape("PUT", "", _PUT_HEADERS, ("Expect:",), UNSIGNED),
}
QUICK = frozenset(_SHAPES)


def copy_source(source: Mapping[str, str] | str, known: str = "", known_encoded: str = "") -> str:
    """The value of `x-amz-copy-source`. `known` is a key that has been encoded already: mostly it is the same."""
    if isinstance(source, str):
        return source
    key = source["Key"]
    encoded = f"{source['Bucket']}/{known_encoded if key == known else keys.to_path(key)}"
    version_id = source.get("VersionId")
    return f"{encoded}?versionId={version_id}" if version_id else encoded


class QuickForm:
    """For the requests of one operation to one bucket that give the parameters of these names."""

    def __init__(self, shape: _Shape, names: list[str], endpoint: Endpoint, signer: Signer) -> None:
        self.method = shape.method
        self.has_body = shape.has_body
        self.endpoint = endpoint
        self._shape = shape
        self._signer = signer
        self._base = f"{endpoint.path}/"
        self._behind = f"?{shape.query}" if shape.query else ""
        self._second: Second | None = None
        given = sorted((shape.headers[name], name) for name in names if name in shape.headers)
        self._headers = [header for header, _ in given]
        self._source_at = self._headers.index(_SOURCE) if _SOURCE in self._headers else None
        self._values = itemgetter("Bucket", *(name for _, name in given), "Key")  # two at least, so always a tuple
        self._canonical = ""
        self._newlines = 0
        self._fixed: list[str] = []
        self._starts: list[str] = []
        self._authorization = ""

    @classmethod
    def of(cls, operation: str, names: list[str], endpoint: Endpoint, signer: Signer) -> "QuickForm | None":
        """None where the operation, or a parameter, is not one of the quick ones."""
        shape = _SHAPES.get(operation)
        if shape is None or shape.has_body != ("Body" in names):
            return None
        if not all(name in shape.headers or name in NOT_HEADERS or name == "Body" for name in names):
            return None
        return cls(shape, names, endpoint, signer)

    def fill(self, params: Mapping[str, Any]) -> tuple[str, list[str]] | None:
        """The path with its query, and the lines of the headers, signed. None where a value may not be as it is signed:
        spaces that are not single or stand at an end, line breaks, what is not ASCII and nothing at all have rules of
        their own."""
        second = self._signer.now()
        if second is not self._second:
            self._lay_out(second)
        _, *values, key = self._values(params)
        encoded = keys.to_path(key)
        path = self._base + encoded
        if self._source_at is not None:
            values[self._source_at] = copy_source(values[self._source_at], key, encoded)
        canonical = self._canonical % (path, *values)
        if "" in values or canonical.count("\n") != self._newlines or not canonical.isascii():
            return None
        if "\t" in canonical:
            return None
        if " " in canonical and ("  " in canonical or ": " in canonical or " \n" in canonical):
            return None
        lines = [*self._fixed, *map(str.__add__, self._starts, values)]
        lines.append(self._authorization + second.signature(canonical))
        return path + self._behind, lines

    def _lay_out(self, second: Second) -> None:
        payload = self._shape.payload
        fixed = [("host", self.endpoint.host), ("x-amz-content-sha256", payload), ("x-amz-date", second.amz_date)]
        if second.token:
            fixed.append(("x-amz-security-token", second.token))
        every = sorted([*((n, value.replace("%", "%%")) for n, value in fixed), *((n, "%s") for n in self._headers)])
        names = ";".join(name for name, _ in every)
        lines = "\n".join(f"{name}:{value}" for name, value in every)
        self._canonical = f"{self.method}\n%s\n{self._shape.query}\n{lines}\n\n{names}\n{payload}"
        self._newlines = self._canonical.count("\n")
        self._fixed = [*(f"{name}: {value}" for name, value in fixed), *self._shape.sent]
        self._starts = [f"{name}: " for name in self._headers]
        self._authorization = f"{second.authorization}{names}, Signature="
        self._second = second
