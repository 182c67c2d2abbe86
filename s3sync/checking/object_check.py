"""One object that is compared on both sides: what the look at it has cost so far, and how it ends."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from s3sync.copying.look_source import PRECONDITION_STATUS, Head, is_nameless
from s3sync.copying.settings import CopySettings
from s3sync.listing.second_witness import NO_SUCH_OBJECT, NOT_FOUND_STATUS, listed_object
from s3sync.model.finding import Evidence, Finding, Verdict
from s3sync.model.keys import one_line
from s3sync.model.outcome import ErrorClass
from s3sync.s3.engine.error_class import classify
from s3sync.s3.request import Reply, Request, Side

# A read never names an encryption: one that is refused for that needs a customer's key. S3 and radosgw say so thus.
_REFUSED_CODES = frozenset({"InvalidRequest", "InvalidArgument"})
_OF_ENCRYPTION = "server side encryption"

Asking = Generator[Sequence[Request], Sequence[Reply], Sequence[Reply]]


@dataclass(frozen=True, slots=True)
class LookSettings:
    """`copying` names the buckets, and how the copies were to be stored; `changed_after`: see `verdicts.Moments`.
    Without `parts` the boundaries of parts are not looked at: they were, or the bodies are read anyway. `of_run`: a run
    says that it copied the objects."""

    copying: CopySettings
    changed_after: datetime | None = None
    metadata: bool = False
    parts: bool = True
    of_run: bool = False


class Concluded(Exception):
    """Ends a look from within one of its steps."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.verdict)
        self.finding = finding


@dataclass(slots=True)
class PairLook:
    finding: Finding
    settings: LookSettings
    requests: int = 0
    read_bytes: int = 0
    source: Head | None = None
    target: Head | None = None

    def __post_init__(self) -> None:
        self.requests, self.read_bytes = self.finding.requests, self.finding.read_bytes

    def ask(self, *requests: Request) -> Asking:
        replies = yield requests
        self.requests += sum(reply.attempts for reply in replies)
        return replies

    def on(self, side: Side, operation: str, **params: Any) -> Request:
        copying, finding = self.settings.copying, self.finding
        at_source = side is Side.SOURCE
        shared = copying.on_source if at_source else copying.on_target
        key = finding.source_key if at_source else finding.target_key
        return Request(operation, side, {**shared, "Key": key, **params})

    def on_both(self, operation: str, **params: Any) -> tuple[Request, Request]:
        return self.on(Side.SOURCE, operation, **params), self.on(Side.TARGET, operation, **params)

    def confirm_absence(self, reply: Reply) -> Generator[Sequence[Request], Sequence[Reply], None]:
        """Raises Concluded unless the failed HEAD is a 404, and a listing does not show the key either. A HEAD that is
        refused can't say why: a GET of one byte says it."""
        side = reply.request.side
        copying = self.settings.copying
        shared = copying.on_source if side is Side.SOURCE else copying.on_target
        doubt: Reply | None = reply
        if reply.status == NOT_FOUND_STATUS:
            doubt = yield from listed_object(self.ask, side, shared, reply.request.params["Key"])
        elif is_nameless(reply):
            (told,) = yield from self.ask(self.on(side, "GetObject", Range="bytes=0-0"))
            doubt = reply if told.ok else told
        if doubt is not None:
            raise Concluded(self.failed(doubt))

    @property
    def is_newer(self) -> bool:
        """True where the source changed after the run, or the check, began."""
        moment = self.settings.changed_after
        return moment is not None and self.source is not None and self.source.last_modified > moment

    def found(self, verdict: Verdict, evidence: Evidence, detail: str | None = None) -> Finding:
        finding = replace(
            self.finding,
            verdict=verdict,
            evidence=evidence,
            detail=one_line(detail) if detail else None,
            requests=self.requests,
            read_bytes=self.read_bytes,
        )
        if self.source is not None:
            finding = replace(
                finding,
                source_size=self.source.size_bytes,
                source_etag=self.source.etag,
                source_last_modified=self.source.last_modified,
                source_storage_class=self.source.values.get("StorageClass"),
            )
        if self.target is not None:
            finding = replace(
                finding,
                target_size=self.target.size_bytes,
                target_etag=self.target.etag,
                target_last_modified=self.target.last_modified,
                target_storage_class=self.target.values.get("StorageClass"),
            )
        return finding

    def differs(self, verdict: Verdict, evidence: Evidence, detail: str | None = None) -> Finding:
        """A difference, which is no fault of the copy where the source changed afterwards."""
        if self.is_newer:
            return self.found(Verdict.CHANGED_SINCE, evidence, "the source is newer than the run, or the check")
        return self.found(verdict, evidence, detail)

    # | reply                                            | then                            |
    # |--------------------------------------------------|---------------------------------|
    # | NoSuchKey, or a HEAD's 404 with S3's request id, |                                 |
    # | after a look that found the object               | changed_since                   |
    # | 412: the object is another one than a moment ago | changed_since                   |
    # | archived: its body can't be read                 | unprovable                      |
    # | encrypted with a key that is the customer's      | unprovable                      |
    # | any other                                        | error                           |
    def failed(self, reply: Reply) -> Finding:
        """What a request that failed for good makes of the object."""
        where = f"the {reply.request.side}"
        is_gone = reply.code in NO_SUCH_OBJECT or (reply.code == "404" and "RequestId" in reply.values)
        if is_gone or reply.status == PRECONDITION_STATUS:
            return self.found(Verdict.CHANGED_SINCE, Evidence.PRESENCE, f"{where} changed while it was looked at")
        if classify(reply.status, reply.code or "") is ErrorClass.ARCHIVED:
            return self.found(Verdict.UNPROVABLE, Evidence.NONE, f"{where} is archived; restore it to read its body")
        if reply.code in _REFUSED_CODES and _OF_ENCRYPTION in reply.message.lower():
            detail = f"{where} is encrypted with a key of its customer (SSE-C), without which it can't be read"
            return self.found(Verdict.UNPROVABLE, Evidence.NONE, detail)
        message = f"{reply.request.operation} on {where}: {reply.code}"
        if reply.message and reply.message != reply.code:
            message += f": {reply.message}"
        return self.found(Verdict.ERROR, Evidence.NONE, message)
