"""List a range of keys, a page at a time: what is asked for, and how the pages make a range (C5).

A range is paged by the last key that came, not by the server's token: so it can be stopped, taken up and cut anywhere,
and a page that does not move on is noticed. A page that can't be had or taken is asked for again a few times and is an
error then; it is never an empty page (s5cmd #564).

| a page that says no more follow ...        | is                                                             |
|--------------------------------------------|----------------------------------------------------------------|
| the only one of an uncut range, not full   | believed                                                       |
| any other one, such as an empty one of a   | not believed alone: what lies behind its last key is asked for |
| range that was cut off, or the tenth one   | once more, and only a second "nothing" ends the range          |
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.errors import ServiceError
from s3sync.listing.page import Page, PageReader, PageRefused
from s3sync.model.key_range import KeyRange
from s3sync.model.keys import printable
from s3sync.s3.engine.engine import Engine
from s3sync.s3.engine.operation import Operation
from s3sync.s3.request import Request, Side

REFUSALS_MAX = 3
_IDENTITY = ("key", "version_id")
FULL_PAGE = 1000  # entries: S3's own limit
EMPTY_PAGES_MAX = 1000  # in a row, each saying that more follow: S3 may step over deleted keys so


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What a listing asks for: `fetch_owner` costs S3 time and is asked for only where a filter needs it."""

    bucket: str
    prefix: str
    fetch_owner: bool = False
    expected_owner: str | None = None
    requester_pays: bool = False
    versions: bool = False

    @property
    def operation(self) -> str:
        return "ListObjectVersions" if self.versions else "ListObjectsV2"

    def parameters(self) -> dict[str, Any]:
        given: dict[str, Any] = {"Bucket": self.bucket, "Prefix": self.prefix, "EncodingType": "url"}
        if self.fetch_owner and not self.versions:  # versions always come with their owners
            given["FetchOwner"] = True
        if self.expected_owner:
            given["ExpectedBucketOwner"] = self.expected_owner
        if self.requester_pays:
            given["RequestPayer"] = "requester"
        return given


@dataclass(frozen=True, slots=True)
class RangeProgress:
    """A page of a range: what of it lies in the range and is complete, and how far the range is listed by it.

    `after` is None where nothing was settled by the page; `is_last`: the range is listed to its end; `dropped` objects
    of the page lie behind the range.
    """

    objects: pa.RecordBatch
    after: str | None
    is_last: bool
    dropped: int = 0


class RangeFailed(Exception):
    """A page of the range could not be had; the text names the place and the cause."""


@dataclass(slots=True)
class Pager:
    """Pages of one range, in order. `upto` may be brought nearer at any time, but not before what was listed."""

    options: ListOptions
    reader: PageReader
    after: str
    upto: Callable[[], str | None]
    _last: str = field(default="", init=False)
    _pages: int = field(default=0, init=False)
    _is_end_told: bool = field(default=False, init=False)  # by the page before
    _token: str | None = field(default=None, init=False)
    _empty: int = field(default=0, init=False)
    _version: str = field(default="", init=False)
    _tail: list[pa.RecordBatch] = field(default_factory=list, init=False)  # versions of a key that may have more
    _tail_ids: set[str] = field(default_factory=set, init=False)

    def request(self) -> Request:
        given = self.options.parameters()
        if self._token is not None:
            given["ContinuationToken"] = self._token
        elif self._tail:
            given["KeyMarker"] = self._last
            given["VersionIdMarker"] = self._version
        elif self.after:
            given["KeyMarker" if self.options.versions else "StartAfter"] = self.after
        return Request(self.options.operation, Side.SOURCE, given, is_raw=True)

    def take(self, body: bytes) -> RangeProgress:
        """Raises PageRefused; then nothing has changed, and the same page can be asked for again."""
        page = self.reader.read(body, self._last or self.after, self.options.prefix)
        is_end = not page.is_truncated and self._is_believed(page)
        if page.objects.num_rows == 0:
            progress = self._empty_page(page, is_end=is_end)
        elif self.options.versions:
            progress = self._take_versions(page, is_end=is_end)
        else:
            progress = self._take_objects(page, is_end=is_end)
        self._pages += 1
        self._is_end_told = not page.is_truncated
        return progress

    def _is_believed(self, page: Page) -> bool:
        """Whether a page that says that no more follow is enough to end the range."""
        if page.objects.num_rows == 0 and (self._is_end_told or self._token is not None):
            return True
        return (
            not page.is_repeating and self._pages == 0 and self.upto() is None and 0 < page.objects.num_rows < FULL_PAGE
        )

    def _take_objects(self, page: Page, *, is_end: bool) -> RangeProgress:
        self._token, self._empty = None, 0
        keys, upto = page.objects.column("key"), self.upto()
        self._last = self.after = keys[-1].as_py()
        if upto is None or self.after < upto:
            return RangeProgress(page.objects, self.after, is_last=is_end)
        return _last_of(page.objects, upto)

    def _empty_page(self, page: Page, *, is_end: bool) -> RangeProgress:
        if is_end:
            rest, upto = pa.concat_batches([*self._tail, page.objects]), self.upto()
            return RangeProgress(rest, None, is_last=True) if upto is None else _last_of(rest, upto)
        if not page.is_truncated:
            self._token = None
            return RangeProgress(page.objects, None, is_last=False)
        self._empty += 1
        if page.token is None or page.token == self._token or self.options.versions:
            raise PageRefused("the page is empty and says that more follow, but not where")
        if self._empty > EMPTY_PAGES_MAX:
            raise PageRefused(f"{EMPTY_PAGES_MAX} pages in a row are empty and say that more follow")
        self._token = page.token
        return RangeProgress(page.objects, None, is_last=False)

    def _take_behind(self, page: Page, *, is_end: bool) -> RangeProgress:
        """A page that begins with the versions of the key that it was to start behind, as some servers' do."""
        repeated = len(_versions_of(page.objects, self.after))
        page = replace(page, objects=page.objects.slice(repeated))
        return (
            self._take_versions(page, is_end=is_end) if page.objects.num_rows else self._empty_page(page, is_end=is_end)
        )

    def _take_versions(self, page: Page, *, is_end: bool) -> RangeProgress:
        """The versions of the page's last key are held back until it is known that no more follow."""
        objects, upto = page.objects, self.upto()
        keys = objects.column("key")
        if not self._tail and self.after and keys[0].as_py() == self.after:
            return self._take_behind(page, is_end=is_end)
        if _has_twins(objects) or not self._tail_ids.isdisjoint(_versions_of(objects, self._last)):
            raise PageRefused("the page holds a version twice, or one that came before")
        last = keys[-1].as_py()
        if upto is not None and last > upto:
            return _last_of(pa.concat_batches([*self._tail, objects]), upto)
        if is_end:
            return RangeProgress(pa.concat_batches([*self._tail, objects]), None, is_last=True)
        names = _versions_of(objects, last)
        told = page.version_marker
        self._version = told if told is not None and told in names else names[-1]
        if self._tail and last == self._last:
            self._tail.append(objects)
            self._tail_ids.update(names)
            return RangeProgress(objects.slice(0, 0), None, is_last=False)
        begin = len(keys) - len(names)
        settled = pa.concat_batches([*self._tail, objects.slice(0, begin)])
        self._last, self._tail, self._tail_ids = last, [objects.slice(begin)], set(names)
        if settled.num_rows:
            self.after = settled.column("key")[-1].as_py()
        return RangeProgress(settled, self.after if settled.num_rows else None, is_last=False)


def _last_of(objects: pa.RecordBatch, upto: str) -> RangeProgress:
    """The page that reaches the range's end. Keys ascend, so what lies in the range comes first."""
    inside = pc.sum(pc.less_equal(objects.column("key"), upto)).as_py() or 0
    return RangeProgress(objects.slice(0, inside), upto, is_last=True, dropped=objects.num_rows - inside)


def _versions_of(objects: pa.RecordBatch, key: str) -> list[str]:
    names: list[str] = objects.column("version_id").filter(pc.equal(objects.column("key"), key)).to_pylist()
    return names


def _has_twins(objects: pa.RecordBatch) -> bool:
    pairs = zip(objects.column("key").to_pylist(), objects.column("version_id").to_pylist(), strict=True)
    return len(set(pairs)) < int(objects.num_rows)


def list_pages(pager: Pager, on_page: Callable[[RangeProgress], bool]) -> Operation[None]:
    """List the range until its end, or until `on_page` says not to go on. Raises RangeFailed."""
    while True:
        progress = yield from _next_page(pager)
        if not on_page(progress) or progress.is_last:
            return


def _next_page(pager: Pager) -> Operation[RangeProgress]:
    refusal = ""
    for _ in range(REFUSALS_MAX):
        request = pager.request()
        (reply,) = yield [request]
        if not reply.ok:
            told = reply.message if reply.message == reply.code else f"{reply.code}: {reply.message}"
            raise RangeFailed(_failed(pager, told))
        try:
            return pager.take(reply.values["Body"])
        except PageRefused as error:
            refusal = str(error)
    raise RangeFailed(_failed(pager, refusal))


def _failed(pager: Pager, cause: str) -> str:
    where = f"s3://{pager.options.bucket}/{printable(pager.options.prefix)}"
    after = f" after {printable(pager.after)!r}" if pager.after else ""
    return f"{where}: cannot be listed{after}: {cause}"


def starts_at_any_place(engine: Engine, options: ListOptions) -> bool:
    """Whether a listing of versions starts right behind a marker where no key lies, as S3's does: only then may it be
    cut. Some servers leave out the first key then. Costs two requests. Raises ServiceError."""
    first = next(list_range(engine, options, KeyRange()), None)
    rows = [] if first is None else list(zip(*(first.column(name).to_pylist() for name in _IDENTITY), strict=True))
    for (left, _), right in pairwise(rows):
        between = next((left + each for each in ("!", "\x01") if left + each < right[0]), None)
        if left != right[0] and between is not None:
            behind = next(list_range(engine, options, KeyRange(between)), None)
            found = None if behind is None else tuple(behind.column(name)[0].as_py() for name in _IDENTITY)
            return found == right
    return True  # too few keys to tell, or to be cut


def list_range(engine: Engine, options: ListOptions, key_range: KeyRange) -> Iterator[pa.RecordBatch]:
    """The objects of a range, a record batch (schema LISTING) a page, in key order, one page after the other.

    Raises ServiceError where a page can't be had.
    """
    pager = Pager(options, PageReader(versions=options.versions), key_range.after, lambda: key_range.upto)
    is_last = False
    while not is_last:
        try:
            for _, progress in engine.run([(None, _next_page(pager))]):
                is_last = progress.is_last
                if progress.objects.num_rows:
                    yield progress.objects
        except RangeFailed as error:
            raise ServiceError(str(error)) from error
