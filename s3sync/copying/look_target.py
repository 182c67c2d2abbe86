"""Looking at the target before a copy that may have been made already (design: "Overwriting")."""

from dataclasses import dataclass
from itertools import chain

from s3sync.copying.as_asked import (
    cut_otherwise,
    described_otherwise,
    encrypted_otherwise,
    redirected_otherwise,
    stored_otherwise,
    tagged_otherwise,
    unseen,
)
from s3sync.copying.look_source import Head, look_at_source, look_at_target, what_differs
from s3sync.copying.object_copy import EXISTS, FOUND_ON_TARGET, NOT_IMPLEMENTED_STATUS, CopyJob
from s3sync.model import etag as etags
from s3sync.model.outcome import Outcome, Status, Verified
from s3sync.model.task import Method, Overwrite
from s3sync.s3.engine.operation import Operation

TARGET_IS_NEWER = "TargetIsNewer"


@dataclass(frozen=True, slots=True)
class CopyAgain:
    """The target has what was to be copied, but not as this run was asked to make it, as far as can be seen (C19)."""

    how: str


# | target                     | overwrite       | then                                              |
# |----------------------------|-----------------|---------------------------------------------------|
# | absent                     | any             | copy, where it still is absent                    |
# | not newer than the plan    | always, changed | copy                                              |
# | not newer than the plan    | never           | skipped: exists                                   |
# | newer than the plan        | always, changed | copied, failed, or copy again, see `judge_newer`  |
# | newer, the planned object  | never           | copied                                            |
# | newer, any other           | never           | skipped: exists                                   |
# | can't be looked at         | any             | failed                                            |
def before_repeat(job: CopyJob) -> Operation[Outcome | None]:
    """What became of the task already; None where the copy is to be made."""
    target = yield from look_at_target(job)
    if not isinstance(target, Head):
        job.is_absent = target is None and job.settings.preconditions
        return target
    if job.settings.is_since_plan(target.last_modified):
        return (yield from judge_since(job, target))
    return job.skipped(EXISTS, target.etag) if job.settings.overwrite is Overwrite.NEVER else None


def judge_since(job: CopyJob, target: Head) -> Operation[Outcome | None]:
    """What became of a task whose target is newer than the plan: made already, in the way, or to be left alone. None
    where the copy is to be made again."""
    found = yield from judge_newer(job, target)
    if job.settings.overwrite is Overwrite.NEVER:
        is_made = isinstance(found, Outcome) and found.status is Status.COPIED
        return found if is_made and isinstance(found, Outcome) else job.skipped(EXISTS, target.etag)
    return None if isinstance(found, CopyAgain) else found


# The first line that fits decides. Nothing here writes.
#
# | source, by a HEAD    | the target, by the plan                | then                    |
# |----------------------|----------------------------------------|-------------------------|
# | gone, or another     | of the planned size and ETag, an MD5,  | copied: etag_equal      |
# | than planned         | and stored as asked                    |                         |
# | gone                 | any other                              | vanished                |
# | another than planned | any other                              | changed                 |
# | as planned           |                                        | see `_judge`            |
#
# A target of another size may be a copy of what the source is by now, which a retry made.
def judge_newer(job: CopyJob, target: Head, *, is_ours: bool = False) -> Operation[Outcome | CopyAgain]:
    """Whether a target object that is newer than the plan is the copy that was to be made, as it was to be made.
    `is_ours`: nothing was there when this job sent a write, so what no HEAD shows is as it was sent."""
    source = yield from look_at_source(job)
    if isinstance(source, Outcome):
        return _as_planned(job, target, source) if source.status is Status.VANISHED else source
    difference = what_differs(job.task, source)
    if difference is not None:
        return _as_planned(job, target, job.changed(difference))
    job.size = source.size_bytes
    return (yield from _judge(job, source, target, is_ours=is_ours))


def _as_planned(job: CopyJob, target: Head, otherwise: Outcome) -> Outcome:
    """`copied` where the target is the planned object, which its source is no longer."""
    task = job.task
    is_same = task.size == target.size_bytes and task.etag is not None and task.etag == target.etag
    if is_same and not target.hides_md5 and is_stored_as_asked(job, task.storage_class, target):
        return job.copied(target.etag, Verified.ETAG_EQUAL, FOUND_ON_TARGET)
    return otherwise


# | overwrite | newer than the plan | the write was sent | the planned object | then                              |
# |-----------|---------------------|--------------------|--------------------|-----------------------------------|
# | never     | no                  | any                |                    | skipped: exists                   |
# | never     | yes                 | once               |                    | skipped: exists                   |
# | never     | yes                 | again              | no                 | skipped: exists                   |
# | never     | yes                 | again              | yes                | copied                            |
# | any other | any                 | any                | any                | it came since the look: as in     |
# |           |                     |                    |                    | `judge_newer`, but to copy again  |
# |           |                     |                    |                    | is left to the next attempt       |
def judge_kept(job: CopyJob, target: Head, *, was_sent_again: bool) -> Operation[Outcome]:
    """A target that kept a write with If-None-Match out: there before, or ours, where a first answer was lost, or
    another attempt's."""
    is_never = job.settings.overwrite is Overwrite.NEVER
    if is_never and not (was_sent_again and job.settings.is_since_plan(target.last_modified)):
        return job.skipped(EXISTS, target.etag)
    found = yield from judge_newer(job, target, is_ours=was_sent_again)
    if is_never and not (isinstance(found, Outcome) and found.status is Status.COPIED):
        return job.skipped(EXISTS, target.etag)
    return (
        _is_foreign(job, target, f"which is not as asked for: {found.how}") if isinstance(found, CopyAgain) else found
    )


# The first line that fits decides. What only another run's options can have made otherwise is made anew, under the
# condition that it still is what was seen; what somebody else may have written is left alone.
#
# | sizes  | ETags                         | described | stored, tagged, cut as asked | then                   |
# |--------|-------------------------------|-----------|------------------------------|------------------------|
# | differ |                               |           |                              | failed: TargetIsNewer  |
# | equal  | both show MD5s, plain, differ |           |                              | failed: TargetIsNewer  |
# | equal  | any other                     | otherwise |                              | failed: TargetIsNewer  |
# | equal  | any other                     | alike     | no, or can't be seen         | copy again             |
# | equal  | both show MD5s, equal         | alike     | yes                          | copied: etag_equal     |
# | equal  | not comparable                | alike     | yes                          | copied: not_comparable |
def _judge(job: CopyJob, source: Head, target: Head, *, is_ours: bool) -> Operation[Outcome | CopyAgain]:
    if source.size_bytes != target.size_bytes:
        return _is_foreign(job, target, f"of {target.size_bytes} bytes instead of {source.size_bytes}")
    verified = Verified.NOT_COMPARABLE
    if not (source.hides_md5 or target.hides_md5):
        if source.etag is not None and source.etag == target.etag:
            verified = Verified.ETAG_EQUAL
        elif etags.is_plain(source.etag) and etags.is_plain(target.etag):
            return _is_foreign(job, target, f"with ETag {target.etag} instead of {source.etag}")
    if next(described_otherwise(source, target), None) is not None:
        return _is_foreign(job, target, "with other metadata")
    otherwise = yield from _made_otherwise(job, source, target)
    if otherwise is None and not is_ours:
        otherwise = next((f"{what} can't be seen" for what in unseen(job.settings, source, target)), None)
    return job.copied(target.etag, verified, FOUND_ON_TARGET) if otherwise is None else CopyAgain(otherwise)


def _made_otherwise(job: CopyJob, source: Head, target: Head) -> Operation[str | None]:
    """How the target is stored, cut or tagged otherwise than asked for; the requests come last."""
    task = job.task
    source_class = task.storage_class if task.method is Method.COPY_OBJECT else source.values.get("StorageClass")
    is_redirected = job.settings.keeps_redirects or task.method is not Method.COPY_OBJECT
    seen = chain(
        _stored(job, source_class, target),
        cut_otherwise(job.settings, source, target),
        redirected_otherwise(source, target) if is_redirected else (),
    )
    found = next(seen, None)
    return found if found is not None else (yield from _tagged_otherwise(job, target))


def is_stored_as_asked(job: CopyJob, source_class: str | None, target: Head) -> bool:
    """Whether a HEAD shows the storage class and the encryption that this job's copies get."""
    return next(_stored(job, source_class, target), None) is None


def _stored(job: CopyJob, source_class: str | None, target: Head) -> "chain[str]":
    return chain(stored_otherwise(job.settings, source_class, target), encrypted_otherwise(job.settings, target))


# | tags asked for | tags of the source       | tags of the target       | then                   |
# |----------------|--------------------------|--------------------------|------------------------|
# | yes            | read                     | read                     | told where they differ |
# | yes            | one of them can't be read                          || told                   |
# | yes            |                          | the server knows no tags |                        |
# | no             | not asked for            | its HEAD counts some     | told                   |
# | no             | not asked for            | its HEAD counts none     |                        |
#
# Without the permission to read tags a HEAD counts none: who asks for no tags needs no such permission.
def _tagged_otherwise(job: CopyJob, target: Head) -> Operation[str | None]:
    if not job.settings.tags:
        return "tags" if target.values.get("TagCount") else None
    replies = yield from job.ask(job.on_target("GetObjectTagging"), job.on_source("GetObjectTagging"))
    of_target, of_source = replies
    if of_target.status == NOT_IMPLEMENTED_STATUS:
        return None
    failed = next((reply for reply in replies if not reply.ok), None)
    if failed is not None:
        return f"the tags of the {failed.request.side} can't be read: {failed.code}"
    return next(tagged_otherwise(of_source.values.get("TagSet", []), of_target.values.get("TagSet", [])), None)


def _is_foreign(job: CopyJob, target: Head, how: str) -> Outcome:
    at = target.last_modified.isoformat()
    message = f"the target has a newer object, written at {at}, {how}; it is not overwritten"
    return job.failed_with(TARGET_IS_NEWER, message, target.etag)
