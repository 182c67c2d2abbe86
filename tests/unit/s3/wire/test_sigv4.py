"""Our signatures are those of botocore, and those of AWS's published examples."""

from types import SimpleNamespace
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from s3sync.s3.wire import sigv4
from s3sync.s3.wire.sigv4 import EMPTY_SHA256, Signer

# "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk (AWS Signature
# Version 4)", Amazon S3 API reference: the examples' key, date, region and signatures.
EXAMPLE = ReadOnlyCredentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None)
EXAMPLE_TIME = 1369353600  # 2013-05-24T00:00:00Z
HOST = "examplebucket.s3.amazonaws.com"
PUBLISHED = [
    (
        "GET",
        "/test.txt",
        "",
        [("range", "bytes=0-9")],
        EMPTY_SHA256,
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ),
    (
        "PUT",
        "/test%24file.text",
        "",
        [("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
        "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ),
    (
        "GET",
        "/",
        "lifecycle=",
        [],
        EMPTY_SHA256,
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    ),
    (
        "GET",
        "/",
        "max-keys=2&prefix=J",
        [],
        EMPTY_SHA256,
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ),
]


def signer(credentials: ReadOnlyCredentials, at: float, region: str = "us-east-1") -> Signer:
    return Signer(lambda: credentials, region, clock=lambda: at)


@pytest.mark.parametrize(("method", "path", "query", "headers", "payload", "signature"), PUBLISHED)
def test_published_examples(method, path, query, headers, payload, signature):
    lines = signer(EXAMPLE, EXAMPLE_TIME).sign(method, path, query, [("host", HOST), *headers], payload)
    assert lines[-1].endswith(f"Signature={signature}")


VALUES = (
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40).map(str.strip).filter(bool)
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
NAMES = st.from_regex(r"x-amz-[a-z]{1,10}(-[a-z]{1,6}){0,2}", fullmatch=True).filter(
    lambda name: name not in {"x-amz-date", "x-amz-content-sha256", "x-amz-security-token"}
)
QUERIES = st.dictionaries(st.from_regex(r"[a-zA-Z-]{1,12}", fullmatch=True), KEYS, max_size=4)


@settings(max_examples=2_000, deadline=None)
@given(
    st.sampled_from(["GET", "PUT", "POST", "HEAD", "DELETE"]),
    KEYS,
    QUERIES,
    st.dictionaries(NAMES, VALUES, max_size=6),
    st.one_of(st.none(), st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)),
    st.sampled_from(["us-east-1", "cn-north-1", "us-gov-west-1"]),
)
def test_botocore_signs_the_same(method, key, query, headers, token, region):
    credentials = Credentials("AKIAEXAMPLE", "secret/key+", token)
    path = f"/bucket/{quote(key, safe='/~')}"
    encoded = "&".join(f"{k}={quote(v, safe='-_.~')}" for k, v in sorted(query.items()))
    request = AWSRequest(
        method, f"http://127.0.0.1:9000{path}{'?' if encoded else ''}{encoded}", {**headers, "host": "127.0.0.1:9000"}
    )
    request.context["payload_signing_enabled"] = True
    S3SigV4Auth(credentials, "s3", region).add_auth(request)
    at = request.context["timestamp"]

    moment = SimpleNamespace(amz=at)
    ours = Signer(credentials.get_frozen_credentials, region, clock=lambda: _unix(moment.amz))
    lines = ours.sign(method, path, encoded, [("host", "127.0.0.1:9000"), *headers.items()])

    assert lines[-1].removeprefix("authorization: ") == request.headers["Authorization"]


def _unix(amz_date: str) -> float:
    from datetime import UTC, datetime

    return datetime.strptime(amz_date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


def test_new_credentials_are_used_from_the_next_second_on():
    now = [EXAMPLE_TIME]
    current = [ReadOnlyCredentials("AKIAOLD", "a", None)]
    ours = Signer(lambda: current[0], "us-east-1", clock=lambda: now[0])
    assert "AKIAOLD" in ours.sign("GET", "/", "", [("host", HOST)])[-1]
    current[0] = ReadOnlyCredentials("AKIANEW", "b", "token")
    now[0] += 1
    lines = ours.sign("GET", "/", "", [("host", HOST)])
    assert "AKIANEW" in lines[-1]
    assert "x-amz-security-token: token" in lines


def test_a_changed_header_changes_the_signature():
    """The negative control: nothing that is signed can be left out unnoticed."""
    ours = signer(EXAMPLE, EXAMPLE_TIME)
    given_headers = [("host", HOST), ("x-amz-copy-source", "/bucket/a")]
    first = ours.sign("PUT", "/b", "", given_headers)[-1]
    assert ours.sign("PUT", "/b", "", given_headers)[-1] == first
    assert ours.sign("PUT", "/b", "", [("host", HOST), ("x-amz-copy-source", "/bucket/b")])[-1] != first
    assert ours.sign("PUT", "/c", "", given_headers)[-1] != first
    assert ours.sign("PUT", "/b", "a=", given_headers)[-1] != first


def test_a_key_with_dots_and_slashes_is_signed_as_it_is():
    ours = signer(EXAMPLE, EXAMPLE_TIME)
    paths = ["/b/a//b", "/b/a/b", "/b/a/./b", "/b/a/../b"]
    assert len({ours.sign("GET", path, "", [("host", HOST)])[-1] for path in paths}) == len(paths)


def test_the_module_knows_the_hash_of_nothing():
    assert sigv4.EMPTY_SHA256 == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_header_without_a_value_is_sent_as_libcurl_wants_it():
    """`name: ` would be signed and not sent."""
    signer = Signer(lambda: ReadOnlyCredentials("AKIA", "secret", None), "us-east-1", clock=lambda: 1.7e9)
    lines = signer.sign("PUT", "/b/k", "", [("host", "h"), ("x-amz-meta-empty", ""), ("x-amz-meta-full", "1")])
    assert "x-amz-meta-empty;" in lines
    assert "x-amz-meta-full: 1" in lines


WIRE_BYTES = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])  # RFC 9110, 5.5


def signed_value(value: str) -> str:
    """The value as our signature has it, told from the canonical request."""
    seen: list[str] = []

    class Told(Signer):
        def now(self):
            second = super().now()
            return SimpleNamespace(
                amz_date=second.amz_date,
                token=None,
                authorization="",
                signature=lambda canonical: seen.append(canonical) or second.signature(canonical),
            )

    Told(lambda: EXAMPLE, "us-east-1", clock=lambda: EXAMPLE_TIME).sign(
        "PUT", "/k", "", [("host", HOST), ("x-amz-meta-x", value)]
    )
    return next(line.partition(":")[2] for line in seen[0].split("\n") if line.startswith("x-amz-meta-x:"))


@settings(max_examples=1_000, deadline=None)
@given(st.lists(st.sampled_from(WIRE_BYTES), max_size=30).map(bytes))
def test_a_value_is_trimmed_as_its_bytes_are(value):
    """Botocore's own way, on bytes: its text would take 0x85 and 0xA0, which UTF-8 is full of, for spaces."""
    assert signed_value(value.decode("latin-1")).encode("latin-1") == b" ".join(value.split())


@settings(max_examples=1_000, deadline=None)
@given(st.text(st.sampled_from("\t " + "".join(map(chr, range(0x21, 0x7F)))), max_size=30))
def test_a_value_is_trimmed_as_botocore_does_it(value):
    assert signed_value(value) == S3SigV4Auth(EXAMPLE, "s3", "us-east-1")._header_value(value)


@pytest.mark.parametrize("value", ["a\tb", "\ta", "a\t", "a \t b", "a\t\tb"])
def test_a_tab_is_a_space(value):
    """The negative control: these were signed as they stand."""
    assert signed_value(value) == " ".join(value.split()) != value
