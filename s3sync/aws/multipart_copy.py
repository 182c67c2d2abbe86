"""Copying by parts: objects over 5 GiB, and those whose part boundaries are kept.

    HEAD, tags ──> where to cut ──> create ──> copy parts ──> compare ETags ──> complete ──> compare again
                                      └────────── anything goes wrong: abort (C7) ──┘

A copy by parts carries nothing by itself: metadata, tags and storage class are read and set (AWS:
"CreateMultipartUpload").
"""

from typing import Any
from urllib.parse import urlencode

from s3sync.aws.copy_job import CopyJob, Settled
from s3sync.aws.engine import Operation
from s3sync.aws.lost_uploads import abort_lost
from s3sync.aws.multipart_upload import PartedUpload, WrongGuess
from s3sync.aws.part_layouts import Boundaries, Cut, choose_cut, measured_cut, own_cut
from s3sync.aws.source_look import Head, after_refusal, what_differs
from s3sync.model.outcome import Outcome

_CARRIED = ("Metadata", "ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage")


def multipart_copy(job: CopyJob) -> Operation[Outcome]:
    """Copy by parts. At the latest the ETags of the copied parts show whether a guess of the source's was right."""
    job.pinned = job.settings.pin(job.task)
    try:
        source, tagging = yield from _read_source(job)
        cut = yield from choose_cut(job, source)
        try:
            return (yield from _upload(job, source, tagging, cut))
        except WrongGuess:
            cut = yield from _other_cut(job, source, cut)
            return (yield from _upload(job, source, tagging, cut))
    except Settled as settled:
        return settled.outcome


def _other_cut(job: CopyJob, source: Head, wrong: Cut) -> Operation[Cut]:
    cut = yield from measured_cut(job, source)
    return cut if cut.layout != wrong.layout else own_cut(job, source, Boundaries.UNKNOWN)


# | HEAD of the source             | its tags           | then                                                    |
# |--------------------------------|--------------------|---------------------------------------------------------|
# | failed                         | NoSuchBucket       | failed: a HEAD's 404 does not say what is missing       |
# | failed                         | any                | see `after_refusal`                                     |
# | another object than planned    | any                | changed                                                 |
# | metadata that HTTP can't carry | any                | failed: MissingMetadata                                 |
# | as planned                     | failed             | see `after_refusal`                                     |
# | as planned                     | read, or not asked | go on                                                   |
def _read_source(job: CopyJob) -> Operation[tuple[Head, str]]:
    """The source and its tags, as `Tagging` wants them. The tag count of a HEAD is absent without the permission to
    read tags, so the tags are always asked for where they are wanted."""
    wanted = [job.on_source("HeadObject")]
    if job.settings.tags:
        wanted.append(job.on_source("GetObjectTagging"))
    look, *others = yield from job.ask(*wanted)
    failed = [reply for reply in (look, *others) if not reply.ok]
    if failed:
        telling = next((reply for reply in failed if reply.code == "NoSuchBucket"), failed[0])
        raise Settled((yield from after_refusal(job, telling)))
    source = Head.of(look)
    difference = what_differs(job.task, source)
    if difference is not None:
        raise Settled(job.changed(difference))
    job.size = source.size_bytes
    if source.values.get("MissingMeta"):
        message = f"{source.values['MissingMeta']} entries of its metadata can't be read over HTTP, and would be lost"
        raise Settled(job.failed_with("MissingMetadata", message))
    tags = [(tag["Key"], tag["Value"]) for reply in others for tag in reply.values.get("TagSet", [])]
    return source, urlencode(tags)


def _upload(job: CopyJob, source: Head, tagging: str, cut: Cut) -> Operation[Outcome]:
    """Raises Settled, or WrongGuess; either way no upload is left behind."""
    created = yield from job.ask_one(job.on_new_target("CreateMultipartUpload", **_description(job, source, tagging)))
    if not created.ok:
        raise Settled(job.failed(created))
    upload = PartedUpload.of(job, source, cut, created)
    try:
        yield from abort_lost(job, created)
        part_etags = yield from upload.copy_parts()
        verified = upload.compare(part_etags)
        return (yield from upload.complete(part_etags, verified))
    except Exception as error:
        trouble = yield from upload.abort()
        if isinstance(error, Settled):
            raise Settled(job.tidied(error.outcome, trouble)) from error
        raise


def _description(job: CopyJob, source: Head, tagging: str) -> dict[str, Any]:
    values = source.values
    # An `Expires` that is no date says "expired already" (RFC 9111, 5.3); S3 takes dates only, so it gets an old one.
    expires = values.get("Expires") or ("1970-01-01T00:00:00Z" if values.get("ExpiresString") else None)
    found = {
        **{name: values.get(name) for name in _CARRIED},
        "Expires": expires,
        "StorageClass": job.settings.class_for(values.get("StorageClass")),
        "Tagging": tagging,
    }
    return {name: value for name, value in found.items() if value}
