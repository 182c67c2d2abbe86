"""boto3 sessions and clients: the one place that knows how credentials, endpoints and timeouts are set.

Clients are kept per process: one made before a fork shares its connections with the child and hangs there, so every
process makes its own, after the fork.
"""

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast, overload

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound

from s3sync import __version__
from s3sync.aws.credentials import hold_credentials, with_kept_keys
from s3sync.config.model import Access
from s3sync.config.partitions import service
from s3sync.errors import ConfigError, ServiceError
from s3sync.model.keys import one_line

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

CONNECT_TIMEOUT_SECONDS = 10
READ_TIMEOUT_SECONDS = 60
DATA_READ_TIMEOUT_SECONDS = 900  # a CopyObject of 5 GiB is silent for minutes
ROLE_SESSION_NAME = "s3sync"

_sessions: dict[tuple[int, Access], boto3.Session] = {}
_clients: dict[tuple[int, str, Access, bool, int], Any] = {}


def session(access: Access) -> boto3.Session:
    """This process's session for an access: its profile, its keys, the role it assumes, or AWS's usual chain.

    The credentials of a role are fetched from STS now, and again before they expire. STS is found as AWS's tools find
    it (AWS_ENDPOINT_URL_STS included): `endpoint_url` is the service's own. Raises ConfigError where the profile or
    the credentials are missing, ServiceError where the role can't be assumed.
    """
    key = (os.getpid(), access)
    if key not in _sessions:
        _sessions[key] = _new_session(access)
    return _sessions[key]


@overload
def client(
    service: Literal["s3"], access: Access, *, data_plane: bool = False, connections: int = 10
) -> "S3Client": ...
@overload
def client(
    service: Literal["sqs"], access: Access, *, data_plane: bool = False, connections: int = 10
) -> "SQSClient": ...
@overload
def client(
    service: Literal["emr"], access: Access, *, data_plane: bool = False, connections: int = 10
) -> "EMRClient": ...
@overload
def client(service: str, access: Access, *, data_plane: bool = False, connections: int = 10) -> Any: ...
def client(service: str, access: Access, *, data_plane: bool = False, connections: int = 10) -> Any:
    """This process's client. `data_plane`: for the engine, which alone retries; silent for minutes where S3 is.

    Raises ConfigError and ServiceError as `session` does, and ConfigError for an endpoint or region that is none.
    """
    key = (os.getpid(), service, access, data_plane, connections)
    if key not in _clients:
        made = session(access)
        try:
            _clients[key] = made.client(
                cast("Any", service),
                endpoint_url=access.endpoint_url,
                config=_config(access, data_plane=data_plane, connections=connections),
            )
        except (BotoCoreError, ValueError) as error:
            raise ConfigError(_place(access), f"no client for {service}: {one_line(str(error))}") from error
    return _clients[key]


def with_region(access: Access) -> Access:
    """The access with the region that its profile or the environment names, where it names none itself."""
    return access if access.region_name else replace(access, region_name=session(access).region_name)


def with_endpoint(access: Access) -> Access:
    """The access with the region and the endpoint that its requests for S3 really have, whoever names them: this
    configuration, the environment, a profile or AWS itself. Asks botocore, and no server."""
    return replace(with_region(access), endpoint_url=client("s3", access).meta.endpoint_url)


def with_place(access: Access) -> Access:
    """`with_endpoint`, but with no endpoint where it is AWS's own: there each bucket's region decides."""
    found = with_endpoint(access)
    return replace(found, endpoint_url=access.endpoint_url) if service(found) is None else found


def error_text(error: ClientError | BotoCoreError) -> tuple[str, str]:
    """The code and the message of what boto3 raised, each in one line: S3's own, or the kind of trouble."""
    if isinstance(error, ClientError):
        told = error.response.get("Error", {})
        return told.get("Code") or "Unknown", one_line(told.get("Message") or str(error))
    return type(error).__name__, one_line(str(error))


def _new_session(access: Access) -> boto3.Session:
    if access.credentials_uri is not None:
        access = with_kept_keys(access)
    secret, token = access.aws_secret_access_key, access.aws_session_token
    if (access.aws_access_key_id is None) != (secret is None):
        raise ConfigError("aws_access_key_id", "it and aws_secret_access_key must be given together")
    try:
        base = boto3.Session(
            profile_name=access.profile_name,
            region_name=access.region_name,
            aws_access_key_id=access.aws_access_key_id,
            aws_secret_access_key=secret.reveal() if secret else None,
            aws_session_token=token.reveal() if token else None,
        )
        found = base.get_credentials()
        if found is None:
            raise ConfigError(
                _place(access),
                "there are no AWS credentials: `aws configure` keeps some, or set COPY_PROFILE_NAME or COPY_AWS_* keys "
                "(INVENTORY_* for an inventory); see conf/env.example",
            )
    except ProfileNotFound as error:
        raise ConfigError(
            _place(access), "there is no such profile; `aws configure list-profiles` shows what there is"
        ) from error
    except BotoCoreError as error:
        raise ConfigError(_place(access), f"the credentials can't be used: {error_text(error)[1]}") from error
    hold_credentials(base, found)
    return _with_role(base, access) if access.role_arn else base


def _with_role(base: boto3.Session, access: Access) -> boto3.Session:
    role_arn = access.role_arn or ""
    source = botocore.session.Session(profile=access.profile_name)
    source.set_config_variable("region", base.region_name)
    wanted = {"RoleSessionName": ROLE_SESSION_NAME, "ExternalId": access.external_id}
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=source.create_client,
        source_credentials=base.get_credentials(),
        role_arn=role_arn,
        extra_args={name: value for name, value in wanted.items() if value},
    )
    made = boto3.Session(profile_name=access.profile_name, region_name=base.region_name)
    hold_credentials(made, DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role"))
    try:
        made.get_credentials().get_frozen_credentials()  # type: ignore[union-attr]  # they are there: see above
    except (ClientError, BotoCoreError) as error:
        raise ServiceError(f"{role_arn}: the role can't be assumed: {': '.join(error_text(error))}") from error
    return made


def _config(access: Access, *, data_plane: bool, connections: int) -> Config:
    return Config(
        # One layer retries (C9): the engine for the data plane, botocore for the rest.
        retries={"total_max_attempts": 1 if data_plane else 5, "mode": "standard"},
        max_pool_connections=connections,
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=DATA_READ_TIMEOUT_SECONDS if data_plane else READ_TIMEOUT_SECONDS,
        tcp_keepalive=True,
        user_agent_extra=f"s3sync/{__version__}",
        # Compatible servers refuse or misread the checksums that newer SDKs send unasked.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": cast("Any", access.addressing_style)} if access.addressing_style else None,
    )


def _place(access: Access) -> str:
    if access.profile_name:
        return f"profile {access.profile_name!r}"
    if access.aws_access_key_id:
        return "aws_access_key_id"
    return "credentials"
