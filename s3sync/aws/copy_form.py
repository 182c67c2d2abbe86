"""CopyObject as it goes over the wire, laid out once for all requests that give the same parameters.

A copy comes by the million, and its requests differ in two keys, an ETag and sometimes a storage class. What they share
is put together once a second, with the time that is signed; a request fills in the rest:

    canonical request    PUT %s ... x-amz-copy-source:%s x-amz-copy-source-if-match:%s ... names, hash of nothing
    lines sent           host: ..., x-amz-date: ...      + one for each value + authorization
"""

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from s3sync.aws.endpoints import Endpoint
from s3sync.aws.sigv4 import EMPTY_SHA256, Second, Signer
from s3sync.model import keys

# The headers of CopyObject by boto3's names, those whose values are texts. `Metadata` and dates are not among them: a
# copy carries the source's.
HEADERS = {
    "ACL": "x-amz-acl",
    "CopySourceIfMatch": "x-amz-copy-source-if-match",
    "ExpectedBucketOwner": "x-amz-expected-bucket-owner",
    "ExpectedSourceBucketOwner": "x-amz-source-expected-bucket-owner",
    "IfNoneMatch": "if-none-match",
    "RequestPayer": "x-amz-request-payer",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "StorageClass": "x-amz-storage-class",
    "TaggingDirective": "x-amz-tagging-directive",
}
NOT_HEADERS = frozenset({"Bucket", "Key", "CopySource"})
_SOURCE = "x-amz-copy-source"


def copy_source(source: Mapping[str, str] | str, known: str = "", known_encoded: str = "") -> str:
    """The value of `x-amz-copy-source`. `known` is a key that has been encoded already: mostly it is the same."""
    if isinstance(source, str):
        return source
    key = source["Key"]
    encoded = f"{source['Bucket']}/{known_encoded if key == known else keys.to_path(key)}"
    version_id = source.get("VersionId")
    return f"{encoded}?versionId={version_id}" if version_id else encoded


class CopyForm:
    """For the requests to one bucket that give the parameters of these names."""

    def __init__(self, names: list[str], endpoint: Endpoint, signer: Signer) -> None:
        self.endpoint = endpoint
        self._signer = signer
        self._base = f"{endpoint.path}/"
        self._second: Second | None = None
        given = sorted([(_SOURCE, "CopySource"), *((HEADERS[name], name) for name in names if name in HEADERS)])
        self._headers = [header for header, _ in given]
        self._source_at = self._headers.index(_SOURCE)
        self._values = itemgetter(*(name for _, name in given), "Key")
        self._canonical = ""
        self._newlines = 0
        self._fixed: list[str] = []
        self._starts: list[str] = []
        self._authorization = ""

    @classmethod
    def of(cls, names: list[str], endpoint: Endpoint, signer: Signer) -> "CopyForm | None":
        """None where a parameter is not one of the quick ones."""
        is_quick = all(name in HEADERS or name in NOT_HEADERS for name in names)
        return cls(names, endpoint, signer) if is_quick else None

    def fill(self, params: Mapping[str, Any]) -> tuple[str, list[str]] | None:
        """The path and the lines of the headers, signed. None where a value is not as it is signed: a space, a line
        break or what is not ASCII has rules of its own."""
        second = self._signer.now()
        if second is not self._second:
            self._lay_out(second)
        *values, key = self._values(params)
        encoded = keys.to_path(key)
        path = self._base + encoded
        values[self._source_at] = copy_source(values[self._source_at], key, encoded)
        canonical = self._canonical % (path, *values)
        if " " in canonical or canonical.count("\n") != self._newlines or not canonical.isascii():
            return None
        lines = [*self._fixed, *map(str.__add__, self._starts, values)]
        lines.append(self._authorization + second.signature(canonical))
        return path, lines

    def _lay_out(self, second: Second) -> None:
        fixed = [("host", self.endpoint.host), ("x-amz-content-sha256", EMPTY_SHA256), ("x-amz-date", second.amz_date)]
        if second.token:
            fixed.append(("x-amz-security-token", second.token))
        every = sorted([*((n, value.replace("%", "%%")) for n, value in fixed), *((n, "%s") for n in self._headers)])
        names = ";".join(name for name, _ in every)
        lines = "\n".join(f"{name}:{value}" for name, value in every)
        self._canonical = f"PUT\n%s\n\n{lines}\n\n{names}\n{EMPTY_SHA256}"
        self._newlines = self._canonical.count("\n")
        self._fixed = [*(f"{name}: {value}" for name, value in fixed), "Content-Length: 0"]
        self._starts = [f"{name}: " for name in self._headers]
        self._authorization = f"{second.authorization}{names}, Signature="
        self._second = second
