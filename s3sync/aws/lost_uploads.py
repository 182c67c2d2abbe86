"""Uploads that an earlier attempt opened and nobody will complete (C7).

The answer to CreateMultipartUpload was lost and the next try opened another one; or the worker died in the middle.
"""

from datetime import timedelta
from typing import Any

from s3sync.aws.copy_job import CopyJob
from s3sync.aws.engine import Operation
from s3sync.aws.transport import Reply

SLACK = timedelta(seconds=2)  # `Initiated` may be cut to the second


# | upload of the same key                    | answer was lost             | task was begun before       | then  |
# |-------------------------------------------|-----------------------------|-----------------------------|-------|
# | the one that is used                      |                             |                             | kept  |
# | of another initiator                      |                             |                             | kept  |
# | begun before                              | the first try of the Create | the plan                    | kept  |
# | begun since then, up to the one in use    |                             |                             | abort |
def abort_lost(job: CopyJob, created: Reply) -> Operation[None]:
    """Abort the uploads that earlier attempts left. The run holds the lock of its target, so nobody else's fit.

    Where they can't be listed, they stay: the copy goes on.
    """
    if created.attempts == 1 and not job.is_repeat:
        return
    mine, key = created.values["UploadId"], job.task.target_key
    listed = yield from job.ask_one(job.on_target_bucket("ListMultipartUploads", Prefix=key))
    uploads = [upload for upload in listed.values.get("Uploads", []) if listed.ok and upload["Key"] == key]
    used = next((upload for upload in uploads if upload["UploadId"] == mine), None)
    if used is None:
        return
    waited = timedelta(seconds=created.earlier_seconds + created.seconds)
    earliest = job.settings.planned_at if job.is_repeat else used["Initiated"] - waited
    lost = [
        each
        for each in uploads
        if each["UploadId"] != mine
        and _initiator(each) == _initiator(used)
        and earliest - SLACK <= each["Initiated"] <= used["Initiated"] + SLACK
    ]
    if lost:
        yield from job.ask(*(job.on_target("AbortMultipartUpload", UploadId=each["UploadId"]) for each in lost))


def _initiator(upload: dict[str, Any]) -> str | None:
    found: str | None = upload.get("Initiator", {}).get("ID")
    return found
