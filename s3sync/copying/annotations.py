"""Object annotations: texts of up to 1 MiB that S3 keeps with an object, up to 1,000 of them, since June 2026.

CopyObject copies them; what is written by parts or by a worker has none (AWS: "CopyObject",
x-amz-object-annotation-directive). So they are listed, read and written after the object, and a copy is not done before
they are there.

A server that does not know them takes each request for one of the object itself: a list is answered with the object,
and a PutObjectAnnotation overwrites it. So none is written before the target's own list has shown that it knows them.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from hashlib import md5
from typing import TypeAlias
from xml.sax.saxutils import unescape

from s3sync.copying.look_source import PRECONDITION_STATUS, after_refusal, look_at_source, what_differs
from s3sync.copying.look_target import TARGET_IS_NEWER
from s3sync.copying.object_copy import CopyJob
from s3sync.model import etag as etags
from s3sync.model.limits import ANNOTATION_MAX_BYTES, ANNOTATIONS_MAX
from s3sync.model.outcome import ANNOTATIONS_LEFT, ErrorClass, Outcome, Status
from s3sync.s3.engine.operation import Operation
from s3sync.s3.request import Reply, Request, Side

Ask: TypeAlias = Callable[..., Generator[Sequence[Request], Sequence[Reply], Sequence[Reply]]]

_UNKNOWN_STATUSES = frozenset({405, 501})
_UNKNOWN_CODES = frozenset(
    {"NotImplemented", "MethodNotAllowed", "UnsupportedOperation", "InvalidArgument", "InvalidRequest", "InvalidURI"}
)
_LIST = re.compile(rb"\s*(<\?xml[^>]*\?>)?\s*<\w*Annotation|.*<(AnnotationCount|MaxAnnotationResults)>", re.DOTALL)
_ENTRY = re.compile(r"<AnnotationEntry>(.*?)</AnnotationEntry>", re.DOTALL)
_MEMBER = re.compile(r"<(\w+)>([^<]*)</\1>")
_TOGETHER = 64  # requests of one object that are handed over at once


@dataclass(frozen=True, slots=True)
class Annotation:
    """One of a list: its ETag is without quotes, None where the list has none."""

    name: str
    size_bytes: int
    etag: str | None


# A list, the reply that failed, or None where the server knows no annotations.
Listed: TypeAlias = dict[str, Annotation] | Reply | None


# The first line that fits decides. An answer with an ETag is the object: S3's list has none.
#
# | reply to ListObjectAnnotations                      | then                                           |
# |-----------------------------------------------------|------------------------------------------------|
# | done, with an ETag                                  | unknown to the server                          |
# | longer than a list can be                           | unknown to the server                          |
# | 501, 405, NotImplemented, InvalidArgument and alike | unknown to the server                          |
# | failed otherwise                                    | the reply                                      |
# | done, a list                                        | its annotations, and those of further pages    |
# | done, anything else                                 | the reply, as one that ended early             |
def annotations_of(ask: Ask, request: Request) -> Operation[Listed]:
    """All annotations of an object by their names. `request` is its ListObjectAnnotations."""
    found: dict[str, Annotation] = {}
    while True:
        request.is_raw = True
        (reply,) = yield from ask(request)
        if _is_unknown(reply):
            return None
        if not reply.ok:
            return reply
        body: bytes = reply.values["Body"]
        if not _LIST.match(body):
            return Reply(reply.request, 0, "Truncated", "the answer is no list of annotations")
        text = body.decode(errors="replace")
        found.update((each.name, each) for each in _entries(text))
        token = dict(_MEMBER.findall(text)).get("NextContinuationToken")
        if not token:
            return found
        if token == request.params.get("ContinuationToken") or len(found) > ANNOTATIONS_MAX:
            return Reply(reply.request, 0, "Truncated", "the list of annotations does not end")  # C9
        request = Request(request.operation, request.side, {**request.params, "ContinuationToken": unescape(token)})


def _is_unknown(reply: Reply) -> bool:
    if reply.ok:
        return "ETag" in reply.values
    return reply.code == "BodyTooLarge" or reply.status in _UNKNOWN_STATUSES or reply.code in _UNKNOWN_CODES


def _entries(text: str) -> Iterator[Annotation]:
    for entry in _ENTRY.findall(text):
        told = {name: unescape(value, {"&quot;": '"', "&apos;": "'"}) for name, value in _MEMBER.findall(entry)}
        yield Annotation(told["AnnotationName"], int(told["Size"]), etags.bare(told.get("ETag")))


# | source's server | its annotations | target's server | then                                        |
# |-----------------|-----------------|-----------------|---------------------------------------------|
# | unknown         |                 |                 | as it is                                    |
# | knows them      | none            |                 | as it is                                    |
# | knows them      | some            | unknown         | copied, reason annotations_left             |
# | knows them      | some            | knows them      | carried: those that are missing, or another |
# | can't be listed |                 |                 | see `after_refusal`                         |
# | knows them      | some            | can't be listed | failed                                      |
def carry_annotations(job: CopyJob, outcome: Outcome) -> Operation[Outcome]:
    """What a copy that S3 did not make by a CopyObject comes to, once its annotations are there too."""
    settings = job.settings
    if outcome.status is not Status.COPIED or not settings.annotations or Side.SOURCE in settings.without_annotations:
        return outcome
    mine = yield from annotations_of(job.ask, job.on_source("ListObjectAnnotations"))
    if mine is None:
        settings.without_annotations.add(Side.SOURCE)
    if isinstance(mine, Reply):
        return _with_way_out((yield from after_refusal(job, mine)), mine)
    if not mine:
        return job.tidied(outcome, None)
    there = yield from _on_target(job)
    if isinstance(there, Reply):
        return _with_way_out(job.failed(there), there)
    if there is None:
        left = f"{len(mine)} annotations are left: the target's server knows none"
        return job.tidied(outcome._replace(reason=ANNOTATIONS_LEFT), left)
    trouble = yield from _carry(job, outcome, [each for each in mine.values() if not _is_same(each, there)])
    return job.tidied(outcome, None) if trouble is None else trouble


def _on_target(job: CopyJob) -> Operation[Listed]:
    without = job.settings.without_annotations
    if Side.TARGET in without:
        return None
    there = yield from annotations_of(job.ask, job.on_target("ListObjectAnnotations"))
    if there is None:
        without.add(Side.TARGET)
    return there


def _is_same(mine: Annotation, there: dict[str, Annotation]) -> bool:
    """An earlier attempt may have carried it: where an ETag is another one, it is carried again, which does no harm."""
    other = there.get(mine.name)
    return (
        other is not None and mine.etag is not None and (mine.size_bytes, mine.etag) == (other.size_bytes, other.etag)
    )


# | GetObjectAnnotation              | PutObjectAnnotation         | the source afterwards | then                  |
# |----------------------------------|-----------------------------|-----------------------|-----------------------|
# | failed: it is gone               |                             |                       | changed               |
# | failed                           |                             |                       | see `after_refusal`   |
# | another length or ETag than told |                             |                       | changed               |
# | as told                          | 412: written again by now   |                       | failed: TargetIsNewer |
# | as told                          | failed otherwise            |                       | failed                |
# | as told                          | done                        | another than planned  | changed               |
# | as told                          | done                        | the planned one       | carried               |
def _carry(job: CopyJob, outcome: Outcome, wanted: list[Annotation]) -> Operation[Outcome | None]:
    """None where all are carried. Each write says for which object it is, and brings its MD5."""
    condition = {"ObjectIfMatch": f'"{outcome.target_etag}"'} if outcome.target_etag else {}
    for some in _portions(wanted):
        gets = [job.on_source("GetObjectAnnotation", AnnotationName=each.name) for each in some]
        gets[0].memory_bytes = 0 if job.memory_bytes else sum(each.size_bytes for each in some)
        replies = yield from job.ask(*gets)
        for each, reply in zip(some, replies, strict=True):
            trouble = yield from _read(job, each, reply)
            if trouble is not None:
                return trouble
        puts = [_put(job, each, reply, condition) for each, reply in zip(some, replies, strict=True)]
        for reply in (yield from job.ask(*puts)):
            if reply.status == PRECONDITION_STATUS:
                message = "the target was written again before its annotations were"
                return job.failed_with(TARGET_IS_NEWER, message, outcome.target_etag)
            if not reply.ok:
                return _with_way_out(job.failed(reply), reply)
    return (yield from _is_changed(job)) if wanted else None


def _is_changed(job: CopyJob) -> Operation[Outcome | None]:
    """What was read belongs to the planned object only where that is still there: no request of these has a pin."""
    source = yield from look_at_source(job)
    if isinstance(source, Outcome):
        return source
    difference = what_differs(job.task, source)
    return None if difference is None else job.changed(difference)


def _with_way_out(outcome: Outcome, reply: Reply) -> Outcome:
    """Roles that were made before there were annotations allow none of these requests."""
    if outcome.error_class is not ErrorClass.DENIED:
        return outcome
    operation, side = reply.request.operation, reply.request.side
    way_out = f"allow s3:{operation} on the {side}, or give --no-annotations"
    return outcome._replace(message=f"{outcome.message}; {way_out}")


def _portions(wanted: Sequence[Annotation]) -> Iterator[list[Annotation]]:
    """Together no larger than one may be, so that they hold little memory (C11)."""
    some: list[Annotation] = []
    for each in wanted:
        held_bytes = sum(other.size_bytes for other in some)
        if some and (held_bytes + each.size_bytes > ANNOTATION_MAX_BYTES or len(some) >= _TOGETHER):
            yield some
            some = []
        some.append(each)
    if some:
        yield some


def _read(job: CopyJob, told: Annotation, reply: Reply) -> Operation[Outcome | None]:
    if reply.code == "NoSuchAnnotation":
        return job.changed(f"the source's annotation {told.name} is gone since it was listed")
    if not reply.ok:
        return _with_way_out((yield from after_refusal(job, reply)), reply)
    etag = etags.bare(reply.values.get("ETag"))
    is_same_etag = told.etag is None or etag is None or told.etag == etag
    if len(reply.values["AnnotationPayload"]) == told.size_bytes and is_same_etag:
        return None
    return job.changed(f"the source's annotation {told.name} changed since it was listed")


def _put(job: CopyJob, told: Annotation, reply: Reply, condition: dict[str, str]) -> Request:
    payload: bytes = reply.values["AnnotationPayload"]
    digest = md5(payload, usedforsecurity=False).digest()
    return job.on_target(
        "PutObjectAnnotation",
        AnnotationName=told.name,
        AnnotationPayload=payload,
        ContentMD5=b64encode(digest).decode(),
        **condition,
    )
