"""Copying by parts: objects over 5 GiB, and those whose part boundaries are kept.

    HEAD, tags ──> where to cut ──> create ──> carry parts ──> compare ETags ──> complete ──> compare again
                                      └────────── anything goes wrong: abort (C7) ──┘

A copy by parts carries nothing by itself: metadata, tags and storage class are read and set (AWS:
"CreateMultipartUpload"). How the parts are carried is a `Way`: S3 copies them, or the worker relays them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from s3sync.copying.annotations import carry_annotations
from s3sync.copying.late_tags import is_late, put_late_tags, tagging_of
from s3sync.copying.look_source import Head, after_refusal, what_differs
from s3sync.copying.look_target import CONFLICT, LOOKS_MAX
from s3sync.copying.multipart_upload import PartedUpload, WrongGuess
from s3sync.copying.object_copy import CopyJob, Settled
from s3sync.copying.orphan_uploads import abort_lost, after_failed_create
from s3sync.copying.source_parts import choose_cut, measured_cut, own_cut
from s3sync.listing.second_witness import proves_absence
from s3sync.model.outcome import Outcome, Verified
from s3sync.model.part_layout import Boundaries, Cut, Part
from s3sync.s3.engine.operation import Operation
from s3sync.s3.request import Reply

_CARRIED = (
    "Metadata",
    "ContentType",
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "WebsiteRedirectLocation",
)


@dataclass(frozen=True, slots=True)
class Way:
    """`prepare` sets what a job goes by: its pin, and the size of parts of its own. `fit` makes a cut one that this way
    can carry, and raises Settled where there is none. `carry` brings parts to an upload and returns their ETags,
    unquoted, in order; it raises Settled where it can't."""

    prepare: Callable[[CopyJob], None]
    fit: Callable[[CopyJob, Head, Cut], Cut]
    carry: Callable[[PartedUpload, Sequence[Part]], Operation[list[str]]]


def _prepare(job: CopyJob) -> None:
    job.pinned = job.settings.pin_of_parts(job.task)


BY_S3 = Way(_prepare, lambda _job, _source, cut: cut, PartedUpload.copy_parts)


def multipart_copy(job: CopyJob) -> Operation[Outcome]:
    """Copy by parts. At the latest the ETags of the copied parts show whether a guess of the source's was right."""
    BY_S3.prepare(job)
    try:
        source, tagging = yield from read_source(job)
        outcome = yield from carry_over(job, source, tagging, BY_S3)
    except Settled as settled:
        outcome = settled.outcome
    return (yield from carry_annotations(job, (yield from put_late_tags(job, outcome))))


def carry_over(job: CopyJob, source: Head, tagging: str, way: Way) -> Operation[Outcome]:
    """Cut, upload, complete; all anew where S3 takes no completion of an upload any more, because another write came at
    the same moment. Raises Settled; no upload is left behind."""
    cut = way.fit(job, source, (yield from choose_cut(job, source)))
    while True:
        try:
            return (yield from _upload(job, source, tagging, cut, way))
        except WrongGuess:
            cut = way.fit(job, source, (yield from _other_cut(job, source, cut)))
        except Settled as settled:
            if settled.outcome.error_code != CONFLICT or job.looks >= LOOKS_MAX:
                raise


def _other_cut(job: CopyJob, source: Head, wrong: Cut) -> Operation[Cut]:
    cut = yield from measured_cut(job, source)
    return cut if cut.layout != wrong.layout else own_cut(job, source, Boundaries.UNKNOWN)


# | HEAD of the source             | its tags           | then                                                    |
# |--------------------------------|--------------------|---------------------------------------------------------|
# | failed                         | NoSuchBucket       | failed: a HEAD's 404 does not say what is missing       |
# | failed                         | NoSuchKey, proved  | vanished                                                |
# | failed                         | any                | see `after_refusal`                                     |
# | another object than planned    | any                | changed                                                 |
# | metadata that HTTP can't carry | any                | failed: MissingMetadata                                 |
# | as planned                     | failed             | see `after_refusal`                                     |
# | as planned                     | read, or not asked | go on                                                   |
def read_source(job: CopyJob) -> Operation[tuple[Head, str]]:
    """The source and its tags, as `Tagging` wants them. The tag count of a HEAD is absent without the permission to
    read tags, so the tags are always asked for where they are wanted."""
    wanted = [job.on_source("HeadObject")]
    wanted[0].memory_bytes = job.memory_bytes
    if job.settings.tags:
        wanted.append(job.on_source("GetObjectTagging"))
    look, *others = yield from job.ask(*wanted)
    failed = [reply for reply in (look, *others) if not reply.ok]
    if failed:
        telling = min(failed, key=lambda reply: _tells(job, reply))
        raise Settled((yield from after_refusal(job, telling)))
    source = accepted(job, look)
    return source, tagging_of(others)


def _tells(job: CopyJob, reply: Reply) -> int:
    """The rank of a refusal: a HEAD's 404 does not say what is missing, the other answer may."""
    return 0 if reply.code == "NoSuchBucket" else 1 if proves_absence(reply, job.task.source_key) else 2


def accepted(job: CopyJob, reply: Reply) -> Head:
    """The source as an answer shows it. Raises Settled where it is not what was planned, or can't be carried whole."""
    source = Head.of(reply, job.settings.opaque_etags)
    difference = what_differs(job.task, source)
    if difference is not None:
        raise Settled(job.changed(difference))
    job.size = source.size_bytes
    if source.values.get("MissingMeta"):
        message = f"{source.values['MissingMeta']} entries of its metadata can't be read over HTTP, and would be lost"
        raise Settled(job.failed_with("MissingMetadata", message))
    return source


def _upload(job: CopyJob, source: Head, tagging: str, cut: Cut, way: Way) -> Operation[Outcome]:
    """Raises Settled, or WrongGuess; either way no upload is left behind."""
    created = yield from job.ask_one(job.on_new_target("CreateMultipartUpload", **description(job, source, tagging)))
    if not created.ok:
        raise Settled((yield from after_failed_create(job, created)))
    upload = PartedUpload.of(job, source, cut, created)
    try:
        if job.note_upload is not None:
            job.note_upload(job.task, upload.upload_id)
            yield ()
        yield from abort_lost(job, created)
        part_etags = yield from way.carry(upload, list(cut.layout.parts()))
        verified = upload.compare(part_etags)
        if verified is Verified.NOT_COMPARABLE and job.proved is not None:
            verified = job.proved
        return (yield from upload.complete(part_etags, verified))
    except Exception as error:
        trouble = yield from upload.abort()
        if isinstance(error, Settled):
            raise Settled(job.tidied(error.outcome, trouble)) from error
        raise


def description(job: CopyJob, source: Head, tagging: str) -> dict[str, Any]:
    """What the copy is to have of its source, beside its content. Tags that don't fit are noted as late."""
    job.late_tagging = tagging if is_late(tagging) else ""
    values = source.values
    # An `Expires` that is no date says "expired already" (RFC 9111, 5.3); S3 takes dates only, so it gets an old one.
    expires = values.get("Expires") or ("1970-01-01T00:00:00Z" if values.get("ExpiresString") else None)
    found = {
        **{name: values.get(name) for name in _CARRIED},
        "Expires": expires,
        "StorageClass": job.settings.class_for(values.get("StorageClass")),
        "Tagging": "" if job.late_tagging else tagging,
    }
    return {name: value for name, value in found.items() if value}
