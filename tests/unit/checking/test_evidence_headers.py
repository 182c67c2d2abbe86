"""Settling an object that the listings leave open: the tables of the evidence modules, row by row."""

from dataclasses import replace
from hashlib import md5
from typing import Any

import pytest

from s3sync.checking.evidence_body import CHUNK_BYTES, cost_bytes, read_bodies
from s3sync.checking.evidence_headers import Looked, compare_heads, look
from s3sync.checking.object_check import LookSettings
from s3sync.copying.look_source import Head
from s3sync.model import etag as etags
from s3sync.model.closed_sets import CHECKSUMS
from s3sync.model.finding import Evidence, Finding, Verdict
from s3sync.model.stored_checksums import StoredChecksum, checksums_of
from s3sync.s3.request import Reply, Request, Side
from tests.unit.scripted import (
    AFTER,
    BEFORE,
    GONE,
    OTHER,
    PLAIN,
    PLANNED_AT,
    UNLISTED,
    Answer,
    drive,
    error,
    head,
    ok,
    page,
)
from tests.unit.scripted import some_settings as copying

TWO, OTHER_TWO, THREE = f"{PLAIN}-2", f"{OTHER}-2", f"{PLAIN}-3"
ONE = etags.of_parts([PLAIN])
KMS = {"ServerSideEncryption": "aws:kms"}
DENIED = error(403, "403")
FULL = {"ChecksumType": "FULL_OBJECT"}


def a_finding(verdict=Verdict.UNPROVABLE, **changes: Any) -> Finding:
    given = {
        "target_key": "to/a/key",
        "source_key": "a/key",
        "verdict": verdict,
        "evidence": Evidence.NONE,
        "detail": None,
        "source_size": 100,
        "source_etag": PLAIN,
        "source_last_modified": BEFORE,
        "source_storage_class": None,
        "target_size": 100,
        "target_etag": TWO,
        "target_last_modified": AFTER,
        "target_storage_class": None,
        "requests": 0,
        "read_bytes": 0,
    }
    return Finding(**{**given, **changes})


EXTRA = a_finding(source_size=None, source_etag=None, source_last_modified=None)
SETTINGS = LookSettings(copying(tags=False), PLANNED_AT)
WITH_METADATA = replace(SETTINGS, metadata=True)


def looked_at(source: Answer, target: Answer, *more: Any, finding=None, settings=SETTINGS) -> Looked:
    """A listing confirms what is gone (C17), in the order of the sides, as long as no look has failed."""
    confirmed = []
    for answer in (source, target):
        if answer.status != 200 and answer is not GONE:
            break
        confirmed += [UNLISTED] if answer is GONE else []
    script = [("HeadObject", source), ("HeadObject", target), *confirmed, *more]
    looked, sent = drive(look(finding or a_finding(), settings), *script)
    assert looked.finding.requests == len(sent)
    return looked


# the heads, what they prove
HEADS = [
    (head(size=1), head(size=2), (Verdict.SIZE_DIFFERS, Evidence.SIZE)),
    (head(TWO, 0), head(OTHER, 0, **KMS), (Verdict.MATCH, Evidence.SIZE)),
    (head(), head(), (Verdict.MATCH, Evidence.ETAG)),
    (head(TWO), head(TWO), (Verdict.MATCH, Evidence.ETAG)),
    (head(), head(OTHER), (Verdict.CONTENT_DIFFERS, Evidence.ETAG)),
    (head(), head(ONE), (Verdict.MATCH, Evidence.PART_ETAGS)),
    (head(ONE), head(), (Verdict.MATCH, Evidence.PART_ETAGS)),
    (head(OTHER), head(ONE), (Verdict.CONTENT_DIFFERS, Evidence.PART_ETAGS)),
    # C14: nothing to compare
    (head(), head(TWO), None),
    (head(TWO), head(THREE), None),
    (head(TWO), head(OTHER_TWO), None),
    (head(), head(**KMS), None),
    (head(**KMS), head(**KMS), None),
    (head(), head(OTHER, SSECustomerAlgorithm="AES256"), None),
    (head(**KMS), head(ONE), None),
    (head("opaque"), head("opaque"), None),
    (head(None), head(None), None),
    # stored checksums
    (head(ChecksumSHA256="a"), head(TWO, ChecksumSHA256="a", **FULL), (Verdict.MATCH, Evidence.CHECKSUM)),
    (head(ChecksumSHA256="a"), head(TWO, ChecksumSHA256="b", **FULL), (Verdict.CONTENT_DIFFERS, Evidence.CHECKSUM)),
    (head(ChecksumCRC32="a", **KMS), head(ChecksumCRC32="a", **KMS), (Verdict.MATCH, Evidence.CHECKSUM)),
    (head(TWO, ChecksumSHA1="a-2"), head(THREE, ChecksumSHA1="a-2"), (Verdict.MATCH, Evidence.CHECKSUM)),
    (head(TWO, ChecksumSHA1="a-2"), head(THREE, ChecksumSHA1="b-3"), None),
    (head(TWO, ChecksumSHA1="a-2"), head(ChecksumSHA1="a"), None),
    (head(TWO, ChecksumSHA256="a"), head(ChecksumSHA256="a"), None),  # of which kind can't be told
    (head(ChecksumSHA1="a", **KMS), head(ChecksumSHA256="a"), None),
    (
        head(TWO, ChecksumSHA256="a", ChecksumCRC64NVME="x", **FULL),
        head(ChecksumSHA256="b", ChecksumCRC64NVME="x"),
        (Verdict.CONTENT_DIFFERS, Evidence.CHECKSUM),
    ),
]


@pytest.mark.parametrize(("source", "target", "proved"), HEADS)
def test_what_two_heads_prove(source, target, proved):
    """C14."""
    request = Request("HeadObject", Side.SOURCE, {})
    assert compare_heads(Head.of(source.to(request)), Head.of(target.to(request))) == proved


@pytest.mark.parametrize(
    ("values", "checksum"),
    [
        ({"ChecksumSHA256": "a-3", "ChecksumType": "COMPOSITE"}, StoredChecksum("a-3", 3)),
        ({"ChecksumSHA256": "a-3"}, StoredChecksum("a-3", 3)),
        ({"ChecksumSHA256": "a", "ChecksumType": "FULL_OBJECT", "ETag": f'"{TWO}"'}, StoredChecksum("a", 0)),
        ({"ChecksumSHA256": "a", "ChecksumType": "COMPOSITE", "ETag": f'"{TWO}"'}, StoredChecksum("a", 2)),
        ({"ChecksumSHA256": "a", "ChecksumType": "COMPOSITE", "ETag": f'"{PLAIN}"'}, StoredChecksum("a", None)),
        ({"ChecksumSHA256": "a", "ETag": f'"{TWO}"'}, StoredChecksum("a", None)),
        ({"ChecksumSHA256": "a", "ETag": f'"{PLAIN}"'}, StoredChecksum("a", 0)),
    ],
)
def test_kinds_of_checksums(values, checksum):
    assert checksums_of(values) == {"SHA256": checksum}


def test_crc64nvme_is_always_of_the_whole():
    assert checksums_of({"ChecksumCRC64NVME": "a", "ETag": f'"{TWO}"'})["CRC64NVME"].is_full
    assert checksums_of({}) == {}


@pytest.mark.parametrize(
    ("source", "target", "finding", "verdict"),
    [
        (GONE, head(), EXTRA, Verdict.MISSING_ON_SOURCE),
        (GONE, head(), a_finding(), Verdict.CHANGED_SINCE),
        (GONE, GONE, a_finding(), Verdict.CHANGED_SINCE),
        (head(), GONE, a_finding(), Verdict.MISSING_ON_TARGET),
        (head(modified=AFTER), GONE, a_finding(), Verdict.CHANGED_SINCE),
        (DENIED, head(), a_finding(), Verdict.ERROR),
        (head(), DENIED, a_finding(), Verdict.ERROR),
        (DENIED, GONE, a_finding(), Verdict.ERROR),
        (error(0, "Timeout"), head(), a_finding(), Verdict.ERROR),
        (head(), head(OTHER), a_finding(), Verdict.CONTENT_DIFFERS),
        (head(modified=AFTER), head(OTHER), a_finding(), Verdict.CHANGED_SINCE),
        (head(modified=AFTER), head(size=7), a_finding(), Verdict.CHANGED_SINCE),
        (head(modified=AFTER), head(), a_finding(), Verdict.MATCH),
        (head(), head(TWO), a_finding(), Verdict.UNPROVABLE),
    ],
)
def test_what_a_look_comes_to(source, target, finding, verdict):
    looked = looked_at(source, target, finding=finding)
    assert looked.finding.verdict is verdict
    assert looked.is_open == (verdict is Verdict.UNPROVABLE)
    if verdict is Verdict.ERROR:
        assert "HeadObject on the" in looked.finding.detail


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (page("a/key"), "shows this very key"),
        (("ListObjectsV2", error(404, "ForeignAnswer")), "ForeignAnswer"),
        (("ListObjectsV2", error(404, "NoSuchBucket")), "NoSuchBucket"),
    ],
)
def test_c17_a_404_that_no_listing_confirms_is_an_error(more, said):
    script = [("HeadObject", GONE), ("HeadObject", head()), more]
    looked, _ = drive(look(a_finding(), SETTINGS), *script)
    assert looked.finding.verdict is Verdict.ERROR
    assert said in looked.finding.detail


UNSEEN = replace(EXTRA, target_size=None, target_etag=None, target_last_modified=None)


@pytest.mark.parametrize(
    ("source", "target", "finding", "verdict", "detail"),
    [
        (GONE, head(), EXTRA, Verdict.CHANGED_SINCE, "since the run copied it"),
        (GONE, GONE, UNSEEN, Verdict.MISSING_ON_TARGET, "neither side has it now"),
        (GONE, GONE, EXTRA, Verdict.CHANGED_SINCE, "on both sides since the listing"),
        (head(), GONE, UNSEEN, Verdict.MISSING_ON_TARGET, ""),
        (head(), head(), UNSEEN, Verdict.MATCH, ""),
    ],
)
def test_what_a_run_says_it_copied_was_on_both_sides(source, target, finding, verdict, detail):
    found = looked_at(source, target, finding=finding, settings=replace(SETTINGS, of_run=True)).finding
    assert found.verdict is verdict
    assert detail in (found.detail or "")


def test_the_finding_has_the_values_it_was_reached_with():
    found = looked_at(head(OTHER, 7), head(TWO, 8, StorageClass="GLACIER")).finding
    assert (found.source_size, found.source_etag, found.target_size) == (7, OTHER, 8)
    assert (found.target_storage_class, found.target_last_modified) == ("GLACIER", BEFORE)


def part(size, count=2):
    return "HeadObject", head(size=size, PartsCount=count)


@pytest.mark.parametrize(
    ("script", "verdict"),
    [
        ([part(60), part(60), part(60), part(40), part(60), part(40)], Verdict.CONTENT_DIFFERS),
        ([part(60), part(50)], Verdict.UNPROVABLE),
        ([part(60), part(60), part(60), part(40), part(60), part(39)], Verdict.UNPROVABLE),
        ([part(60), part(60, None)], Verdict.UNPROVABLE),
        ([part(60), ("HeadObject", error(501, "NotImplemented"))], Verdict.UNPROVABLE),
        ([part(60), part(60), part(60), part(40), part(60), ("HeadObject", GONE)], Verdict.UNPROVABLE),
    ],
)
def test_unequal_etags_of_parts_prove_a_difference_only_where_the_cuts_are_the_same(script, verdict):
    """C14: the same number of parts is no proof that they were cut in the same places."""
    assert looked_at(head(TWO), head(OTHER_TWO), *script).finding.verdict is verdict


@pytest.mark.parametrize(("source", "target"), [(TWO, THREE), (TWO, PLAIN), (f"{PLAIN}-201", f"{OTHER}-201")])
def test_parts_that_are_not_looked_at(source, target):
    assert looked_at(head(source), head(target)).finding.requests == 2


def test_the_parts_are_listed_in_one_request_where_the_object_has_checksums():
    def listed(*sizes):
        parts = [{"PartNumber": number, "Size": size} for number, size in enumerate(sizes, 1)]
        return "GetObjectAttributes", ok(ObjectParts={"Parts": parts[::-1]})

    heads = head(TWO, ChecksumSHA256="a-2"), head(OTHER_TWO, ChecksumSHA256="b-2")
    script = [part(60), part(60), listed(60, 40), listed(60, 40)]
    assert looked_at(*heads, *script).finding.verdict is Verdict.CONTENT_DIFFERS
    script = [part(60), part(60), ("GetObjectAttributes", DENIED), part(60), part(40), listed(60, 40)]
    assert looked_at(*heads, *script).finding.verdict is Verdict.CONTENT_DIFFERS


# source, target, settings of the copies, the verdict, a word of the detail
METADATA = [
    ({}, {}, {}, None),
    ({"ContentType": "a/b"}, {"ContentType": "a/c"}, {}, "content_type: 'a/b' on the source, 'a/c' on the target"),
    ({"CacheControl": "x"}, {}, {}, "cache_control: 'x' on the source, nothing on the target"),
    ({"ExpiresString": "x"}, {"ExpiresString": "y"}, {}, "expires"),
    ({"WebsiteRedirectLocation": "/b"}, {}, {}, "website_redirect: '/b' on the source, nothing on the target"),
    ({"Metadata": {"a": "1"}}, {"Metadata": {"a": "2"}}, {}, "metadata a"),
    ({"Metadata": {"a": "1"}}, {}, {}, "metadata a"),
    ({"Metadata": {}}, {}, {}, None),
    ({"Metadata": {"Colour": "b"}}, {"Metadata": {"colour": "b"}}, {}, None),  # names of headers have no case
    ({"StorageClass": "STANDARD_IA"}, {}, {}, "storage_class: 'STANDARD_IA'"),
    ({"StorageClass": "STANDARD"}, {}, {}, None),
    ({"StorageClass": "OUTPOSTS"}, {}, {}, None),  # a class that no copy can have
    ({"StorageClass": "STANDARD_IA"}, {"StorageClass": "GLACIER_IR"}, {"storage_class": "GLACIER_IR"}, None),
    ({}, {}, {"storage_class": "GLACIER_IR"}, "storage_class: 'GLACIER_IR'"),
    ({}, {"ServerSideEncryption": "AES256"}, {"encryption": "AES256"}, None),
    ({}, {}, {"encryption": "AES256"}, "encryption"),
    ({"Metadata": {"a": "x\r\n" + "y" * 99}}, {}, {}, r"'x\\r\\nyyy"),
]


@pytest.mark.parametrize(("source", "target", "stored", "detail"), METADATA)
def test_metadata(source, target, stored, detail):
    settings = replace(WITH_METADATA, copying=copying(tags=False, **stored))
    found = looked_at(head(**source), head(**target), settings=settings).finding
    assert found.verdict is (Verdict.METADATA_DIFFERS if detail else Verdict.MATCH)
    assert (detail or "") in (found.detail or "")
    without = looked_at(head(**source), head(**target)).finding
    assert without.verdict is Verdict.MATCH


@pytest.mark.parametrize(
    ("source", "target", "verdict"),
    [
        ({"MissingMeta": 1}, {}, Verdict.UNPROVABLE),
        ({}, {"MissingMeta": 1}, Verdict.UNPROVABLE),
        ({"MissingMeta": 1}, {"MissingMeta": 1}, Verdict.UNPROVABLE),
        ({"Metadata": {"a": "1"}}, {"MissingMeta": 1}, Verdict.UNPROVABLE),  # may be the one that is not shown
        ({"Metadata": {"a": "1"}}, {"Metadata": {"A": "2"}, "MissingMeta": 1}, Verdict.METADATA_DIFFERS),
        ({"ContentType": "a/b"}, {"MissingMeta": 1}, Verdict.METADATA_DIFFERS),
    ],
)
def test_c14_metadata_that_can_not_be_read_are_not_called_equal(source, target, verdict):
    looked = looked_at(head(**source), head(**target), settings=WITH_METADATA)
    assert (looked.finding.verdict, looked.is_open) == (verdict, False)
    assert looked_at(head(**source), head(**target)).finding.verdict is Verdict.MATCH


def test_tags():
    settings = replace(WITH_METADATA, copying=copying())

    def tags(**values):
        return "GetObjectTagging", ok(TagSet=[{"Key": key, "Value": value} for key, value in values.items()])

    found = looked_at(head(), head(), tags(a="1", b="2"), tags(b="2", a="1"), settings=settings).finding
    assert (found.verdict, found.requests) == (Verdict.MATCH, 4)
    found = looked_at(head(), head(), tags(a="1"), tags(), settings=settings).finding
    assert (found.verdict, found.detail) == (
        Verdict.METADATA_DIFFERS,
        "tag a: '1' on the source, nothing on the target",
    )
    found = looked_at(head(), head(), tags(), ("GetObjectTagging", DENIED), settings=settings).finding
    assert (found.verdict, found.detail) == (Verdict.ERROR, "GetObjectTagging on the target: 403")


def test_many_differences_are_cut():
    source = {"Metadata": {f"m{n}": "x" for n in range(9)}}
    found = looked_at(head(**source), head(), settings=WITH_METADATA).finding
    assert found.detail.count("metadata m") == 5
    assert found.detail.endswith("and 4 more")


def test_c14_a_match_by_listings_does_not_stand_where_a_head_shows_that_the_etags_are_no_md5s():
    finding = replace(a_finding(Verdict.MATCH), evidence=Evidence.ETAG, source_etag=PLAIN, target_etag=PLAIN)
    for source, target in ((head(**KMS), head(**KMS)), (head(), head(**KMS)), (head(OTHER, **KMS), head(**KMS))):
        found = looked_at(source, target, finding=finding, settings=WITH_METADATA)
        assert (found.finding.verdict, found.is_open) == (Verdict.UNPROVABLE, True)
    assert looked_at(head(), head(), finding=finding, settings=WITH_METADATA).finding.verdict is Verdict.MATCH


def bodies(source: bytes, target: bytes, source_etag: str, target_etag: str, **kinds: Any):
    """Run `read_bodies` over two bodies; the reads by side."""
    request = Request("HeadObject", Side.SOURCE, {})
    heads = [
        Head.of(head(etag, len(body), **kinds).to(request))
        for etag, body in ((source_etag, source), (target_etag, target))
    ]
    looked = Looked(a_finding(), *heads)
    by_side = {Side.SOURCE: source, Side.TARGET: target}
    read: dict[Side, list[str]] = {Side.SOURCE: [], Side.TARGET: []}
    operation = read_bodies(looked, SETTINGS)
    try:
        requests = next(operation)
        while True:
            replies = []
            for each in requests:
                assert each.params["IfMatch"] == f'"{source_etag if each.side is Side.SOURCE else target_etag}"'
                first, last = map(int, each.params["Range"].removeprefix("bytes=").split("-"))
                read[each.side].append(each.params["Range"])
                replies.append(Reply(each, 206, values={"Body": by_side[each.side][first : last + 1]}))
            requests = operation.send(replies)
    except StopIteration as end:
        return looked, end.value, read


def plain(body: bytes) -> str:
    return md5(body, usedforsecurity=False).hexdigest()


LARGE = bytes(range(256)) * (2 * CHUNK_BYTES // 256) + b"end"


def test_one_side_is_read_where_the_other_shows_its_md5():
    looked, found, read = bodies(LARGE, LARGE, plain(LARGE), TWO)
    assert (found.verdict, found.evidence) == (Verdict.MATCH, Evidence.BODY)
    assert found.read_bytes == cost_bytes(looked) == len(LARGE)
    assert read[Side.SOURCE] == []
    assert read[Side.TARGET] == ["bytes=0-4194303", "bytes=4194304-8388607", "bytes=8388608-8388610"]
    _, found, read = bodies(LARGE, LARGE, THREE, plain(LARGE))
    assert found.verdict is Verdict.MATCH
    assert read[Side.TARGET] == []


@pytest.mark.parametrize("at", [0, CHUNK_BYTES, len(LARGE) - 1])
def test_one_byte_is_seen_wherever_it_is(at):
    other = LARGE[:at] + bytes([LARGE[at] ^ 1]) + LARGE[at + 1 :]
    assert bodies(LARGE, other, plain(LARGE), TWO)[1].verdict is Verdict.CONTENT_DIFFERS
    _, found, read = bodies(LARGE, other, TWO, THREE)
    assert found.verdict is Verdict.CONTENT_DIFFERS
    assert len(read[Side.SOURCE]) == at // CHUNK_BYTES + 1  # it ends at the first difference


def test_both_sides_are_read_where_neither_shows_its_md5():
    looked, found, read = bodies(LARGE, LARGE, PLAIN, OTHER, **KMS)
    assert found.verdict is Verdict.MATCH
    assert found.read_bytes == cost_bytes(looked) == 2 * len(LARGE)
    assert len(read[Side.SOURCE]) == len(read[Side.TARGET]) == 3


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (error(412, "PreconditionFailed"), Verdict.CHANGED_SINCE),
        (GONE, Verdict.CHANGED_SINCE),
        (error(403, "InvalidObjectState"), Verdict.UNPROVABLE),
        (error(403, "AccessDenied"), Verdict.ERROR),
        (ok(Body=b"short"), Verdict.ERROR),
    ],
)
def test_a_body_that_can_not_be_read(answer, verdict):
    request = Request("HeadObject", Side.SOURCE, {})
    looked = Looked(a_finding(), Head.of(head(PLAIN, 9).to(request)), Head.of(head(TWO, 9).to(request)))
    found, _ = drive(read_bodies(looked, SETTINGS), ("GetObject", answer))
    assert found.verdict is verdict
    assert found.detail


def test_a_difference_of_a_source_that_is_newer_than_the_run():
    request = Request("HeadObject", Side.SOURCE, {})
    heads = [Head.of(head(etag, 3, AFTER).to(request)) for etag in (TWO, THREE)]
    script = [("GetObject", ok(Body=b"abc")), ("GetObject", ok(Body=b"abd"))]
    found, _ = drive(read_bodies(Looked(a_finding(), *heads), SETTINGS), *script)
    assert found.verdict is Verdict.CHANGED_SINCE


@pytest.mark.parametrize("algorithm", CHECKSUMS)
def test_each_algorithm_settles_what_etags_leave_open(algorithm: str) -> None:
    def seen(value: str) -> Head:
        return Head.of(
            head(**{f"Checksum{algorithm}": value}, **FULL, **KMS).to(Request("HeadObject", Side.SOURCE, {}))
        )

    assert compare_heads(seen("a"), seen("a")) == (Verdict.MATCH, Evidence.CHECKSUM)
    assert compare_heads(seen("a"), seen("b")) == (Verdict.CONTENT_DIFFERS, Evidence.CHECKSUM)


def entries(**sizes_and_etags: tuple[int, str]) -> tuple[str, Answer]:
    body = "".join(
        f"<AnnotationEntry><AnnotationName>{name}</AnnotationName><Size>{size}</Size><ETag>{etag}</ETag></AnnotationEntry>"
        for name, (size, etag) in sizes_and_etags.items()
    )
    return LIST, ok(Body=f"<ListObjectAnnotationsResult>{body}</ListObjectAnnotationsResult>".encode())


LIST = "ListObjectAnnotations"
TEXTS = [("GetObjectAnnotation", ok(AnnotationPayload=text)) for text in (b"abc", b"abc", b"abd")]
NO_ANNOTATIONS = (LIST, error(501, "NotImplemented"))

# the lists of both sides and what is read, how both are encrypted, a word of the detail
ANNOTATED = [
    ([entries(), entries()], {}, None),
    ([entries(a=(3, PLAIN)), entries(a=(3, PLAIN))], {}, None),
    ([entries(a=(3, PLAIN)), entries(a=(3, OTHER))], {}, "annotation a: another text of 3 bytes on the target"),
    ([entries(a=(3, PLAIN)), entries(a=(4, PLAIN))], {}, "annotation a: 3 bytes on the source, 4 bytes on the target"),
    ([entries(a=(3, PLAIN)), entries()], {}, "annotation a: 3 bytes on the source, nothing on the target"),
    ([entries(), entries(a=(3, PLAIN))], {}, "annotation a: nothing on the source, 3 bytes on the target"),
    ([entries(a=(3, PLAIN)), NO_ANNOTATIONS], {}, "annotation a: 3 bytes on the source, nothing on the target"),
    ([NO_ANNOTATIONS, NO_ANNOTATIONS], {}, None),
    ([entries(a=(3, "x")), entries(a=(3, PLAIN)), *TEXTS[:2]], {}, None),
    ([entries(a=(3, "x")), entries(a=(3, "x")), *TEXTS[1:]], {}, "annotation a: another text of 3 bytes"),
    # C14: what encryption may hide proves nothing
    ([entries(a=(3, PLAIN)), entries(a=(3, PLAIN)), *TEXTS[:2]], KMS | FULL | {"ChecksumSHA1": "a"}, None),
    ([entries(a=(3, PLAIN)), entries(a=(3, PLAIN)), *TEXTS[1:]], KMS | FULL | {"ChecksumSHA1": "a"}, "another text"),
]


@pytest.mark.parametrize(("script", "stored", "detail"), ANNOTATED)
def test_annotations(script, stored, detail):
    settings = replace(WITH_METADATA, copying=copying(tags=False, without_annotations=set()))
    found = looked_at(head(**stored), head(**stored), *script, settings=settings).finding
    assert found.verdict is (Verdict.METADATA_DIFFERS if detail else Verdict.MATCH)
    assert (detail or "") in (found.detail or "")
    without = replace(WITH_METADATA, copying=copying(tags=False, annotations=False, without_annotations=set()))
    assert looked_at(head(**stored), head(**stored), settings=without).finding.verdict is Verdict.MATCH


@pytest.mark.parametrize(
    "script",
    [
        [(LIST, DENIED)],
        [entries(), (LIST, DENIED)],
        [entries(a=(3, "x")), entries(a=(3, "x")), TEXTS[0], ("GetObjectAnnotation", DENIED)],
    ],
)
def test_c14_annotations_that_can_not_be_read_are_not_called_equal(script):
    settings = replace(WITH_METADATA, copying=copying(tags=False, without_annotations=set()))
    assert looked_at(head(), head(), *script, settings=settings).finding.verdict is Verdict.ERROR


SEALED = error(400, "InvalidRequest", "The object was stored using a form of Server Side Encryption. The correct ...")


@pytest.mark.parametrize(
    ("heads", "told", "verdict", "detail"),
    [
        ((error(400, "400"), head()), SEALED, Verdict.UNPROVABLE, "the source is encrypted with a key of its customer"),
        ((head(), error(400, "400")), SEALED, Verdict.UNPROVABLE, "the target is encrypted with a key of its customer"),
        (
            (error(400, "400"), head()),
            error(
                400, "InvalidArgument", "Requests specifying Server Side Encryption with Customer provided keys must"
            ),
            Verdict.UNPROVABLE,
            "(SSE-C)",
        ),
        ((error(400, "400"), head()), error(400, "ExpiredToken", "expired"), Verdict.ERROR, "ExpiredToken: expired"),
        ((error(400, "400"), head()), error(400, "InvalidRequest", "what?"), Verdict.ERROR, "InvalidRequest: what?"),
        ((error(400, "400"), head()), ok(Body=b"x"), Verdict.ERROR, "HeadObject on the source: 400"),
    ],
)
def test_a_head_that_is_refused_without_a_reason(heads, told, verdict, detail):
    """C14: what can't be read with the key of a customer is neither equal nor an error of the check."""
    found = looked_at(*heads, ("GetObject", told)).finding
    assert found.verdict is verdict
    assert detail in found.detail
