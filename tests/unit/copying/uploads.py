"""The answers that a copy by parts gets, one after the other: of a source of three parts, as a rule."""

from typing import Any

from s3sync.copying.dispatch import copy_task
from s3sync.model import etag as etags
from s3sync.model.limits import MIB
from s3sync.model.task import Method, Overwrite
from tests.unit.scripted import Answer, a_task, drive, head, ok, some_settings

HEAD, TAGS, CREATE, PART = "HeadObject", "GetObjectTagging", "CreateMultipartUpload", "UploadPartCopy"
UPLOADS = "ListMultipartUploads"
COMPLETE, ABORT = "CompleteMultipartUpload", "AbortMultipartUpload"
KMS = {"ServerSideEncryption": "aws:kms"}
NEVER = {"overwrite": Overwrite.NEVER}
KEEP = {"preserve_etags": True}

PART_ETAGS = [f"{n:032x}" for n in (1, 2, 3)]
KEPT = etags.of_parts(PART_ETAGS)  # the ETag of a source whose three parts have these
SIZE = 24 * MIB
NO_TAGS = (TAGS, ok(TagSet=[]))
CREATED = (CREATE, ok(UploadId="up"))
ABORTED = (ABORT, Answer(status=204))
FIRST = (HEAD, Answer({"ContentLength": 10 * MIB, "PartsCount": 3}, 206))

Script = list[tuple[str, Answer]]


def part(etag: str) -> tuple[str, Answer]:
    return PART, ok(CopyPartResult={"ETag": f'"{etag}"'})


PARTS = [part(each) for each in PART_ETAGS]


def done(etag: str | None = KEPT) -> tuple[str, Answer]:
    return COMPLETE, ok(**({"ETag": f'"{etag}"'} if etag else {"ETag": ""}))


def source(etag: str | None = KEPT, size: int = SIZE, **values: Any) -> tuple[str, Answer]:
    return HEAD, head(etag, size, **values)


def run(task: dict[str, Any], settings: dict[str, Any], *script: tuple[str, Answer]) -> Any:
    given = {"method": Method.MULTIPART_COPY, "etag": KEPT, "size": SIZE, **task}
    return drive(copy_task(a_task(**given), some_settings(**settings), 1, look_first=False), *script)


BEGUN = [source(), NO_TAGS, FIRST, CREATED]
