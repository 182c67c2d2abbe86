"""Finding out how the source was cut into parts, so that a copy by parts keeps its ETag.

Source: "HeadObject" in the S3 API reference: with `partNumber` the answer is about that part, and
`x-amz-mp-parts-count` says how many there are. These HEADs are not pinned: the parts that are copied are, and their
ETags must add up to the source's.
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from s3sync.copying.look_source import Head, after_refusal
from s3sync.copying.object_copy import CopyJob, Settled
from s3sync.model import etag as etags
from s3sync.model.limits import PART_MAX_BYTES
from s3sync.model.part_layout import Boundaries, Cut, PartLayout, layout, measured, uniform_guess
from s3sync.s3.engine.operation import Operation

Item = TypeVar("Item")

PORTION = 128  # requests of one object that are handed over at once; bounds the memory that a giant takes


def portions(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + PORTION] for start in range(0, len(items), PORTION))


# | source's ETag | HEAD of part 1           | equal parts fit | preserve_etags | then                            |
# |---------------|--------------------------|-----------------|----------------|---------------------------------|
# | not of parts  | not asked for            |                 |                | own parts, NONE                 |
# | of one part   | not asked for            |                 |                | that one part, EXACT            |
# | of N parts    | shows no count, not N    |                 |                | own parts, UNKNOWN              |
# | of N parts    | shows N parts            | yes             |                | equal parts, GUESSED            |
# | of N parts    | shows N parts            | no              | no             | own parts, UNKNOWN              |
# | of N parts    | shows N parts            | no              | yes            | one HEAD a part: `measured_cut` |
def choose_cut(job: CopyJob, source: Head) -> Operation[Cut]:
    """Where to cut. Raises Settled where the source can't be read, or is larger than S3 can hold."""
    count = etags.part_count(source.etag)
    if not count:
        return own_cut(job, source, Boundaries.NONE)
    if count == 1 and source.size_bytes <= PART_MAX_BYTES:
        return Cut(PartLayout((source.size_bytes,)), Boundaries.EXACT)
    first = yield from job.ask_one(job.on_source("HeadObject", PartNumber=1))
    if not first.ok:
        raise Settled((yield from after_refusal(job, first)))
    if first.values.get("PartsCount") != count:
        return own_cut(job, source, Boundaries.UNKNOWN)
    guess = uniform_guess(source.size_bytes, first.values["ContentLength"], count)
    if guess is not None:
        return Cut(guess, Boundaries.GUESSED)
    if job.settings.preserve_etags:
        return (yield from measured_cut(job, source))
    return own_cut(job, source, Boundaries.UNKNOWN)


def measured_cut(job: CopyJob, source: Head) -> Operation[Cut]:
    """The source's parts, looked at one by one. Raises Settled where the source can't be read."""
    sizes: list[int] = []
    for numbers in portions(range(1, etags.part_count(source.etag) + 1)):
        heads = [job.on_source("HeadObject", PartNumber=n) for n in numbers]
        for reply in (yield from job.ask(*heads)):
            if not reply.ok:
                raise Settled((yield from after_refusal(job, reply)))
            sizes.append(reply.values["ContentLength"])
    try:
        return Cut(measured(source.size_bytes, sizes), Boundaries.EXACT)
    except ValueError:  # what the server shows are not its parts
        return own_cut(job, source, Boundaries.UNKNOWN)


def own_cut(job: CopyJob, source: Head, boundaries: Boundaries) -> Cut:
    try:
        return Cut(layout(source.size_bytes, job.part_size_bytes), boundaries)
    except ValueError as error:
        raise Settled(job.failed_with("InvalidParameters", str(error))) from error
