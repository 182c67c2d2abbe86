"""Credentials that come from STS; the embedded server plays it."""

from datetime import UTC, datetime, timedelta

import boto3
import pytest

from s3sync.aws import clients
from s3sync.config.model import Access, Secret
from s3sync.errors import ServiceError

ROLE = "arn:aws:iam::123456789012:role/mover"


@pytest.fixture
def access(server, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.sqs_endpoint)
    monkeypatch.setattr(clients, "_sessions", {})
    return Access(
        region_name="eu-west-1",
        aws_access_key_id="AKIATEST",
        aws_secret_access_key=Secret("very-secret"),
        role_arn=ROLE,
        external_id="external",
    )


def test_a_role_is_assumed_and_its_credentials_refresh(access, monkeypatch):
    made = clients.session(access)
    credentials = made.get_credentials()
    assert credentials.method == "assume-role"
    frozen = credentials.get_frozen_credentials()
    assert frozen.access_key.startswith("ASIA")
    assert frozen.token
    assert made.region_name == "eu-west-1"
    assert credentials.get_frozen_credentials() == frozen
    now = datetime.now(UTC)
    monkeypatch.setattr("botocore.credentials._local_now", lambda: now + timedelta(hours=2))
    credentials._held._expiry_time = now
    assert credentials.get_frozen_credentials().access_key != frozen.access_key


def test_a_client_signs_with_the_roles_credentials(access):
    made = clients.session(access)
    assert made.client("sts").get_caller_identity()["Arn"].endswith("assumed-role/mover/s3sync")
    without = boto3.Session(aws_access_key_id="AKIATEST", aws_secret_access_key="x", region_name="eu-west-1")
    assert "assumed-role" not in without.client("sts").get_caller_identity()["Arn"]


def test_a_role_that_cannot_be_assumed(access, monkeypatch):
    """C12: the message has neither keys nor tokens."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(ServiceError) as caught:
        clients.session(access)
    assert str(caught.value).startswith(f"{ROLE}: the role can't be assumed: EndpointConnectionError")
    assert "very" not in str(caught.value)
    assert "external" not in str(caught.value)
