"""Artifacts on S3: uploaded once, under names that hold the hash of their content."""

from collections.abc import Callable
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from s3sync.aws.clients import client
from s3sync.aws.service_errors import code_of
from s3sync.config.model import Access
from s3sync.config.values import split_s3_uri
from s3sync.emr.package import Artifact
from s3sync.errors import ConfigError, ServiceError
from s3sync.model.keys import one_line

_ABSENT = ("404", "NoSuchKey", "NotFound")


def upload(access: Access, artifact: Artifact, artifacts_uri: str, say: Callable[[str], None]) -> str:
    """Make sure that the artifact lies below `artifacts_uri`, and return its URI. Raises ServiceError."""
    uri = artifact.uri(artifacts_uri)
    if not is_there(access, artifact, artifacts_uri):
        bucket, key = split_s3_uri(uri)
        say(f"Uploading {uri} ({artifact.size_bytes:,} bytes)")
        try:
            client("s3", access).upload_file(
                str(artifact.path), bucket, key, ExtraArgs={"Metadata": {"sha256": artifact.sha256}}
            )
        except (Boto3Error, BotoCoreError, ClientError) as error:
            raise ServiceError(f"{uri} cannot be uploaded: {one_line(str(error))}") from error
    return uri


def is_there(access: Access, artifact: Artifact, artifacts_uri: str) -> bool:
    """Whether it lies there whole: an upload that was cut short left nothing, so its size tells."""
    bucket, key = split_s3_uri(artifact.uri(artifacts_uri))
    try:
        head = client("s3", access).head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if code_of(error) in _ABSENT:
            return False
        raise ConfigError("--artifacts-uri", f"{artifacts_uri} cannot be used: {code_of(error)}") from error
    except BotoCoreError as error:
        raise ConfigError("--artifacts-uri", f"{artifacts_uri} cannot be reached: {code_of(error)}") from error
    return bool(head["ContentLength"] == artifact.size_bytes)


def read_object(access: Access, uri: str, place: str) -> bytes:
    """The object at an S3 URI. Raises ConfigError at `place` where it cannot be read."""
    bucket, key = split_s3_uri(uri)
    try:
        body: Any = client("s3", access).get_object(Bucket=bucket, Key=key)["Body"]
        return bytes(body.read())
    except (ClientError, BotoCoreError) as error:
        raise ConfigError(place, f"{uri} cannot be read: {code_of(error)}") from error
