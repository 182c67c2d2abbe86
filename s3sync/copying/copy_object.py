"""Copying by one CopyObject: the way of every object of up to 5 GiB (C6)."""

from typing import Any

from s3sync.copying.look_source import (
    Head,
    after_refusal,
    is_too_large,
    look_at_source,
    look_at_written,
    what_differs,
)
from s3sync.copying.look_target import before_repeat, is_refused, look_again
from s3sync.copying.multipart_copy import multipart_copy
from s3sync.copying.object_copy import CopyJob
from s3sync.copying.settings import whole_second
from s3sync.model import etag as etags
from s3sync.model.outcome import Outcome, Pinned, Status, Verified
from s3sync.s3.engine.operation import Operation
from s3sync.s3.request import Reply, Request, Side


def copy_object(job: CopyJob) -> Operation[Outcome]:
    """One request where all is well. Metadata and tags are carried by S3 itself."""
    job.pinned = job.settings.pin(job.task)
    request = _request(job)
    if job.settings.keeps_redirects:
        source = yield from _planned_source(job)
        if isinstance(source, Outcome):
            return source
        if redirect := source.values.get("WebsiteRedirectLocation"):
            request.params["WebsiteRedirectLocation"] = redirect
    (reply,) = yield (request,)
    job.requests += reply.attempts
    job.seconds += reply.seconds + reply.earlier_seconds
    if reply.code is not None:
        return (yield from _refused(job, reply))
    target_etag = etags.bare(reply.values.get("CopyObjectResult", {}).get("ETag"))
    if target_etag == job.task.etag and etags.is_plain(target_etag) and not job.settings.opaque_etags:
        return job.copied(target_etag, Verified.ETAG_EQUAL)
    return (yield from _compare(job, target_etag, job.hides_md5(reply)))


def _request(job: CopyJob) -> Request:
    task, settings = job.task, job.settings
    params: dict[str, Any] = {
        **settings.on_new_target,
        "Key": task.target_key,
        "CopySource": settings.copy_source(task),
    }
    if job.pinned is Pinned.ETAG:
        params["CopySourceIfMatch"] = f'"{task.etag}"'
    elif job.pinned is Pinned.TIME and task.last_modified is not None:
        params["CopySourceIfUnmodifiedSince"] = whole_second(task.last_modified)
    storage_class = settings.class_for(task.storage_class)
    if storage_class is not None:
        params["StorageClass"] = storage_class
    if settings.source_expected_owner is not None:
        params["ExpectedSourceBucketOwner"] = settings.source_expected_owner
    params.update(job.guard("CopyObject"))
    if not settings.tags:
        params["TaggingDirective"] = "REPLACE"  # by none
    if not settings.annotations:
        params["AnnotationDirective"] = "EXCLUDE"
    return Request("CopyObject", Side.TARGET, params, size_bytes=task.size or 0)


def _planned_source(job: CopyJob) -> Operation[Head | Outcome]:
    """The source as a HEAD shows it, or what became of the task where it is not what was planned."""
    source = yield from look_at_source(job)
    difference = what_differs(job.task, source) if isinstance(source, Head) else None
    return source if difference is None else job.changed(difference)


# | copy's ETag | target's encryption | planned ETag        | then                                            |
# |-------------|---------------------|---------------------|-------------------------------------------------|
# | any         | any                 | any, `opaque_etags` | copied: not_comparable                          |
# | plain       | any                 | the same            | copied: etag_equal                              |
# | absent      | any                 | any                 | see `look_at_written`                           |
# | any         | hides MD5s          | any                 | copied: not_comparable                          |
# | any         | shows MD5s          | of parts or unknown | copied: not_comparable                          |
# | of parts    | shows MD5s          | any                 | copied: not_comparable                          |
# | plain       | shows MD5s          | plain, another      | one HEAD of the source tells, see `_unequal`    |
def _compare(job: CopyJob, target_etag: str | None, target_hides_md5: bool) -> Operation[Outcome]:
    """What the answer proves (C13)."""
    planned = job.task.etag
    if target_etag is None:
        target = yield from look_at_written(job, job.task.size, planned if etags.is_plain(planned) else None)
        if isinstance(target, Outcome):
            return target
        target_etag, target_hides_md5 = target.etag, target.hides_md5
    if etags.is_plain(target_etag) and target_etag == planned and not job.settings.opaque_etags:
        return job.copied(target_etag, Verified.ETAG_EQUAL)
    if target_hides_md5 or not (etags.is_plain(planned) and etags.is_plain(target_etag)):
        return job.copied(target_etag, Verified.NOT_COMPARABLE)
    return (yield from _unequal(job, target_etag))


# | source now                  | pinned by ETag | unpinned      |
# |-----------------------------|----------------|---------------|
# | can't be looked at          | failed         | failed        |
# | gone                        | not_comparable | changed       |
# | another than planned        | not_comparable | changed       |
# | as planned, MD5 hidden      | not_comparable | not_comparable |
# | as planned, MD5 shown       | failed: ETagMismatch (corrupt)  |
#
# Pinned, the planned object was copied whatever came later; but how it was encrypted can't be seen any more.
def _unequal(job: CopyJob, target_etag: str | None) -> Operation[Outcome]:
    """Two plain ETags that differ: an encrypted source, another one, or a damaged copy."""
    planned = job.task.etag
    look = yield from job.ask_one(job.on_source("HeadObject"))
    if not look.ok:
        found = yield from after_refusal(job, look)
        if found.status is not Status.VANISHED:
            return found
    source = Head.of(look, job.settings.opaque_etags) if look.ok else None
    difference = "the source is gone" if source is None else what_differs(job.task, source)
    if difference is not None and job.pinned is not Pinned.ETAG:
        return job.changed(f"the copy's ETag is {target_etag}, {planned} was planned: {difference}")
    if difference is not None or source is None or source.hides_md5:
        return job.copied(target_etag, Verified.NOT_COMPARABLE)
    return job.failed_with("ETagMismatch", f"the copy's ETag is {target_etag}, the source's {planned}", target_etag)


# The first line that fits decides.
#
# | answer                                    | then                                                         |
# |-------------------------------------------|--------------------------------------------------------------|
# | 501, and a condition on the target        | look, then once more without it: see `gives_up_conditions`   |
# | too large, where no size is known         | copied by parts                                              |
# | may be the target's condition             | see `look_again`                                             |
# | any other                                 | see `after_refusal`                                          |
def _refused(job: CopyJob, reply: Reply) -> Operation[Outcome]:
    if is_too_large(reply) and job.task.size is None:
        return (yield from multipart_copy(job))
    if job.gives_up_conditions(reply):
        settled = yield from before_repeat(job)
    elif is_refused(reply):
        settled = yield from look_again(job, reply)
    else:
        settled = yield from after_refusal(job, reply)
    return settled if settled is not None else (yield from copy_object(job))
