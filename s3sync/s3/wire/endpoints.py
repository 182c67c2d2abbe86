"""Where a bucket is reached, and how requests to it are signed: botocore's rules, asked once for each bucket.

The rules (path or virtual-hosted style, dual-stack, FIPS, partitions, custom endpoints) are botocore's own: it is asked
for the address of an object, and the answer is taken apart.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import boto3
import certifi
from botocore.config import Config as BotoConfig
from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError

from s3sync.aws.clients import client, error_text, session, with_place
from s3sync.config.model import Access
from s3sync.errors import ConfigError
from s3sync.s3.wire.sigv4 import FrozenCredentials

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest
    from mypy_boto3_s3 import S3Client

_KEY = "k"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One bucket's address: a URL is `origin` + `path` + `/` + the encoded key; `host` is the header's value."""

    origin: str
    host: str
    path: str
    region: str
    ca_bundle: str
    proxy: str


class Endpoints:
    """The endpoints of one access, found as buckets are asked for. Raises ConfigError where one can't be reached."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._found: dict[str, Endpoint] = {}
        self._session = session(access)

    @property
    def credentials(self) -> Callable[[], FrozenCredentials]:
        """Gives the credentials of now; botocore refreshes those of roles before they expire."""
        found = self._session.get_credentials()
        if found is None:
            raise ConfigError("credentials", "there are no AWS credentials")
        return found.get_frozen_credentials  # type: ignore[return-value]  # a named tuple, which fits

    def of(self, bucket: str) -> Endpoint:
        if bucket not in self._found:
            self._found[bucket] = self._find(bucket)
        return self._found[bucket]

    def _find(self, bucket: str) -> Endpoint:
        access = with_place(self._access)
        if access.endpoint_url is None:
            region = bucket_region(client("s3", access), bucket)
            access = replace(access, region_name=region) if region else access
        s3 = _client(self._session, access)
        parts = urlsplit(_address(s3, bucket))
        origin = f"{parts.scheme}://{parts.netloc}"
        bundle = self._session._session.get_config_variable("ca_bundle")  # no public way leads there
        return Endpoint(
            origin,
            parts.netloc,
            parts.path.removesuffix(f"/{_KEY}"),
            s3.meta.region_name or "us-east-1",
            bundle or certifi.where(),
            _proxy(parts.scheme, parts.hostname or ""),
        )


def bucket_region(s3: "S3Client", bucket: str) -> str | None:
    """The region that a bucket is in, as any answer about it tells, a refusal too; None where none does. Raises
    ConfigError where it can't be reached, CredentialRetrievalError where that is for want of credentials."""
    try:
        headers = s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]
    except ClientError as error:
        headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    except CredentialRetrievalError:
        raise
    except BotoCoreError as error:
        raise ConfigError(f"bucket {bucket}", f"cannot be reached: {error_text(error)[1]}") from error
    return headers.get("x-amz-bucket-region")


class _Addressed(Exception):
    """Ends a request before it is sent."""


def _address(s3: "S3Client", bucket: str) -> str:
    """The URL to which botocore would send a request for an object. (That of a presigned URL may be another one: for
    those botocore prefers the global endpoint, without the bucket's region.)"""
    found: list[str] = []

    def end(request: "AWSPreparedRequest", **_: Any) -> None:
        found.append(request.url or "")
        raise _Addressed

    s3.meta.events.register("before-send.s3.HeadObject", end)
    with suppress(_Addressed):
        s3.head_object(Bucket=bucket, Key=_KEY)
    return found[0]


def _client(found: boto3.Session, access: Access) -> "S3Client":
    style = {"addressing_style": access.addressing_style} if access.addressing_style else None
    config = BotoConfig(s3=style, retries={"total_max_attempts": 1})  # type: ignore[arg-type]
    made: S3Client = found.client("s3", endpoint_url=access.endpoint_url, region_name=access.region_name, config=config)
    return made


def _proxy(scheme: str, host: str) -> str:
    """The proxy that the environment names for this host, `""` for none."""
    if proxy_bypass(host):
        return ""
    return getproxies().get(scheme, "")
