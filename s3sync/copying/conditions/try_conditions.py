"""Trying out which conditions a target's server heeds, each in the form in which copies will rely on it (C4, C16).

A form is heeded where a request whose condition can't hold is refused for it, and one whose condition holds is carried
out. What gives no answer about the condition (the source is too large, archived, gone, or may not be read) tells
nothing: another object of the plan is tried, and after the last the form counts as not heeded.

    CopyObject      a source's ETag, its time; nothing there; what is there      on a probe object that is removed
    UploadPartCopy  a source's ETag                                              in an upload that is aborted
    Complete...     nothing there; what is there                                 on a probe object that is removed
    PutObject       nothing there; what is there                                 on a probe object that is removed

AWS documents all of them, so there only what a bucket policy can add is tried: whether it demands conditions, by
requests that can't succeed. Under Object Lock with a default retention no probe object could be removed, so there only
requests are sent that write nothing where their condition is heeded, all to one key.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError

from s3sync.aws.clients import client, error_text
from s3sync.config.model import Access
from s3sync.copying.conditions.condition_requests import OTHER_MD5, Ground, ProbeObject, Told
from s3sync.copying.settings import CopySettings, whole_second
from s3sync.errors import ServiceError
from s3sync.model.conditions import AS_S3, NONE_HEEDED, Conditions

FOREIGN = f'"{"0" * 32}"'  # the ETag of no object
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
PROBE = ".s3sync-probe-"
CHANGED_MAX = 3  # so many objects of the plan may be other ones by now before a form counts as not heeded


@dataclass(frozen=True, slots=True)
class ProbedWrites:
    """Which writes the plan has, and the objects for trying: `copied` by CopyObject, `in_parts` by UploadPartCopy."""

    copies: bool = False
    completes: bool = False
    puts: bool = False
    copied: tuple[ProbeObject, ...] = ()
    in_parts: tuple[ProbeObject, ...] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """What was found out, and what a person should hear of it."""

    conditions: Conditions
    notes: tuple[str, ...] = ()


def try_conditions(
    access: Access, settings: CopySettings, writes: ProbedWrites, places: tuple[str, str], *, is_aws: bool
) -> Tried:
    """`places` are the target's prefix and a name of this run's own, for the keys of probe objects. Raises ServiceError
    where the target can't be reached."""
    prefix, own = places
    ground = Ground(client("s3", access), settings, f"{prefix}{PROBE}{own}-")
    trial = _Trial(ground, writes)
    try:
        if is_aws:
            return trial.on_aws()
        if ground.has_retention():
            return _Trial(replace(ground, name=f"{prefix}{PROBE}"), writes).under_retention()
        return trial.elsewhere()
    except BotoCoreError as error:
        where = f"s3://{settings.target_bucket}"
        raise ServiceError(f"{where}: no answer to a trial of conditions: {error_text(error)[1]}") from error


class _Trial:
    def __init__(self, ground: Ground, writes: ProbedWrites) -> None:
        self._on = ground
        self._writes = writes
        self._notes: list[str] = []
        self._guard: dict[str, str] = {}  # what a write to a free key must have where conditions are demanded

    def on_aws(self) -> Tried:
        return Tried(self._demanded(AS_S3, "demand"), tuple(self._notes))

    def elsewhere(self) -> Tried:
        found = NONE_HEEDED
        try:
            found = self._demanded(found, "demand")
            if self._writes.copies:
                found = self._copies(found)
            if self._writes.completes or (found.are_demanded and not found.copy_if_none_match):
                none_match, match = self._target_forms("parts", self._on.complete)
                found = replace(found, complete_if_none_match=none_match, complete_if_match=match)
            if self._writes.puts:
                none_match, match = self._target_forms("put", lambda **conditions: self._on.put("put", **conditions))
                found = replace(found, put_if_none_match=none_match, put_if_match=match)
        finally:
            for kind in ("demand", "copy", "parts", "put"):
                self._remove(kind)
        return Tried(replace(found, part_copy_source_if_match=self._part_form()), tuple(self._notes))

    # | under the fixed key | a copy whose source condition can't hold | the source's form counts as                |
    # |---------------------|------------------------------------------|--------------------------------------------|
    # | an object           | not sent                                 | not heeded: an earlier copy was done       |
    # | none                | refused                                  | heeded                                     |
    # | none                | done                                     | not heeded; the copy stays, and it is said |
    # | none                | any other                                | not heeded                                 |
    def under_retention(self) -> Tried:
        """Nothing could be removed, so the conditions of targets are not tried, and count as not heeded."""
        found = replace(NONE_HEEDED, part_copy_source_if_match=self._part_form())
        self._notes.append(
            "The target locks what is written (Object Lock with a default retention), so no probe objects are written: "
            "which conditions on targets its server heeds is not tried out."
        )
        if self._writes.copies and self._on.etag("locked") is None:
            _, answer = self._first_telling(lambda sample: self._on.copy(sample, "locked", CopySourceIfMatch=FOREIGN))
            found = replace(found, copy_source_if_match=answer is Told.REFUSED)
            if answer is Told.DONE:
                self._notes.append(f"A probe object stays, {self._on.name}locked, and tells later runs the same.")
        return Tried(found, tuple(self._notes))

    # | write without a condition | the same with If-None-Match | then                                     |
    # |---------------------------|-----------------------------|------------------------------------------|
    # | not denied                |                             | none is demanded                         |
    # | denied                    | denied                      | denied for another reason: the run tells |
    # | denied                    | 501                         | demanded, and this write can't have one  |
    # | denied                    | any other                   | demanded                                 |
    def _demanded(self, found: Conditions, kind: str) -> Conditions:
        """By requests that can't succeed: a source's ETag that is none, a body that is not the one of its MD5."""

        def write(**conditions: str) -> Told:
            if not self._writes.copied:
                return self._on.put(kind, OTHER_MD5, **conditions)
            return self._on.copy(self._writes.copied[0], kind, CopySourceIfMatch=FOREIGN, **conditions)

        if write() is not Told.DENIED:
            return found
        guarded = write(IfNoneMatch="*")
        if guarded is Told.DENIED:
            return found
        self._notes.append("The target bucket demands conditional writes: a target is looked at before it is written.")
        if guarded is Told.UNKNOWN and self._writes.copied:
            self._notes.append("It takes no condition on CopyObject (501), so all objects are copied by parts.")
            found = replace(found, copy_if_none_match=False, copy_if_match=False)
        self._guard = {"IfNoneMatch": "*"}
        return replace(found, are_demanded=True)

    def _copies(self, found: Conditions) -> Conditions:
        _, answer = self._first_telling(
            lambda sample: self._on.copy(sample, "copy", CopySourceIfMatch=FOREIGN, **self._guard)
        )
        if answer is Told.DONE:
            self._remove("copy")
        sample, is_right = self._copied()
        if sample is None:
            return found
        none_match, match = self._target_forms("copy", lambda **given: self._on.copy(sample, "copy", **given))
        return replace(
            found,
            copy_source_if_match=answer is Told.REFUSED and is_right,
            copy_source_if_unmodified_since=self._dated_form(),
            copy_if_none_match=none_match,
            copy_if_match=match,
        )

    def _copied(self) -> tuple[ProbeObject | None, bool]:
        """An object that can be copied, and whether it can where its ETag is named. Some may have changed since the
        plan."""
        changed = 0
        for sample in self._writes.copied:
            if sample.etag is not None and changed < CHANGED_MAX:
                answer = self._on.copy(sample, "copy", CopySourceIfMatch=f'"{sample.etag}"', **self._guard)
                if answer is Told.DONE:
                    self._remove("copy")
                    return sample, True
                changed += answer is Told.REFUSED
        for sample in self._writes.copied:
            if self._on.copy(sample, "copy", **self._guard) is Told.DONE:
                self._remove("copy")
                return sample, False
        return None, False

    def _dated_form(self) -> bool:
        """Of the first object whose copy would be tied to its time, where there is one; no write without a condition
        passes where those are demanded, so there it is not tried."""
        dated = (each for each in self._writes.copied if each.etag is None and each.last_modified is not None)
        sample = next(dated, None)
        if sample is None or sample.last_modified is None or self._guard:
            return False
        is_refused = self._on.copy(sample, "copy", CopySourceIfUnmodifiedSince=LONG_AGO) is Told.REFUSED
        at = whole_second(sample.last_modified)
        return is_refused and self._on.copy(sample, "copy", CopySourceIfUnmodifiedSince=at) is Told.DONE

    def _remove(self, kind: str) -> None:
        self._notes += filter(None, [self._on.remove(kind)])

    def _target_forms(self, kind: str, write: Callable[..., Told]) -> tuple[bool, bool]:
        """Whether If-None-Match and If-Match of a write are heeded; the probe object is not there yet."""
        is_free_written = write(IfNoneMatch="*") is Told.DONE
        if not is_free_written and write() is not Told.DONE:
            return False, False
        none_match = is_free_written and write(IfNoneMatch="*") is Told.REFUSED
        etag = self._on.etag(kind)
        if etag is None or write(IfMatch=FOREIGN) is not Told.REFUSED:
            return none_match, False
        return none_match, write(IfMatch=etag) is Told.DONE

    def _part_form(self) -> bool:
        if not self._writes.in_parts or (upload_id := self._on.begin("part")) is None:
            return False
        try:
            sample, answer = self._first_telling(
                lambda sample: self._on.copy_part(sample, upload_id, FOREIGN), self._writes.in_parts
            )
            if sample is None or sample.etag is None or answer is not Told.REFUSED:
                return False
            return self._on.copy_part(sample, upload_id, f'"{sample.etag}"') is Told.DONE
        finally:
            self._on.abort("part", upload_id)

    def _first_telling(
        self, ask: Callable[[ProbeObject], Told], samples: Sequence[ProbeObject] | None = None
    ) -> tuple[ProbeObject | None, Told]:
        """The first object whose answer says something about the condition, and that."""
        for sample in self._writes.copied if samples is None else samples:
            answer = ask(sample)
            if answer in (Told.DONE, Told.REFUSED, Told.UNKNOWN):
                return sample, answer
        return None, Told.OTHER
