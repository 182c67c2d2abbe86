"""Tags that no header can carry: `x-amz-tagging` takes 2 KiB, and ten tags may have many times that, encoded.

Such an object is written without tags, all of them follow by PutObjectTagging, and the copy is not done before. A
repeat that finds the object without any puts them, whatever it may overwrite.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from s3sync.copying.object_copy import CopyJob
from s3sync.model.limits import TAGGING_HEADER_MAX_BYTES
from s3sync.model.outcome import Outcome, Status
from s3sync.s3.engine.operation import Operation
from s3sync.s3.request import Reply


def tagging_of(replies: Sequence[Reply]) -> str:
    """The tags of one answer, or of none, as `Tagging` wants them: a space as %20, for radosgw takes + as it stands."""
    tags = [(tag["Key"], tag["Value"]) for reply in replies for tag in reply.values.get("TagSet", [])]
    return urlencode(tags, quote_via=quote)


def is_late(tagging: str) -> bool:
    """True for tags, as `Tagging` wants them, that don't fit the header."""
    return len(tagging) > TAGGING_HEADER_MAX_BYTES


# | outcome   | late tags | PutObjectTagging | then            |
# |-----------|-----------|------------------|-----------------|
# | not copied |          |                  | as it is        |
# | copied    | none      |                  | as it is        |
# | copied    | some      | done             | as it is        |
# | copied    | some      | failed           | failed, with it |
def put_late_tags(job: CopyJob, outcome: Outcome) -> Operation[Outcome]:
    """What a copy comes to, once the tags that could not go with it are there too."""
    if outcome.status is not Status.COPIED or not job.late_tagging:
        return outcome
    tags: list[dict[str, Any]] = [
        {"Key": key, "Value": value} for key, value in parse_qsl(job.late_tagging, keep_blank_values=True)
    ]
    reply = yield from job.ask_one(job.on_target("PutObjectTagging", Tagging={"TagSet": tags}))
    return job.tidied(outcome, None) if reply.ok else job.failed(reply)
