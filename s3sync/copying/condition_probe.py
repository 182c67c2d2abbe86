"""Which conditions the target's server heeds, tried out before they are relied on (C4, C16)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from s3sync.aws.clients import client, error_text
from s3sync.config.model import Access
from s3sync.copying.settings import CopySettings
from s3sync.errors import ServiceError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef


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
