"""The source and the target as the probes see them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from s3sync.aws.clients import client, error_text
from s3sync.config.model import Access, Config
from s3sync.config.partitions import service
from s3sync.doctor.symptom import Symptom, unknown
from s3sync.errors import S3SyncError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Answer = TypeVar("Answer")
DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "403", "Forbidden", "AllAccessDisabled", "UnauthorizedOperation"}
)


@dataclass(frozen=True, slots=True)
class ExaminedSide:
    """`title` is `source` or `target`; `expected_owner` the account that must own the bucket, where one is named."""

    title: str
    access: Access
    bucket: str
    expected_owner: str | None = None

    @property
    def s3(self) -> "S3Client":
        return client("s3", self.access)

    @property
    def is_aws(self) -> bool:
        """False for an S3-compatible server, which has no accounts, regions and partitions of AWS."""
        return service(self.access) is None

    @property
    def given(self) -> dict[str, Any]:
        """The parameters of every call about the bucket."""
        owner = {"ExpectedBucketOwner": self.expected_owner} if self.expected_owner else {}
        return {"Bucket": self.bucket, **owner}

    def topic(self, name: str) -> str:
        return f"{self.title}: {name}"


@dataclass(frozen=True, slots=True)
class RefusedCall:
    """What a call was answered in place of a result."""

    code: str
    message: str

    @property
    def is_denial(self) -> bool:
        return self.code in DENIED

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.message else self.code


def asked(call: Callable[[], Answer]) -> Answer | RefusedCall:
    """The call's result, or how it was refused; credentials that can't be had are a refusal as well."""
    try:
        return call()
    except (ClientError, BotoCoreError) as error:
        return RefusedCall(*error_text(error))
    except S3SyncError as error:
        return RefusedCall(type(error).__name__, str(error))


def not_seen(topic: str, refusal: RefusedCall, permission: str) -> Symptom:
    """The symptom of a setting that could not be read."""
    if refusal.is_denial:
        return unknown(topic, "may not be looked at", f"allow {permission} to look at it; a run does without")
    return unknown(topic, f"cannot be looked at: {refusal}")


def sides(config: Config) -> tuple[ExaminedSide, ExaminedSide]:
    """Source and target. The source's bucket may be named by the inventory alone; it is looked up before."""
    access = config.access
    return (
        ExaminedSide("source", access.source, config.source.bucket or "", config.source.expected_owner),
        ExaminedSide("target", access.target, config.target.bucket or "", config.target.expected_owner),
    )
