"""The last evidence: the bytes. Read in ranges, in order, each tied to the object that was looked at; whatever the
size of the object, little of it is in memory at a time (C11).

Where one side shows the MD5 of its content, only the other is read, and hashed. Else both are read and compared byte by
byte, which ends at the first difference.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import md5

from s3sync.checking.evidence_headers import Looked, with_metadata
from s3sync.checking.object_check import Concluded, LookSettings, PairLook
from s3sync.copying.look_source import Head
from s3sync.model import etag as etags
from s3sync.model.finding import Evidence, Finding, Verdict
from s3sync.planning.cost import CHUNK_BYTES
from s3sync.s3.engine.operation import Operation
from s3sync.s3.request import Reply, Request, Side

Range = tuple[int, int]  # first and last byte


# | shows the MD5 of its content | reads       | bytes    |
# |------------------------------|-------------|----------|
# | the source                   | the target  | size     |
# | the target                   | the source  | size     |
# | neither                      | both        | 2 x size |
#
# Both is impossible: such a pair is settled by its ETags.
def cost_bytes(looked: Looked) -> int:
    """How many bytes `read_bodies` reads at most."""
    source, target = _heads(looked)
    return source.size_bytes * (1 if _shows_md5(source) or _shows_md5(target) else 2)


def read_bodies(looked: Looked, settings: LookSettings) -> Operation[Finding]:
    """Settle an object that is open by what is in it."""
    source, target = _heads(looked)
    pair = PairLook(looked.finding, settings)
    pair.source, pair.target = source, target
    try:
        if _shows_md5(source):
            is_equal = (yield from _md5_of(pair, Side.TARGET, target)) == source.etag
        elif _shows_md5(target):
            is_equal = (yield from _md5_of(pair, Side.SOURCE, source)) == target.etag
        else:
            is_equal = yield from _are_alike(pair, source, target)
        if not is_equal:
            return pair.differs(Verdict.CONTENT_DIFFERS, Evidence.BODY)
        finding = yield from with_metadata(pair.found(Verdict.MATCH, Evidence.BODY), pair)
        return replace(finding, read_bytes=pair.read_bytes)
    except Concluded as end:
        return end.finding


def _heads(looked: Looked) -> tuple[Head, Head]:
    if looked.source is None or looked.target is None:
        raise ValueError("only an object that is open has anything left to look at")
    return looked.source, looked.target


def _shows_md5(head: Head) -> bool:
    return etags.is_plain(head.etag) and not head.hides_md5


def _md5_of(pair: PairLook, side: Side, head: Head) -> Operation[str]:
    digest = md5(usedforsecurity=False)
    for piece in _ranges(head.size_bytes):
        replies = yield from pair.ask(_get(pair, side, head, piece))
        digest.update(_bodies(pair, replies, piece)[0])
    return digest.hexdigest()


def _are_alike(pair: PairLook, source: Head, target: Head) -> Operation[bool]:
    for piece in _ranges(source.size_bytes):
        replies = yield from pair.ask(_get(pair, Side.SOURCE, source, piece), _get(pair, Side.TARGET, target, piece))
        mine, other = _bodies(pair, replies, piece)
        if mine != other:
            return False
    return True


def _ranges(size_bytes: int) -> Iterator[Range]:
    return ((at, min(at + CHUNK_BYTES, size_bytes) - 1) for at in range(0, size_bytes, CHUNK_BYTES))


def _get(pair: PairLook, side: Side, head: Head, piece: Range) -> Request:
    params = {"Range": f"bytes={piece[0]}-{piece[1]}"}
    if head.etag is not None:
        params["IfMatch"] = f'"{head.etag}"'
    request = pair.on(side, "GetObject", **params)
    request.memory_bytes = piece[1] - piece[0] + 1
    return request


def _bodies(pair: PairLook, replies: Sequence[Reply], piece: Range) -> list[bytes]:
    """The bodies of the replies. Raises Concluded where one could not be had, or is not what was asked for."""
    found = []
    for reply in replies:
        if not reply.ok:
            raise Concluded(pair.failed(reply))
        body: bytes = reply.values["Body"]
        pair.read_bytes += len(body)
        if len(body) != piece[1] - piece[0] + 1:
            message = f"GetObject on the {reply.request.side}: {len(body)} bytes came for a range of {piece}"
            raise Concluded(pair.found(Verdict.ERROR, Evidence.NONE, message))
        found.append(body)
    return found
