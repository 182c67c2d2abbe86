"""Whether the copy of one object is on the target: two HEADs, nothing written."""

from s3sync.copying.look_source import Head, look_at_source, look_at_target, what_differs
from s3sync.copying.object_copy import CopyJob
from s3sync.model.outcome import Outcome
from s3sync.model.same_content import Likeness, compare
from s3sync.s3.engine.operation import Operation

MATCH = "match"


# The first line that fits decides.
#
# | source                | target | contents, by `model.same_content` | then                              |
# |-----------------------|--------|-----------------------------------|-----------------------------------|
# | gone                  |        |                                   | vanished                          |
# | another than planned  |        |                                   | changed                           |
# | can't be looked at    |        |                                   | failed                            |
# | as planned            | absent |                                   | failed: NotFound                  |
# | as planned            | there  | the same                          | skipped: match                    |
# | as planned            | there  | sizes_differ                      | failed: SizeDiffers (corrupt)     |
# | as planned            | there  | different                         | failed: ETagMismatch (corrupt)    |
# | as planned            | there  | not comparable                    | failed: Unprovable (C14)          |
def check_task(job: CopyJob) -> Operation[Outcome]:
    source = yield from look_at_source(job)
    if isinstance(source, Outcome):
        return source
    difference = what_differs(job.task, source)
    if difference is not None:
        return job.changed(difference)
    target = yield from look_at_target(job)
    if isinstance(target, Outcome):
        return target
    if target is None:
        return job.failed_with("NotFound", "the object is not on the target")
    return _compare(job, source, target)


def _compare(job: CopyJob, source: Head, target: Head) -> Outcome:
    likeness = compare(source.content, target.content)
    if likeness.is_same:
        return job.skipped(MATCH, target.etag)
    if likeness is Likeness.SIZES_DIFFER:
        message = f"the target has {target.size_bytes} bytes, the source {source.size_bytes}"
        return job.failed_with("SizeDiffers", message, target.etag)
    if likeness.is_different:
        return job.failed_with("ETagMismatch", f"ETag {target.etag} instead of {source.etag}", target.etag)
    return job.failed_with("Unprovable", "sizes are equal, and the ETags can't be compared: see `s3sync check`")
