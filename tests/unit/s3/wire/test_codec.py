"""GetObject, PutObject and their like are written and read as botocore does it."""

from datetime import UTC, datetime
from email.utils import formatdate
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3sync.s3.request import Request, Side
from s3sync.s3.wire import codec as object_wire
from s3sync.s3.wire import codec as wire
from s3sync.s3.wire.http import MalformedRequest

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
TEXT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)
NAMES = st.from_regex(r"\A[A-Za-z][A-Za-z0-9-]{0,10}\Z")
SOURCE = {
    "ExpectedBucketOwner": st.just("111122223333"),
    "RequestPayer": st.just("requester"),
    "VersionId": TEXT,
}
GET = {**SOURCE, "IfMatch": st.just('"0123456789abcdef0123456789abcdef"'), "Range": st.just("bytes=5-9")}
PUT = {
    "ACL": st.just("bucket-owner-full-control"),
    "BucketKeyEnabled": st.booleans(),
    "CacheControl": TEXT,
    "ContentDisposition": TEXT,
    "ContentEncoding": TEXT,
    "ContentLanguage": TEXT,
    "ContentMD5": TEXT,
    "ContentType": TEXT,
    "ExpectedBucketOwner": st.just("111122223333"),
    "Expires": st.just("Thu, 01 Jan 2032 00:00:00 GMT"),
    "IfNoneMatch": st.just("*"),
    "Metadata": st.dictionaries(NAMES, TEXT, max_size=4),
    "RequestPayer": st.just("requester"),
    "SSEKMSKeyId": TEXT,
    "ServerSideEncryption": st.sampled_from(["AES256", "aws:kms"]),
    "StorageClass": st.sampled_from(["STANDARD_IA", "GLACIER"]),
    "Tagging": TEXT,
    "WebsiteRedirectLocation": st.just("/other"),
}
PART = {name: PUT[name] for name in ("ContentMD5", "ExpectedBucketOwner", "RequestPayer")}


def request(operation, **params):
    return Request(operation, Side.TARGET, params)


def same(operation, params):
    one, other = wire.wire_of(request(operation, **params)), wire._modelled(operation, params)
    assert (one.method, one.path, one.query) == (other.method, other.path, other.query)
    assert sorted(one.headers) == sorted(other.headers)
    assert one.body == other.body


@settings(max_examples=300, deadline=None)
@given(KEYS, st.fixed_dictionaries({}, optional=GET))
def test_a_get(key, optional):
    """C10."""
    same("GetObject", {"Bucket": "b", "Key": key, **optional})


@settings(max_examples=100, deadline=None)
@given(KEYS, st.fixed_dictionaries({}, optional=SOURCE))
def test_a_get_of_tags(key, optional):
    same("GetObjectTagging", {"Bucket": "b", "Key": key, **optional})


@settings(max_examples=300, deadline=None)
@given(KEYS, st.binary(max_size=20), st.fixed_dictionaries({}, optional=PUT))
def test_a_put(key, body, optional):
    same("PutObject", {"Bucket": "b", "Key": key, "Body": body, **optional})


@settings(max_examples=100, deadline=None)
@given(KEYS, st.binary(max_size=20), TEXT, st.integers(1, 10_000), st.fixed_dictionaries({}, optional=PART))
def test_a_part(key, body, upload_id, number, optional):
    given = {"Bucket": "b", "Key": key, "UploadId": upload_id, "PartNumber": number, "Body": body}
    same("UploadPart", {**given, **optional})


def test_a_file_goes_as_it_is():
    file = BytesIO(b"body")
    given = {"Bucket": "b", "Key": "k", "Body": file}
    assert wire.wire_of(request("PutObject", **given)).body is file
    assert wire.wire_of(request("PutObject", **given, Expires="Thu, 01 Jan 2032 00:00:00 GMT")).body is file


def test_what_is_in_no_table_is_left_to_botocore():
    time = datetime(2024, 1, 1, tzinfo=UTC)
    params = {"Bucket": "b", "Key": "k", "IfUnmodifiedSince": time}
    assert object_wire.wire_of_object("GetObject", params) is None
    assert ("if-unmodified-since", "Mon, 01 Jan 2024 00:00:00 GMT") in wire.wire_of(
        request("GetObject", **params)
    ).headers


@pytest.mark.parametrize("metadata", [{"a": "€"}, {"a": "line\nbreak"}])
def test_what_no_header_can_carry_is_refused(metadata):
    with pytest.raises(MalformedRequest):
        wire.wire_of(request("PutObject", Bucket="b", Key="k", Body=b"", Metadata=metadata))


TIMES = st.integers(800_000_000, 3_700_000_000).map(lambda second: formatdate(second, usegmt=True))
ANSWER = {
    "Cache-Control": TEXT,
    "Content-Length": st.integers(0, 2**40).map(str),
    "Content-Range": st.just("bytes 0-4/10"),
    "Content-Type": TEXT,
    "ETag": st.just('"0123456789abcdef0123456789abcdef"'),
    "Expires": TIMES,
    "Last-Modified": TIMES,
    "x-amz-missing-meta": st.just("2"),
    "x-amz-meta-Colour": TEXT,
    "x-amz-meta-b": TEXT,
    "x-amz-mp-parts-count": st.just("3"),
    "x-amz-server-side-encryption": st.just("aws:kms"),
    "x-amz-storage-class": st.just("STANDARD_IA"),
    "x-amz-tagging-count": st.just("1"),
    "x-amz-version-id": TEXT,
    "x-amz-website-redirect-location": st.just("/other"),
    "Accept-Ranges": st.just("bytes"),
}


def header_bytes(headers):
    lines = [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode()


@settings(max_examples=300, deadline=None)
@given(st.fixed_dictionaries({}, optional=ANSWER), st.sampled_from(["GetObject", "PutObject", "UploadPart"]))
def test_an_answer(headers, operation):
    """What is read is what botocore reads; it may read more."""
    asked = request(operation, Bucket="b", Key="k")
    sent = b"<Error>" if operation == "GetObject" else b""
    found = wire.reply_of(asked, 200, header_bytes(headers), sent, 0.1)
    if operation == "GetObject" and "Last-Modified" not in headers:
        assert (found.code, found.message) == ("Truncated", "the answer has no LastModified")
        return
    by_botocore = wire._parsed(asked, 200, header_bytes(headers), sent, 0.1).values
    body = found.values.pop("Body", None)
    by_botocore.pop("Body", None)
    assert (body or b"") == sent
    assert {name: by_botocore.get(name) for name in found.values} == found.values
    wanted = {"ETag", "ServerSideEncryption"}
    if operation == "GetObject":
        wanted |= {
            "WebsiteRedirectLocation",
            "Metadata",
            "ContentLength",
            "LastModified",
            "StorageClass",
            "MissingMeta",
            "Expires",
            "ContentType",
        }
    assert by_botocore.keys() & wanted <= found.values.keys()


@pytest.mark.parametrize("modified", ["Sunday, 06-Nov-94 08:49:37 GMT", "yesterday", "", "Sun, 06 Nov 1994 08:49:37"])
def test_a_time_that_is_written_otherwise_is_left_to_botocore(modified):
    asked = request("GetObject", Bucket="b", Key="k")
    assert object_wire.reply_of_object(asked, 200, header_bytes({"Last-Modified": modified}), b"", 0) is None


def test_a_checksum_that_was_asked_for_is_left_to_botocore():
    asked = request("GetObject", Bucket="b", Key="k", ChecksumMode="ENABLED")
    headers = header_bytes({"x-amz-checksum-crc32": "AAAAAA==", "Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT"})
    assert wire.reply_of(asked, 200, headers, b"", 0).values["ChecksumCRC32"] == "AAAAAA=="


TAGS = b"<Tagging><TagSet><Tag><Key>a &amp; b</Key><Value/></Tag></TagSet></Tagging>"


@pytest.mark.parametrize("body", [b"<html><body>ok</body></html>", b"ok"])
def test_an_answer_without_tags_is_no_answer(body):
    found = wire.reply_of(request("GetObjectTagging"), 200, header_bytes({}), body, 0)
    assert (found.ok, found.code) == (False, "Truncated")


@pytest.mark.parametrize(
    ("body", "tags"),
    [(b"<Tagging><TagSet/></Tagging>", []), (b"", []), (TAGS, [{"Key": "a & b", "Value": ""}])],
)
def test_tags(body, tags):
    assert wire.reply_of(request("GetObjectTagging"), 200, header_bytes({}), body, 0).values["TagSet"] == tags
