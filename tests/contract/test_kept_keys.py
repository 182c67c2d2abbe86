"""Keys in Secrets Manager and in the parameter store."""

import json

import pytest

from s3sync.aws.clients import session
from s3sync.aws.credentials import with_kept_keys
from s3sync.config.model import Access
from s3sync.errors import ConfigError, S3SyncError
from tests.contract.deploying import Laptop

KEPT = {"aws_access_key_id": "AKIAKEPT", "aws_secret_access_key": "PLANTEDkept", "aws_session_token": "PLANTEDtoken"}


@pytest.mark.parametrize("kind", ["secretsmanager", "ssm"])
@pytest.mark.parametrize("by", ["name", "arn"])
def test_the_keys_are_those_that_are_kept(laptop: Laptop, kind: str, by: str) -> None:
    name = f"{laptop.bucket}-{kind}-{by}"
    if kind == "ssm":
        ssm = laptop.aws("ssm")
        ssm.put_parameter(Name=name, Value=json.dumps(KEPT), Type="SecureString")
        arn = ssm.get_parameter(Name=name)["Parameter"]["ARN"]
    else:
        arn = laptop.aws("secretsmanager").create_secret(Name=name, SecretString=json.dumps(KEPT))["ARN"]
    access = Access(credentials_uri=f"{kind}:{name if by == 'name' else arn}", region_name="cn-north-1")
    found = session(access).get_credentials().get_frozen_credentials()
    assert (found.access_key, found.secret_key, found.token) == tuple(KEPT.values())
    assert session(access).region_name == "cn-north-1"
    assert "PLANTED" not in repr(with_kept_keys(access))  # C12


@pytest.mark.parametrize("text", ["PLANTEDnonsense", '["PLANTED"]', '{"aws_access_key_id": "PLANTED"}', '"PLANTED"'])
def test_c12_what_is_no_keys_is_refused_and_not_shown(laptop: Laptop, text: str) -> None:
    laptop.aws("secretsmanager").create_secret(Name=laptop.bucket, SecretString=text)
    with pytest.raises(ConfigError, match="is no JSON object with aws_access_key_id") as caught:
        session(Access(credentials_uri=f"secretsmanager:{laptop.bucket}"))
    assert "PLANTED" not in str(caught.value)


def test_what_is_not_there_is_named(laptop: Laptop) -> None:
    with pytest.raises(S3SyncError, match=r"secretsmanager:no-such-secret: the keys cannot be fetched"):
        session(Access(credentials_uri="secretsmanager:no-such-secret"))
