"""What goes over the wire is what botocore would send, and what comes back has boto3's names."""

from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3sync.demo.odd_keys import ODD_KEYS
from s3sync.model.outcome import ErrorClass
from s3sync.s3.engine.error_class import classify
from s3sync.s3.request import Request, Side
from s3sync.s3.wire import codec as wire

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
OPTIONAL = {
    "ACL": st.just("bucket-owner-full-control"),
    "BucketKeyEnabled": st.booleans(),
    "CopySourceIfMatch": st.just('"0123456789abcdef0123456789abcdef"'),
    "ExpectedBucketOwner": st.just("111122223333"),
    "ExpectedSourceBucketOwner": st.just("444455556666"),
    "IfNoneMatch": st.just("*"),
    "RequestPayer": st.just("requester"),
    "SSEKMSKeyId": st.just("arn:aws:kms:us-east-1:111122223333:key/1"),
    "ServerSideEncryption": st.sampled_from(["AES256", "aws:kms"]),
    "StorageClass": st.sampled_from(["STANDARD_IA", "GLACIER"]),
    "TaggingDirective": st.just("REPLACE"),
    "AnnotationDirective": st.just("EXCLUDE"),
}


def request(operation: str, **params) -> Request:
    return Request(operation, Side.TARGET, params)


def same(one: wire.Wire, other: wire.Wire) -> None:
    assert (one.method, one.path, one.query) == (other.method, other.path, other.query)
    assert sorted(one.headers) == sorted(other.headers)
    assert (one.body or b"") == (other.body or b"")


@settings(max_examples=500, deadline=None)
@given(KEYS, KEYS, st.one_of(st.none(), st.just("v1")), st.fixed_dictionaries({}, optional=OPTIONAL))
def test_a_copy_is_written_as_botocore_writes_it(source_key, target_key, version_id, optional):
    source = {"Bucket": "source", "Key": source_key, **({"VersionId": version_id} if version_id else {})}
    params = {"Bucket": "target", "Key": target_key, "CopySource": source, **optional}
    same(wire.wire_of(request("CopyObject", **params)), wire._modelled("CopyObject", params))


@pytest.mark.parametrize("odd", ODD_KEYS, ids=lambda odd: odd.name)
def test_c10_odd_keys_are_encoded_once(odd):
    params = {"Bucket": "target", "Key": odd.key, "CopySource": {"Bucket": "source", "Key": odd.key}}
    same(wire.wire_of(request("CopyObject", **params)), wire._modelled("CopyObject", params))


def test_a_parameter_beyond_the_quick_ones_is_not_lost():
    params = {"Bucket": "t", "Key": "k", "CopySource": {"Bucket": "s", "Key": "k"}, "ContentType": "text/plain"}
    assert ("content-type", "text/plain") in wire.wire_of(request("CopyObject", **params)).headers


def test_a_bucket_that_begins_like_the_key_is_taken_off_once():
    assert wire.wire_of(request("HeadObject", Bucket="b", Key="b/b")).path == "/b/b"


def test_queries_are_sorted_and_complete():
    found = wire.wire_of(request("UploadPart", Bucket="b", Key="k", UploadId="a+/=", PartNumber=7, Body=b"x"))
    assert (found.method, found.query, found.body) == ("PUT", "partNumber=7&uploadId=a%2B%2F%3D", b"x")
    assert wire.wire_of(request("CreateMultipartUpload", Bucket="b", Key="k")).query == "uploads="


@pytest.mark.parametrize("value", ["line\nbreak", "€", "nul\0", "del\x7f"])
def test_what_no_header_can_carry_is_refused(value):
    with pytest.raises(wire.MalformedRequest):
        wire.wire_of(request("CreateMultipartUpload", Bucket="b", Key="k", Metadata={"a": value}))


HEADERS = b"HTTP/1.1 200 OK\r\nx-amz-request-id: 1\r\nX-Amz-Server-Side-Encryption: aws:kms\r\n\r\n"
COPIED = b'<?xml version="1.0"?>\n<CopyObjectResult><ETag>&quot;abc&quot;</ETag></CopyObjectResult>'


def reply(operation: str, status: int, body: bytes, headers: bytes = HEADERS):
    return wire.reply_of(request(operation, Bucket="b", Key="k"), status, headers, body, 0.1)


def test_a_copy_has_its_etag_and_its_encryption():
    assert reply("CopyObject", 200, COPIED).values == {
        "CopyObjectResult": {"ETag": '"abc"'},
        "ServerSideEncryption": "aws:kms",
    }


@pytest.mark.parametrize("start", ["", '<?xml version="1.0" encoding="UTF-8"?>\n', "\n   \n"])
@pytest.mark.parametrize("operation", ["CopyObject", "UploadPartCopy", "CompleteMultipartUpload"])
def test_an_error_in_a_200_is_an_error(operation, start):
    body = f"{start}<Error><Code>InternalError</Code><Message>{escape('a & b')}</Message></Error>".encode()
    found = reply(operation, 200, body)
    assert (found.ok, found.status, found.code, found.message) == (False, 200, "InternalError", "a & b")


def test_a_200_without_an_etag_is_no_success():
    assert reply("CopyObject", 200, b"").code == "Truncated"


def test_a_refusal_has_code_message_and_further_members():
    found = reply("GetObject", 404, b"<Error><Code>NoSuchBucket</Code><BucketName>b</BucketName></Error>")
    assert (found.code, found.values["BucketName"]) == ("NoSuchBucket", "b")


@pytest.mark.parametrize("body", [b"", b"Not found", b"<html><Code>NoSuchKey</Code></html>"])
@pytest.mark.parametrize("status", [404, 410])
def test_c17_a_404_that_is_no_error_of_s3_is_not_believed(status, body):
    found = reply("GetObject", status, body)
    assert (found.code, classify(found.status, found.code)) == ("ForeignAnswer", ErrorClass.TRANSIENT)
    assert reply("HeadObject", status, b"").code == str(status)  # of the target
    of_source = Request("HeadObject", Side.SOURCE, {"Bucket": "b", "Key": "k"})
    assert wire.reply_of(of_source, status, b"HTTP/1.1 404 x\r\n\r\n", b"", 0).code == "ForeignAnswer"
    known = b"HTTP/1.1 404 x\r\nx-amz-request-id: 1\r\n\r\n"
    assert wire.reply_of(of_source, status, known, b"", 0).code == str(status)
    assert reply("GetObject", 403, body).code == "403"


def test_a_heads_404_tells_that_it_has_s3s_request_id():
    lines = b"HTTP/1.1 404 Not Found\r\nX-Amz-Request-Id: 1F\r\n\r\n"
    assert wire.reply_of(request("HeadObject", Bucket="b", Key="k"), 404, lines, b"", 0).values == {"RequestId": "1F"}


def test_a_refusal_without_a_body_is_its_status():
    assert reply("HeadObject", 403, b"").code == "403"


DATED = b"HTTP/1.1 200 OK\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 5\r\n"


def test_the_body_of_an_object_is_left_alone_even_where_it_looks_like_an_error():
    body = b"<Error><Code>NoSuchKey</Code></Error>"
    found = wire.reply_of(request("GetObject", Bucket="b", Key="k"), 200, DATED + b"\r\n", body, 0)
    assert found.values["Body"] == body


@pytest.mark.parametrize("operation", ["HeadObject", "GetObject"])
@pytest.mark.parametrize("given", ["Never", "0", "-1", "", "Thu, 99 Foo 9999 00:00:00 GMT"])
def test_an_expires_that_is_no_date_is_told_as_text(operation, given):
    """S3 keeps whatever it was given; boto3 tells it as `ExpiresString`."""
    lines = DATED + f"Expires: {given}\r\n\r\n".encode()
    found = wire.reply_of(request(operation, Bucket="b", Key="k"), 200, lines, b"", 0)
    assert found.ok
    assert "Expires" not in found.values or found.values["Expires"].year <= 1970  # botocore takes 0 for a time
    assert "ExpiresString" in found.values or "Expires" in found.values


@pytest.mark.parametrize(
    ("operation", "lines", "missing"),
    [
        ("HeadObject", b"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "ContentLength"),
        ("HeadObject", b"Content-Length: 3\r\n", "LastModified"),
        ("CreateMultipartUpload", b"", "UploadId"),
    ],
)
def test_a_success_that_lacks_what_it_must_have_is_none(operation, lines, missing):
    found = wire.reply_of(
        request(operation, Bucket="b", Key="k"), 200, b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n", b"", 0
    )
    assert (found.code, found.message) == ("Truncated", f"the answer has no {missing}")


def test_a_time_that_cannot_be_read_fails_the_request_and_nothing_else():
    lines = b"HTTP/1.1 200 OK\r\nLast-Modified: garbage\r\nContent-Length: 3\r\n\r\n"
    assert wire.reply_of(request("HeadObject", Bucket="b", Key="k"), 200, lines, b"", 0).code == "Truncated"


OTHERS = b"etag: no\r\nx-amz-version-id: no\r\nx-amz-server-side-encryption: no\r\nretry-after: 9\r\n\r\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"HTTP/1.1 100 Continue\r\n" + OTHERS, b""), (b"HTTP/1.1 200 Connected\r\n\r\n", OTHERS), (b"", OTHERS)],
    ids=["an early answer", "a tunnel, a trailer", "a trailer"],
)
@pytest.mark.parametrize(
    ("operation", "status", "body"),
    [
        ("CopyObject", 200, COPIED),
        ("GetObject", 200, b"body"),
        ("HeadObject", 200, b""),
        ("PutObject", 200, b""),
        ("UploadPart", 200, b""),
        ("GetObject", 503, b"<Error><Code>SlowDown</Code></Error>"),
    ],
)
def test_only_the_headers_of_the_final_answer_are_read(operation, status, body, before, after):
    """A trailer is none of them (RFC 9110, 6.5.1), however a server calls what it says there."""
    headers = DATED + b"ETag: yes\r\nx-amz-server-side-encryption: AES256\r\n\r\n"
    assert reply(operation, status, body, before + headers + after) == reply(operation, status, body, headers)
