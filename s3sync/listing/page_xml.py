"""The entries of a listing's page as columns of raw text, by one regular expression over all of them.

The expression knows the elements in one order, each of them optional. A page that it does not fit as a whole is read
by expat, slower by far; the order met there is what the next pages are tried with. So every server is read fast from
its second page on, and whatever is unusual is read by the book.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from xml.parsers import expat

from s3sync.model import etag

DELETE_MARKER = b"DeleteMarker"
COLUMNS = {
    b"Key": "key",
    b"VersionId": "version_id",
    b"IsLatest": "is_latest",
    b"LastModified": "last_modified",
    b"ETag": "etag",
    b"Size": "size",
    b"StorageClass": "storage_class",
    b"Owner": "owner",
}
S3_ORDER = (
    b"Key",
    b"VersionId",
    b"IsLatest",
    b"LastModified",
    b"ETag",
    b"ChecksumAlgorithm",
    b"ChecksumType",
    b"Size",
    b"Owner",
    b"StorageClass",
    b"RestoreStatus",
)
_QUOTE = rb'(?:&quot;|&#34;|")?'
_PATTERNS = {
    b"ETag": rb"<ETag>(?:W/)?" + _QUOTE + rb'([^<&"]*+)' + _QUOTE + rb"</ETag>",
    b"Owner": rb"<Owner>\s*(?:<DisplayName>[^<]*</DisplayName>\s*)?<ID>([^<]*)</ID>\s*"
    rb"(?:<DisplayName>[^<]*</DisplayName>\s*)?</Owner>",
}
_OTHER = rb"<%b>[^<]*+(?:<\w++>[^<]*+</\w++>\s*+)*+</%b>"
_NAME = re.compile(rb"\w+")
_ELEMENTS_MAX = 40


class MalformedEntries(ValueError):
    """What stands where the entries should be is none, or not well-formed."""


@dataclass(frozen=True, slots=True)
class Entries:
    """Columns of the same length. Texts are as in the XML, entities included; an element that is not there is empty.
    ETags have no quotes around them, and no weak mark. `kind` is the entry's own element."""

    kind: Sequence[bytes]
    key: Sequence[bytes]
    version_id: Sequence[bytes]
    is_latest: Sequence[bytes]
    last_modified: Sequence[bytes]
    etag: Sequence[bytes]
    size: Sequence[bytes]
    storage_class: Sequence[bytes]
    owner: Sequence[bytes]


_NONE = Entries((), (), (), (), (), (), (), (), ())


class EntryReader:
    """Reads what stands in the elements named `kinds`; remembers the order of elements from page to page."""

    def __init__(self, kinds: Sequence[bytes]) -> None:
        self._kinds = kinds
        self._opening = re.compile(rb"<(?:%b)[\s/>]" % b"|".join(kinds))
        self._openings = [b"<%b" % kind for kind in kinds]
        self._others = [b"<%b" % name for name in COLUMNS if name.startswith(tuple(kinds))]  # `<VersionId`
        self._closings = [b"</%b>" % kind for kind in kinds]
        self._use(S3_ORDER)

    def span(self, body: bytes) -> tuple[int, int]:
        """Where the entries begin and end; (n, n) where there are none."""
        first = self._opening.search(body)
        ends = [at + len(each) for each in self._closings if (at := body.rfind(each)) >= 0]
        if first is None and not ends:
            none = body.rfind(b"</")
            return none, none
        if first is None or not ends or first.start() > max(ends) or self._opening.search(body, max(ends)):
            raise MalformedEntries("the entries are not closed")
        return first.start(), max(ends)

    def read(self, region: bytes) -> Entries:
        """Raises MalformedEntries."""
        if not region:
            return _NONE
        rows = self._pattern.findall(region)
        # Counts of plain bytes: an expression over the whole page would cost more than they do together.
        opened = sum(map(region.count, self._openings)) - sum(map(region.count, self._others))
        if len(rows) != opened or b"\r" in region:
            return self._read_slowly(region)
        columns = dict(zip(self._names, zip(*rows, strict=True), strict=True))
        nothing = (b"",) * len(rows)
        return Entries(*(columns.get(name, nothing) for name in ("kind", *COLUMNS.values())))

    def _use(self, order: Sequence[bytes]) -> None:
        self._order = tuple(order)
        self._names = ("kind", *(COLUMNS[name] for name in order if name in COLUMNS))
        pieces = [rb"<(%b)>\s*+" % b"|".join(self._kinds)]
        for name in order:
            pattern = _PATTERNS.get(name, rb"<%b>([^<]*+)</%b>" % (name, name))
            if name in COLUMNS:
                pieces.append(rb"(?:%b\s*+)?+" % pattern)
            else:
                pieces.append(rb"(?:%b\s*+)*+" % (_OTHER % (name, name)))
        pieces.append(rb"</(?:%b)>" % b"|".join(self._kinds))
        self._pattern = re.compile(b"".join(pieces))

    def _read_slowly(self, region: bytes) -> Entries:
        found = _Found(self._kinds)
        parse(b"<entries>%b</entries>" % region, found)
        self._learn(found.orders)
        rows = found.rows
        return Entries(*([row.get(name, b"") for row in rows] for name in ("kind", *COLUMNS.values())))

    def _learn(self, orders: Iterable[tuple[bytes, ...]]) -> None:
        merged = _merged([self._order, *orders]) or _merged(orders)
        if merged is not None and len(merged) <= _ELEMENTS_MAX and merged != self._order:
            self._use(merged)


def _merged(orders: Iterable[tuple[bytes, ...]]) -> tuple[bytes, ...] | None:
    """One order that all of these keep to; None where they contradict one another."""
    before: dict[bytes, list[bytes]] = {}
    for order in orders:
        for name in order:
            before.setdefault(name, [])
        for left, right in pairwise(order):
            before[right].append(left)
    try:
        return tuple(TopologicalSorter(before).static_order())
    except CycleError:
        return None


class _Found:
    """What expat meets: the rows, and the orders in which their elements came."""

    def __init__(self, kinds: Sequence[bytes]) -> None:
        self.rows: list[dict[str, bytes]] = []
        self.orders: set[tuple[bytes, ...]] = set()
        self._kinds = kinds
        self._path: list[bytes] = []
        self._order: list[bytes] = []
        self._text: list[str] = []

    def start(self, name: str, _attributes: object) -> None:
        element = name.encode()
        self._path.append(element)
        self._text.clear()
        if len(self._path) == 2:  # noqa: PLR2004  (below the root: an entry)
            self._order = []
            self.rows.append({"kind": element})
        elif len(self._path) == 3 and (not self._order or self._order[-1] != element):  # noqa: PLR2004
            self._order.append(element)

    def text(self, text: str) -> None:
        self._text.append(text)

    def end(self, _name: str) -> None:
        path, text = self._path, "".join(self._text)
        depth = len(path)
        if depth == 2:  # noqa: PLR2004
            self._close_entry(path[1])
        elif depth == 3 and path[2] in COLUMNS and path[2] != b"Owner":  # noqa: PLR2004
            self._put(COLUMNS[path[2]], (etag.bare(text) or "") if path[2] == b"ETag" else text)
        elif path[2:] == [b"Owner", b"ID"]:
            self._put("owner", text)
        path.pop()
        self._text.clear()

    def _close_entry(self, kind: bytes) -> None:
        if kind not in self._kinds:
            self.rows.pop()
        elif all(_NAME.fullmatch(name) for name in self._order) and len(set(self._order)) == len(self._order):
            self.orders.add(tuple(self._order))

    def _put(self, column: str, text: str) -> None:
        if column in self.rows[-1]:
            raise MalformedEntries(f"an entry has its {column} twice")
        self.rows[-1][column] = text.replace("&", "&amp;").replace("<", "&lt;").encode()


def parse(document: bytes, found: _Found) -> None:
    parser = expat.ParserCreate("UTF-8")
    parser.buffer_text = True
    parser.StartElementHandler = found.start
    parser.EndElementHandler = found.end
    parser.CharacterDataHandler = found.text
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        raise MalformedEntries(f"the entries are no XML: {error}") from error
