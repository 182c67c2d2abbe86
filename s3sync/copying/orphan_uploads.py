"""Uploads that an earlier attempt opened and nobody will complete (C7).

The answer to CreateMultipartUpload was lost and the next try opened another one; or the worker died in the middle.
"""

from datetime import datetime, timedelta
from typing import Any

from s3sync.copying.object_copy import CopyJob
from s3sync.copying.settings import CopySettings
from s3sync.s3.engine.operation import Operation
from s3sync.s3.request import Reply, Request, Side

SLACK = timedelta(seconds=2)  # `Initiated` may be cut to the second

Uploads = list[dict[str, Any]]


# | upload of the same key                    | answer was lost             | task was begun before       | then  |
# |-------------------------------------------|-----------------------------|-----------------------------|-------|
# | the one that is used                      |                             |                             | kept  |
# | of another initiator                      |                             |                             | kept  |
# | begun before                              | the first try of the Create | the plan                    | kept  |
# | begun since then, up to the one in use    |                             |                             | abort |
def abort_lost(job: CopyJob, created: Reply) -> Operation[None]:
    """Abort the uploads that earlier attempts left. The run holds the lock of its target, so nobody else's fit; a task
    of a queue, which two workers may have at once, is no repeat, and only what its own Create left is aborted.

    Where they can't be listed, they stay: the copy goes on.
    """
    if created.attempts == 1 and not job.is_repeat:
        return
    used, others = _ours((yield from _listed(job)), created.values["UploadId"])
    if used is None:
        return
    waited = timedelta(seconds=created.earlier_seconds + created.seconds)
    earliest = job.settings.planned_at if job.is_repeat else used["Initiated"] - waited
    yield from _abort(
        job, [each for each in _since(earliest, others) if each["Initiated"] <= used["Initiated"] + SLACK]
    )


def abort_noted(settings: CopySettings, key: str, upload_id: str) -> Operation[None]:
    """Abort an upload that an earlier attempt wrote down and did not live to complete. Where that is refused it stays
    written down, for the next attempt."""
    params = {**settings.on_target, "Key": key, "UploadId": upload_id}
    yield (Request("AbortMultipartUpload", Side.TARGET, params),)


def abort_strays(job: CopyJob, upload_id: str) -> Operation[None]:
    """Of an object that many tasks copy: abort what any of them, thought dead, opened beside the upload in use, also
    after it. Otherwise as `abort_lost`; where the upload in use is gone, nothing tells which ones are ours."""
    used, others = _ours((yield from _listed(job)), upload_id)
    if used is not None:
        yield from _abort(job, _since(job.settings.planned_at, others))


def is_gone(job: CopyJob, upload_id: str) -> Operation[bool]:
    """Whether an upload is certainly not there any more. False where uploads can't be listed."""
    uploads = yield from _listed(job)
    return uploads is not None and all(each["UploadId"] != upload_id for each in uploads)


def _listed(job: CopyJob) -> Operation[Uploads | None]:
    """The open uploads of the task's key, None where they can't be listed."""
    key = job.task.target_key
    reply = yield from job.ask_one(job.on_target_bucket("ListMultipartUploads", Prefix=key))
    return [upload for upload in reply.values.get("Uploads", []) if upload["Key"] == key] if reply.ok else None


def _ours(uploads: Uploads | None, mine: str) -> tuple[dict[str, Any] | None, Uploads]:
    """The upload in use, and the others of its initiator."""
    used = next((upload for upload in uploads or [] if upload["UploadId"] == mine), None)
    if used is None or uploads is None:
        return None, []
    return used, [each for each in uploads if each["UploadId"] != mine and _initiator(each) == _initiator(used)]


def _since(earliest: datetime, uploads: Uploads) -> Uploads:
    return [each for each in uploads if each["Initiated"] >= earliest - SLACK]


def _abort(job: CopyJob, uploads: Uploads) -> Operation[None]:
    if uploads:
        yield from job.ask(*(job.on_target("AbortMultipartUpload", UploadId=each["UploadId"]) for each in uploads))


def _initiator(upload: dict[str, Any]) -> str | None:
    found: str | None = upload.get("Initiator", {}).get("ID")
    return found
