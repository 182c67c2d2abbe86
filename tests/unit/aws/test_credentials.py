"""Credentials that are expired when they come are told by the request that needed them; a defect is a defect."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest
from botocore.exceptions import CredentialRetrievalError

from s3sync.aws import clients
from s3sync.aws.clients import client, session
from s3sync.config.model import Access, Secret
from s3sync.errors import StoreError
from s3sync.runs.store import S3Store
from s3sync.s3.request import Request, Side
from s3sync.s3.transport import curl as curl_transport
from s3sync.s3.transport.boto import BotoTransport
from s3sync.s3.transport.curl import CurlTransport

EXPIRED = "refreshed credentials are still expired"
HEAD = Request("HeadObject", Side.TARGET, {"Bucket": "bucket", "Key": "key"})


@pytest.fixture(params=["http://127.0.0.1:1", None], ids=["a server", "AWS"])
def expired(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Access:
    """A profile whose process gives credentials that expired long ago, each time it is asked."""
    given = {"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "B", "Expiration": "2001-01-01T00:00:00Z"}
    (tmp_path / "given").write_text(json.dumps(given))
    (tmp_path / "config").write_text(f"[profile p]\ncredential_process = cat {tmp_path}/given\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setattr(clients, "_sessions", {})
    monkeypatch.setattr(clients, "_clients", {})
    return Access(profile_name="p", region_name="eu-west-1", endpoint_url=request.param)


def test_they_are_botocores_error_for_it(expired: Access) -> None:
    found = session(expired).get_credentials()
    assert found is not None
    assert found.method == "custom-process"
    with pytest.raises(CredentialRetrievalError, match=EXPIRED):
        found.get_frozen_credentials()
    with pytest.raises(CredentialRetrievalError, match=EXPIRED):
        _ = found.access_key


@pytest.mark.parametrize("kind", ["curl", "boto3"])
def test_they_fail_the_request_and_nothing_else(expired: Access, kind: str) -> None:
    s3 = client("s3", expired)
    transport = CurlTransport(expired, expired, 1) if kind == "curl" else BotoTransport(s3, s3, 1)
    transport.submit(HEAD)
    (reply,) = transport.wait(20)
    transport.close()
    assert (reply.status, reply.code) == (0, "CredentialRetrievalError")
    assert EXPIRED in reply.message


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.put("a", b""),
        lambda store: store.put_new("a", b""),
        lambda store: store.get("a"),
        lambda store: store.delete("a"),
        lambda store: list(store.names("a")),
    ],
    ids=["put", "put_new", "get", "delete", "names"],
)
def test_they_are_the_stores_trouble(expired: Access, act: Any) -> None:
    with pytest.raises(StoreError, match=f"s3://bucket/runs/a: cannot be .*{EXPIRED}"):
        act(S3Store(client("s3", expired), "bucket", "runs"))


def defect(*_: Any, **__: Any) -> NoReturn:
    raise RuntimeError("dictionary changed size during iteration")


def test_a_defect_is_not_taken_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    access = Access(None, "eu-west-1", "A", Secret("B"), endpoint_url="http://x.test")
    monkeypatch.setattr(curl_transport, "wire_of", defect)
    with pytest.raises(RuntimeError, match="dictionary"):
        CurlTransport(access, access, 1).submit(HEAD)

    meta = SimpleNamespace(events=SimpleNamespace(register=lambda *_, **__: None))
    s3 = cast("Any", SimpleNamespace(meta=meta, head_object=defect, get_object=defect))
    transport = BotoTransport(s3, s3, 1)
    transport.submit(HEAD)
    (reply,) = transport.wait(20)
    assert isinstance(reply.defect, RuntimeError)
    transport.close()
    with pytest.raises(RuntimeError, match="dictionary"):
        S3Store(s3, "bucket", "runs").get("a")
