"""Giants: objects so large that many tasks copy one of them, each some of its parts.

In a plan a giant is a batch of its own, so that it is one task with one outcome like any other object (C1).
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.config.model import CopyConfig
from s3sync.model import etag as etags
from s3sync.model.limits import COPY_OBJECT_MAX_BYTES, GIB
from s3sync.model.outcome import ErrorClass, Outcome, Status
from s3sync.model.task import Method
from s3sync.planning.batches import TASKS_MAX

ROUNDS = 3  # how often one driver tries what is missing of a giant
PIECE_MOST_BYTES = 8 * GIB  # a piece that is lost with its worker is done again
PIECES_LEAST = 16
PIECES_MAX = 20_000

NO_SUCH_UPLOAD = "NoSuchUpload"
INVALID_PART = "InvalidPart"
_UPLOAD_IS_SPENT = (NO_SUCH_UPLOAD, INVALID_PART, "ConditionalRequestConflict")


@dataclass(frozen=True, slots=True)
class GiantRule:
    """Which rows of a plan are giants.

    | method                | size            | preserve_etags, ETag plain, up to 5 GiB | then   |
    |-----------------------|-----------------|-----------------------------------------|--------|
    | copy_object           | any             |                                         | no     |
    | multipart_copy, relay | unknown         |                                         | no     |
    | multipart_copy, relay | under threshold |                                         | no     |
    | multipart_copy, relay | threshold up    | yes                                     | no     |
    | multipart_copy, relay | threshold up    | no                                      | giant  |

    A plain ETag is kept by one request only, which no two tasks can share.
    """

    threshold_bytes: int
    preserve_etags: bool = False

    @classmethod
    def of(cls, copy: CopyConfig, estimated_bytes: int) -> "GiantRule":
        """Where there are very many, the smaller ones are left to ordinary batches: half of all tasks may be giants."""
        return cls(max(copy.giant_threshold_bytes, -(-2 * estimated_bytes // TASKS_MAX)), copy.preserve_etags)

    def mask(self, plan: pa.Table) -> pa.ChunkedArray:
        """Which rows are giants (schema `model.tables.PLAN`)."""
        by_parts = pc.is_in(plan["method"], pa.array([str(Method.MULTIPART_COPY), str(Method.RELAY)]))
        is_giant = pc.and_(by_parts, pc.fill_null(pc.greater_equal(plan["size"], self.threshold_bytes), False))
        if self.preserve_etags:
            is_plain = pc.fill_null(pc.match_substring_regex(plan["etag"], etags.PLAIN_PATTERN), False)
            keeps = pc.and_(is_plain, pc.fill_null(pc.less_equal(plan["size"], COPY_OBJECT_MAX_BYTES), False))
            is_giant = pc.and_(is_giant, pc.invert(keeps))
        return is_giant

    def separate(self, plan: pa.Table) -> tuple[pa.Table, pa.Table]:
        """The giants, and the other rows."""
        is_giant = self.mask(plan)
        if not pc.any(is_giant).as_py():
            return plan.slice(0, 0), plan
        return plan.filter(is_giant), plan.filter(pc.invert(is_giant))


def piece_bytes(size_bytes: int, all_giants_bytes: int) -> int:
    """How much of a giant one task copies: a sixteenth, 8 GiB at most; more where the tasks would be too many."""
    return max(1, min(PIECE_MOST_BYTES, size_bytes // PIECES_LEAST), all_giants_bytes // PIECES_MAX)


def pieces(part_sizes: Sequence[int], there: Collection[int], most_bytes: int) -> Iterator[tuple[int, ...]]:
    """The numbers of the parts that are not `there` yet, in portions of up to `most_bytes`, at least one part each."""
    portion: list[int] = []
    weight = 0
    for number, size_bytes in enumerate(part_sizes, start=1):
        if number in there:
            continue
        if portion and weight + size_bytes > most_bytes:
            yield tuple(portion)
            portion, weight = [], 0
        portion.append(number)
        weight += size_bytes
    if portion:
        yield tuple(portion)


class Next(StrEnum):
    """What follows when the finishing step has looked at a giant."""

    SETTLE = "settle"
    GO_ON = "go_on"  # what is missing is tried again, in the same upload
    OPEN_ANEW = "open_anew"  # the upload is gone, or of no use: all is done again in a new one


# | outcome                                     | last round | then      |
# |---------------------------------------------|------------|-----------|
# | not failed                                  | any        | SETTLE    |
# | failed: NoSuchUpload, InvalidPart,          | no         | OPEN_ANEW |
# | ConditionalRequestConflict                  |            |           |
# | failed for what passes (transient, throttled) | no       | GO_ON     |
# | failed otherwise                            | any        | SETTLE    |
# | failed                                      | yes        | SETTLE    |
def after(outcome: Outcome, *, is_last: bool) -> Next:
    """What to do with a giant that came to `outcome`."""
    if outcome.status is not Status.FAILED or is_last:
        return Next.SETTLE
    if outcome.error_code in _UPLOAD_IS_SPENT:
        return Next.OPEN_ANEW
    return Next.GO_ON if is_passing(outcome.error_class) else Next.SETTLE


def is_passing(error_class: ErrorClass | None) -> bool:
    return error_class is not None and error_class.is_retried


def telling(failures: Sequence[Outcome]) -> Outcome | None:
    """Of what went wrong with parts, what the giant comes to: what no further try mends before what needs a new upload
    before what passes; of those the first."""
    ranks = (Next.SETTLE, Next.OPEN_ANEW, Next.GO_ON)
    return min(failures, key=lambda each: ranks.index(after(each, is_last=False)), default=None)
