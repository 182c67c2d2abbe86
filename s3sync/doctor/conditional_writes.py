"""What the target asks of writes, and what conditions on them ask of the role: a bucket may demand conditions, If-Match
needs s3:GetObject beside s3:PutObject (AWS: "How to prevent object overwrites with conditional writes"), and a bucket
that locks what is written keeps every probe for as long.
"""

from base64 import b64encode
from collections.abc import Iterator
from hashlib import md5
from typing import Any

from s3sync.doctor.sides import ExaminedSide, RefusedCall, asked
from s3sync.doctor.symptom import Symptom, ok, problem, warning

BODY = b"s3sync doctor"
FOREIGN = '"00000000000000000000000000000000"'  # the ETag of no object
_WRONG = frozenset({"BadDigest", "InvalidDigest"})
HELD = frozenset({"PreconditionFailed", "412"})


def digest_of(body: bytes) -> str:
    return b64encode(md5(body, usedforsecurity=False).digest()).decode()


# | write without a condition | with If-None-Match | then                                                           |
# |---------------------------|--------------------|----------------------------------------------------------------|
# | done                      | not sent           | the probe is written                                           |
# | denied                    | done               | the probe is written; the bucket demands conditions            |
# | denied                    | denied, or other   | the first answer                                               |
# | any other                 | not sent           | the answer                                                     |
def put_probe(side: ExaminedSide, given: dict[str, Any]) -> tuple[Any, bool]:
    """The answer to the write of a probe object, and whether it had to have a condition."""
    put = {**given, "Body": BODY, "ContentMD5": digest_of(BODY)}
    answer: Any = asked(lambda: side.s3.put_object(**put))
    if not isinstance(answer, RefusedCall) or not answer.is_denial:
        return answer, False
    guarded: Any = asked(lambda: side.s3.put_object(**put, IfNoneMatch="*"))
    return (answer, False) if isinstance(guarded, RefusedCall) else (guarded, True)


# | conditions demanded | If-Match that holds | If-Match that does not | then                                       |
# |---------------------|---------------------|------------------------|--------------------------------------------|
# | any                 | denied              |                        | problem: s3:GetObject is missing           |
# | yes                 | done                | refused                | ok, and that each target is looked at      |
# | no                  | done                | refused                | ok                                         |
# | any                 | any other           | any other              | warning: targets are looked at first       |
def conditions(side: ExaminedSide, given: dict[str, Any], etag: str, *, are_demanded: bool) -> Symptom:
    """What becomes of a write with If-Match, on the probe that was written."""
    topic = side.topic("conditions")
    put = {**given, "Body": BODY, "ContentMD5": digest_of(BODY)}
    right: Any = asked(lambda: side.s3.put_object(**put, IfMatch=etag))
    if isinstance(right, RefusedCall) and right.is_denial:
        return problem(
            topic,
            f"a write with If-Match is denied: {right.message}",
            f"allow s3:GetObject on {side.bucket} to the target's role: If-Match needs it beside s3:PutObject",
        )
    wrong: Any = asked(lambda: side.s3.put_object(**put, IfMatch=FOREIGN))
    if isinstance(right, RefusedCall) or not isinstance(wrong, RefusedCall) or wrong.code not in HELD:
        return warning(
            topic,
            "If-Match on PutObject is not heeded as S3 does it",
            "nothing to do: a run tries out each form, and looks at a target right before it is written instead",
        )
    if are_demanded:
        return ok(topic, "the bucket demands conditional writes: a run looks at each target before it writes")
    return ok(topic, "writes with If-Match are heeded")


def locks(side: ExaminedSide) -> bool:
    """Whether what is written is locked for a while by default; False where that may not be looked at."""
    answer: Any = asked(lambda: side.s3.get_object_lock_configuration(**side.given))
    if isinstance(answer, RefusedCall):
        return False
    return bool(answer.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention"))


# | PutObject whose body is not the one of its MD5 | then                                            |
# |------------------------------------------------|-------------------------------------------------|
# | BadDigest, InvalidDigest                       | ok: the write was allowed, and nothing written   |
# | denied                                         | problem                                         |
# | done                                           | warning: this server wrote it, and it stays      |
# | any other                                      | problem, with the answer                        |
def locked_write(side: ExaminedSide, given: dict[str, Any], key: str) -> Iterator[Symptom]:
    """The permission to write, where a probe could not be removed again."""
    topic = side.topic("write")
    put = {**given, "Key": key, "Body": BODY, "ContentMD5": digest_of(b"")}
    answer: Any = asked(lambda: side.s3.put_object(**put))
    if not isinstance(answer, RefusedCall):
        yield warning(topic, f"the server takes a wrong Content-MD5; {key} stays for the retention", "nothing to do")
    elif answer.code in _WRONG:
        yield ok(topic, "s3:PutObject works; what is written is locked, so no probe object is")
    elif answer.is_denial:
        yield problem(
            topic, f"is denied: {answer.message}", f"allow s3:PutObject on {side.bucket} to the target's role"
        )
    else:
        yield problem(topic, f"fails: {answer}", f"allow s3:PutObject; see what {side.bucket} is")
