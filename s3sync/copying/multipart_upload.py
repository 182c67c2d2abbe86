"""One multipart upload of a copy by parts: its parts, its end, and what its ETags prove."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import md5
from typing import Any

from s3sync.copying.look_source import Head, after_refusal, look_at_target, look_at_written
from s3sync.copying.look_target import (
    CONFLICT,
    before_repeat,
    is_refused,
    is_stored_as_asked,
    judge_kept,
    judge_refused,
)
from s3sync.copying.object_copy import PART_LAYOUT_UNKNOWN, CopyJob, Settled
from s3sync.copying.source_parts import portions
from s3sync.model import etag as etags
from s3sync.model.outcome import Outcome, Verified
from s3sync.model.part_layout import Boundaries, Cut, Part
from s3sync.s3.engine.error_class import classify
from s3sync.s3.engine.operation import Operation
from s3sync.s3.request import Reply, Request

_COMPLETE = "CompleteMultipartUpload"
_NOTHING_MD5 = b64encode(md5(usedforsecurity=False).digest()).decode()
_NO_SUCH_UPLOAD = "NoSuchUpload"


class WrongGuess(Exception):
    """The source's parts are not those that were guessed: the ETags of the copied parts say so."""


@dataclass(frozen=True, slots=True)
class PartedUpload:
    """An upload that is open. `hides_md5`: the ETags can't be compared with computed ones, as the source's encryption,
    or the target's, hides MD5s."""

    job: CopyJob
    source: Head
    cut: Cut
    upload_id: str
    hides_md5: bool
    target_hides_md5: bool

    @classmethod
    def of(cls, job: CopyJob, source: Head, cut: Cut, created: Reply) -> "PartedUpload":
        target_hides_md5 = job.hides_md5(created)
        hides_md5 = source.hides_md5 or target_hides_md5
        return cls(job, source, cut, created.values["UploadId"], hides_md5, target_hides_md5)

    def copy_parts(self, parts: Sequence[Part]) -> Operation[list[str]]:
        """The ETags of the parts, unquoted, in order. Raises Settled where a part could not be copied."""
        found: list[str] = []
        for some in portions(parts):
            for reply in (yield from self.job.ask(*(self._part_request(part) for part in some))):
                if not reply.ok:
                    raise Settled((yield from after_refusal(self.job, reply)))
                part_etag = etags.bare((reply.values.get("CopyPartResult") or reply.values).get("ETag"))
                if part_etag is None:
                    raise Settled(self.job.failed_with("ETagMismatch", "a part was copied and has no ETag"))
                found.append(part_etag)
        return found

    def _part_request(self, part: Part) -> Request:
        """A part that is the whole object has no range: S3 takes ranges of objects over 5 MiB only. Of an empty object
        there is nothing to copy."""
        params: dict[str, Any] = {"UploadId": self.upload_id, "PartNumber": part.number}
        if not part.size_bytes:
            return self.job.on_target("UploadPart", **params, Body=b"", ContentMD5=_NOTHING_MD5)
        settings = self.job.settings
        params["CopySource"] = settings.copy_source(self.job.task)
        if settings.conditions.part_copy_source_if_match and self.source.etag is not None:
            params["CopySourceIfMatch"] = f'"{self.source.etag}"'
        if len(self.cut.layout) > 1:
            params["CopySourceRange"] = part.range_header
        if settings.source_expected_owner is not None:
            params["ExpectedSourceBucketOwner"] = settings.source_expected_owner
        return self.job.on_target("UploadPartCopy", **params)

    # | boundaries | MD5s   | computed, source's ETag | preserve_etags | then                                  |
    # |------------|--------|-------------------------|----------------|---------------------------------------|
    # | NONE       |        |                         |                | not_comparable                        |
    # | UNKNOWN    |        |                         |                | not_comparable                        |
    # | any other  | hidden |                         |                | not_comparable                        |
    # | any other  | shown  | equal                   |                | etag_equal                            |
    # | GUESSED    | shown  | differ                  | yes            | WrongGuess: measure, copy again       |
    # | GUESSED    | shown  | differ                  | no             | not_comparable                        |
    # | EXACT      | shown  | differ                  |                | failed: ETagMismatch, before complete |
    def compare(self, part_etags: Sequence[str]) -> Verified:
        """What the parts prove, before anything is seen at the target. Raises Settled or WrongGuess."""
        if self.cut.boundaries in (Boundaries.NONE, Boundaries.UNKNOWN) or self.hides_md5:
            return Verified.NOT_COMPARABLE
        computed = _computed(part_etags)
        if computed is None:
            return Verified.NOT_COMPARABLE
        if computed == self.source.etag:
            return Verified.ETAG_EQUAL
        if self.cut.boundaries is Boundaries.EXACT:
            message = f"the copied parts make the ETag {computed}, the source's is {self.source.etag}"
            raise Settled(self.job.failed_with("ETagMismatch", message))
        if self.job.settings.preserve_etags:
            raise WrongGuess
        return Verified.NOT_COMPARABLE

    # The first line that fits decides. "Ours": newer than the plan, with the size and the ETag
    # that the parts make, and stored as asked.
    #
    # | reply                                    | target      | then                                                  |
    # |------------------------------------------|-------------|-------------------------------------------------------|
    # | done                                     | not looked  | see `_finished`                                       |
    # | 501, and a condition on the target       | see `before_repeat` | once more, without the condition              |
    # | refused for its condition, NoSuchUpload, | ours        | see `_finished`; an upload that may be open still is  |
    # | or transient to the end                  |             | aborted                                               |
    # | ConditionalRequestConflict               | any other   | see `judge_refused`; else failed: a new upload, for   |
    # |                                          |             | S3 takes no further completion of this one            |
    # | refused for its condition                | any other   | see `judge_refused`; else once more                   |
    # | NoSuchUpload; must be free               | there       | see `judge_kept`                                      |
    # | any other                                |             | failed                                                |
    def complete(self, part_etags: Sequence[str], verified: Verified) -> Operation[Outcome]:
        """Make the parts an object, if what was seen at the target still stands (C16). An answer that was lost may have
        been a success, so the target is looked at. Raises Settled."""
        job = self.job
        parts = [{"PartNumber": number, "ETag": f'"{etag}"'} for number, etag in enumerate(part_etags, start=1)]
        params: dict[str, Any] = {"UploadId": self.upload_id, "MultipartUpload": {"Parts": parts}}
        while True:
            condition = job.guard(_COMPLETE)
            if job.is_unguarded and (settled := (yield from before_repeat(job))) is not None:
                raise Settled(settled)
            reply = yield from job.ask_one(job.on_target(_COMPLETE, **params, **condition))
            if reply.ok:
                return (yield from self._finished(etags.bare(reply.values.get("ETag")), part_etags, verified))
            if job.gives_up_conditions(reply):
                continue
            settled = yield from self._not_completed(reply, part_etags, verified)
            if settled is not None:
                return settled

    def _not_completed(self, reply: Reply, part_etags: Sequence[str], verified: Verified) -> Operation[Outcome | None]:
        """None: once more. Raises Settled."""
        job, is_for_condition, is_gone = self.job, is_refused(reply), reply.code == _NO_SUCH_UPLOAD
        if not (is_for_condition or is_gone or classify(reply.status, reply.code or "").is_retried):
            raise Settled(job.failed(reply))
        target = yield from look_at_target(job)
        if isinstance(target, Head) and self._is_ours(target, part_etags):
            outcome = yield from self._finished(target.etag, part_etags, verified)
            # Another attempt may have completed its own upload, and this one is still open.
            return outcome if is_gone else job.tidied(outcome, (yield from self.abort()))
        if isinstance(target, Outcome):
            raise Settled(target if is_for_condition else job.failed(reply))
        if is_for_condition:
            settled = yield from judge_refused(job, reply, target)
            if settled is None and reply.code != CONFLICT:
                return None
            raise Settled(settled or job.failed(reply))
        if is_gone and target is not None and job.must_be_free:
            raise Settled((yield from judge_kept(job, target, was_sent_again=False)))
        raise Settled(job.failed(reply))

    def completed_before(self, target: Head, part_etags: Sequence[str]) -> Operation[Outcome | None]:
        """What this upload came to where it was completed already; None where the target is another object."""
        if not part_etags or not self._is_ours(target, part_etags):
            return None
        return (yield from self._finished(target.etag, part_etags, self.compare(part_etags)))

    def _is_ours(self, target: Head, part_etags: Sequence[str]) -> bool:
        """Another run's upload of the same parts has the same ETag, and may be stored otherwise (C19)."""
        job, source = self.job, self.source
        is_newer = job.settings.is_since_plan(target.last_modified)
        is_whole = target.size_bytes == source.size_bytes and target.etag == _computed(part_etags)
        source_class = source.values.get("StorageClass") if source.values else job.task.storage_class
        return is_newer and is_whole and is_stored_as_asked(job, source_class, target)

    # | answered ETag | MD5s   | computed from the parts | then                                   |
    # |---------------|--------|-------------------------|----------------------------------------|
    # | absent        |        |                         | see `look_at_written`                  |
    # | any           | hidden |                         | copied: not_comparable                 |
    # | any           | shown  | parts' ETags are no MD5 | copied: not_comparable                 |
    # | any           | shown  | equal                   | copied, as the parts proved            |
    # | any           | shown  | differs                 | failed: ETagMismatch                   |
    def _finished(self, target_etag: str | None, part_etags: Sequence[str], verified: Verified) -> Operation[Outcome]:
        computed = _computed(part_etags)
        if target_etag is None:  # radosgw 16 completes with an empty ETag
            target = yield from look_at_written(self.job, self.source.size_bytes, computed)
            if isinstance(target, Outcome):
                return target
            target_etag = target.etag
        if not self.hides_md5 and computed is not None and target_etag != computed:
            message = f"the upload's ETag is {target_etag}, its parts make {computed}"
            return self.job.failed_with("ETagMismatch", message, target_etag)
        is_cut_elsewhere = verified is Verified.NOT_COMPARABLE and etags.part_count(self.source.etag) > 0
        reason = PART_LAYOUT_UNKNOWN if is_cut_elsewhere and not self.hides_md5 else None
        return self.job.copied(target_etag, verified, reason)

    def abort(self) -> Operation[str | None]:
        """Leave no upload behind; returns what to tell where it could not be done."""
        reply = yield from self.job.ask_one(self.job.on_target("AbortMultipartUpload", UploadId=self.upload_id))
        if reply.ok or reply.code == _NO_SUCH_UPLOAD:
            return None
        return f"upload {self.upload_id} could not be aborted: {reply.code}"


def _computed(part_etags: Sequence[str]) -> str | None:
    """The ETag that the parts make; None where a part's ETag is no MD5."""
    return etags.of_parts(list(part_etags)) if all(map(etags.is_plain, part_etags)) else None
