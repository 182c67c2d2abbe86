"""Uploads that were opened by a request whose answer was lost: the next attempt opened another (C7)."""

from datetime import timedelta

from s3sync.aws.copy_job import CopyJob
from s3sync.aws.engine import Operation
from s3sync.aws.transport import Reply

SLACK = timedelta(seconds=2)  # `Initiated` may be cut to the second


def abort_lost(job: CopyJob, created: Reply) -> Operation[None]:
    """Abort what earlier attempts at CreateMultipartUpload may have opened.

    They are uploads of the same key that were begun between the first attempt and the upload that is used. The run
    holds the lock of its target, so nobody else's fit that. Where they can't be listed, they stay: the copy goes on.
    """
    if created.attempts == 1:
        return
    mine, key = created.values["UploadId"], job.task.target_key
    listed = yield from job.ask_one(job.on_target_bucket("ListMultipartUploads", Prefix=key))
    uploads = [upload for upload in listed.values.get("Uploads", []) if listed.ok and upload["Key"] == key]
    opened = next((upload["Initiated"] for upload in uploads if upload["UploadId"] == mine), None)
    if opened is None:
        return
    earliest = opened - timedelta(seconds=created.earlier_seconds + created.seconds) - SLACK
    lost = [each for each in uploads if each["UploadId"] != mine and earliest <= each["Initiated"] <= opened + SLACK]
    if lost:
        yield from job.ask(*(job.on_target("AbortMultipartUpload", UploadId=each["UploadId"]) for each in lost))
