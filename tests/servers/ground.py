"""What a probe stands on: a bucket with one object, and the ways to tell S3's behaviour from a departure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from s3sync.model.limits import PART_MIN_BYTES
from tests.servers import Server

FIRST_PART = b"m" * PART_MIN_BYTES


@dataclass(frozen=True)
class Ground:
    """A bucket with one object, on the server that is probed."""

    s3: Any
    server: Server
    bucket: str
    make_bucket: Callable[..., str]

    @property
    def source(self) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": "source"}

    def copy(self, key: str = "copy", **more: Any) -> Any:
        return self.s3.copy_object(Bucket=self.bucket, Key=key, CopySource=self.source, **more)

    def put(self, key: str, **more: Any) -> Any:
        return self.s3.put_object(Bucket=self.bucket, Key=key, Body=b"body", **more)

    def upload(self, key: str, parts: tuple[bytes, ...], **complete: Any) -> Any:
        target = {"Bucket": self.bucket, "Key": key}
        target["UploadId"] = self.s3.create_multipart_upload(**target)["UploadId"]
        done = [
            {"PartNumber": number, "ETag": self.s3.upload_part(**target, PartNumber=number, Body=part)["ETag"]}
            for number, part in enumerate(parts, start=1)
        ]
        return self.s3.complete_multipart_upload(**target, MultipartUpload={"Parts": done}, **complete)

    def multipart(self) -> Any:
        return self.upload("multipart", (FIRST_PART, b"end"))


def refused(code: str | int, act: Callable[[], Any]) -> bool:
    """True where the act fails with this code (an error code or an HTTP status), False where it succeeds.

    Any other error is raised: it is neither S3's way nor the departure that the table tells of.
    """
    try:
        act()
    except ClientError as error:
        response = error.response
        if code in (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]):
            return True
        raise
    return False


def only_where(good: Callable[[], Any], bad: Callable[[], Any], code: str | int = 412) -> bool:
    """The act that must work does, and the other is refused."""
    good()
    return refused(code, bad)
