"""Uploads that an earlier attempt opened and nobody will complete (C7).

The answer to CreateMultipartUpload was lost and the next try opened another one; or the worker died in the middle.
"""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus

from s3sync.copying.object_copy import CopyJob
from s3sync.copying.settings import CopySettings
from s3sync.model.outcome import Outcome
from s3sync.s3.engine.error_class import classify
from s3sync.s3.engine.operation import Operation
from s3sync.s3.request import Reply, Request, Side
from s3sync.s3.wire.xml_text import as_read

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


# | CreateMultipartUpload failed             | uploads of the key begun since then           | then                   |
# |------------------------------------------|-----------------------------------------------|------------------------|
# | it was asked once, and refused           | not looked for                                | nothing is open        |
# | an answer was lost, or trouble within S3 | none                                          | nothing is open        |
# | an answer was lost, or trouble within S3 | no more than were asked for, of one initiator | aborted                |
# | an answer was lost, or trouble within S3 | others: not all of them are ours              | they stay: it is said  |
# | an answer was lost, or trouble within S3 | can't be listed, or nobody knows the time     | they stay: it is said  |
def after_failed_create(job: CopyJob, created: Reply) -> Operation[Outcome]:
    """The outcome of a copy whose upload could not be opened, as far as the answers say."""
    failed = job.failed(created)
    if created.attempts == 1 and not classify(created.status, created.code or "").is_retried:
        return failed
    reply = yield from job.ask_one(_list_request(job))
    now: datetime | None = reply.values.get("Date")
    if not reply.ok or now is None:
        return job.tidied(failed, "an upload may be open: the uploads of this key can't be listed")
    waited = timedelta(seconds=created.earlier_seconds + created.seconds + reply.earlier_seconds + reply.seconds)
    found = _since(now - waited, _of_key(job, reply))
    if len(found) > created.attempts or len({_initiator(each) for each in found}) > 1:
        return job.tidied(failed, "an upload may be open: another client opens some for this key")
    yield from _abort(job, found)
    return job.tidied(failed, None)


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
    reply = yield from job.ask_one(_list_request(job))
    return _of_key(job, reply) if reply.ok else None


def _list_request(job: CopyJob) -> Request:
    return job.on_target_bucket("ListMultipartUploads", Prefix=job.task.target_key, EncodingType="url")


def _of_key(job: CopyJob, reply: Reply) -> Uploads:
    """A server that encodes no keys echoes some that no XML may hold: those are known by what is read in their place.
    An abort names the key itself, so that it can hit no other one's upload."""
    key = job.task.target_key
    is_encoded = reply.values.get("EncodingType") == "url"
    names = (key,) if is_encoded else (key, as_read(key))
    found: Uploads = reply.values.get("Uploads", [])
    return [each for each in found if (unquote_plus(each["Key"]) if is_encoded else each["Key"]) in names]


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
