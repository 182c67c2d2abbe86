"""One task under way: what it has cost so far, and how it is settled."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from s3sync.copying.settings import CopySettings
from s3sync.model import etag as etags
from s3sync.model.conditions import ABSENT
from s3sync.model.keys import one_line
from s3sync.model.outcome import ErrorClass, Outcome, Pinned, Status, Verified
from s3sync.model.task import Overwrite, Task
from s3sync.s3.engine.error_class import classify
from s3sync.s3.request import Reply, Request, Side

EXISTS = "exists"
FOUND_ON_TARGET = "found_on_target"
NOT_IMPLEMENTED_STATUS = 501
PART_LAYOUT_UNKNOWN = "part_layout_unknown"
UNGUARDED = "written after a look, without a condition on the target: its server heeds none for this write"

Asking = Generator[Sequence[Request], Sequence[Reply], Sequence[Reply]]
AskingOne = Generator[Sequence[Request], Sequence[Reply], Reply]


class Settled(Exception):
    """Ends a task from within one of its steps."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.status)
        self.outcome = outcome


def is_guarded(request: Request) -> bool:
    """Whether a write has a condition on its target."""
    return "IfNoneMatch" in request.params or "IfMatch" in request.params


@dataclass(slots=True)
class CopyJob:
    """A task, the settings of its run, and the requests and seconds spent on it, retries included.

    Seconds are those of the steps, the longest request of each, with the pauses between its attempts. The `reason` of
    an outcome is the one it was planned for, but where the copying found a better one: ANNOTATIONS_LEFT, EXISTS,
    FOUND_ON_TARGET, PART_LAYOUT_UNKNOWN. `is_repeat`: an earlier attempt may have begun the task, and died in the
    middle of it; nobody else works on it now.
    `part_size_bytes` is that of parts of our own; `memory_bytes` what of bodies is held at a time; `proved` what is
    known of the copy beyond what its ETags tell. `seen` is the target's ETag at the last look, by the plan or by this
    task: ABSENT where nothing was there, None where nobody looked. `is_unguarded`: the last write had to go without the
    condition that it still stands. `looks` counts the looks that a refused condition led to.
    `note_upload`, where there is one, is told each upload that is opened, by task and upload id; by the next tick it is
    written down, and no part is copied before (C7). `late_tagging` are tags that are to follow: see `late_tags`.
    """

    task: Task
    settings: CopySettings
    attempt: int
    is_repeat: bool = False
    requests: int = 0
    seconds: float = 0.0
    size: int | None = None
    pinned: Pinned | None = None
    part_size_bytes: int = 0
    memory_bytes: int = 0
    proved: Verified | None = None
    note_upload: Callable[[Task, str], None] | None = None
    late_tagging: str = ""
    seen: str | None = None
    is_unguarded: bool = False
    looks: int = 0
    _knows_no_conditions: bool = False

    def __post_init__(self) -> None:
        self.size = self.task.size
        self.seen = self.task.target_etag
        self.part_size_bytes = self.settings.part_size_bytes

    def hides_md5(self, reply: Reply) -> bool:
        """Whether the ETag of what was written, by its answer, is no MD5."""
        return self.settings.opaque_etags or etags.hides_md5(reply.values.get("ServerSideEncryption"))

    @property
    def must_be_free(self) -> bool:
        """True where the target is written only if nothing is there: asked for, or because nothing was there at the
        look, so that of two attempts at one moment only one writes."""
        return self.seen == ABSENT or self.settings.overwrite is Overwrite.NEVER

    # | overwrite | seen           | the server heeds it | condition of the write       |
    # |-----------|----------------|---------------------|------------------------------|
    # | never     | any            | yes                 | If-None-Match: *             |
    # | any other | nothing        | yes                 | If-None-Match: *             |
    # | any other | an object      | yes                 | If-Match: its ETag           |
    # | any other | nobody looked  |                     | none                         |
    # | any       | any but nobody | no                  | none, and the outcome says so |
    def guard(self, operation: str) -> dict[str, str]:
        """The parameters by which a write holds only where what was seen on the target still stands (C16)."""
        if self.seen is None and self.settings.overwrite is not Overwrite.NEVER:
            return {}
        name, value = ("IfNoneMatch", "*") if self.must_be_free else ("IfMatch", f'"{self.seen}"')
        self.is_unguarded = self._knows_no_conditions or not self.settings.conditions.heeds(operation, name)
        return {} if self.is_unguarded else {name: value}

    def gives_up_conditions(self, reply: Reply) -> bool:
        """True where the server does not know the condition that was set (501): the target is to be looked at, and
        written without one. Where the bucket demands conditions that is no way out."""
        is_unknown = reply.status == NOT_IMPLEMENTED_STATUS and is_guarded(reply.request)
        if not is_unknown or self.settings.conditions.are_demanded:
            return False
        self._knows_no_conditions = True
        return True

    def spend(self, replies: Sequence[Reply]) -> None:
        self.requests += sum(reply.attempts for reply in replies)
        self.seconds += max(reply.seconds + reply.earlier_seconds for reply in replies)

    def ask(self, *requests: Request) -> Asking:
        replies = yield requests
        self.spend(replies)
        return replies

    def ask_one(self, request: Request) -> AskingOne:
        replies = yield (request,)
        self.spend(replies)
        return replies[0]

    def on_source(self, operation: str, **params: Any) -> Request:
        return Request(operation, Side.SOURCE, {**self.settings.source_object(self.task), **params})

    def on_target(self, operation: str, **params: Any) -> Request:
        return Request(operation, Side.TARGET, {**self.settings.target_object(self.task), **params})

    def on_target_bucket(self, operation: str, **params: Any) -> Request:
        return Request(operation, Side.TARGET, {**self.settings.on_target, **params})

    def on_new_target(self, operation: str, **params: Any) -> Request:
        """For requests that describe the object to be: with encryption and ACL."""
        return Request(operation, Side.TARGET, {**self.settings.on_new_target, "Key": self.task.target_key, **params})

    def copied(self, target_etag: str | None, verified: Verified, reason: str | None = None) -> Outcome:
        task = self.task  # written out, as no other outcome comes so often
        return Outcome(
            task.task_id,
            task.source_key,
            task.target_key,
            self.attempt,
            Status.COPIED,
            reason or task.reason,
            None,
            None,
            UNGUARDED if self.is_unguarded and reason != FOUND_ON_TARGET else None,
            self.size,
            target_etag,
            self.pinned,
            verified,
            self.requests,
            self._milliseconds,
        )

    def skipped(self, reason: str, target_etag: str | None) -> Outcome:
        return self._outcome(Status.SKIPPED, reason=reason, target_etag=target_etag)

    def vanished(self) -> Outcome:
        return self._outcome(Status.VANISHED)

    def changed(self, message: str) -> Outcome:
        return self._outcome(Status.CHANGED, message=message)

    def failed(self, reply: Reply) -> Outcome:
        """The outcome of a request that failed for good; `archived` where the source must be restored first."""
        error_class = classify(reply.status, reply.code or "")
        status = Status.ARCHIVED if error_class is ErrorClass.ARCHIVED else Status.FAILED
        message = f"{reply.request.operation}: {reply.message or reply.code}{self._whose_bucket(reply)}"
        return self._outcome(status, error_code=reply.code, error_class=error_class, message=message)

    def failed_with(self, code: str, message: str, target_etag: str | None = None) -> Outcome:
        """A failure that s3sync found, not the server: `code` is one of those that `classify` knows."""
        return self._outcome(
            Status.FAILED, error_code=code, error_class=classify(0, code), message=message, target_etag=target_etag
        )

    def tidied(self, outcome: Outcome, trouble: str | None) -> Outcome:
        """The outcome with what tidying up cost, and what it could not do."""
        message = one_line("; ".join(filter(None, (outcome.message, trouble)))) or None
        return outcome._replace(message=message, requests=self.requests, milliseconds=self._milliseconds)

    @property
    def _milliseconds(self) -> int:
        return round(self.seconds * 1000)

    def _whose_bucket(self, reply: Reply) -> str:
        if reply.code != "NoSuchBucket":
            return ""
        name = reply.values.get("BucketName")
        source, target = self.settings.source_bucket, self.settings.target_bucket
        if name == target or reply.request.operation.endswith("Upload"):
            return f" (the target bucket, {target})"
        if name == source or reply.request.side is Side.SOURCE:
            return f" (the source bucket, {source})"
        return f" (the source bucket, {source}, or the target bucket, {target})"

    def _outcome(
        self,
        status: Status,
        *,
        reason: str | None = None,
        error_code: str | None = None,
        error_class: ErrorClass | None = None,
        message: str | None = None,
        target_etag: str | None = None,
        verified: Verified | None = None,
    ) -> Outcome:
        task = self.task
        return Outcome(
            task_id=task.task_id,
            source_key=task.source_key,
            target_key=task.target_key,
            attempt=self.attempt,
            status=status,
            reason=reason or task.reason,
            error_code=error_code,
            error_class=error_class,
            message=one_line(message) if message else None,
            size=self.size,
            target_etag=target_etag,
            pinned=self.pinned,
            verified=verified or Verified.NOT_COPIED,
            requests=self.requests,
            milliseconds=self._milliseconds,
        )
