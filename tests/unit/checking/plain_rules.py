"""What `checking.rules` says, of one object: the table above `rule_all`, written out."""

from datetime import datetime

from s3sync.checking.rules import Compared, Moments
from s3sync.model.finding import Ruling
from s3sync.model.same_content import Likeness
from tests.unit.planning.plain_decision import Seen, likeness

BY_CONTENT = {
    Likeness.SIZE_UNKNOWN: Ruling.SIZE_UNKNOWN,
    Likeness.SIZES_DIFFER: Ruling.SIZES_DIFFER,
    Likeness.EMPTY: Ruling.EMPTY,
    Likeness.ETAGS_EQUAL: Ruling.ETAGS_EQUAL,
    Likeness.ETAGS_DIFFER: Ruling.ETAGS_DIFFER,
}


def rule(source: Seen | None, target: Seen | None, compared: Compared) -> Ruling:
    if source is None or target is None:
        return _by_presence(source, target, compared)
    hidden = compared.source_hides_md5, compared.target_hides_md5
    difference = BY_CONTENT.get(likeness(source, target, *hidden), Ruling.NOT_COMPARABLE)
    if difference not in (Ruling.SIZES_DIFFER, Ruling.ETAGS_DIFFER):
        return difference
    if _is_newer(source, compared.moments.changed_after):
        return Ruling.CHANGED
    return Ruling.LATE if _is_late(source, target, compared.moments) else difference


def _by_presence(source: Seen | None, target: Seen | None, compared: Compared) -> Ruling:
    moments = compared.moments
    lags = (source is None and compared.source_is_report) or (target is None and compared.target_is_report)
    if compared.of_run and lags:
        return Ruling.UNREPORTED
    if source is None:
        if compared.of_run or target is None:
            return Ruling.GONE_FROM_BOTH if target is None else Ruling.GONE_FROM_SOURCE
        return Ruling.LATE if _is_newer(target, moments.source_seen_at) else Ruling.EXTRA
    if _is_newer(source, moments.changed_after):
        return Ruling.CHANGED
    return Ruling.LATE if _is_newer(source, moments.target_seen_at) else Ruling.ABSENT


def _is_newer(side: Seen, moment: datetime | None) -> bool:
    return moment is not None and side.last_modified is not None and side.last_modified > moment


def _is_late(source: Seen, target: Seen, moments: Moments) -> bool:
    return _is_newer(source, moments.target_seen_at) or _is_newer(target, moments.source_seen_at)
