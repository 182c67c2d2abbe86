"""Looking at the target: before a copy that may have been made already (design: "Overwriting"), and where the condition
of a write did not hold, so that nothing is overwritten that nobody saw (C16)."""

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
from s3sync.copying.late_tags import is_late, tagging_of
from s3sync.copying.look_source import (
    PRECONDITION_STATUS,
    Head,
    after_refusal,
    look_at_source,
    look_at_target,
    what_differs,
)
from s3sync.copying.object_copy import (
    EXISTS,
    FOUND_ON_TARGET,
    NOT_IMPLEMENTED_STATUS,
    CopyJob,
    Settled,
    is_guarded,
)
from s3sync.listing.second_witness import NOT_FOUND_STATUS
from s3sync.model.conditions import ABSENT
from s3sync.model.outcome import Outcome, Status, Verified
from s3sync.model.same_content import Content, Likeness, compare
from s3sync.model.task import Method, Overwrite
from s3sync.s3.engine.operation import Operation
from s3sync.s3.request import Reply, Request

TARGET_IS_NEWER = "TargetIsNewer"
CONFLICT = "ConditionalRequestConflict"  # another write at the same moment
LOOKS_MAX = 3


@dataclass(frozen=True, slots=True)
class CopyAgain:
    """The target has what was to be copied, but not as this run was asked to make it, as far as can be seen (C19)."""

    how: str


# | target                     | overwrite       | then                                              |
# |----------------------------|-----------------|---------------------------------------------------|
# | absent                     | any             | copy, where it still is absent                    |
# | not newer than the plan    | always, changed | copy, where it still is what was seen             |
# | not newer than the plan    | never           | skipped: exists                                   |
# | newer, but what was seen   | always, changed | copy, where it still is what was seen             |
# | newer than the plan        | always, changed | copied, failed, or copy again, see `judge_newer`  |
# | newer, the planned object  | never           | copied                                            |
# | newer, any other           | never           | skipped: exists                                   |
# | can't be looked at         | any             | failed                                            |
#
# "What was seen": a first attempt finds the ETag that the plan, or the check, saw: that may have looked later than the
# report that its time is of.
def before_repeat(job: CopyJob) -> Operation[Outcome | None]:
    """What became of the task already; None where the copy is to be made."""
    target = yield from look_at_target(job)
    if isinstance(target, Outcome):
        return target
    before, job.seen = job.seen, _etag_of(target)
    if target is None:
        return None
    is_first = job.attempt == 1 and not job.is_repeat
    is_as_seen = is_first and before is not None and before == job.seen
    if job.settings.is_since_plan(target.last_modified) and not is_as_seen:
        return (yield from judge_since(job, target))
    return job.skipped(EXISTS, target.etag) if job.settings.overwrite is Overwrite.NEVER else None


def _etag_of(target: Head | None) -> str | None:
    return ABSENT if target is None else target.etag


def is_refused(reply: Reply) -> bool:
    """Whether the answer to a write may come from its condition on the target. Over If-Match S3 answers 404 where there
    is no object, which a missing source is answered with as well."""
    if not is_guarded(reply.request):
        return False
    is_absent = reply.status == NOT_FOUND_STATUS and reply.code in ("NoSuchKey", "404")
    is_absent = is_absent and "IfMatch" in reply.request.params
    return reply.status == PRECONDITION_STATUS or reply.code == CONFLICT or is_absent


def look_again(job: CopyJob, reply: Reply) -> Operation[Outcome | None]:
    """What became of a task whose write was refused for its condition; None where it is to be sent again, under the
    condition that what this look sees still stands."""
    target = yield from look_at_target(job)
    if isinstance(target, Outcome):
        return target
    return (yield from judge_refused(job, reply, target))


# The first line that fits decides. `CopyObject` alone has a condition on its source.
#
# | seen before   | target now            | answer   | then                                                     |
# |---------------|-----------------------|----------|----------------------------------------------------------|
# | nothing       | there                 | any      | see `judge_kept`                                         |
# | an object     | another, since plan   | any      | see `judge_newer`; to be copied again: as below          |
# | any           | the same, CopyObject  | 412, 404 | it was the source's condition: see `after_refusal`       |
# | any           | any, after LOOKS_MAX  | any      | failed, as the answer says                               |
# | any           | any                   | any      | to be sent again, for what is there now                  |
def judge_refused(job: CopyJob, reply: Reply, target: Head | None) -> Operation[Outcome | None]:
    """`look_again` where the target has been looked at."""
    before, job.seen = job.seen, _etag_of(target)
    if target is not None and "IfNoneMatch" in reply.request.params:
        return (yield from judge_kept(job, target, was_sent_again=reply.attempts > 1))
    is_same = job.seen == (ABSENT if "IfNoneMatch" in reply.request.params else before)
    if target is not None and not is_same and job.settings.is_since_plan(target.last_modified):
        found = yield from judge_newer(job, target, is_ours=reply.attempts > 1)
        if isinstance(found, Outcome):
            return found
    if is_same and reply.request.operation == "CopyObject" and reply.code != CONFLICT:
        return (yield from after_refusal(job, reply))
    job.looks += 1
    return job.failed(reply) if job.looks >= LOOKS_MAX else None


def write(job: CopyJob, request: Request, *, looks_now: bool = False) -> Operation[Reply]:
    """Send a PutObject under the condition that what was seen still stands; where it does not, look again. Gives back
    the answer that no condition on the target explains; raises Settled where a look settles the task. `looks_now`: the
    last look is long ago, so where the server heeds no condition the target is looked at once more."""
    while True:
        condition = job.guard(request.operation)
        if job.is_unguarded and looks_now and (settled := (yield from before_repeat(job))) is not None:
            raise Settled(settled)
        for name in ("IfNoneMatch", "IfMatch"):
            request.params.pop(name, None)
        request.params.update(condition)
        reply = yield from job.ask_one(request)
        if job.gives_up_conditions(reply):
            settled = yield from before_repeat(job)
        elif is_refused(reply):
            settled = yield from look_again(job, reply)
        else:
            return reply
        if settled is not None:
            raise Settled(settled)


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
    likeness = compare(Content(task.size, task.etag, is_sure=False), target.content)
    if likeness is Likeness.ETAGS_EQUAL and is_stored_as_asked(job, task.storage_class, target):
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
# | contents, by `model.same_content` | described | stored, tagged, cut as asked | then                   |
# |-----------------------------------|-----------|------------------------------|------------------------|
# | different                         |           |                              | failed: TargetIsNewer  |
# | any other                         | otherwise |                              | failed: TargetIsNewer  |
# | any other                         | alike     | no, or can't be seen         | copy again             |
# | etags_equal                       | alike     | yes                          | copied: etag_equal     |
# | any other                         | alike     | yes                          | copied: not_comparable |
def _judge(job: CopyJob, source: Head, target: Head, *, is_ours: bool) -> Operation[Outcome | CopyAgain]:
    likeness = compare(source.content, target.content)
    if likeness is Likeness.SIZES_DIFFER:
        return _is_foreign(job, target, f"of {target.size_bytes} bytes instead of {source.size_bytes}")
    if likeness.is_different:
        return _is_foreign(job, target, f"with ETag {target.etag} instead of {source.etag}")
    verified = Verified.ETAG_EQUAL if likeness is Likeness.ETAGS_EQUAL else Verified.NOT_COMPARABLE
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
# | yes            | too many for a header    | none, and S3 did not     | they are put then: see |
# |                |                          | make the copy by itself  | `late_tags`            |
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
    tagging = tagging_of([of_source])
    if job.task.method is not Method.COPY_OBJECT and is_late(tagging) and not of_target.values.get("TagSet"):
        job.late_tagging = tagging
        return None
    return next(tagged_otherwise(of_source.values.get("TagSet", []), of_target.values.get("TagSet", [])), None)


def _is_foreign(job: CopyJob, target: Head, how: str) -> Outcome:
    at = target.last_modified.isoformat()
    message = f"the target has a newer object, written at {at}, {how}; it is not overwritten"
    return job.failed_with(TARGET_IS_NEWER, message, target.etag)
