"""A session's credentials, whose trouble is always botocore's own error for it.

Where refreshed credentials are expired botocore raises a bare RuntimeError. It is told apart here, where credentials
are asked for: anywhere else a RuntimeError is a defect, and must be seen.

Keys that are kept in Secrets Manager or in SSM's parameter store, and referred to by name (C12).

    secretsmanager:NAME or ssm:NAME, the name or the ARN. What is kept is a JSON object with `aws_access_key_id`,
    `aws_secret_access_key` and, where there is one, `aws_session_token`.

Each process fetches them once, with AWS's usual chain and in its own region: that of the ARN, else that of the machine.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import boto3
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError

from s3sync.config.model import Access, Secret
from s3sync.errors import ConfigError, ServiceError
from s3sync.model.keys import one_line


class HeldCredentials:
    """Stands for credentials that may be refreshed. Raises CredentialRetrievalError where they stay expired."""

    def __init__(self, held: Credentials) -> None:
        self._held = held

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        with self._told():
            return self._held.get_frozen_credentials()

    def __getattr__(self, name: str) -> Any:
        with self._told():  # to look at a key may refresh it
            return getattr(self._held, name)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise CredentialRetrievalError(provider=self._held.method, error_msg=str(error)) from error


def hold_credentials(session: boto3.Session, credentials: Credentials) -> None:
    """Let these be the session's."""
    # botocore has no public way to hand over credentials that refresh.
    vars(session._session)["_credentials"] = HeldCredentials(credentials)


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
