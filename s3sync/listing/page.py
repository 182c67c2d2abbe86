"""A page of ListObjectsV2 or ListObjectVersions: from the answer's bytes to Arrow, accepted only when it is whole (C5).

One regular expression reads all entries. It is put together from the elements in the order in which this server sends
them: S3's order at first; a page that it does not fit is read by expat, which also teaches the order. Echoed fields
(Prefix, StartAfter, markers) are not read: some servers echo control characters there that no XML may hold.

| refused                                                           | because                                     |
|-------------------------------------------------------------------|---------------------------------------------|
| it does not begin and end as a page does                          | it was cut off, or is something else        |
| IsTruncated is missing, there twice, or neither true nor false    | more may follow                             |
| KeyCount is another number than that of the entries               | entries are missing                         |
| an entry has no key, size or time, or a malformed one; a delete   | it is not an entry                          |
| marker needs no size, and has none where a server sends a 0       |                                             |
| it has common prefixes, though no delimiter was asked for          | they stand for keys that are not there      |
| a key is not UTF-8; or where keys are said to be encoded, a `%`   | it would be another key                     |
| is no escape, or a space or what is not ASCII stands in one       |                                             |
| keys do not ascend, or lie before the start or outside the prefix | a page of another place, or a bucket in no  |
|                                                                   | order                                       |

The key that it was to start behind may stand at its beginning, and is left out: some servers repeat it.
"""

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.parsers import expat

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.listing.page_xml import DELETE_MARKER, Entries, EntryReader, MalformedEntries
from s3sync.model.keys import printable
from s3sync.model.tables import LISTING, moments

_OBJECTS = (b"ListBucketResult", (b"Contents",))
_VERSIONS = (b"ListVersionsResult", (b"Version", b"DeleteMarker"))
_OPENING = rb"\s*(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*\?>)?\s*<%s(?:\s[^>]*)?>"
_TRUNCATED = re.compile(rb"<IsTruncated>\s*(\w+)\s*</IsTruncated>")
_KEY_COUNT = re.compile(rb"<KeyCount>\s*(\d+)\s*</KeyCount>")
_TOKEN = re.compile(rb"<NextContinuationToken>([^<]*)</NextContinuationToken>")
_VERSION_MARKER = re.compile(rb"<NextVersionIdMarker>([^<]+)</NextVersionIdMarker>")
_COMMON_PREFIX = re.compile(rb"<CommonPrefixes[^>]*>\s*<Prefix")
_ENCODED = re.compile(rb"<EncodingType>\s*url\s*</EncodingType>")
_ESCAPES = re.compile(rb"(?:%[0-9A-Fa-f]{2})+|%")
_BETWEEN = b"\xff"  # no UTF-8 holds it, so it separates keys


class PageRefused(ValueError):
    """The answer can't be taken for the page that was asked for; the text says why."""


@dataclass(frozen=True, slots=True)
class Page:
    """`objects` in order, with the schema LISTING. `token` continues a page that is empty though more follow;
    `version_marker` is what the server says to continue with, within the page's last key. `is_repeating`: it began with
    the key that it was to start behind, as some servers' pages do, and that one is left out."""

    objects: pa.RecordBatch
    is_truncated: bool
    token: str | None = None
    version_marker: str | None = None
    is_repeating: bool = False


class PageReader:
    """Reads the pages of one listing. `versions`: those of ListObjectVersions."""

    def __init__(self, *, versions: bool = False) -> None:
        self._versions = versions
        self._root, entries = _VERSIONS if versions else _OBJECTS
        self._opening = re.compile(_OPENING % self._root)
        self._closing = b"</%s>" % self._root
        self._entries = EntryReader(entries)

    def read(self, body: bytes, after: str, prefix: str) -> Page:
        """The page that follows `after`. Raises PageRefused for anything that is not wholly such a page."""
        head, entries, tail = self._parts(body)
        if b"<CommonPrefixes" in body and _COMMON_PREFIX.search(body):
            raise PageRefused("the page has common prefixes in place of keys")
        try:
            columns = self._entries.read(entries)
        except MalformedEntries as error:
            raise PageRefused(str(error)) from error
        count = len(columns.key)
        is_truncated = self._check_fields(head, tail, count)
        if count == 0:
            token = _TOKEN.search(head) or _TOKEN.search(tail)
            return Page(_NO_OBJECTS, is_truncated, _text(token[1]) if token else None)
        keys = _decoded(columns.key, is_encoded=bool(_ENCODED.search(head) or _ENCODED.search(tail)))
        if not self._versions:
            _check_order(keys, operator.lt)
            self._check_place(keys, after, prefix)
            objects, is_repeating = _batch(columns, keys, versions=False), bool(after) and keys[0] == after.encode()
            token = _TOKEN.search(head) or _TOKEN.search(tail) if is_repeating else None
            told = _text(token[1]) if token else None
            return Page(objects.slice(int(is_repeating)), is_truncated, told, is_repeating=is_repeating)
        objects = _batch(columns, keys, versions=True)
        order = _order_of_versions(columns.kind, keys, objects)
        if order is not None:
            keys, objects = [keys[at] for at in order], objects.take(pa.array(order))
        self._check_place(keys, after, prefix)
        marker = _VERSION_MARKER.search(head) or _VERSION_MARKER.search(tail)
        return Page(objects, is_truncated, version_marker=_text(marker[1]) if marker else None)

    def _parts(self, body: bytes) -> tuple[bytes, bytes, bytes]:
        opening = self._opening.match(body)
        if opening is None:
            raise PageRefused(f"the answer is no {self._root.decode()}: it begins with {printable(_start(body), 60)!r}")
        closed = body.rstrip()
        if not closed.endswith(self._closing):
            raise PageRefused("the answer is cut off")
        try:
            first, last = self._entries.span(closed)
        except MalformedEntries as error:
            raise PageRefused(str(error)) from error
        return closed[opening.end() : first], closed[first:last], closed[last : -len(self._closing)]

    def _check_fields(self, head: bytes, tail: bytes, count: int) -> bool:
        told = _TRUNCATED.findall(head) + _TRUNCATED.findall(tail)
        if len(told) != 1 or told[0] not in (b"true", b"false"):
            raise PageRefused("the page does not say whether more follow")
        counts = _KEY_COUNT.findall(head) + _KEY_COUNT.findall(tail)
        if any(int(each) != count for each in counts):
            raise PageRefused(f"the page says {int(counts[0])} keys and holds {count}")
        return bool(told[0] == b"true")

    def _check_place(self, keys: Sequence[bytes], after: str, prefix: str) -> None:
        begin, start = prefix.encode(), after.encode()
        if keys[0] < start:
            raise PageRefused(f"the page begins with {_shown(keys[0])}, which lies before where it was to start")
        if not (keys[0].startswith(begin) and keys[-1].startswith(begin)):
            raise PageRefused("the page holds keys outside of the prefix")


def _check_order(keys: Sequence[bytes], in_order: Callable[[bytes, bytes], bool]) -> None:
    if not all(map(in_order, keys, keys[1:])):
        at = next(right for left, right in pairwise(keys) if not in_order(left, right))
        raise PageRefused(f"keys are not in order at {_shown(at)}; is it a directory bucket?")


def _order_of_versions(kinds: Sequence[bytes], keys: Sequence[bytes], objects: pa.RecordBatch) -> list[int] | None:
    """How to bring the page into order; None where it is. Some servers send the delete markers behind the versions,
    each of the two in order."""
    if all(map(operator.le, keys, keys[1:])):
        return None
    for kind in set(kinds):
        _check_order([key for key, its in zip(keys, kinds, strict=True) if its == kind], operator.le)
    latest, modified = objects.column("is_latest").to_pylist(), objects.column("last_modified").to_pylist()
    return sorted(range(len(keys)), key=lambda at: (keys[at], not latest[at], -modified[at].timestamp()))


_NO_OBJECTS = pa.record_batch([pa.array([], each.type) for each in LISTING], schema=LISTING)


def _decoded(texts: Sequence[bytes], *, is_encoded: bool) -> list[bytes]:
    """The keys' own bytes: entities first, then `encoding-type=url`, where a space is a `+`; each once (C10)."""
    joined = _BETWEEN.join(texts)
    if b"&" in joined:
        joined = _BETWEEN.join(map(_without_entities, texts))
    if is_encoded:
        if b" " in joined or not joined.translate(None, _BETWEEN).isascii():
            raise PageRefused("a key holds what an encoded one never does, though keys are said to be encoded")
        # No escape overlaps another one, so the most frequent ones can go first, and quickly.
        joined = joined.replace(b"+", b" ").replace(b"%3D", b"=").replace(b"%3A", b":")
        if b"%" in joined:
            joined = _ESCAPES.sub(_unescaped, joined)
    keys = joined.split(_BETWEEN)
    if len(keys) != len(texts):
        raise PageRefused("a key is not UTF-8")
    return keys


def _unescaped(found: "re.Match[bytes]") -> bytes:
    if found[0] == b"%":
        raise PageRefused("a key holds a % that is no escape, though keys are said to be encoded")
    return bytes.fromhex(found[0].replace(b"%", b"").decode())


def _without_entities(text: bytes) -> bytes:
    """XML's own reading of a text. Raises PageRefused for an entity that is none."""
    if b"&" not in text:
        return text
    pieces: list[str] = []
    parser = expat.ParserCreate("UTF-8")
    parser.CharacterDataHandler = pieces.append
    try:
        parser.Parse(b"<a>%s</a>" % text, True)
    except expat.ExpatError as error:
        raise PageRefused(f"a text is no XML: {error}") from error
    return "".join(pieces).encode()


def _batch(columns: Entries, keys: list[bytes], *, versions: bool) -> pa.RecordBatch:
    rows = len(keys)
    try:
        found = {
            "key": pa.array(keys, pa.string()),
            "size": _sizes(columns),
            "last_modified": moments(pa.array(columns.last_modified, pa.string())),
            "etag": _optional(columns.etag),
            "storage_class": _optional(columns.storage_class),
            "owner": _optional(columns.owner),
        }
        if versions:
            found["version_id"] = pa.array([*map(_without_entities, columns.version_id)], pa.string())
            found["is_latest"] = pa.array(columns.is_latest, pa.string()).cast(pa.bool_())
            found["is_delete_marker"] = pa.array([each == DELETE_MARKER for each in columns.kind], pa.bool_())
    except pa.ArrowInvalid as error:
        raise PageRefused(f"an entry has a malformed value: {str(error).splitlines()[0][:200]}") from error
    if found["key"].null_count or pc.min(pc.binary_length(found["key"])).as_py() == 0:
        raise PageRefused("an entry has no key")
    return pa.record_batch(
        [found[each.name] if each.name in found else pa.nulls(rows, each.type) for each in LISTING], schema=LISTING
    )


def _sizes(columns: Entries) -> pa.Array:
    sizes = _optional(columns.size).cast(pa.int64())
    if DELETE_MARKER in columns.kind:
        is_marker = pa.array([each == DELETE_MARKER for each in columns.kind], pa.bool_())
        if pc.any(pc.and_not(pc.is_null(sizes), is_marker)).as_py():
            raise PageRefused("an entry has no size")
        sizes = pc.if_else(is_marker, pa.scalar(None, pa.int64()), sizes)
    elif sizes.null_count:
        raise PageRefused("an entry has no size")
    if sizes.null_count < len(sizes) and pc.min(sizes).as_py() < 0:
        raise PageRefused("an entry has a size below 0")
    return sizes


def _optional(texts: Sequence[bytes]) -> pa.Array:
    """Text where there is any, null elsewhere."""
    if b"" not in texts:
        return pa.array(texts, pa.string())
    return pa.array([text or None for text in texts], pa.string())


def _text(raw: bytes) -> str:
    return _without_entities(raw).decode()


def _start(body: bytes) -> str:
    return body[:60].decode("utf-8", "replace")


def _shown(key: bytes) -> str:
    return repr(printable(key.decode("utf-8", "replace")))
