"""From a planned task to the operation that carries it out."""

from collections.abc import Callable

from s3sync.copying.annotations import carry_annotations
from s3sync.copying.copy_object import copy_object
from s3sync.copying.look_target import before_repeat
from s3sync.copying.multipart_copy import multipart_copy
from s3sync.copying.object_copy import CopyJob
from s3sync.copying.relay import relay
from s3sync.copying.settings import CopySettings
from s3sync.model.outcome import Outcome
from s3sync.model.task import Method, Overwrite, Task
from s3sync.s3.engine.operation import Operation

__all__ = ["CopySettings", "copy_task"]

_METHODS = {Method.COPY_OBJECT: copy_object, Method.MULTIPART_COPY: multipart_copy, Method.RELAY: relay}


# | look_first | overwrite | preconditions | the target is looked at first                        |
# |------------|-----------|---------------|------------------------------------------------------|
# | yes        | any       | any           | yes: the copy may have been made already             |
# | no         | never     | ignored       | yes: the server would not heed If-None-Match         |
# | no         | any other | any           | no                                                   |
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
    if look_first or (settings.overwrite is Overwrite.NEVER and not settings.preconditions):
        return _after_look(job)
    return _METHODS[task.method](job)


def _after_look(job: CopyJob) -> Operation[Outcome]:
    settled = yield from before_repeat(job)
    if settled is None:
        return (yield from _METHODS[job.task.method](job))
    # What was written by parts or by a worker may be there without its annotations, and so may another run's copy.
    return (yield from carry_annotations(job, settled))
