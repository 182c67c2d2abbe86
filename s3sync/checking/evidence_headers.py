"""Settling an object that the listings leave open, the cheapest evidence first (the bodies: `body_evidence.py`).

    HEAD of both sides ─> sizes, ETags, stored checksums ─> boundaries of parts ─> still open: unprovable

Sources: "Checking object integrity" (full-object and composite checksums), "HeadObject" (partNumber),
"GetObjectAttributes" in the S3 documentation.
"""

from dataclasses import dataclass, replace
from typing import Any

from s3sync.checking.evidence_metadata import compare_metadata
from s3sync.checking.evidence_parts import differ_by_parts
from s3sync.checking.object_check import Concluded, LookSettings, PairLook
from s3sync.checking.stored_checksums import StoredChecksum, checksums_of
from s3sync.copying.look_source import Head
from s3sync.model import etag as etags
from s3sync.model.finding import Evidence, Finding, Ruling, Verdict
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


# The first line that fits decides. "Show MD5s": no encryption hides them. A checksum counts where both sides have it of
# one algorithm and one kind; a full one is of the content, a composite one of its parts' checksums.
#
# | sizes    | ETags                                              | stored checksums    | then                        |
# |----------|----------------------------------------------------|---------------------|-----------------------------|
# | differ   |                                                    |                     | size_differs                |
# | 0        |                                                    |                     | match: size                 |
# | equal    | show MD5s, plain or of parts, equal                |                     | match: etag                 |
# | equal    | show MD5s, both plain, differ                      |                     | content_differs: etag       |
# | equal    | show MD5s, one plain, one of 1 part, belong so     |                     | match: part_etags           |
# | equal    | show MD5s, one plain, one of 1 part, do not        |                     | content_differs: part_etags |
# | equal    | not comparable                                     | full, equal         | match: checksum             |
# | equal    | not comparable                                     | full, differ        | content_differs: checksum   |
# | equal    | not comparable                                     | composite, equal    | match: checksum             |
# | equal    | not comparable                                     | any other, or none  | open                        |
def compare_heads(source: Head, target: Head) -> tuple[Verdict, Evidence] | None:
    """What two HEADs prove; None where nothing (C14)."""
    if source.size_bytes != target.size_bytes:
        return Verdict.SIZE_DIFFERS, Evidence.SIZE
    if not source.size_bytes:
        return Verdict.MATCH, Evidence.SIZE
    by_etag = None if source.hides_md5 or target.hides_md5 else _by_etags(source.etag, target.etag)
    return by_etag or _by_checksums(checksums_of(source.values), checksums_of(target.values))


def _by_etags(source: str | None, target: str | None) -> tuple[Verdict, Evidence] | None:
    if source == target and (etags.is_plain(source) or etags.part_count(source)):
        return Verdict.MATCH, Evidence.ETAG
    if etags.is_plain(source) and etags.is_plain(target):
        return Verdict.CONTENT_DIFFERS, Evidence.ETAG
    for plain, other in ((source, target), (target, source)):
        if plain is not None and etags.is_plain(plain) and etags.part_count(other) == 1:
            is_same = etags.of_parts([plain]) == other
            return (Verdict.MATCH if is_same else Verdict.CONTENT_DIFFERS), Evidence.PART_ETAGS
    return None


def _by_checksums(
    source: dict[Any, StoredChecksum], target: dict[Any, StoredChecksum]
) -> tuple[Verdict, Evidence] | None:
    common = [(source[name], target[name]) for name in source if name in target]
    full = [mine.value == other.value for mine, other in common if mine.is_full and other.is_full]
    if full:
        return (Verdict.MATCH if all(full) else Verdict.CONTENT_DIFFERS), Evidence.CHECKSUM
    composite = [mine.value == other.value for mine, other in common if mine.is_composite and other.is_composite]
    return (Verdict.MATCH, Evidence.CHECKSUM) if composite and all(composite) else None
