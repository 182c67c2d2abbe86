"""What must be known of a bucket before a run: that it is there, its server's time, and how it encrypts.

The server's clock, as its answers tell it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from s3sync.aws.clients import client, error_text
from s3sync.config.model import Access
from s3sync.errors import ConfigError, ServiceError
from s3sync.model import etag

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def server_date(headers: Mapping[str, str]) -> datetime | None:
    """The `Date` of an answer, with an offset; None where there is none that can be read. Names of headers must be in
    lower case. HTTP writes `GMT`; what comes as `-0000` is UTC too, of which Python makes a time without an offset."""
    try:
        told = parsedate_to_datetime(headers.get("date") or "")
    except ValueError:
        return None
    return told if told.tzinfo is not None else told.replace(tzinfo=UTC)


DIRECTORY_BUCKET_SUFFIX = "--x-s3"

# What a refusal means that no permission would change. An answer to a HEAD has no body that could say so.
_KEYS_REFUSED = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"})


@dataclass(frozen=True, slots=True)
class BucketFacts:
    """`server_time` is the server's own clock, `encryption` the bucket's default, None where that is not known;
    `is_hidden`: it may not be looked at."""

    server_time: datetime
    encryption: str | None = None
    is_hidden: bool = False

    @property
    def hides_md5(self) -> bool:
        """True where that makes ETags no MD5s."""
        return etag.hides_md5(self.encryption)


def look_at_bucket(access: Access, bucket: str, option: str, expected_owner: str | None = None) -> BucketFacts:
    """Raises ConfigError, naming `option`, where there is no such bucket, the server can't be reached, or refuses the
    credentials themselves.

    A bucket that may not be looked at (403) is let through: copying needs fewer permissions than looking.
    """
    s3 = client("s3", access)
    given: dict[str, Any] = {"Bucket": bucket}
    if expected_owner:
        given["ExpectedBucketOwner"] = expected_owner
    if bucket.endswith(DIRECTORY_BUCKET_SUFFIX):
        raise ConfigError(
            option, f"{bucket} is a directory bucket (S3 Express), which lists in no order; not supported"
        )
    try:
        headers = s3.head_bucket(**given)["ResponseMetadata"]["HTTPHeaders"]
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status == 404:  # noqa: PLR2004
            raise ConfigError(option, f"there is no bucket {bucket!r} (or it belongs to another region)") from error
        if status not in (403, 301):
            raise ConfigError(option, f"bucket {bucket!r} cannot be used: {': '.join(error_text(error))}") from error
        headers = error.response["ResponseMetadata"]["HTTPHeaders"]
    except BotoCoreError as error:
        raise ConfigError(option, f"bucket {bucket!r} cannot be reached: {error_text(error)[1]}") from error
    return BucketFacts(server_date(headers) or datetime.now(UTC), *_default_encryption(s3, bucket, option))


def _default_encryption(s3: "S3Client", bucket: str, option: str) -> tuple[str | None, bool]:
    """The kind, and whether it may not be looked at."""
    try:
        rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"].get("Rules", [])
    except (ClientError, BotoCoreError) as error:
        code, message = error_text(error)
        if code in _KEYS_REFUSED:
            raise ConfigError(option, f"bucket {bucket!r}: the credentials are refused: {code}: {message}") from error
        # Or the server has no such call. The copies' own answers decide then.
        return None, code.startswith("AccessDenied")
    # radosgw answers an empty configuration where a bucket has none, AWS an error.
    kinds = [rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm") for rule in rules]
    return next(filter(None, kinds), None), False


def own_owner_id(access: Access) -> str:
    """The canonical user id of the account whose credentials these are. Raises ServiceError."""
    try:
        return client("s3", access).list_buckets()["Owner"]["ID"]
    except (ClientError, BotoCoreError, KeyError) as error:
        cause = error_text(error)[1] if isinstance(error, (ClientError, BotoCoreError)) else "the answer names none"
        raise ServiceError(f"--owner/--no-owner: this account's own id cannot be found out: {cause}") from error
