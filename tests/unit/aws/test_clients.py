import os
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from s3sync import __version__
from s3sync.aws import clients
from s3sync.aws.clients import client, error_text, session, with_place
from s3sync.config.model import Access, Secret
from s3sync.errors import ConfigError

KEYS = Access(
    region_name="eu-west-1",
    aws_access_key_id="AKIATEST",
    aws_secret_access_key=Secret("very-secret"),
    aws_session_token=Secret("very-token"),
    endpoint_url="http://127.0.0.1:1",
    addressing_style="path",
)


@pytest.fixture(autouse=True)
def _no_credentials_of_this_machine(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setattr(clients, "_sessions", {})
    monkeypatch.setattr(clients, "_clients", {})


def test_static_keys_region_and_endpoint():
    found = session(KEYS).get_credentials()
    assert (found.access_key, found.secret_key, found.token) == ("AKIATEST", "very-secret", "very-token")
    s3 = client("s3", KEYS)
    assert (s3.meta.endpoint_url, s3.meta.region_name) == ("http://127.0.0.1:1", "eu-west-1")
    assert s3.meta.config.s3["addressing_style"] == "path"
    assert f"s3sync/{__version__}" in s3.meta.config.user_agent


def test_a_profile(tmp_path):
    (tmp_path / "credentials").write_text("[mine]\naws_access_key_id = A\naws_secret_access_key = B\n")
    assert session(Access(profile_name="mine")).get_credentials().access_key == "A"


@pytest.mark.parametrize(("data_plane", "attempts", "read_timeout"), [(True, 1, 900), (False, 5, 60)])
def test_one_layer_retries(data_plane, attempts, read_timeout):
    """C9: not boto3 under the engine; and no timeout cuts what is merely large."""
    config = client("s3", KEYS, data_plane=data_plane, connections=33).meta.config
    assert config.retries["total_max_attempts"] == attempts
    assert (config.read_timeout, config.connect_timeout, config.max_pool_connections) == (read_timeout, 10, 33)
    assert config.tcp_keepalive
    assert config.request_checksum_calculation == config.response_checksum_validation == "when_required"


def test_clients_are_kept_for_the_process_and_not_for_its_children(monkeypatch):
    first = client("s3", KEYS)
    assert client("s3", KEYS) is first
    assert client("s3", KEYS, data_plane=True) is not first
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert client("s3", KEYS) is not first


@pytest.mark.parametrize(
    ("access", "said"),
    [
        (Access(profile_name="none"), "profile 'none': there is no such profile"),
        (Access(), "credentials: there are no AWS credentials"),
        (Access(aws_secret_access_key=Secret("x")), "aws_access_key_id: it and"),
        (
            Access(aws_access_key_id="AKIATEST"),
            "aws_access_key_id: it and aws_secret_access_key must be given together",
        ),
    ],
)
def test_what_is_missing_is_told_in_one_line(access, said):
    with pytest.raises(ConfigError) as caught:
        session(access)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_an_endpoint_that_is_none():
    with pytest.raises(ConfigError, match="no client for s3"):
        client("s3", Access(aws_access_key_id="a", aws_secret_access_key=Secret("b"), endpoint_url="nonsense"))


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ClientError({"Error": {"Code": "NoSuchKey", "Message": "not\nhere"}}, "X"), "NoSuchKey", "not here"),
        (EndpointConnectionError(endpoint_url="http://x"), "EndpointConnectionError", "Could not connect"),
        (ClientError({}, "HeadObject"), "Unknown", "An error occurred"),
    ],
)
def test_error_text(error, code, message):
    found = error_text(error)
    assert found[0] == code
    assert found[1].startswith(message)


@pytest.mark.parametrize("where", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "profile", "services", "nowhere"])
def test_the_endpoint_is_the_one_that_a_request_would_have(
    where: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Conditions are tried out there: a server that is taken for AWS's is believed to heed them all."""
    url = "http://127.0.0.1:9999"
    texts = {
        "profile": f"endpoint_url = {url}\n",
        "services": f"services = s\n[services s]\ns3 =\n  endpoint_url = {url}\n",
    }
    (tmp_path / "config").write_text(f"[profile p]\nregion = eu-west-1\n{texts.get(where, '')}")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    if where.startswith("AWS"):
        monkeypatch.setenv(where, url)
    access = Access(profile_name="p", aws_access_key_id=where, aws_secret_access_key=Secret("s"))
    found = with_place(access)
    assert found.region_name == "eu-west-1"
    assert found.endpoint_url == (None if where == "nowhere" else url)
    assert with_place(replace(access, endpoint_url="http://own")).endpoint_url == "http://own"
