"""What looking at single objects will cost, before it is done: requests by S3 operation, and bytes of bodies."""

from collections import Counter

from s3sync.config.model import CheckConfig
from s3sync.model.limits import MIB
from s3sync.planning.cost import Estimate
from s3sync.planning.filters import STANDARD

CHUNK_BYTES = 4 * MIB  # of a body, in one request: aws/body_evidence.py


def look_estimate(open_objects: int, matched: int, open_bytes: int, check: CheckConfig, *, tags: bool) -> Estimate:
    """The most that looking at these objects asks of S3.

    | what                                        | requests for each object                                     |
    |---------------------------------------------|--------------------------------------------------------------|
    | open, or any with `metadata`                | 2 HeadObject                                                 |
    | with `metadata` and tags, if equal          | 2 GetObjectTagging                                           |
    | of parts, unequal, as many parts            | 2 HeadObject a part, which no listing shows: not counted     |
    | with `deep`, where still open               | GetObject, one for each 4 MiB of either side                 |

    `open_bytes` are those of both sides of the open objects; `matched` of the objects are not open but for metadata.
    """
    requests: Counter[tuple[str, str]] = Counter({("HeadObject", STANDARD): 2 * open_objects})
    if check.metadata and tags:
        requests["GetObjectTagging", STANDARD] = 2 * open_objects
    read_bytes = deep_bytes(open_bytes, check)
    if read_bytes:
        pieces = -(-read_bytes // CHUNK_BYTES)
        requests["GetObject", STANDARD] = max(pieces, min(2 * (open_objects - matched), pieces + open_objects))
    return Estimate(+requests, Counter({STANDARD: read_bytes} if read_bytes else {}))


def deep_bytes(open_bytes: int, check: CheckConfig) -> int:
    """How many bytes of bodies are read at most."""
    if not check.deep and check.deep_sample is None:
        return 0
    wanted = open_bytes if check.deep_sample is None else int(open_bytes * check.deep_sample)
    return wanted if check.max_deep_bytes is None else min(wanted, check.max_deep_bytes)
