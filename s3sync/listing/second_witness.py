"""Whether an object that an answer says is not there is really gone: S3's own word about that key, or a listing (C17).

A load balancer answers 404 as well as S3 does, a HEAD has no body to say what is missing, and a server that reads a key
in `x-amz-copy-source` in another way says NoSuchKey about another key. So a source is given up as vanished only where
the error names it, or a listing of its key does not show it.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from s3sync.listing.page import PageReader, PageRefused
from s3sync.s3.request import Reply, Request, Side

NOT_FOUND_STATUS = 404
NOT_FOUND_THOUGH_LISTED = "NotFoundThoughListed"
NO_SUCH_OBJECT = frozenset({"NoSuchKey", "NoSuchVersion"})

Ask = Callable[[Request], Generator[Sequence[Request], Sequence[Reply], Sequence[Reply]]]


# | code                   | the error's Key | the request has If-Match on the target | then          |
# |------------------------|-----------------|----------------------------------------|---------------|
# | NoSuchKey, NoSuchVersion | the source's  | no                                     | proved        |
# | NoSuchKey, NoSuchVersion | the source's  | yes: it may be the target that is gone | ask a listing |
# | NoSuchKey, NoSuchVersion | another, none | any                                    | ask a listing |
# | 404, to a HEAD           |               | any                                    | ask a listing |
# | ForeignAnswer            |               | any                                    | ask a listing |
def proves_absence(reply: Reply, key: str) -> bool:
    """True where an answer is S3's own word that there is no such object."""
    is_of_target = reply.request.side is Side.TARGET and "IfMatch" in reply.request.params
    return reply.code in NO_SUCH_OBJECT and reply.values.get("Key") == key and not is_of_target


# | the page                                  | then                                        |
# |-------------------------------------------|---------------------------------------------|
# | has the key (and the version)             | a reply: NotFoundThoughListed               |
# | has it not, and nothing of it can follow  | None: the object is gone                    |
# | has it not, and more versions follow      | a reply: Truncated                          |
# | failed, or is no page                     | that reply: NoSuchBucket, AccessDenied, ... |
def listed_object(
    ask: Ask, side: Side, bucket: Mapping[str, Any], key: str, version_id: str | None = None
) -> Generator[Sequence[Request], Sequence[Reply], Reply | None]:
    """None where one page of a listing shows that there is no such object; else a failed reply that says why that is
    not known. `bucket` has the parameters of all requests to it."""
    has_versions = version_id is not None
    operation = "ListObjectVersions" if has_versions else "ListObjectsV2"
    page = {"MaxKeys": 1000 if has_versions else 1, "Prefix": key, "EncodingType": "url"}
    (reply,) = yield from ask(Request(operation, side, {**bucket, **page}, is_raw=True))
    if not reply.ok:
        return reply
    try:
        found = PageReader(versions=has_versions).read(reply.values["Body"], "", key)
    except PageRefused as error:
        return _failed(reply, "Truncated", str(error))
    keys, versions = found.objects["key"].to_pylist(), found.objects["version_id"].to_pylist()
    if has_versions and (key, version_id) not in zip(keys, versions, strict=True):
        if found.is_truncated and keys[-1:] in ([key], []):
            return _failed(reply, "Truncated", "the key has more versions than one page shows")
        return None
    if key not in keys:
        return None
    message = f"404, and a listing of the {side} shows this very key: does the server read it differently?"
    return _failed(reply, NOT_FOUND_THOUGH_LISTED, message)


def _failed(reply: Reply, code: str, message: str) -> Reply:
    return replace(reply, status=0, code=code, message=message, values={})
