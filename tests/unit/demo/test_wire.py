import pytest

from s3sync.demo.wire import Call, call_of, copy_source, error_body, path_style

SCOPE = "AWS4-HMAC-SHA256 Credential=AKIA/20250101/{}/{}/aws4_request, SignedHeaders=host, Signature=0"


def environ(method: str, uri: str, **more: str) -> dict[str, str]:
    return {"REQUEST_METHOD": method, "RAW_URI": uri, "QUERY_STRING": uri.partition("?")[2], **more}


@pytest.mark.parametrize(
    ("method", "uri", "operation"),
    [
        ("GET", "/", "ListBuckets"),
        ("PUT", "/b", "CreateBucket"),
        ("HEAD", "/b", "HeadBucket"),
        ("GET", "/b?list-type=2&prefix=uploads", "ListObjectsV2"),
        ("GET", "/b?versions", "ListObjectVersions"),
        ("GET", "/b?uploads", "ListMultipartUploads"),
        ("GET", "/b/", "ListObjects"),
        ("POST", "/b?delete", "DeleteObjects"),
        ("GET", "/b/k", "GetObject"),
        ("HEAD", "/b/k?partNumber=1", "HeadObject"),
        ("GET", "/b/k?attributes", "GetObjectAttributes"),
        ("GET", "/b/k?tagging", "GetObjectTagging"),
        ("PUT", "/b/k", "PutObject"),
        ("PUT", "/b/k?partNumber=1&uploadId=u", "UploadPart"),
        ("POST", "/b/k?uploads", "CreateMultipartUpload"),
        ("POST", "/b/k?uploadId=u", "CompleteMultipartUpload"),
        ("DELETE", "/b/k?uploadId=u", "AbortMultipartUpload"),
        ("DELETE", "/b/k", "DeleteObject"),
    ],
)
def test_the_operation_of_a_request(method, uri, operation):
    call = call_of(environ(method, uri))
    assert call.operation == operation
    assert call.is_s3


@pytest.mark.parametrize(("uri", "operation"), [("/b/k", "CopyObject"), ("/b/k?uploadId=u", "UploadPartCopy")])
def test_a_copy_is_told_by_its_header(uri, operation):
    assert call_of(environ("PUT", uri, HTTP_X_AMZ_COPY_SOURCE="/a/b")).operation == operation


def test_a_request_for_a_queue():
    given = environ(
        "POST", "/", HTTP_AUTHORIZATION=SCOPE.format("eu-west-1", "sqs"), HTTP_X_AMZ_TARGET="AmazonSQS.Send"
    )
    assert call_of(given) == Call("sqs", "eu-west-1", "Send")


@pytest.mark.parametrize(
    ("uri", "key"), [("/b/a%2Fb", "a/b"), ("/b//a/../b", "/a/../b"), ("/b/a+b%20c?x=1", "a+b c"), ("/b/%0A", "\n")]
)
def test_the_key_is_decoded_once(uri, key):
    assert call_of(environ("PUT", uri)).key == key


@pytest.mark.parametrize(
    ("header", "source"),
    [
        ("/b/k", ("b", "k", None)),
        ("b/k%2520l?versionId=v", ("b", "k%20l", "v")),
        ("/b//k", ("b", "/k", None)),
        ("/b/k%3FversionId=1", ("b", "k?versionId=1", None)),
        ("/b/a;b", ("b", "a;b", None)),
    ],
)
def test_the_source_of_a_copy(header, source):
    assert copy_source({"HTTP_X_AMZ_COPY_SOURCE": header}) == source


@pytest.mark.parametrize(
    ("host", "uri"),
    [
        ("b.localhost:90", "/b/k"),
        ("b.s3.localhost", "/b/k"),
        ("my.bucket.localhost:90", "/my.bucket/k"),
        ("localhost:90", "/k"),
        ("s3.localhost:90", "/k"),
        ("127.0.0.1:90", "/k"),
    ],
)
def test_virtual_hosts_become_paths(host, uri):
    given = {**environ("GET", "/k"), "HTTP_HOST": host, "PATH_INFO": "/k", "REQUEST_URI": "/k"}
    path_style(given)
    assert given["RAW_URI"] == given["PATH_INFO"] == uri


def test_errors_escape_what_they_quote():
    assert b"<Key>&lt;a&amp;</Key>" in error_body("NoSuchKey", "no", Key="<a&")
