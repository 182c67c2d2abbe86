"""The requests by which conditions are tried out, and what their answers say (try_conditions.py)."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import md5
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from s3sync.aws.clients import error_text
from s3sync.copying.settings import CopySettings
from s3sync.model.limits import PART_MIN_BYTES

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BODY = b"s3sync tries out what this server heeds"
BODY_MD5 = b64encode(md5(BODY, usedforsecurity=False).digest()).decode()
OTHER_MD5 = b64encode(md5(b"", usedforsecurity=False).digest()).decode()


class Told(StrEnum):
    """What an answer says about the condition of its request."""

    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"  # 501
    DENIED = "denied"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ProbeObject:
    """An object of the plan that a condition may be tried with."""

    key: str
    etag: str | None
    size_bytes: int | None
    last_modified: datetime | None


@dataclass(frozen=True, slots=True)
class Ground:
    """Requests for trials, and what they are answered."""

    s3: "S3Client"
    settings: CopySettings
    name: str

    def key(self, kind: str) -> dict[str, Any]:
        return {**self.settings.on_target, "Key": f"{self.name}{kind}"}

    def new(self, kind: str) -> dict[str, Any]:
        return {**self.settings.on_new_target, "Key": f"{self.name}{kind}"}

    def copy(self, sample: ProbeObject, kind: str, **conditions: Any) -> Told:
        owner = self.settings.source_expected_owner
        given = {**self.new(kind), **({"ExpectedSourceBucketOwner": owner} if owner else {})}
        return told(lambda: self.s3.copy_object(**given, CopySource=self._source(sample), **conditions))

    def copy_part(self, sample: ProbeObject, upload_id: str, etag: str) -> Told:
        owner = self.settings.source_expected_owner
        given: dict[str, Any] = {**self.key("part"), **({"ExpectedSourceBucketOwner": owner} if owner else {})}
        if (sample.size_bytes or 0) > PART_MIN_BYTES:  # of a smaller object S3 takes no range
            given["CopySourceRange"] = f"bytes=0-{PART_MIN_BYTES - 1}"
        upload: dict[str, Any] = {"UploadId": upload_id, "PartNumber": 1, "CopySourceIfMatch": etag}
        return told(lambda: self.s3.upload_part_copy(**given, **upload, CopySource=self._source(sample)))

    def put(self, kind: str, digest: str = BODY_MD5, **conditions: Any) -> Told:
        return told(lambda: self.s3.put_object(**self.new(kind), Body=BODY, ContentMD5=digest, **conditions))

    def complete(self, **conditions: Any) -> Told:
        """An upload of one part, completed or aborted."""
        begun = self.begin("parts")
        if begun is None:
            return Told.OTHER
        given = {**self.key("parts"), "UploadId": begun}
        found: list[str] = []

        def part() -> None:
            answer = self.s3.upload_part(**given, PartNumber=1, Body=BODY, ContentMD5=BODY_MD5)
            found.append(answer["ETag"])

        answered = told(part)
        if answered is Told.DONE:
            parts: Any = {"Parts": [{"PartNumber": 1, "ETag": found[0]}]}
            answered = told(lambda: self.s3.complete_multipart_upload(**given, MultipartUpload=parts, **conditions))
        if answered is not Told.DONE:
            self.abort("parts", begun)
        return answered

    def begin(self, kind: str) -> str | None:
        found: list[str] = []
        told(lambda: found.append(self.s3.create_multipart_upload(**self.new(kind))["UploadId"]))
        return found[0] if found else None

    def abort(self, kind: str, upload_id: str) -> None:
        told(lambda: self.s3.abort_multipart_upload(**self.key(kind), UploadId=upload_id))

    def etag(self, kind: str) -> str | None:
        """Quoted, as a condition takes it; None where there is no object, or it may not be looked at."""
        found: list[str] = []
        told(lambda: found.append(self.s3.head_object(**self.key(kind))["ETag"]))
        return f'"{found[0].strip(chr(34))}"' if found else None

    def remove(self, kind: str) -> str | None:
        """Every version of a probe object; returns what to tell where it could not be removed."""
        key = self.key(kind)
        try:
            versions = self.s3.list_object_versions(**self.settings.on_target, Prefix=key["Key"])
            found = [*versions.get("Versions", ()), *versions.get("DeleteMarkers", ())]
            ids = [each["VersionId"] for each in found if each["Key"] == key["Key"]] or ["null"]
        except ClientError:  # it may not be listed, or the server can't
            ids = ["null"]
        try:
            for version_id in ids:
                self.s3.delete_object(**key if version_id in (None, "null") else {**key, "VersionId": version_id})
        except ClientError as error:
            why = ": ".join(error_text(error))
            return f"the probe object s3://{key['Bucket']}/{key['Key']} cannot be removed: {why}"
        return None

    def has_retention(self) -> bool:
        """Whether what is written is locked for a while by default. False where that may not be looked at."""
        bucket = {name: value for name, value in self.settings.on_target.items() if name != "RequestPayer"}
        found: list[bool] = []

        def look() -> None:
            rule = self.s3.get_object_lock_configuration(**bucket)["ObjectLockConfiguration"].get("Rule", {})
            found.append(bool(rule.get("DefaultRetention")))

        told(look)
        return any(found)

    def _source(self, sample: ProbeObject) -> Any:
        return {"Bucket": self.settings.source_bucket, "Key": sample.key}


# | answer                                      | then    |
# |---------------------------------------------|---------|
# | success                                     | DONE    |
# | 412; 404 NoSuchKey, to If-Match             | REFUSED |
# | 501                                         | UNKNOWN |
# | 403                                         | DENIED  |
# | any other                                   | OTHER   |
_BY_STATUS = {412: Told.REFUSED, 501: Told.UNKNOWN, 403: Told.DENIED}


def told(call: Callable[[], object]) -> Told:
    """Raises BotoCoreError where no answer came."""
    try:
        call()
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("InvalidObjectState", "ObjectNotInActiveTierError"):
            return Told.OTHER  # which S3 answers with 403: an archived source
        return _BY_STATUS.get(error.response["ResponseMetadata"]["HTTPStatusCode"], Told.OTHER)
    return Told.DONE
