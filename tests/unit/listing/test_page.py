"""Pages of listings: what expat and urllib read is what we read, and what is not wholly a page is refused (C5, C10)."""

import random
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3sync.demo.odd_keys import ODD_KEYS
from s3sync.listing.page import PageReader, PageRefused
from tests.unit.listed_bucket import contents, encoded, page_xml, version

NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


def reference(body: bytes) -> list[dict[str, Any]]:
    """The same by the standard library alone, one object after the other."""
    root = ElementTree.fromstring(body)
    is_encoded = root.findtext(f"{NAMESPACE}EncodingType") == "url"
    rows = []
    for entry in root:
        name = entry.tag.removeprefix(NAMESPACE)
        if name not in ("Contents", "Version", "DeleteMarker"):
            continue
        text = {child.tag.removeprefix(NAMESPACE): child.text or "" for child in entry}
        owner = entry.find(f"{NAMESPACE}Owner")
        rows.append(
            {
                "key": unquote_plus(text["Key"], errors="strict") if is_encoded else text["Key"],
                "size": int(text["Size"]) if "Size" in text else None,
                "etag": text.get("ETag", "").strip('"') or None,
                "storage_class": text.get("StorageClass") or None,
                "owner": None if owner is None else owner.findtext(f"{NAMESPACE}ID"),
                "last_modified": datetime.fromisoformat(text["LastModified"]),
                "version_id": text.get("VersionId"),
                "is_latest": {"true": True, "false": False, None: None}[text.get("IsLatest")],
                "is_delete_marker": None if name == "Contents" else name == "DeleteMarker",
            }
        )
    return rows


def read(body: bytes, after: str = "", prefix: str = "", reader: PageReader | None = None) -> list[dict[str, Any]]:
    rows = (reader or PageReader()).read(body, after, prefix).objects.to_pylist()
    for row in rows:
        assert row.pop("encryption") is None
    return rows


@pytest.mark.parametrize("encoding", [True, False])
def test_odd_keys(encoding: bool) -> None:
    """Without the encoding, XML itself has no way to hold control characters: such keys are left out here."""
    legal = [each.key for each in ODD_KEYS if encoding or all(c in "\t\n" or c >= " " for c in each.key)]
    keys = sorted(key for key in legal if encoding or not {"\ufffe", "\uffff"} & set(key))
    body = page_xml([contents(key, encoding=encoding) for key in keys], truncated=False, encoding=encoding)
    assert [row["key"] for row in read(body)] == keys
    assert read(body) == reference(body)


ELEMENTS = {
    "LastModified": "<LastModified>2024-02-29T23:59:59.123Z</LastModified>",
    "ETag": "<ETag>&quot;0123456789abcdef-7&quot;</ETag>",
    "ChecksumAlgorithm": "<ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumAlgorithm>SHA1</ChecksumAlgorithm>",
    "ChecksumType": "<ChecksumType>FULL_OBJECT</ChecksumType>",
    "Size": "<Size>5368709121</Size>",
    "Owner": "<Owner><ID>0a1b</ID><DisplayName>me &amp; you</DisplayName></Owner>",
    "StorageClass": "<StorageClass>GLACIER</StorageClass>",
    "RestoreStatus": "<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress></RestoreStatus>",
    "Type": "<Type>Normal</Type>",
    "Empty": "<Empty/>",
}
REQUIRED = ("LastModified", "Size")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_order_and_choice_of_elements(data: st.DataObject) -> None:
    """Whatever a server sends besides, and in whichever order; on its first page and on the next ones."""
    chance = random.Random(data.draw(st.integers()))
    gap = data.draw(st.sampled_from(["", "\n  ", " "]))
    order = data.draw(st.permutations(["Key", *ELEMENTS]))
    texts = data.draw(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), unique=True, max_size=8))
    reader = PageReader()
    for _ in range(3):
        entries = []
        for key in sorted(texts):
            parts = [
                f"<Key>{encoded(key)}</Key>" if name == "Key" else ELEMENTS[name]
                for name in order
                if name in ("Key", *REQUIRED) or chance.random() < 0.7
            ]
            entries.append(f"<Contents>{gap}{gap.join(parts)}{gap}</Contents>{gap}")
        body = page_xml(entries, truncated=False)
        assert read(body, reader=reader) == reference(body)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), min_size=1), unique=True))
def test_entities_are_decoded_once(keys: list[str]) -> None:
    """Keys that look like entities or like escapes stay what they are."""
    odd = sorted({*keys, "&amp;", "a&lt;b", "%41", "1 + 1", "a+b", "x&#65;y"})
    shown = [contents(key, encoding=False).replace("Z", "&#90;").replace("e", "&#x65;", 0) for key in odd]
    body = page_xml(shown, truncated=False, encoding=False).replace(
        b"2024-01-02T03:04:05.000&#90;", b"2024-01-02T03:04:05Z"
    )
    assert [row["key"] for row in read(body)] == odd
    assert read(body) == reference(body)


def test_versions_and_delete_markers() -> None:
    entries = [
        version("a b", "v1", is_latest=True, is_marker=True),
        version("a b", "v0", is_latest=False),
        version("ü", "null", is_latest=True),
    ]
    body = page_xml(entries, truncated=False).replace(b"ListBucketResult", b"ListVersionsResult")
    rows = read(body, reader=PageReader(versions=True))
    assert rows == reference(body)
    assert [(row["key"], row["version_id"], row["is_delete_marker"]) for row in rows] == [
        ("a b", "v1", True),
        ("a b", "v0", False),
        ("ü", "null", False),
    ]


def minio_version(kind: str, version_id: str, size: str = "<Size>0</Size>") -> str:
    """As MinIO writes a version of `a`: a delete marker has a size, too."""
    return (
        f"<{kind}><Key>a</Key>{ELEMENTS['LastModified']}<ETag></ETag>{size}<StorageClass>STANDARD</StorageClass>"
        f"<IsLatest>false</IsLatest><VersionId>{version_id}</VersionId></{kind}>"
    )


def versions_xml(*entries: str) -> bytes:
    body = page_xml(entries, truncated=False, more="<VersionIdMarker>x</VersionIdMarker>")
    return body.replace(b"<KeyCount>%d</KeyCount>" % len(entries), b"").replace(
        b"ListBucketResult", b"ListVersionsResult"
    )


def test_a_delete_marker_has_no_size_whatever_the_server_says() -> None:
    body = versions_xml(minio_version("DeleteMarker", "v1"), minio_version("Version", "v0", "<Size>7</Size>"))
    reader = PageReader(versions=True)
    for _ in range(2):  # slowly, and then fast
        rows = read(body, reader=reader)
        assert [(row["version_id"], row["size"]) for row in rows] == [("v1", None), ("v0", 7)]


def test_c5_a_markers_size_is_not_that_of_a_version_without_one() -> None:
    body = versions_xml(minio_version("DeleteMarker", "v1"), minio_version("Version", "v0", ""))
    with pytest.raises(PageRefused, match="no size"):
        read(body, reader=PageReader(versions=True))


def test_delete_markers_behind_all_versions_are_put_into_order() -> None:
    """As the embedded server sends them; each of the two must be in order by itself."""
    versions = [version("a", "v0", is_latest=False), version("b", "v0", is_latest=True)]
    markers = [version("a", "v1", is_latest=True, is_marker=True), version("c", "v0", is_latest=True, is_marker=True)]
    body = page_xml([*versions, *markers], truncated=False).replace(b"ListBucketResult", b"ListVersionsResult")
    rows = read(body, reader=PageReader(versions=True))
    assert [(row["key"], row["version_id"]) for row in rows] == [("a", "v1"), ("a", "v0"), ("b", "v0"), ("c", "v0")]
    body = page_xml([*versions, *markers[::-1]], truncated=False).replace(b"ListBucketResult", b"ListVersionsResult")
    with pytest.raises(PageRefused, match="not in order"):
        read(body, reader=PageReader(versions=True))


def test_echoed_fields_are_not_read() -> None:
    """radosgw writes StartAfter and Prefix as they are: no XML parser would take this page."""
    body = page_xml([contents("a\x01")], truncated=False, more="<StartAfter>\x02\x03</StartAfter>")
    with pytest.raises(ElementTree.ParseError):
        ElementTree.fromstring(body)
    assert read(body)[0]["key"] == "a\x01"


def test_an_empty_page_and_its_token() -> None:
    page = PageReader().read(page_xml([], truncated=False), "x", "")
    assert (page.objects.num_rows, page.is_truncated, page.token) == (0, False, None)
    more = "<NextContinuationToken>1&amp;2</NextContinuationToken>"
    page = PageReader().read(page_xml([], truncated=True, more=more), "x", "")
    assert (page.is_truncated, page.token) == (True, "1&2")


GOOD = page_xml([contents("b"), contents("c"), contents("d")], truncated=True)
ENTRY = contents("c").encode()
REFUSED = {
    "empty": (b"", "no ListBucketResult"),
    "html": (b"<html><body>Bad gateway</body></html>", "no ListBucketResult"),
    "versions": (GOOD.replace(b"ListBucketResult", b"ListVersionsResult"), "no ListBucketResult"),
    "cut in an entry": (GOOD[:-200], "cut off"),
    "cut behind an entry": (GOOD.removesuffix(b"</ListBucketResult>"), "cut off"),
    "entries cut out to the end": (GOOD[: GOOD.index(b"<Size>")] + b"</ListBucketResult>", "not closed"),
    "one entry less": (GOOD.replace(ENTRY, b""), "says 3 keys and holds 2"),
    "one entry more": (GOOD.replace(b"<KeyCount>3", b"<KeyCount>2"), "says 2 keys and holds 3"),
    "not said whether more follow": (GOOD.replace(b"<IsTruncated>true</IsTruncated>", b""), "whether more follow"),
    "said twice": (GOOD.replace(b"<IsTruncated>", b"<IsTruncated>false</IsTruncated><IsTruncated>"), "whether more"),
    "neither": (GOOD.replace(b">true<", b">maybe<"), "whether more follow"),
    "a key twice": (GOOD.replace(b"<Key>c<", b"<Key>b<"), "not in order"),
    "not in order": (GOOD.replace(b"<Key>c<", b"<Key>e<"), "not in order"),
    "no size": (GOOD.replace(b"<Size>7</Size>", b"", 1), "no size"),
    "a size that is none": (GOOD.replace(b"<Size>7", b"<Size>x", 1), "malformed"),
    "a size below 0": (GOOD.replace(b"<Size>7", b"<Size>-7", 1), "below 0"),
    "no time": (GOOD.replace(b"2024-01-02T03:04:05.000Z", b"", 1), "malformed"),
    "a time that is none": (GOOD.replace(b"2024-01-02T03", b"yesterday", 1), "malformed"),
    "no key": (GOOD.replace(b"<Key>b</Key>", b""), "lies before|no key"),
    "an empty key": (GOOD.replace(b"<Key>b</Key>", b"<Key></Key>"), "lies before|no key"),
    "a key twice in an entry": (GOOD.replace(b"<Key>b</Key>", b"<Key>b</Key><Key>b</Key>"), "twice"),
    "no UTF-8": (GOOD.replace(b"<Key>d<", b"<Key>%FF<"), "UTF-8"),
    "half a character": (GOOD.replace(b"<Key>d<", b"<Key>%E2%82<"), "malformed value"),
    "a % that is no escape": (GOOD.replace(b"<Key>d<", b"<Key>d%zz<"), "no escape"),
    "a space, though encoded": (GOOD.replace(b"<Key>d<", b"<Key>d e<"), "never does"),
    "what is not ASCII, though encoded": (GOOD.replace(b"<Key>d<", "<Key>dé<".encode()), "never does"),
    "an entity that is none": (GOOD.replace(b"<Key>d<", b"<Key>d&nope;<"), "no XML"),
    "an unknown element unclosed": (GOOD.replace(b"<Size>", b"<Odd><Size>", 1), "no XML"),
}


def test_the_good_page_is_good() -> None:
    assert [row["key"] for row in read(GOOD, after="a")] == ["b", "c", "d"]


def test_the_key_that_it_was_to_start_behind_is_left_out() -> None:
    page = PageReader().read(GOOD, "b", "")
    assert (page.objects.column("key").to_pylist(), page.is_repeating) == (["c", "d"], True)


@pytest.mark.parametrize("fraction", ["", ".5", ".123", ".123456", ".1234567", ".123456789", ".999999999999"])
def test_times_may_be_finer_than_s3s(fraction: str) -> None:
    body = GOOD.replace(b"05.000Z", b"05%sZ" % fraction.encode())
    (time, *_) = (row["last_modified"] for row in read(body, after="a"))
    assert time == datetime(2024, 1, 2, 3, 4, 5, int(float(f"0{fraction or '.0'}") * 1_000_000), tzinfo=UTC)


@pytest.mark.parametrize("quote", ["&quot;", "&#34;", '"', ""])
@pytest.mark.parametrize("mark", ["", "W/"])
@pytest.mark.parametrize("is_fast", [True, False])
def test_etags_may_be_weak(quote: str, mark: str, is_fast: bool) -> None:
    body = GOOD.replace(b"&quot;abc&quot;", f"{mark}{quote}abc{quote}".encode())
    if not is_fast:
        body = body.replace(b"<Size>", b"<Odd a='b'/><Size>")
    assert {row["etag"] for row in read(body, after="a")} == {"abc"}


@pytest.mark.parametrize("name", REFUSED)
def test_c5_what_is_not_wholly_a_page_is_refused(name: str) -> None:
    body, why = REFUSED[name]
    with pytest.raises(PageRefused, match=why):
        read(body, after="a")


@pytest.mark.parametrize(("after", "prefix"), [("c", ""), ("x", ""), ("", "bb"), ("", "z")])
def test_c5_a_page_of_another_place_is_refused(after: str, prefix: str) -> None:
    with pytest.raises(PageRefused):
        read(GOOD, after, prefix)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(GOOD) - 1))
def test_c5_a_page_cut_anywhere_is_refused(length: int) -> None:
    with pytest.raises(PageRefused):
        read(GOOD[:length], after="a")


ODD_OPENINGS = ("<Contents >", '<Contents x="1">', "<Contents\n>", "<Contents\t>")


@pytest.mark.parametrize("opening", ODD_OPENINGS)
@pytest.mark.parametrize("at", ["b", "c", "d", "bcd"])
def test_c5_no_entry_is_lost_by_how_it_is_opened(opening: str, at: str) -> None:
    entries = [contents(key).replace("<Contents>", opening if key in at else "<Contents>") for key in "bcd"]
    body = page_xml(entries, truncated=False).replace(b"<KeyCount>3</KeyCount>", b"")
    assert [row["key"] for row in read(body)] == ["b", "c", "d"]


@pytest.mark.parametrize("opening", ["<Version >", '<Version x="1">', '<DeleteMarker x="1">'])
@pytest.mark.parametrize("at", range(3))
def test_c5_no_version_is_lost_by_how_it_is_opened(opening: str, at: int) -> None:
    entries = [version("a", f"v{n}", is_latest=not n, is_marker="Marker" in opening) for n in range(3)]
    entries[at] = entries[at].replace(opening.partition(" ")[0] + ">", opening)
    rows = read(versions_xml(*entries), reader=PageReader(versions=True))
    assert [row["version_id"] for row in rows] == ["v0", "v1", "v2"]


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("odd", ["<Contents/>", "<Contents />", "<CommonPrefixes><Prefix>c/</Prefix></CommonPrefixes>"])
def test_c5_what_is_no_entry_among_entries_is_refused(odd: str, at: int) -> None:
    entries = [contents(key) for key in "bcd"]
    entries.insert(at, odd)
    with pytest.raises(PageRefused, match=r"no key|not closed|not in order|no size|common prefixes"):
        read(page_xml(entries, truncated=False).replace(b"<KeyCount>4</KeyCount>", b""))


def test_from_its_second_page_on_every_server_is_read_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of elements is learned from the first page."""
    entry = f"<Contents><Size>1</Size><Type>Normal</Type><Key>k</Key>{ELEMENTS['LastModified']}</Contents>"
    reader = PageReader()
    body = page_xml([entry], truncated=False)
    first = read(body, reader=reader)
    monkeypatch.setattr(reader._entries, "_read_slowly", None)
    assert read(body, reader=reader) == first == reference(body)
