"""What looking at single objects will cost, before it is done: requests by S3 operation, and bytes of bodies."""

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.config.model import CheckConfig
from s3sync.model import etag as etags
from s3sync.model.limits import MIB
from s3sync.planning.cost import Estimate
from s3sync.planning.filters import STANDARD

CHUNK_BYTES = 4 * MIB  # of a body, in one request
PARTS_LOOKED_AT = 200  # beyond so many HEADs for each side, reading a share of the bodies is the better evidence


def look_estimate(open_objects: int, part_requests: int, check: CheckConfig, *, tags: bool) -> Estimate:
    """The most that looking at these objects asks of S3, requests that are sent again aside.

    | what                                        | requests for each object             |
    |---------------------------------------------|--------------------------------------|
    | any                                         | 2 HeadObject                         |
    | of parts, unequal, as many parts            | `part_heads`, of all `part_requests` |
    | with `metadata` and tags, if equal          | 2 GetObjectTagging                   |
    """
    requests: Counter[tuple[str, str]] = Counter({("HeadObject", STANDARD): 2 * open_objects + part_requests})
    if check.metadata and tags:
        requests["GetObjectTagging", STANDARD] = 2 * open_objects
    return Estimate(+requests)


# | ETags                                                          | requests                               |
# |----------------------------------------------------------------|----------------------------------------|
# | unequal, of as many parts on both sides, 2 to PARTS_LOOKED_AT  | HEAD of part 1 and of each part, both  |
# | any other                                                      | none                                   |
def part_heads(rows: pa.Table) -> int:
    """How many requests the boundaries of parts take at most, of a table with `source_etag` and `target_etag`."""
    mine, others = (pc.extract_regex(rows[f"{side}_etag"], etags.PARTS_PATTERN) for side in ("source", "target"))
    same = pc.and_(pc.equal(_parts(mine), _parts(others)), pc.not_equal(rows["source_etag"], rows["target_etag"]))
    counts = _parts(mine).filter(pc.fill_null(same, False)).cast(pa.int64())
    counts = counts.filter(pc.and_(pc.greater(counts, 1), pc.less_equal(counts, PARTS_LOOKED_AT)))
    return 2 * ((pc.sum(counts).as_py() or 0) + len(counts))


def _parts(found: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.struct_field(found, "parts")


def read_estimate(objects: int, cost_bytes: int, check: CheckConfig, *, tags: bool) -> Estimate:
    """The most that reading the bodies of these objects asks of S3: they are looked at once more, then GetObject for
    each `CHUNK_BYTES` of the `cost_bytes`, or of what the budget leaves of them."""
    read_bytes = cost_bytes if check.max_deep_bytes is None else min(cost_bytes, check.max_deep_bytes)
    looks = look_estimate(objects, 0, check, tags=tags)
    # Of each body that is read the last piece may be a short one.
    pieces = Counter({("GetObject", STANDARD): -(-read_bytes // CHUNK_BYTES) + 2 * objects if read_bytes else 0})
    return looks + Estimate(+pieces, Counter({STANDARD: read_bytes} if read_bytes else {}))
