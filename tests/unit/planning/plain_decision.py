"""What `planning.decision` decides, for one object: the table above `decide_all`, written out."""

from dataclasses import dataclass
from datetime import datetime

from s3sync.model.etag import hides_md5
from s3sync.model.same_content import Content, Likeness, compare
from s3sync.model.task import Overwrite
from s3sync.planning.decision import Reason

BY_CONTENT = {
    Likeness.SIZE_UNKNOWN: Reason.UNKNOWN_SIZE,
    Likeness.SIZES_DIFFER: Reason.SIZE_DIFFERS,
    Likeness.EMPTY: Reason.EMPTY,
    Likeness.ETAGS_EQUAL: Reason.ETAG_EQUAL,
    Likeness.ETAGS_DIFFER: Reason.ETAG_DIFFERS,
    Likeness.ETAGS_MAY_DIFFER: Reason.ETAG_DIFFERS,
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One side of an object, as its listing shows it."""

    size: int | None
    etag: str | None
    last_modified: datetime | None
    encryption: str | None = None

    def content(self, hidden_by_default: bool) -> Content:
        hidden = hidden_by_default if self.encryption is None else hides_md5(self.encryption)
        return Content(self.size, self.etag, hidden, self.encryption is not None)


def likeness(source: Seen, target: Seen, source_hides_md5: bool, target_hides_md5: bool) -> Likeness:
    """As `compare_all` has it: what parts tell is left to a look."""
    found = compare(source.content(source_hides_md5), target.content(target_hides_md5))
    return Likeness.NOT_COMPARABLE if found in (Likeness.PARTS_EQUAL, Likeness.PARTS_DIFFER) else found


def decide(
    source: Seen,
    target: Seen | None,
    overwrite: Overwrite,
    *,
    looked: bool = True,
    source_hides_md5: bool = False,
    target_hides_md5: bool = False,
) -> Reason:
    if not looked:
        return Reason.NOT_LOOKED
    if target is None:
        return Reason.MISSING
    if overwrite is not Overwrite.CHANGED:
        return Reason.ALWAYS if overwrite is Overwrite.ALWAYS else Reason.EXISTS
    reason = BY_CONTENT.get(likeness(source, target, source_hides_md5, target_hides_md5))
    if reason is not None:
        return reason
    if source.last_modified is None or target.last_modified is None:
        return Reason.UNKNOWN_TIME
    return Reason.SIZE_AND_TIME if target.last_modified > source.last_modified else Reason.SOURCE_IS_NEWER
