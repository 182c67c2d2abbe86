"""Faults of the kinds that a copy can have, planted one by one, and how many schedules it takes to find each.

    python -m tests.sim.mutants              all of them, as the table of docs/assurance.md
    python -m tests.sim.mutants look         those with this word in their name

The exit code is 1 where one is not found within 100,000 schedules (10,000 of the lock), or can't be planted.
"""

import sys
import time
from collections.abc import Iterator

from tests.sim.choices import Choices
from tests.sim.lock_protocol import lock_protocol
from tests.sim.planting import CantPlant, Change, believed, planted, replies_changed, requests_changed, without
from tests.sim.runner import FRESH, Schedule, failure_of, schedule_of
from tests.sim.world import KEY, SOURCE, TARGET

COPY, PARTS, RELAY = "s3sync.copying.copy_object", "s3sync.copying.multipart_upload", "s3sync.copying.relay"
LOOK, SOURCE_LOOK, JOB = "s3sync.copying.look_target", "s3sync.copying.look_source", "s3sync.copying.object_copy"
LARGE, ORPHANS = "s3sync.copying.large_object.operations", "s3sync.copying.orphan_uploads"
MULTIPART, RETRY, CHECK = "s3sync.copying.multipart_copy", "s3sync.retry.one_task", "s3sync.checking"


def text(place: str, old: str, new: str) -> Change:
    return lambda: planted(place, old, new)


def _never_sent(operation: str) -> Change:
    """The request goes to an upload, or a bucket, that is not there; its refusal is taken for done."""

    def redirect(request: object) -> None:
        params = request.params
        if request.operation == operation:
            params["UploadId" if "UploadId" in params else "Prefix"] = "no such"

    return lambda: requests_changed(redirect)


def _looks_elsewhere() -> Change:
    def redirect(request: object) -> None:
        params = request.params
        if request.operation == "HeadObject" and params["Bucket"] == TARGET:
            params["Bucket"] = SOURCE

    return lambda: requests_changed(redirect)


def _stale_look() -> Change:
    """The target of every look is told as it was long ago: nothing there."""

    def forget(reply: object) -> None:
        request = reply.request
        if request.operation == "HeadObject" and request.params == {"Bucket": TARGET, "Key": KEY}:
            reply.status = 404
            reply.code = "404"
            reply.values = {"RequestId": "1"}

    return lambda: replies_changed(forget)


MUTANTS: dict[str, Change] = {
    # conditions that are not sent
    "CopyObject without the pin of the source": without("CopyObject", "CopySourceIfMatch"),
    "CopyObject without the pin by time": without("CopyObject", "CopySourceIfUnmodifiedSince"),
    "CopyObject without If-None-Match": without("CopyObject", "IfNoneMatch"),
    "CopyObject without If-Match": without("CopyObject", "IfMatch"),
    "UploadPartCopy without the pin": without("UploadPartCopy", "CopySourceIfMatch"),
    "CompleteMultipartUpload without If-None-Match": without("CompleteMultipartUpload", "IfNoneMatch"),
    "CompleteMultipartUpload without If-Match": without("CompleteMultipartUpload", "IfMatch"),
    "PutObject without If-None-Match": without("PutObject", "IfNoneMatch"),
    "PutObject without If-Match": without("PutObject", "IfMatch"),
    "no write has a condition under always": text(f"{JOB}:CopyJob.guard", "if self.seen is None and", "if True and"),
    "only a free target is guarded": text(f"{JOB}:CopyJob.guard", "if self.seen is None and", "if self.seen and"),
    "an absent target is not remembered": text(f"{JOB}:CopyJob.must_be_free", "self.seen == ABSENT or", "False or"),
    "never is no condition": text(
        f"{JOB}:CopyJob.must_be_free", "or self.settings.overwrite is Overwrite.NEVER", "or False"
    ),
    # looks that are left out, believed wrongly, or forgotten
    "a repeat does not look": text(f"{LOOK}:before_repeat", "yield from look_at_target(job)", "None"),
    "a look goes to the other side": _looks_elsewhere(),
    "a look shows what was there long ago": _stale_look(),
    "a look is forgotten": text(
        f"{LOOK}:before_repeat", "before, job.seen = job.seen, _etag_of(target)", "before, job.seen = job.seen, None"
    ),
    "a newer target is overwritten": text(
        f"{LOOK}:before_repeat", "if job.settings.is_since_plan(target.last_modified)", "if False"
    ),
    "an existing target is overwritten under never": text(
        f"{LOOK}:before_repeat", "job.settings.overwrite is Overwrite.NEVER", "False"
    ),
    "a newer target of this size is ours": text(
        f"{LOOK}:_judge", "if etags.is_plain(source.etag) and etags.is_plain(target.etag):", "if False:"
    ),
    "a newer target is ours, whatever its size": text(
        f"{LOOK}:_judge", "if source.size_bytes != target.size_bytes:", "if False:"
    ),
    "a refused write is sent again for what is there": text(
        f"{LOOK}:judge_refused",
        "found = yield from judge_newer(job, target, is_ours=reply.attempts > 1)",
        "return None",
    ),
    "what kept a write out exists, whatever was asked": text(
        f"{LOOK}:judge_kept", "is_never = job.settings.overwrite is Overwrite.NEVER", "is_never = True"
    ),
    # answers that are believed
    "404 of the source is the target's": text(
        f"{LOOK}:is_refused", "is_absent = is_absent and", "is_absent = True and"
    ),
    "412 is a success": believed("CopyObject", "PreconditionFailed", CopyObjectResult={"ETag": '"' + "0" * 32 + '"'}),
    "200 with an error is a success": believed("CopyObject", "InternalError", CopyObjectResult={}),
    "a lost completion is a success": believed("CompleteMultipartUpload", "ConnectionError", "Timeout"),
    "a changed source is as planned": text(
        f"{SOURCE_LOOK}:what_differs", "if seen.etag == task.etag else", "if True else"
    ),
    "a source modified since is as planned": text(
        f"{SOURCE_LOOK}:what_differs", "seen.last_modified <= whole_second(task.last_modified)", "True"
    ),
    "a write without an ETag is as asked": believed("CopyObject", "SlowDown", CopyObjectResult={}),
    # copies by parts
    "a failed copy by parts leaves its upload": text(
        f"{MULTIPART}:_upload", "trouble = yield from upload.abort()", "trouble = None"
    ),
    "uploads of lost answers are left": text(f"{MULTIPART}:_upload", "yield from abort_lost(job, created)", "pass"),
    "no upload is aborted": _never_sent("AbortMultipartUpload"),
    "uploads are never listed": _never_sent("ListMultipartUploads"),
    "an upload that another one forestalled is left": text(
        f"{PARTS}:PartedUpload._not_completed",
        "outcome if is_gone else job.tidied(outcome, (yield from self.abort()))",
        "outcome",
    ),
    "whatever is there after a lost completion is ours": text(
        f"{PARTS}:PartedUpload._is_ours", "target.etag == _computed(part_etags)", "True"
    ),
    "every part is the whole object": without("UploadPartCopy", "CopySourceRange"),
    "the parts come in the wrong order": text(
        f"{PARTS}:PartedUpload.copy_parts", "found.append(part_etag)", "found.insert(0, part_etag)"
    ),
    "a copy by parts carries no metadata": text(f"{MULTIPART}:description", "for name in _CARRIED", "for name in ()"),
    "a copy by parts carries no tags": without("CreateMultipartUpload", "Tagging"),
    # large objects
    "a newer target of a large object is overwritten": text(
        f"{LARGE}:_settled", "job.settings.is_since_plan(target.last_modified)", "False"
    ),
    "a large object that is settled leaves its upload": text(
        f"{LARGE}:finish_giant", "if following is not Next.GO_ON and not is_completed:", "if False:"
    ),
    "a large object's look is forgotten": text(
        f"{LARGE}:_settled", "job.seen = ABSENT if target is None else target.etag", "job.seen = None"
    ),
    # relay
    "what was read is not looked at": text(f"{MULTIPART}:accepted", "if difference is not None:", "if False:"),
    # retries
    "a retry pins anew and looks no more": text(f"{RETRY}:_pinned_anew", "look_first=True", "look_first=False"),
    # checks
    "equal sizes are a match": text("s3sync.model.same_content:compare", "if not one.size:", "if True:"),
    "ETags of encrypted objects are compared": text(
        "s3sync.model.same_content:compare", "None if one.hides_md5 or other.hides_md5 else", "None if False else"
    ),
    "ETags of other parts are contents": text(
        f"{CHECK}.evidence_parts:differ_by_parts", "return mine is not None and mine == others", "return True"
    ),
    "tags are not compared": text(f"{CHECK}.evidence_metadata:compare_metadata", "if copying.tags:", "if False:"),
    "a missing target is a match": text(
        f"{CHECK}.evidence_headers:_heads",
        "Verdict.MISSING_ON_TARGET, Evidence.PRESENCE",
        "Verdict.MATCH, Evidence.PRESENCE",
    ),
}


LOCK, CLAIMS = "s3sync.runs.lock", "s3sync.runs.claims"
LOCK_MUTANTS: dict[str, Change] = {
    "lock: who slept writes without asking": text(
        f"{LOCK}:Hold.check", "self.clock() - self._good_at < _BEATS_AFTER_VOID * self.interval_seconds", "True"
    ),
    "lock: a heartbeat does not look for a void": text(f"{LOCK}:Hold.beat", "if self.claim.is_void:", "if False:"),
    "lock: a number is taken without a look": text(
        f"{CLAIMS}:OwnClaim.choose",
        "1 + max((claim.number for claim in self.others()), default=_CHOOSING)",
        "1",
    ),
    "lock: a later claim is the lock": text(f"{CLAIMS}:OwnClaim.blocks", "other.order < self.order", "False"),
    "lock: nested prefixes do not overlap": text(
        "s3sync.runs.lock_place:LockPlace.overlaps",
        "self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)",
        "self.prefix == other.prefix",
    ),
    "lock: a silent claim is not voided": text(f"{LOCK}:Newcomer._watch", "self.claim.void(before)", "pass"),
    "lock: a holder that beats is passed over": text(
        f"{LOCK}:Newcomer._watch", "raise self._held(after)", "self._watched.pop(before.path); return"
    ),
}


def found(names: list[str]) -> Iterator[tuple[str, int | None, str]]:
    """Name, schedules it took, and what was seen; None where it was not found."""
    for name in names:
        try:
            if name in LOCK_MUTANTS:
                yield name, *_first(LOCK_MUTANTS[name], lock_protocol, FRESH // 10)
            else:
                yield name, *_first(MUTANTS[name], schedule_of, FRESH)
        except CantPlant as reason:
            yield name, None, str(reason)


def _first(plant: Change, schedule: Schedule, most: int) -> tuple[int | None, str]:
    """The first schedule that fails with the fault and holds without it. Code that raises over it is seen as well."""
    for seed in range(1, most + 1):
        try:
            with plant():
                failure = failure_of(str(seed), Choices(seed), schedule)
        except CantPlant:
            raise
        except Exception as error:  # noqa: BLE001  (whatever the fault makes the code raise)
            return seed, f"raises {type(error).__name__}"
        if failure is not None and failure_of(str(seed), Choices(seed), schedule) is None:
            return seed, failure.kind
    return None, "not found"


def main() -> int:
    words = sys.argv[1:]
    names = [name for name in (*MUTANTS, *LOCK_MUTANTS) if all(word in name for word in words)]
    missed, began = [], time.process_time()
    sys.stdout.write("| fault | found by schedule | what was seen |\n|---|---|---|\n")
    for name, schedules, seen in found(names):
        sys.stdout.write(f"| {name} | {'-' if schedules is None else format(schedules, ',')} | {seen} |\n")
        sys.stdout.flush()
        if schedules is None:
            missed.append(name)
    sys.stdout.write(f"{len(names)} faults, {len(missed)} not found, {time.process_time() - began:.0f} s\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
