"""What a look at the source or the target (one HEAD) tells of a copy that did not go, or need not go."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any

from s3sync.copying.object_copy import CopyJob
from s3sync.copying.settings import whole_second
from s3sync.listing.second_witness import (
    NO_SUCH_OBJECT,
    NOT_FOUND_STATUS,
    NOT_FOUND_THOUGH_LISTED,
    listed_object,
    proves_absence,
)
from s3sync.model import etag as etags
from s3sync.model.outcome import Outcome
from s3sync.model.same_content import Content
from s3sync.model.task import Task
from s3sync.s3.engine.operation import Operation
from s3sync.s3.request import FOREIGN_ANSWER, Reply, Side

PRECONDITION_STATUS = 412

LOOKS_MAX = 3
_TOO_LARGE = "larger than the maximum allowable size"


@dataclass(frozen=True, slots=True)
class Head:
    """An object as HEAD shows it: ETag unquoted, size in bytes; `values` has all the answer."""

    etag: str | None
    size_bytes: int
    last_modified: datetime
    hides_md5: bool
    values: Mapping[str, Any]

    @classmethod
    def of(cls, reply: Reply, opaque_etags: bool = False) -> "Head":
        """`opaque_etags`: whatever form an ETag has, it is taken for no MD5."""
        values = reply.values
        encryption = "SSE-C" if values.get("SSECustomerAlgorithm") else values.get("ServerSideEncryption")
        return cls(
            etag=etags.bare(values.get("ETag")),
            size_bytes=values["ContentLength"],
            last_modified=values["LastModified"],
            hides_md5=opaque_etags or etags.hides_md5(encryption),
            values=values,
        )

    @property
    def content(self) -> Content:
        return Content(self.size_bytes, self.etag, self.hides_md5)

    @property
    def user_metadata(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self.values.get("Metadata") or {}
        return found


# | planned ETag | planned time | seen ETag | seen time | then    |
# |--------------|--------------|-----------|-----------|---------|
# | known        | any          | equal     | any       | same    |
# | known        | any          | another   | any       | another |
# | unknown      | known        | any       | not later | same    |
# | unknown      | known        | any       | later     | another |
# | unknown      | unknown      | any       | any       | same    |
def what_differs(task: Task, seen: Head) -> str | None:
    """How an object differs from the one that was planned; None where it is the same, as far as one can tell (C4)."""
    if task.etag is not None:
        return None if seen.etag == task.etag else f"the source's ETag was {task.etag} and is {seen.etag}"
    if task.last_modified is None or seen.last_modified <= whole_second(task.last_modified):
        return None
    planned, now = task.last_modified.isoformat(), seen.last_modified.isoformat()
    return f"the source was modified at {planned}, and again at {now}"


# | reply to a request that reads the source              | then                                        |
# |-------------------------------------------------------|---------------------------------------------|
# | NoSuchKey, NoSuchVersion that names the source's key  | vanished                                    |
# | NoSuchKey, NoSuchVersion otherwise                    | a listing tells                             |
# | 404 to a HEAD                                         | a listing tells                             |
# | ForeignAnswer                                         | a listing tells                             |
# | NoSuchBucket                                          | failed, naming the bucket                   |
# | 412                                                   | look                                        |
# | larger than CopyObject takes, though planned smaller  | look                                        |
# | InvalidObjectState, ObjectNotInActiveTierError        | archived                                    |
# | 400 to a HEAD, which can't say why                    | as a GET of one byte says                   |
# | any other                                             | failed                                      |
#
# | the listing of the source's key | the reply before | then                                              |
# |---------------------------------|------------------|---------------------------------------------------|
# | has it not                      | any              | vanished                                          |
# | has it                          | ForeignAnswer    | failed as the first reply said                    |
# | has it                          | any other        | failed: NotFoundThoughListed                      |
# | failed                          | any              | failed as the listing said                        |
#
# | look at the source          | then                                                                  |
# |-----------------------------|-----------------------------------------------------------------------|
# | 404                         | a listing tells                                                       |
# | another object than planned | changed                                                               |
# | the planned object          | failed as the first reply said                                        |
# | the look failed             | failed as the look said                                               |
def after_refusal(job: CopyJob, reply: Reply) -> Operation[Outcome]:
    """What became of a task whose source could not be read (C17)."""
    if proves_absence(reply, job.task.source_key):
        return job.vanished()
    if _says_absent(reply):
        return (yield from _as_listed(job, reply))
    if reply.status == PRECONDITION_STATUS or is_too_large(reply):
        return (yield from _after_look(job, reply))
    if is_nameless(reply):
        told = yield from job.ask_one(job.on_source("GetObject", Range="bytes=0-0"))
        return job.failed(reply) if told.ok else (yield from after_refusal(job, told))
    return job.failed(reply)


def is_nameless(reply: Reply) -> bool:
    """True for a HEAD that is refused: its answer has no body to say why (expired credentials, SSE-C)."""
    return reply.code == str(HTTPStatus.BAD_REQUEST.value) and reply.request.operation == "HeadObject"


def _says_absent(reply: Reply) -> bool:
    """True for an answer which says that an object is not there, and may be anybody's, or about another key."""
    is_bare = reply.code == str(NOT_FOUND_STATUS) and reply.request.operation == "HeadObject"
    return is_bare or reply.code in NO_SUCH_OBJECT or reply.code == FOREIGN_ANSWER


def _as_listed(job: CopyJob, reply: Reply) -> Operation[Outcome]:
    task = job.task
    doubt = yield from listed_object(job.ask, Side.SOURCE, job.settings.on_source, task.source_key, task.version_id)
    if doubt is None:
        return job.vanished()
    if doubt.code != NOT_FOUND_THOUGH_LISTED:
        return job.failed(doubt)
    return job.failed(reply if reply.code == FOREIGN_ANSWER else replace(doubt, request=reply.request))


def is_too_large(reply: Reply) -> bool:
    """True where CopyObject refused a source over 5 GiB: InvalidRequest, with a text of its own."""
    return reply.code == "EntityTooLarge" or (reply.code == "InvalidRequest" and _TOO_LARGE in reply.message)


def _after_look(job: CopyJob, reply: Reply) -> Operation[Outcome]:
    look = yield from job.ask_one(job.on_source("HeadObject"))
    if not look.ok:
        return (yield from _as_listed(job, look)) if _says_absent(look) else job.failed(look)
    difference = what_differs(job.task, Head.of(look))
    return job.failed(reply) if difference is None else job.changed(difference)


def look_at_source(job: CopyJob) -> Operation["Head | Outcome"]:
    """The source, or what became of the task where it can't be looked at."""
    look = yield from job.ask_one(job.on_source("HeadObject"))
    return Head.of(look, job.settings.opaque_etags) if look.ok else (yield from after_refusal(job, look))


# | HEAD of the target                    | a listing of its key | then                                      |
# |---------------------------------------|----------------------|-------------------------------------------|
# | done                                  |                      | the target                                |
# | 404, with S3's own request id         |                      | None                                      |
# | 404, without: it may be anybody's     | has it not           | None                                      |
# | 404, without                          | has it               | looked at again; still: failed            |
# | 404, without                          | failed               | failed                                    |
# | any other                             |                      | failed                                    |
#
# Of a bucket that is gone a HEAD says the same; what is written there then says so itself.
def look_at_target(job: CopyJob) -> Operation["Head | Outcome | None"]:
    """The target; None where there is no such object, the outcome where it can't be looked at."""
    looks = 0
    while True:
        look = yield from job.ask_one(job.on_target("HeadObject"))
        looks += 1
        if look.ok:
            return Head.of(look, job.settings.opaque_etags)
        if look.status != NOT_FOUND_STATUS:
            return job.failed(look)
        if "RequestId" in look.values:
            return None
        doubt = yield from listed_object(job.ask, Side.TARGET, job.settings.on_target, job.task.target_key)
        if doubt is None:
            return None
        if doubt.code != NOT_FOUND_THOUGH_LISTED or looks == LOOKS_MAX:
            return job.failed(doubt)


# | target              | its ETag    | newer than the plan | then                                |
# |---------------------|-------------|---------------------|-------------------------------------|
# | absent              |             |                     | failed: ETagMismatch                |
# | of another size     |             |                     | failed: ETagMismatch                |
# | of this size        | as expected | any                 | the target                          |
# | of this size        | another     | yes                 | the target; the ETag tells the rest |
# | of this size        | another     | no                  | failed: ETagMismatch: an old object |
# | can't be looked at  |             |                     | failed                              |
def look_at_written(job: CopyJob, size_bytes: int | None, expected: str | None) -> Operation["Head | Outcome"]:
    """What a write left that was answered as done, without an ETag. `size_bytes` None: not known; `expected` is the
    ETag that it should have, where that is known."""
    target = yield from look_at_target(job)
    if isinstance(target, Outcome):
        return target
    if target is None:
        return job.failed_with("ETagMismatch", "the write was answered as done, and nothing is at the target")
    is_proved = expected is not None and target.etag == expected
    is_old = target.last_modified < job.settings.planned_at.replace(microsecond=0)
    if size_bytes not in (None, target.size_bytes) or (is_old and not is_proved):
        message = "the write was answered as done, and another object is at the target"
        return job.failed_with("ETagMismatch", message, target.etag)
    return target
