"""Relay: the bytes go through the worker, with each side's own credentials, endpoint and region.

For targets that can't read the source by themselves: another partition of AWS, another service, a VPC endpoint.

    small: GetObject, GetObjectTagging ──> PutObject
    large: as a copy by parts, but each part is GetObject of its range ──> UploadPart (relay_parts.py)

Every body is checked: its length, its MD5 against the source's ETag where that is one, and the target gets the MD5 with
it and refuses other bytes. Nothing touches the disk but parts that are larger than the memory, and only with a
`tmp_dir`.
"""

from base64 import b64encode
from hashlib import md5

from s3sync.copying.annotations import carry_annotations
from s3sync.copying.late_tags import put_late_tags, tagging_of
from s3sync.copying.look_source import Head, after_refusal, look_at_written
from s3sync.copying.look_target import write
from s3sync.copying.multipart_copy import accepted, carry_over, description, read_source
from s3sync.copying.object_copy import CopyJob, Settled
from s3sync.copying.relay_parts import BY_WORKER, put_from_file
from s3sync.model import etag as etags
from s3sync.model.limits import COPY_OBJECT_MAX_BYTES
from s3sync.model.outcome import Outcome, Verified
from s3sync.s3.engine.operation import Operation
from s3sync.s3.request import Reply, Request

READS_MAX = 2


# | size            | ETag     | preserve_etags | tmp_dir | then                                            |
# |-----------------|----------|----------------|---------|-------------------------------------------------|
# | unknown         | any      |                |         | a HEAD tells, then as below                     |
# | any             | unknown  |                |         | a HEAD tells, then as below                     |
# | up to a part    | any      | no             |         | one PutObject                                   |
# | up to a part    | plain    | yes            |         | one PutObject                                   |
# | any             | of parts | yes            |         | by parts, with the source's boundaries          |
# | above           | plain    | yes            | given   | one PutObject up to 5 GiB, through a file       |
# | above           | any      | otherwise      |         | by parts; boundaries kept where they are known  |
#
# "A part" is `part_size`, at most RELAY_PART_BYTES.
def relay(job: CopyJob) -> Operation[Outcome]:
    """Copy by reading and writing. A plain ETag does not survive the parts of an object that is larger than one."""
    outcome = yield from put_late_tags(job, (yield from _relay(job)))
    return (yield from carry_annotations(job, outcome))


def _relay(job: CopyJob) -> Operation[Outcome]:
    task, settings = job.task, job.settings
    BY_WORKER.prepare(job)
    try:
        if task.size is not None and task.etag is not None and _is_whole(job, task.size, task.etag):
            job.memory_bytes = task.size
            return (yield from _put_whole(job, task.etag, None))
        job.memory_bytes = min(task.size or settings.relay_memory_bytes, settings.relay_memory_bytes)
        source, tagging = yield from read_source(job)
        if _is_whole(job, source.size_bytes, source.etag):
            return (yield from _put_whole(job, source.etag, tagging))
        keeps_plain = settings.preserve_etags and etags.is_plain(source.etag) and settings.tmp_dir is not None
        if keeps_plain and source.size_bytes <= COPY_OBJECT_MAX_BYTES:
            md5_hex, reply = yield from put_from_file(job, source, _put(job, source, tagging))
            return (yield from _finished(job, source, md5_hex, reply))
        return (yield from carry_over(job, source, tagging, BY_WORKER))
    except Settled as settled:
        return settled.outcome


def _is_whole(job: CopyJob, size_bytes: int, etag: str | None) -> bool:
    keeps_parts = job.settings.preserve_etags and etags.part_count(etag) > 0
    return size_bytes <= job.part_size_bytes and not keeps_parts


# | GetObject             | GetObjectTagging   | body, see `_what_is_wrong`  | then                                   |
# |-----------------------|--------------------|-----------------------------|----------------------------------------|
# | failed                | any                |                             | see `after_refusal`                    |
# | another object        | any                |                             | changed                                |
# | as planned            | failed             |                             | see `after_refusal`                    |
# | as planned            | read, or not asked | right                       | PutObject                              |
# | as planned            | read, or not asked | wrong                       | read once more; still: failed          |
def _put_whole(job: CopyJob, etag: str | None, tagging: str | None) -> Operation[Outcome]:
    """`tagging` None: the tags are to be asked for."""
    expected_bytes = job.size
    for reads in range(1, READS_MAX + 1):
        wanted = [_get(job, etag)]
        if job.settings.tags and tagging is None:
            wanted.append(job.on_source("GetObjectTagging"))
        got, *others = yield from job.ask(*wanted)
        for reply in (got, *others):
            if not reply.ok:
                return (yield from after_refusal(job, reply))
        source = accepted(job, got)
        body: bytes = got.values["Body"]
        digest = md5(body, usedforsecurity=False)
        wrong = _what_is_wrong(source, len(body), digest.hexdigest(), expected_bytes)
        if wrong is None:
            break
        if reads == READS_MAX:
            return job.failed_with(*wrong)
    put = _put(job, source, tagging_of(others) if tagging is None else tagging)
    put.params["Body"] = body
    put.params["ContentMD5"] = b64encode(digest.digest()).decode()
    reply = yield from write(job, put)
    return (yield from _finished(job, source, digest.hexdigest(), reply))


# | length of the body              | body's MD5, source's ETag   | then         |
# |---------------------------------|-----------------------------|--------------|
# | not as planned, or as announced | any                         | SizeDiffers  |
# | as planned and as announced     | not to be compared, or same | right        |
# | as planned and as announced     | differ                      | ETagMismatch |
def _what_is_wrong(source: Head, size_bytes: int, md5_hex: str, expected_bytes: int | None) -> tuple[str, str] | None:
    """Code and message; None where a body is what was to be read. An answer without Content-Length that ends early
    looks whole, so the plan's size, or the HEAD's, is the measure."""
    if size_bytes != source.size_bytes or expected_bytes not in (None, size_bytes):
        wanted = source.size_bytes if expected_bytes is None else expected_bytes
        return "SizeDiffers", f"{size_bytes} bytes came, {source.size_bytes} were announced and {wanted} expected"
    if md5_hex == source.etag or source.hides_md5 or not etags.is_plain(source.etag):
        return None
    return "ETagMismatch", f"what was read has the MD5 {md5_hex}, the source's ETag is {source.etag}"


def _get(job: CopyJob, etag: str | None) -> Request:
    request = job.on_source("GetObject")
    if etag is not None:
        request.params["IfMatch"] = f'"{etag}"'
    request.memory_bytes = job.memory_bytes
    return request


def _put(job: CopyJob, source: Head, tagging: str) -> Request:
    """All but the body."""
    return job.on_new_target("PutObject", **description(job, source, tagging))


# | PutObject            | target's ETag     | body's MD5 | source's ETag   | then                            |
# |----------------------|-------------------|------------|-----------------|---------------------------------|
# | failed               |                   |            |                 | failed                          |
# | done                 | absent            |            |                 | see `look_at_written`           |
# | done                 | plain, MD5 shown  | differs    |                 | failed: ETagMismatch            |
# | done                 | plain, MD5 shown  | equal      | equal           | copied: etag_equal              |
# | done                 | of another kind   |            | equal to MD5    | copied: md5_equal               |
# | done                 | any               |            | not to compare  | copied: not_comparable          |
def _finished(job: CopyJob, source: Head, md5_hex: str, reply: Reply) -> Operation[Outcome]:
    if not reply.ok:
        return job.failed(reply)
    target_etag = etags.bare(reply.values.get("ETag"))
    target_hides_md5 = job.hides_md5(reply)
    if target_etag is None:
        target = yield from look_at_written(job, source.size_bytes, md5_hex)
        if isinstance(target, Outcome):
            return target
        target_etag, target_hides_md5 = target.etag, target.hides_md5
    shows_md5 = etags.is_plain(target_etag) and not target_hides_md5
    if shows_md5 and target_etag != md5_hex:
        message = f"the target's ETag is {target_etag}, what was sent has the MD5 {md5_hex}"
        return job.failed_with("ETagMismatch", message, target_etag)
    if source.hides_md5 or source.etag != md5_hex:
        return job.copied(target_etag, Verified.NOT_COMPARABLE)
    return job.copied(target_etag, Verified.ETAG_EQUAL if shows_md5 else Verified.MD5_EQUAL)
