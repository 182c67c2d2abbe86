"""Whether the copy is described and stored as its source is, or as the copies were to be."""

from s3sync.checking.evidence_annotations import differing_annotations
from s3sync.checking.object_check import Concluded, PairLook
from s3sync.copying.as_asked import (
    MISSING_META,
    described_otherwise,
    redirected_otherwise,
    stored_otherwise,
    tagged_otherwise,
    unreadable,
)
from s3sync.model.finding import Evidence, Verdict
from s3sync.s3.engine.operation import Operation

SHOWN_DIFFERENCES = 5


def compare_metadata(pair: PairLook) -> Operation[str | None]:
    """What differs, for a person; None where nothing does.

    Raises Concluded where tags or annotations can't be read, or nothing that can be read differs and a side has user
    metadata that can't (C14; AWS: "HeadObject", x-amz-missing-meta).
    """
    source, target, copying = pair.source, pair.target, pair.settings.copying
    if source is None or target is None:
        raise ValueError("metadata are compared of objects that were looked at")
    differences = [
        *described_otherwise(source, target),
        *redirected_otherwise(source, target),
        *stored_otherwise(copying, source.values.get("StorageClass"), target),
    ]
    if copying.tags:
        replies = yield from pair.ask(*pair.on_both("GetObjectTagging"))
        for reply in replies:
            if not reply.ok:
                raise Concluded(pair.failed(reply))
        differences += tagged_otherwise(*(reply.values.get("TagSet", []) for reply in replies))
    if copying.annotations:
        differences += yield from differing_annotations(pair)
    if not differences:
        if unreadable(source, target):
            raise Concluded(pair.found(Verdict.UNPROVABLE, Evidence.NONE, MISSING_META))
        return None
    more = len(differences) - SHOWN_DIFFERENCES
    return "; ".join(differences[:SHOWN_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")
