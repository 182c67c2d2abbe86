"""What must be known of a bucket before a run: that it is there, its server's time, and how it encrypts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from s3sync.aws.clients import client, error_text
from s3sync.aws.copy_settings import CopySettings
from s3sync.aws.dates import server_date
from s3sync.config.model import Access
from s3sync.errors import ConfigError, ServiceError
from s3sync.model import etag

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

DIRECTORY_BUCKET_SUFFIX = "--x-s3"

# What a refusal means that no permission would change. An answer to a HEAD has no body that could say so.
_KEYS_REFUSED = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"})


@dataclass(frozen=True, slots=True)
class BucketFacts:
    """`server_time` is the server's own clock; `hides_md5` says that its default encryption makes ETags no MD5s."""

    server_time: datetime
    hides_md5: bool


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
    return BucketFacts(server_date(headers) or datetime.now(UTC), _default_hides_md5(s3, bucket, option))


def _default_hides_md5(s3: "S3Client", bucket: str, option: str) -> bool:
    try:
        rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"].get("Rules", [])
    except (ClientError, BotoCoreError) as error:
        code, message = error_text(error)
        if code in _KEYS_REFUSED:
            raise ConfigError(option, f"bucket {bucket!r}: the credentials are refused: {code}: {message}") from error
        return False  # may not be looked at, or the server has no such call; the copies' own answers decide then
    # radosgw answers an empty configuration where a bucket has none, AWS an error.
    return any(etag.hides_md5(rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm")) for rule in rules)


def own_owner_id(access: Access) -> str:
    """The canonical user id of the account whose credentials these are. Raises ServiceError."""
    try:
        return client("s3", access).list_buckets()["Owner"]["ID"]
    except (ClientError, BotoCoreError, KeyError) as error:
        cause = error_text(error)[1] if isinstance(error, (ClientError, BotoCoreError)) else "the answer names none"
        raise ServiceError(f"--owner/--no-owner: this account's own id cannot be found out: {cause}") from error


# | answer to a copy whose condition can't hold  | then                                             |
# |----------------------------------------------|--------------------------------------------------|
# | 412                                          | the server honours conditions                    |
# | done                                         | it ignores them; what was copied is removed      |
# | any other refusal (gone, archived, denied)   | the next key is tried; after the last: honours   |
def honours_preconditions(access: Access, settings: CopySettings, source_keys: Iterable[str], probe_key: str) -> bool:
    """Whether the server refuses a copy whose source condition does not hold (C4).

    `source_keys` are some that can probably be copied, `probe_key` a free key on the target, meant for this probe. A
    server that honours conditions writes nothing. Servers of AWS need no probe.
    """
    s3 = client("s3", access)
    given: Any = {**settings.on_new_target, "Key": probe_key, "CopySourceIfMatch": f'"{"0" * 32}"'}
    if settings.source_expected_owner is not None:
        given["ExpectedSourceBucketOwner"] = settings.source_expected_owner
    for key in source_keys:
        copy_source: CopySourceTypeDef = {"Bucket": settings.source_bucket, "Key": key}
        try:
            s3.copy_object(CopySource=copy_source, **given)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 412:  # noqa: PLR2004
                return True
        except BotoCoreError as error:
            raise ServiceError(f"s3://{settings.target_bucket}: no answer to a copy: {error_text(error)[1]}") from error
        else:
            _remove_probe(s3, {**settings.on_target, "Key": probe_key})
            return False
    return True


def honours_conditional_writes(access: Access, settings: CopySettings, probe_key: str) -> bool:
    """Whether the server refuses to write over an object with If-None-Match. `probe_key` is a free key on the target,
    meant for this probe; nothing is left there. Servers of AWS need no probe. Raises ServiceError."""
    s3 = client("s3", access)
    given: Any = {**settings.on_new_target, "Key": probe_key, "Body": b""}
    try:
        s3.put_object(**given)
        try:
            s3.put_object(**given, IfNoneMatch="*")
        except ClientError as error:
            return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] == 412)  # noqa: PLR2004
        else:
            return False
        finally:
            _remove_probe(s3, {**settings.on_target, "Key": probe_key})
    except (ClientError, BotoCoreError) as error:
        where = f"s3://{settings.target_bucket}/{probe_key}"
        raise ServiceError(f"{where}: a probe can't be written: {': '.join(error_text(error))}") from error


def _remove_probe(s3: "S3Client", probe: Any) -> None:
    """On a versioned bucket the version itself, so that nothing is left."""
    try:
        version_id = s3.head_object(**probe).get("VersionId")
        s3.delete_object(**{**probe, "VersionId": version_id} if version_id else probe)
    except (ClientError, BotoCoreError) as error:
        where = f"s3://{probe['Bucket']}/{probe['Key']}"
        raise ServiceError(f"{where}: the probe object cannot be removed: {': '.join(error_text(error))}") from error
