"""A request that is written the quick way is the one that the slow way writes, header by header."""

import pytest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from s3sync.s3.request import Request, Side
from s3sync.s3.wire.codec import wire_of
from s3sync.s3.wire.endpoints import Endpoint
from s3sync.s3.wire.sigv4 import EMPTY_SHA256, UNSIGNED, Signer
from s3sync.s3.wire.templates import QuickForm

PATH_STYLE = Endpoint("http://127.0.0.1:9000", "127.0.0.1:9000", "/into", "us-east-1", "", "")
VIRTUAL = Endpoint(
    "https://into.s3.eu-west-1.amazonaws.com", "into.s3.eu-west-1.amazonaws.com", "", "eu-west-1", "", ""
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.sampled_from("\té"), min_size=1, max_size=20)
OPTIONAL = st.fixed_dictionaries(
    {},
    optional={
        "ACL": st.just("bucket-owner-full-control"),
        "CopySourceIfMatch": st.text("0123456789abcdef-%", min_size=32, max_size=36).map(lambda etag: f'"{etag}"'),
        "ExpectedSourceBucketOwner": st.just("111122223333"),
        "IfNoneMatch": st.just("*"),
        "SSEKMSKeyId": TEXTS,
        "ServerSideEncryption": st.sampled_from(["AES256", "aws:kms"]),
        "StorageClass": TEXTS,
        "WebsiteRedirectLocation": TEXTS,
        "TaggingDirective": st.just("REPLACE"),
        "AnnotationDirective": st.just("EXCLUDE"),
    },
)


def is_odd(value: str) -> bool:
    """Not quick: what is signed is not the value as it stands, or looks like it."""
    return value != value.strip(" ") or "  " in value or ": " in value or "\t" in value or not value.isascii()


def slow(params: dict, endpoint: Endpoint, signer: Signer, operation: str = "CopyObject") -> tuple[str, list[str]]:
    wire = wire_of(Request(operation, Side.TARGET, params))
    path = endpoint.path + wire.path
    payload = EMPTY_SHA256 if wire.body is None else UNSIGNED
    lines = signer.sign(wire.method, path, wire.query, [("host", endpoint.host), *wire.headers], payload)
    if wire.body is not None:
        lines.append("Expect:")
    elif wire.method == "PUT":
        lines.append("Content-Length: 0")
    return f"{path}?{wire.query}" if wire.query else path, lines


@settings(max_examples=1_000, deadline=None)
@given(
    KEYS,
    KEYS | st.none(),
    st.none() | st.text("abcXYZ019._", min_size=1, max_size=32),
    OPTIONAL,
    st.sampled_from([PATH_STYLE, VIRTUAL]),
    st.none() | st.just("a/token+with=100%"),
)
def test_both_ways_are_the_same(source_key, target_key, version_id, optional, endpoint, token):
    source = {"Bucket": "from", "Key": source_key} | ({"VersionId": version_id} if version_id else {})
    params = {"Bucket": "into", "Key": target_key or source_key, "CopySource": source, **optional}
    signer = Signer(lambda: ReadOnlyCredentials("AKIA", "secret", token), endpoint.region, clock=lambda: 1.7e9)
    form = QuickForm.of("CopyObject", list(params), endpoint, signer)
    found = form.fill(params)
    assert (found is None) is any(map(is_odd, optional.values()))
    if found is not None:
        path, lines = slow(params, endpoint, signer)
        assert found[0] == path
        assert sorted(found[1]) == sorted(lines)


@settings(max_examples=500, deadline=None)
@given(
    KEYS,
    st.sampled_from(["GetObject", "GetObjectTagging"]),
    st.fixed_dictionaries({}, optional={"IfMatch": TEXTS, "Range": st.just("bytes=0-99")}),
    st.fixed_dictionaries(
        {}, optional={"ExpectedBucketOwner": st.just("111122223333"), "RequestPayer": st.just("requester")}
    ),
    st.sampled_from([PATH_STYLE, VIRTUAL]),
    st.none() | st.just("a/token+with=100%"),
)
def test_what_a_relay_reads_is_asked_for_alike(key, operation, of_object, of_all, endpoint, token):
    params = {"Bucket": "into", "Key": key, **(of_object if operation == "GetObject" else {}), **of_all}
    signer = Signer(lambda: ReadOnlyCredentials("AKIA", "secret", token), endpoint.region, clock=lambda: 1.7e9)
    found = QuickForm.of(operation, list(params), endpoint, signer).fill(params)
    assert (found is None) is is_odd(params.get("IfMatch", "-"))
    if found is not None:
        path, lines = slow(params, endpoint, signer, operation)
        assert found[0] == path
        assert sorted(found[1]) == sorted(lines)


@settings(max_examples=500, deadline=None)
@given(
    KEYS,
    st.fixed_dictionaries(
        {"ContentMD5": st.just("1B2M2Y8AsgTpgAmY7PhCfg==")},
        optional={
            "ContentType": TEXTS,
            "CacheControl": TEXTS,
            "StorageClass": st.just("STANDARD_IA"),
            "Tagging": st.just("a%20b=c"),
            "IfNoneMatch": st.just("*"),
            "ServerSideEncryption": st.just("aws:kms"),
            "ExpectedBucketOwner": st.just("111122223333"),
        },
    ),
    st.sampled_from([PATH_STYLE, VIRTUAL]),
)
def test_what_a_relay_writes_is_sent_alike(key, described, endpoint):
    params = {"Bucket": "into", "Key": key, "Body": b"body", **described}
    signer = Signer(lambda: ReadOnlyCredentials("AKIA", "secret", None), endpoint.region, clock=lambda: 1.7e9)
    found = QuickForm.of("PutObject", list(params), endpoint, signer).fill(params)
    assert (found is None) is any(map(is_odd, described.values()))
    if found is not None:
        path, lines = slow(params, endpoint, signer, "PutObject")
        assert found[0] == path
        assert sorted(found[1]) == sorted(lines)


def test_metadata_and_a_missing_body_are_left_to_the_slow_way():
    signer = Signer(lambda: ReadOnlyCredentials("AKIA", "secret", None), "us-east-1", clock=lambda: 1.7e9)
    for names in (["Bucket", "Key"], ["Bucket", "Key", "Body", "Metadata"], ["Bucket", "Key", "Body", "Expires"]):
        assert QuickForm.of("PutObject", names, PATH_STYLE, signer) is None


@pytest.mark.parametrize("operation", ["GetObject", "GetObjectTagging", "HeadObject"])
def test_a_version_and_any_other_operation_are_left_to_the_slow_way(operation):
    signer = Signer(lambda: ReadOnlyCredentials("AKIA", "secret", None), "us-east-1", clock=lambda: 1.7e9)
    assert QuickForm.of(operation, ["Bucket", "Key", "VersionId"], PATH_STYLE, signer) is None


def test_what_has_rules_of_its_own_is_left_to_the_slow_way():
    signer = Signer(lambda: ReadOnlyCredentials("AKIA", "secret", None), "us-east-1", clock=lambda: 1.7e9)
    assert QuickForm.of("CopyObject", ["Bucket", "Key", "CopySource", "Metadata"], PATH_STYLE, signer) is None
    form = QuickForm.of("CopyObject", ["Bucket", "Key", "CopySource", "StorageClass"], PATH_STYLE, signer)
    for value in ("two  spaces", "line\nbreak", "größe"):
        assert form.fill({"Bucket": "into", "Key": "k", "CopySource": "from/k", "StorageClass": value}) is None
    assert form.fill({"Bucket": "into", "Key": "k", "CopySource": "from/k", "StorageClass": "GLACIER_IR"}) is not None


def test_each_second_is_signed_with_the_credentials_and_the_time_of_it():
    now, current = [1.7e9], [ReadOnlyCredentials("AKIAOLD", "a", None)]
    signer = Signer(lambda: current[0], "us-east-1", clock=lambda: now[0])
    params = {"Bucket": "into", "Key": "k", "CopySource": "from/k"}
    form = QuickForm.of("CopyObject", list(params), PATH_STYLE, signer)
    assert "AKIAOLD" in form.fill(params)[1][-1]
    current[0] = ReadOnlyCredentials("AKIANEW", "b", "token")
    now[0] += 1
    _, lines = form.fill(params)
    assert "AKIANEW" in lines[-1]
    assert "x-amz-security-token: token" in lines
    assert sorted(lines) == sorted(slow(params, PATH_STYLE, signer)[1])


@pytest.mark.parametrize("value", ["a\nb", "a\r\nx-amz-acl: public-read"])
def test_no_value_can_add_a_header(value):
    from s3sync.s3.wire.http import MalformedRequest

    with pytest.raises(MalformedRequest):
        wire_of(
            Request("CopyObject", Side.TARGET, {"Bucket": "b", "Key": "k", "CopySource": "b/k", "StorageClass": value})
        )
