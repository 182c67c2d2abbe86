"""Keys that are kept in Secrets Manager or in SSM's parameter store, and referred to by name (C12).

    secretsmanager:NAME or ssm:NAME, the name or the ARN. What is kept is a JSON object with `aws_access_key_id`,
    `aws_secret_access_key` and, where there is one, `aws_session_token`.

Each process fetches them once, with AWS's usual chain and in its own region: that of the ARN, else that of the machine.
"""

import json
from dataclasses import replace

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from s3sync.aws.messages import one_line
from s3sync.config.model import Access, Secret
from s3sync.errors import ConfigError, ServiceError

_ARN_PARTS = 6


def with_kept_keys(access: Access) -> Access:
    """The access with the keys that its `credentials_uri` names in place of the name. Raises ServiceError where they
    cannot be fetched, ConfigError where they are no keys; neither shows what is kept."""
    uri = access.credentials_uri or ""
    kept = _fetched(uri)
    try:
        found = json.loads(kept)
        key_id, secret = str(found["aws_access_key_id"]), Secret(str(found["aws_secret_access_key"]))
        token = found.get("aws_session_token")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(
            uri, "is no JSON object with aws_access_key_id and aws_secret_access_key; see conf/config.yml"
        ) from None
    return replace(
        access,
        credentials_uri=None,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        aws_session_token=Secret(str(token)) if token else None,
    )


def _fetched(uri: str) -> str:
    kind, _, name = uri.partition(":")
    parts = name.split(":")
    region = parts[3] if name.startswith("arn:") and len(parts) >= _ARN_PARTS else None
    try:
        if kind == "ssm":
            ssm = boto3.client("ssm", region_name=region)
            return str(ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
        manager = boto3.client("secretsmanager", region_name=region)
        return str(manager.get_secret_value(SecretId=name)["SecretString"])
    except (ClientError, BotoCoreError, KeyError) as error:
        raise ServiceError(f"{uri}: the keys cannot be fetched: {one_line(str(error))}") from error
