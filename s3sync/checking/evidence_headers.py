"""Settling an object that the listings leave open, the cheapest evidence first (the bodies: `body_evidence.py`).

    HEAD of both sides ─> sizes, ETags, stored checksums ─> boundaries of parts ─> still open: unprovable

Sources: "Checking object integrity" (full-object and composite checksums), "HeadObject" (partNumber),
"GetObjectAttributes" in the S3 documentation.
"""

from dataclasses import dataclass, replace

from s3sync.checking.evidence_metadata import compare_metadata
from s3sync.checking.evidence_parts import differ_by_parts
from s3sync.checking.object_check import Concluded, LookSettings, PairLook
from s3sync.copying.look_source import Head
from s3sync.model.finding import Evidence, Finding, Ruling, Verdict
from s3sync.model.same_content import Content, Likeness, compare
from s3sync.model.stored_checksums import checksums_of
from s3sync.s3.engine.operation import Operation
from s3sync.s3.request import Reply

NOTHING_COMPARABLE = "neither ETags nor stored checksums can be compared; --deep reads the bodies"


@dataclass(frozen=True, slots=True)
class Looked:
    """`finding` as far as the look came. With `source` and `target` it is open: only the bodies can settle it."""

    finding: Finding
    source: Head | None = None
    target: Head | None = None

    @property
    def is_open(self) -> bool:
        return self.source is not None


# A match by listings is looked at for its metadata only, and yet judged anew: a HEAD tells the encryption, which may
# hide the MD5 that a live listing seemed to show (C14).
#
# | after the look | metadata asked for | then                                 |
# |----------------|--------------------|--------------------------------------|
# | equal          | no                 | match                                |
# | equal          | yes                | match or metadata_differs            |
# | differ         |                    | what differs                         |
# | open           |                    | unprovable; the bodies may settle it |
def look(finding: Finding, settings: LookSettings) -> Operation[Looked]:
    """Look at both sides without their bodies."""
    pair = PairLook(finding, settings)
    try:
        yield from _heads(pair)
        settled = yield from _settled(pair)
        if settled is None:
            return Looked(pair.found(Verdict.UNPROVABLE, Evidence.NONE, NOTHING_COMPARABLE), pair.source, pair.target)
        return Looked((yield from with_metadata(settled, pair)))
    except Concluded as end:
        return Looked(end.finding)


def with_metadata(settled: Finding, pair: PairLook) -> Operation[Finding]:
    """The finding, or `metadata_differs` where that is asked for and so."""
    if settled.verdict is not Verdict.MATCH or not pair.settings.metadata:
        return settled
    difference = yield from compare_metadata(pair)
    if difference is None:
        return replace(settled, requests=pair.requests)
    return pair.differs(Verdict.METADATA_DIFFERS, Evidence.METADATA, difference)


# | source | target | listed on the source, or of a run | listed anywhere | then                                       |
# |--------|--------|-----------------------------------|-----------------|--------------------------------------------|
# | there  | there  |                                   |                 | go on                                      |
# | 404    | there  | no                                |                 | missing_on_source                          |
# | 404    | there  | yes                               |                 | changed_since: deleted on the source since |
# | 404    | 404    |                                   | yes             | changed_since: deleted on both             |
# | 404    | 404    |                                   | no, of a run    | missing_on_target, as in `verdicts.rule`   |
# | there  | 404    |                                   |                 | missing_on_target, or changed_since where  |
# |        |        |                                   |                 | it is newer                                |
# | other  | any    |                                   |                 | error                                      |
# | any    | other  |                                   |                 | error                                      |
#
# A 404 counts only where a listing does not show the key either (C17); else it is an error.
def _heads(pair: PairLook) -> Operation[None]:
    """Look at both objects. Raises Concluded where one of them is not there, or can't be looked at."""
    source, target = yield from pair.ask(*pair.on_both("HeadObject", ChecksumMode="ENABLED"))
    for reply in (source, target):
        if not reply.ok:
            yield from pair.confirm_absence(reply)
    opaque = pair.settings.copying.opaque_etags
    pair.source, pair.target = _head(source, opaque), _head(target, opaque)
    if pair.source is not None and pair.target is not None:
        return
    if pair.source is not None:
        raise Concluded(pair.differs(Verdict.MISSING_ON_TARGET, Evidence.PRESENCE))
    raise Concluded(_gone(pair))


def _gone(pair: PairLook) -> Finding:
    """What it means that the source's object is not there."""
    finding, of_run = pair.finding, pair.settings.of_run
    on_source = finding.source_last_modified is not None or finding.source_size is not None
    on_target = finding.target_last_modified is not None or finding.target_size is not None
    if pair.target is None and of_run and not (on_source or on_target):
        ruling = Ruling.GONE_FROM_BOTH
        return pair.found(ruling.verdict, ruling.evidence, ruling.detail)
    if pair.target is None:
        return pair.found(Verdict.CHANGED_SINCE, Evidence.PRESENCE, "deleted on both sides since the listing")
    if not (on_source or of_run):
        return pair.found(Verdict.MISSING_ON_SOURCE, Evidence.PRESENCE)
    since = "the run copied it" if of_run else "the listing"
    return pair.found(Verdict.CHANGED_SINCE, Evidence.PRESENCE, f"deleted on the source since {since}")


def _head(reply: Reply, opaque_etags: bool) -> Head | None:
    return Head.of(reply, opaque_etags) if reply.ok else None


def _settled(pair: PairLook) -> Operation[Finding | None]:
    source, target = _both(pair)
    settled = compare_heads(source, target)
    if settled is None and pair.settings.parts and (yield from differ_by_parts(pair, source, target)):
        settled = Verdict.CONTENT_DIFFERS, Evidence.PART_ETAGS
    if settled is None:
        return None
    verdict, evidence = settled
    return pair.found(*settled) if verdict is Verdict.MATCH else pair.differs(verdict, evidence)


def _both(pair: PairLook) -> tuple[Head, Head]:
    assert pair.source is not None  # noqa: S101  (`_heads` saw to it)
    assert pair.target is not None  # noqa: S101
    return pair.source, pair.target


_PROVED = {
    Likeness.SIZES_DIFFER: (Verdict.SIZE_DIFFERS, Evidence.SIZE),
    Likeness.EMPTY: (Verdict.MATCH, Evidence.SIZE),
    Likeness.ETAGS_EQUAL: (Verdict.MATCH, Evidence.ETAG),
    Likeness.ETAGS_DIFFER: (Verdict.CONTENT_DIFFERS, Evidence.ETAG),
    Likeness.PARTS_EQUAL: (Verdict.MATCH, Evidence.PART_ETAGS),
    Likeness.PARTS_DIFFER: (Verdict.CONTENT_DIFFERS, Evidence.PART_ETAGS),
    Likeness.CHECKSUMS_EQUAL: (Verdict.MATCH, Evidence.CHECKSUM),
    Likeness.CHECKSUMS_DIFFER: (Verdict.CONTENT_DIFFERS, Evidence.CHECKSUM),
}


def compare_heads(source: Head, target: Head) -> tuple[Verdict, Evidence] | None:
    """What two HEADs prove, by `model.same_content`; None where nothing (C14)."""
    return _PROVED.get(compare(_with_checksums(source), _with_checksums(target)))


def _with_checksums(head: Head) -> Content:
    return replace(head.content, checksums=checksums_of(head.values))
