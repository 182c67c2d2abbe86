"""What the tests of copies on a live server share."""

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from s3sync.config.model import Access, Secret, TransportKind
from s3sync.copying.dispatch import CopySettings, copy_task
from s3sync.model.conditions import Conditions
from s3sync.model.etag import bare, part_count
from s3sync.model.outcome import Outcome
from s3sync.model.task import Action, Method, Task, task_id
from s3sync.s3.engine.engine import Engine
from s3sync.s3.engine.operation import Operation
from s3sync.s3.engine.per_process import new_transport
from s3sync.s3.engine.retry_policy import RetryPolicy
from s3sync.s3.request import Side, Transport
from tests.servers.capabilities import Capabilities

FAST = RetryPolicy(max_attempts=4, max_throttled_attempts=8, base_seconds=0.01, throttled_base_seconds=0.01)


def conditions_of(server: Capabilities) -> Conditions:
    """What the table of capabilities says; an ETag is always sent in quotes."""
    names = [each.name for each in fields(Conditions) if hasattr(server, each.name)]
    found = Conditions(**{name: getattr(server, name) for name in names})
    return replace(found, put_if_match=server.put_if_match and server.put_if_match_quoted)


def access_to(server: Any) -> Access:
    return Access(
        region_name=server.region,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=Secret(server.secret_key),
        endpoint_url=server.s3_endpoint,
        addressing_style="path",
    )


TRANSPORTS = tuple(map(str, TransportKind))


def transport_to(server: Any, kind: str = "boto3", capacity: int = 8) -> Transport:
    access = access_to(server)
    return new_transport(access, access, TransportKind(kind), capacity)


@dataclass
class Migration:
    """Two buckets and an engine between them; `settings` may be changed by a test."""

    s3: Any
    settings: CopySettings
    engine: Engine

    def task(self, key: str, *, method: Method | None = None, **changes: Any) -> Task:
        """The task that a plan would hold: what HEAD shows now."""
        seen = self.s3.head_object(Bucket=self.settings.source_bucket, Key=key)
        etag = bare(seen["ETag"])
        given = {
            "task_id": task_id(self.settings.source_bucket, key, None, self.settings.target_bucket, key),
            "source_key": key,
            "version_id": None,
            "target_key": key,
            "size": seen["ContentLength"],
            "etag": etag,
            "last_modified": seen["LastModified"],
            "storage_class": seen.get("StorageClass"),
            "action": Action.COPY,
            "reason": "missing",
            "method": method or (Method.MULTIPART_COPY if part_count(etag) else Method.COPY_OBJECT),
        }
        return Task(**{**given, **changes})

    def operation(self, task: Task, *, look_first: bool = False) -> Operation[Outcome]:
        return copy_task(task, self.settings, 1, look_first)

    def copy(self, *tasks: Task, look_first: bool = False) -> list[Outcome]:
        operations = [(task.task_id, self.operation(task, look_first=look_first)) for task in tasks]
        found = dict(self.engine.run(operations))
        return [found[task.task_id] for task in tasks]

    def copy_one(self, task: Task, *, look_first: bool = False) -> Outcome:
        return self.copy(task, look_first=look_first)[0]

    def put(self, key: str, body: bytes = b"body", **more: Any) -> None:
        self.s3.put_object(Bucket=self.settings.source_bucket, Key=key, Body=body, **more)

    def put_target(self, key: str, body: bytes = b"other") -> None:
        self.s3.put_object(Bucket=self.settings.target_bucket, Key=key, Body=body)

    def put_in_parts(self, key: str, sizes: list[int], **more: Any) -> None:
        bucket = self.settings.source_bucket
        upload = self.s3.create_multipart_upload(Bucket=bucket, Key=key, **more)["UploadId"]
        parts = []
        for number, size in enumerate(sizes, start=1):
            body = bytes([number]) * size
            given = {"Bucket": bucket, "Key": key, "UploadId": upload, "PartNumber": number}
            parts.append({"PartNumber": number, "ETag": self.s3.upload_part(**given, Body=body)["ETag"]})
        self.s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})

    def target(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self.s3.head_object(Bucket=self.settings.target_bucket, Key=key)
        return found

    def body(self, key: str) -> bytes:
        found: bytes = self.s3.get_object(Bucket=self.settings.target_bucket, Key=key)["Body"].read()
        return found

    def tags(self, key: str) -> dict[str, str]:
        answer = self.s3.get_object_tagging(Bucket=self.settings.target_bucket, Key=key)
        found = answer.get("TagSet", [])  # radosgw leaves an empty set away
        return {tag["Key"]: tag["Value"] for tag in found}

    def uploads(self) -> list[str]:
        found = self.s3.list_multipart_uploads(Bucket=self.settings.target_bucket).get("Uploads", [])
        return [upload["Key"] for upload in found]


def migration_on(server: Any, s3: Any, source: str, target: str, kind: str = "boto3") -> Migration:
    settings = CopySettings(
        source_bucket=source,
        target_bucket=target,
        planned_at=datetime.now(UTC) + timedelta(hours=1),  # so that nothing is newer, unless a test says so
        conditions=conditions_of(server.capabilities),
        without_annotations=set(Side),  # unless a test is about them
    )
    return Migration(s3, settings, Engine(transport_to(server, kind), FAST))
