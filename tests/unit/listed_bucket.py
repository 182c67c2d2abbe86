"""A bucket in memory behind the Transport: it answers LIST requests as S3 does, and can be made to fail."""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

from s3sync.s3.request import Reply, Request

TIME = "2024-01-02T03:04:05.000Z"
Fault = Callable[[Request, Reply], Reply]


def encoded(key: str) -> str:
    """As `encoding-type=url` has it."""
    return quote_plus(key, safe="/*")


def page_xml(
    entries: Sequence[str], *, truncated: bool, key_count: int | None = None, encoding: bool = True, more: str = ""
) -> bytes:
    count = len(entries) if key_count is None else key_count
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix></Prefix>'
        f"<KeyCount>{count}</KeyCount><MaxKeys>1000</MaxKeys>{'<EncodingType>url</EncodingType>' if encoding else ''}"
        f"<IsTruncated>{str(truncated).lower()}</IsTruncated>{more}{''.join(entries)}</ListBucketResult>"
    ).encode()


def contents(key: str, size: int = 7, *, encoding: bool = True) -> str:
    shown = encoded(key) if encoding else escape(key)
    return (
        f"<Contents><Key>{shown}</Key><LastModified>{TIME}</LastModified><ETag>&quot;abc&quot;</ETag>"
        f"<Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
    )


def version(key: str, version_id: str, *, is_latest: bool, is_marker: bool = False) -> str:
    head = f"<Key>{encoded(key)}</Key><VersionId>{version_id}</VersionId><IsLatest>{str(is_latest).lower()}</IsLatest>"
    if is_marker:
        return f"<DeleteMarker>{head}<LastModified>{TIME}</LastModified></DeleteMarker>"
    return (
        f"<Version>{head}<LastModified>{TIME}</LastModified><ETag>&quot;abc&quot;</ETag><Size>7</Size>"
        "<StorageClass>STANDARD</StorageClass></Version>"
    )


@dataclass(slots=True)
class ListedBucket:
    """A Transport. `keys` are sorted here; `versions` says how many versions a key has, the newest one being a delete
    marker where there are several. `fault` may change any reply."""

    keys: list[str]
    page_keys: int = 1000
    versions: Callable[[str], int] = lambda _key: 1
    fault: Fault = lambda _request, reply: reply
    capacity: int = 64
    requests: list[Request] = field(default_factory=list)
    _waiting: deque[Request] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.keys = sorted(self.keys)

    def submit(self, request: Request) -> None:
        self.requests.append(request)
        self._waiting.append(request)

    def wait(self, _timeout_seconds: float) -> Sequence[Reply]:
        if not self._waiting:
            return []
        request = self._waiting.popleft()
        answer = self._versions_page if request.operation == "ListObjectVersions" else self._page
        return [self.fault(request, Reply(request, 200, values={"Body": answer(request.params)}))]

    def close(self) -> None:
        self._waiting.clear()

    def _below(self, prefix: str) -> list[str]:
        return [key for key in self.keys if key.startswith(prefix)]

    def _page(self, params: dict[str, str]) -> bytes:
        keys = self._below(params["Prefix"])
        begin = bisect_right(keys, params.get("StartAfter", ""))
        found = keys[begin : begin + self.page_keys]
        return page_xml([contents(key) for key in found], truncated=begin + len(found) < len(keys))

    def _versions_page(self, params: dict[str, str]) -> bytes:
        rows = [
            (key, f"v{number:04d}", number == 0, number == 0 and self.versions(key) > 1)
            for key in self._below(params["Prefix"])
            for number in range(self.versions(key))
        ]
        marker = (params.get("KeyMarker", ""), params.get("VersionIdMarker", "~"))
        begin = bisect_right(rows, marker, key=lambda row: row[:2])
        found = rows[begin : begin + self.page_keys]
        entries = [version(key, name, is_latest=latest, is_marker=gone) for key, name, latest, gone in found]
        body = page_xml(entries, truncated=begin + len(found) < len(rows))
        return body.replace(b"ListBucketResult", b"ListVersionsResult").replace(
            b"<KeyCount>%d</KeyCount>" % len(entries), b""
        )


def body_changed(change: Callable[[bytes], bytes]) -> Fault:
    def fault(_request: Request, reply: Reply) -> Reply:
        return Reply(reply.request, reply.status, values={"Body": change(reply.values["Body"])})

    return fault


def at_call(number: int, fault: Fault) -> Fault:
    """The fault at one call only, counted from 0."""
    calls = iter(range(10**9))

    def once(request: Request, reply: Reply) -> Reply:
        return fault(request, reply) if next(calls) == number else reply

    return once
