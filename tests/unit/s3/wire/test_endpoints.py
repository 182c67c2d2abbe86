"""Where a bucket is reached: botocore's rules; the addresses are AWS's ("Amazon S3 endpoints and quotas")."""

import certifi
import pytest

from s3sync.aws import clients
from s3sync.config.model import Access, Secret
from s3sync.s3.wire import endpoints
from s3sync.s3.wire.endpoints import Endpoint, Endpoints

VARIABLES = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE", "AWS_CA_BUNDLE", "NO_PROXY", "HTTP_PROXY")


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch):
    """No setting of this machine, and no bucket asked for its region."""
    for name in (*VARIABLES, "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setattr(clients, "_sessions", {})
    monkeypatch.setattr(clients, "_clients", {})


def found(monkeypatch, bucket="bucket", region="eu-west-1", own_region="us-east-1", **access) -> Endpoint:
    """`region` is the bucket's, `own_region` the one that is configured."""
    monkeypatch.setattr(endpoints, "bucket_region", lambda _client, _bucket: region)
    given = {"region_name": own_region, "aws_access_key_id": "AKIA", "aws_secret_access_key": Secret("s"), **access}
    return Endpoints(Access(**given)).of(bucket)


DUAL, FIPS = "AWS_USE_DUALSTACK_ENDPOINT", "AWS_USE_FIPS_ENDPOINT"


@pytest.mark.parametrize(
    ("region", "style", "switched_on", "bucket", "host", "path"),
    [
        ("eu-west-1", None, (), "bucket", "bucket.s3.eu-west-1.amazonaws.com", ""),
        ("eu-west-1", "virtual", (), "bucket", "bucket.s3.eu-west-1.amazonaws.com", ""),
        ("eu-west-1", "path", (), "bucket", "s3.eu-west-1.amazonaws.com", "/bucket"),
        ("eu-west-1", None, (), "with.dots", "s3.eu-west-1.amazonaws.com", "/with.dots"),
        ("eu-west-1", None, (DUAL,), "bucket", "bucket.s3.dualstack.eu-west-1.amazonaws.com", ""),
        ("us-west-2", None, (FIPS,), "bucket", "bucket.s3-fips.us-west-2.amazonaws.com", ""),
        ("us-west-2", "path", (FIPS, DUAL), "bucket", "s3-fips.dualstack.us-west-2.amazonaws.com", "/bucket"),
        ("cn-north-1", None, (), "bucket", "bucket.s3.cn-north-1.amazonaws.com.cn", ""),
        ("us-gov-west-1", None, (FIPS,), "bucket", "bucket.s3-fips.us-gov-west-1.amazonaws.com", ""),
    ],
)
def test_addresses(monkeypatch, region, style, switched_on, bucket, host, path):
    for name in switched_on:
        monkeypatch.setenv(name, "true")
    endpoint = found(monkeypatch, bucket, region, addressing_style=style)
    assert (endpoint.origin, endpoint.host, endpoint.path) == (f"https://{host}", host, path)
    assert endpoint.region == region, "signed for the bucket's own region, whatever is configured"


@pytest.mark.parametrize(
    ("style", "origin", "path"),
    [("path", "http://store.test:9000", "/bucket"), ("virtual", "http://bucket.store.test:9000", "")],
)
def test_an_endpoint_of_ones_own(monkeypatch, style, origin, path):
    endpoint = found(monkeypatch, endpoint_url="http://store.test:9000", addressing_style=style)
    assert (endpoint.origin, endpoint.path, endpoint.region) == (origin, path, "us-east-1")


PROXY = "http://proxy.test:3128"


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        ({}, None, ""),
        ({"HTTPS_PROXY": PROXY}, None, PROXY),
        ({"https_proxy": PROXY}, None, PROXY),
        ({"HTTP_PROXY": PROXY}, None, ""),
        ({"HTTP_PROXY": PROXY}, "http://store.test", PROXY),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "store.test"}, "https://store.test", ""),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": ".amazonaws.com"}, None, ""),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "other.test"}, None, PROXY),
    ],
)
def test_proxies_are_those_of_the_environment(monkeypatch, environ, url, proxy):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert found(monkeypatch, endpoint_url=url).proxy == proxy


def test_who_is_trusted(monkeypatch):
    assert found(monkeypatch).ca_bundle == certifi.where()
    monkeypatch.setattr(clients, "_sessions", {})
    monkeypatch.setenv("AWS_CA_BUNDLE", "/etc/company.pem")
    assert found(monkeypatch).ca_bundle == "/etc/company.pem"
