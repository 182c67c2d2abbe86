"""Looking at the target before a copy that may have been made already (design: "Overwriting")."""

from s3sync.copying.look_source import Head, look_at_source, look_at_target, what_differs
from s3sync.copying.object_copy import EXISTS, FOUND_ON_TARGET, CopyJob
from s3sync.model import etag as etags
from s3sync.model.outcome import Outcome, Status, Verified
from s3sync.model.task import Overwrite
from s3sync.s3.engine.operation import Operation

TARGET_IS_NEWER = "TargetIsNewer"


# | target                     | overwrite       | then                                         |
# |----------------------------|-----------------|----------------------------------------------|
# | absent                     | any             | copy, where it still is absent               |
# | not newer than the plan    | always, changed | copy                                         |
# | not newer than the plan    | never           | skipped: exists                              |
# | newer than the plan        | always, changed | copied or failed, see `judge_newer`          |
# | newer, the planned object  | never           | copied                                       |
# | newer, any other           | never           | skipped: exists                              |
# | can't be looked at         | any             | failed                                       |
def before_repeat(job: CopyJob) -> Operation[Outcome | None]:
    """What became of the task already; None where the copy is to be made."""
    target = yield from look_at_target(job)
    if not isinstance(target, Head):
        job.is_absent = target is None and job.settings.preconditions
        return target
    if job.settings.is_since_plan(target.last_modified):
        return (yield from judge_since(job, target))
    return job.skipped(EXISTS, target.etag) if job.settings.overwrite is Overwrite.NEVER else None


def judge_since(job: CopyJob, target: Head) -> Operation[Outcome]:
    """What became of a task whose target is newer than the plan: made already, in the way, or to be left alone."""
    found = yield from judge_newer(job, target)
    is_kept = job.settings.overwrite is Overwrite.NEVER and found.status is not Status.COPIED
    return job.skipped(EXISTS, target.etag) if is_kept else found


# The first line that fits decides. Nothing here writes: whoever wrote the newer object, it stays.
#
# | sizes, ETags, planned and target                | source, by a HEAD    | then                                  |
# |-------------------------------------------------|----------------------|---------------------------------------|
# | sizes equal, ETags equal, the target shows MD5s | not looked at        | copied: etag_equal                    |
# | any other                                       | gone                 | vanished                              |
# | any other                                       | another than planned | changed                               |
# | any other                                       | as planned           | see `_judge`                          |
#
# "Shows MD5s": no encryption hides them. A target of another size may be a copy of what the source is by now, which a
# retry made: so the source is looked at.
def judge_newer(job: CopyJob, target: Head) -> Operation[Outcome]:
    """Whether a target object that is newer than the plan is the copy that was to be made."""
    task = job.task
    is_size_known = task.size is not None and task.size == target.size_bytes
    if is_size_known and task.etag is not None and task.etag == target.etag and not target.hides_md5:
        return job.copied(target.etag, Verified.ETAG_EQUAL, FOUND_ON_TARGET)
    source = yield from look_at_source(job)
    if isinstance(source, Outcome):
        return source
    difference = what_differs(task, source)
    if difference is not None:
        return job.changed(difference)
    job.size = source.size_bytes
    return _judge(job, source, target)


# | overwrite | newer than the plan | the write was sent | the planned object | then                              |
# |-----------|---------------------|--------------------|--------------------|-----------------------------------|
# | never     | no                  | any                |                    | skipped: exists                   |
# | never     | yes                 | once               |                    | skipped: exists                   |
# | never     | yes                 | again              | no                 | skipped: exists                   |
# | never     | yes                 | again              | yes                | copied                            |
# | any other | any                 | any                | any                | it came since the look: as in     |
# |           |                     |                    |                    | `judge_newer`                     |
def judge_kept(job: CopyJob, target: Head, *, was_sent_again: bool) -> Operation[Outcome]:
    """A target that kept a write with If-None-Match out: there before, or ours, where a first answer was lost, or
    another attempt's."""
    if job.settings.overwrite is not Overwrite.NEVER:
        return (yield from judge_newer(job, target))
    if was_sent_again and job.settings.is_since_plan(target.last_modified):
        return (yield from judge_since(job, target))
    return job.skipped(EXISTS, target.etag)


# | sizes  | ETags                         | user metadata, content type | then                   |
# |--------|-------------------------------|-----------------------------|------------------------|
# | differ |                               |                             | failed: TargetIsNewer  |
# | equal  | both show MD5s, equal         |                             | copied: etag_equal     |
# | equal  | both show MD5s, plain, differ |                             | failed: TargetIsNewer  |
# | equal  | not comparable                | equal                       | copied: not_comparable |
# | equal  | not comparable                | differ                      | failed: TargetIsNewer  |
def _judge(job: CopyJob, source: Head, target: Head) -> Outcome:
    if source.size_bytes != target.size_bytes:
        return _is_foreign(job, target, f"of {target.size_bytes} bytes instead of {source.size_bytes}")
    if not (source.hides_md5 or target.hides_md5):
        if source.etag is not None and source.etag == target.etag:
            return job.copied(target.etag, Verified.ETAG_EQUAL, FOUND_ON_TARGET)
        if etags.is_plain(source.etag) and etags.is_plain(target.etag):
            return _is_foreign(job, target, f"with ETag {target.etag} instead of {source.etag}")
    if _description(source) != _description(target):
        return _is_foreign(job, target, "with other metadata")
    return job.copied(target.etag, Verified.NOT_COMPARABLE, FOUND_ON_TARGET)


def _description(head: Head) -> tuple[dict[str, str], str | None]:
    """Names of headers have no case."""
    return {name.lower(): value for name, value in head.user_metadata.items()}, head.values.get("ContentType")


def _is_foreign(job: CopyJob, target: Head, how: str) -> Outcome:
    at = target.last_modified.isoformat()
    message = f"the target has a newer object, written at {at}, {how}; it is not overwritten"
    return job.failed_with(TARGET_IS_NEWER, message, target.etag)
