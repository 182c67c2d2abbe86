"""From a planned task to the operation that carries it out."""

from collections.abc import Callable

from s3sync.copying.annotations import carry_annotations
from s3sync.copying.copy_object import copy_object
from s3sync.copying.late_tags import put_late_tags
from s3sync.copying.look_target import before_repeat
from s3sync.copying.multipart_copy import multipart_copy
from s3sync.copying.object_copy import CopyJob
from s3sync.copying.relay import relay
from s3sync.copying.settings import CopySettings
from s3sync.model.outcome import Outcome
from s3sync.model.task import Method, Task
from s3sync.s3.engine.operation import Operation

__all__ = ["CopySettings", "copy_task"]

_METHODS = {Method.COPY_OBJECT: copy_object, Method.MULTIPART_COPY: multipart_copy, Method.RELAY: relay}
_WRITES = {
    Method.COPY_OBJECT: "CopyObject",
    Method.MULTIPART_COPY: "CompleteMultipartUpload",
    Method.RELAY: "PutObject",
}


# | look_first | a condition is wanted          | the server heeds it | the bucket demands one | looked at first |
# |------------|--------------------------------|---------------------|------------------------|-----------------|
# | yes        |                                |                     |                        | yes             |
# | no         | yes: never, or the plan looked | no                  | any                    | yes             |
# | no         | yes                            | yes                 | any                    | no              |
# | no         | no                             |                     | yes                    | yes             |
# | no         | no                             |                     | no                     | no              |
def copy_task(
    task: Task,
    settings: CopySettings,
    attempt: int,
    look_first: bool,
    *,
    is_repeat: bool | None = None,
    note_upload: Callable[[Task, str], None] | None = None,
) -> Operation[Outcome]:
    """The operation for a task. `look_first`: an earlier attempt may have made the copy (a retry, a resumed batch), or
    the plan is old. `is_repeat` is as in `CopyJob`: not of a task that nobody has begun, nor of one from a queue, which
    can hand it to two; where nothing is said, as `look_first`. `note_upload`: see `CopyJob`.
    """
    is_repeat = look_first if is_repeat is None else is_repeat
    job = CopyJob(task, settings, attempt, is_repeat=is_repeat, note_upload=note_upload)
    conditions = settings.conditions
    if conditions.are_demanded and task.method is Method.COPY_OBJECT and not conditions.copy_if_none_match:
        return _after_look(job, multipart_copy)  # no CopyObject passes there; what completes an upload does
    act = _METHODS[task.method]
    is_wanted = bool(job.guard(_WRITES[task.method]))
    if look_first or job.is_unguarded or (conditions.are_demanded and not is_wanted):
        return _after_look(job, act)
    return act(job)


def _after_look(job: CopyJob, act: Callable[[CopyJob], Operation[Outcome]]) -> Operation[Outcome]:
    settled = yield from before_repeat(job)
    if settled is None:
        return (yield from act(job))
    # What was written by parts or by a worker may be there without its annotations, and so may another run's copy.
    return (yield from carry_annotations(job, (yield from put_late_tags(job, settled))))
