"""The three steps of a giant: many tasks copy one object, and only the upload's id joins them.

    open: look at source, cut, CreateMultipartUpload ──> carry: one part ──> finish: look at target, complete or abort
                                                         carry: one part ──┘
                                                         ...

Each step is an operation of its own, may be done by another worker than the one before, and may be done twice.
"""

from collections.abc import Mapping

from s3sync.copying.annotations import carry_annotations
from s3sync.copying.late_tags import put_late_tags
from s3sync.copying.look_source import Head, look_at_target
from s3sync.copying.look_target import before_repeat, judge_since
from s3sync.copying.multipart_copy import BY_S3, Way, description, read_source
from s3sync.copying.multipart_upload import PartedUpload
from s3sync.copying.object_copy import EXISTS, FOUND_ON_TARGET, CopyJob, Settled
from s3sync.copying.orphan_uploads import abort_lost, abort_strays, after_failed_create, is_gone
from s3sync.copying.relay_parts import BY_WORKER
from s3sync.copying.source_parts import choose_cut, measured_cut
from s3sync.model.conditions import ABSENT
from s3sync.model.outcome import Outcome, Status
from s3sync.model.part_layout import Boundaries, Cut, Part
from s3sync.model.task import Method, Overwrite
from s3sync.planning.large_objects import NO_SUCH_UPLOAD, Next, after, is_passing
from s3sync.runs.upload_log import OpenUpload
from s3sync.s3.engine.operation import Operation

_WAYS: Mapping[Method, Way] = {Method.MULTIPART_COPY: BY_S3, Method.RELAY: BY_WORKER}


def parted(job: CopyJob, opened: OpenUpload) -> PartedUpload:
    """The upload as a step of `job` sees it."""
    job.size = opened.size_bytes
    source = Head(opened.source_etag, opened.size_bytes, opened.source_last_modified, opened.source_hides_md5, {})
    hides_md5 = opened.source_hides_md5 or opened.target_hides_md5
    return PartedUpload(job, source, opened.cut, opened.upload_id, hides_md5, opened.target_hides_md5)


# | target is looked at first, see below       | opened before | then                                       |
# |--------------------------------------------|---------------|--------------------------------------------|
# | yes, and that settles the task             | any           | the outcome, and an open upload is aborted |
# | otherwise                                  | yes           | that upload                                |
# | otherwise                                  | no            | a new upload, or why there is none         |
def open_giant(job: CopyJob, opened: OpenUpload | None, *, look_first: bool) -> Operation[OpenUpload | Outcome]:
    """The upload that the parts go to. `look_first`: somebody may have written to the target since the plan. Where a
    condition is wanted that the server does not heed, a look saves the parts; the one that counts is in `_settled`."""
    way = _WAYS[job.task.method]
    way.prepare(job)
    job.guard("CompleteMultipartUpload")
    if look_first or job.is_unguarded:
        settled = yield from before_repeat(job)
        if settled is not None:
            settled = yield from carry_annotations(job, (yield from put_late_tags(job, settled)))
            return settled if opened is None else (yield from _aborted(parted(job, opened), settled))
    if opened is not None:
        return opened
    try:
        source, tagging = yield from read_source(job)
        cut = way.fit(job, source, (yield from _certain_cut(job, source)))
        created = yield from job.ask_one(
            job.on_new_target("CreateMultipartUpload", **description(job, source, tagging))
        )
        if not created.ok:
            return (yield from after_failed_create(job, created))
        upload = PartedUpload.of(job, source, cut, created)
        try:
            yield from abort_lost(job, created)
        except Exception:
            yield from upload.abort()
            raise
    except Settled as settled_early:
        return settled_early.outcome
    return OpenUpload(
        upload.upload_id,
        source.etag,
        source.last_modified,
        source.hides_md5,
        upload.target_hides_md5,
        cut,
        job.requests,
        round(job.seconds * 1000),
        job.late_tagging,
    )


def _certain_cut(job: CopyJob, source: Head) -> Operation[Cut]:
    """Where to cut. A guess that the copied parts prove wrong would cost a giant twice: with `preserve_etags` the
    source's parts are looked at one by one, which is cheap beside copying them."""
    cut = yield from choose_cut(job, source)
    if cut.boundaries is Boundaries.GUESSED and job.settings.preserve_etags:
        return (yield from measured_cut(job, source))
    return cut


def carry_part(job: CopyJob, opened: OpenUpload, part: Part) -> Operation[str | Outcome]:
    """The part's ETag, unquoted, or why it could not be copied. Doing it again does no harm: a part is replaced."""
    way = _WAYS[job.task.method]
    way.prepare(job)
    if job.task.method is Method.RELAY:
        job.memory_bytes = min(part.size_bytes, job.settings.relay_memory_bytes)
    try:
        (etag,) = yield from way.carry(parted(job, opened), [part])
    except Settled as settled:
        return settled.outcome
    return etag


# The first line that fits decides.
#
# | target                          | parts     | then                                                        |
# |---------------------------------|-----------|-------------------------------------------------------------|
# | newer, with the parts' ETag     | all there | copied: an earlier attempt completed the upload             |
# | newer, otherwise                | any       | copied, failed, skipped or as below, see `judge_since`      |
# | can't be looked at              | any       | failed                                                      |
# | there, not newer, kept by never | any       | skipped: exists                                             |
# | any other                       | all there | complete, see `PartedUpload.complete`                       |
# | any other                       | missing   | what went wrong with them                                   |
#
# Where the giant was begun before, uploads that it may have left are aborted first; where it was not, there are none.
# An upload that can't be completed for what passes, and is not listed any more, is gone: radosgw answers 500 for it.
# Then `planning.large_objects.after` says what follows. The upload is aborted unless it was completed or goes on.
def finish_giant(
    job: CopyJob, opened: OpenUpload, etags: list[str] | None, failure: Outcome | None, *, is_last: bool
) -> Operation[tuple[Outcome, Next]]:
    """Settle a giant. `etags` are those of all parts in order, None where some are missing, for which `failure` is the
    reason; `is_last`: nothing of it is tried again."""
    _WAYS[job.task.method].prepare(job)
    upload = parted(job, opened)
    try:
        outcome = yield from _settled(upload, etags, failure)
    except Settled as settled:
        outcome = settled.outcome
    if etags is not None and is_passing(outcome.error_class) and (yield from is_gone(job, upload.upload_id)):
        outcome = job.failed_with(NO_SUCH_UPLOAD, f"the upload is gone ({outcome.message})")
    is_completed = outcome.status is Status.COPIED and outcome.reason != FOUND_ON_TARGET
    job.late_tagging = opened.late_tagging or job.late_tagging
    outcome = yield from carry_annotations(job, (yield from put_late_tags(job, outcome)))
    following = after(outcome, is_last=is_last)
    if following is not Next.GO_ON and not is_completed:
        outcome = yield from _aborted(upload, outcome)
    return outcome, following


def _settled(upload: PartedUpload, etags: list[str] | None, failure: Outcome | None) -> Operation[Outcome]:
    job = upload.job
    target = yield from look_at_target(job)
    if isinstance(target, Outcome):
        return target
    job.seen = ABSENT if target is None else target.etag
    if target is not None and job.settings.is_since_plan(target.last_modified):
        found = yield from upload.completed_before(target, etags or [])
        if found is None:
            found = yield from judge_since(job, target)
        if found is not None:
            return found
    if target is not None and job.settings.overwrite is Overwrite.NEVER:
        return job.skipped(EXISTS, target.etag)
    if etags is None:
        if failure is None:
            raise ValueError(f"{job.task.task_id}: parts are missing for no reason")
        return failure
    if job.attempt > 1:
        yield from abort_strays(job, upload.upload_id)
    return (yield from upload.complete(etags, upload.compare(etags)))


def _aborted(upload: PartedUpload, outcome: Outcome) -> Operation[Outcome]:
    return upload.job.tidied(outcome, (yield from upload.abort()))
