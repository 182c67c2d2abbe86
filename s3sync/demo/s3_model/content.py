"""Bodies, and what S3 says of them: ETags and checksums.

A body is bytes, or, where its size matters and its bytes do not, `Spans`: pieces of named contents, which can be cut
and joined like bytes and take no memory.
"""

import zlib
from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import md5, sha1, sha256
from typing import NamedTuple, TypeAlias


class Span(NamedTuple):
    """Bytes `first` to `end`, the latter not included, of the content of this name."""

    name: str
    first: int
    end: int


class Spans(tuple[Span, ...]):
    """A body of any size. Neighbours that continue each other are one, so that equal bodies are equal values."""

    __slots__ = ()

    @classmethod
    def of(cls, name: str, size_bytes: int) -> "Spans":
        return cls((Span(name, 0, size_bytes),))


Body: TypeAlias = bytes | Spans

_CRC64_NVME = 0x9A6C9329AC4BC9B5  # reversed


def size_of(body: Body) -> int:
    return len(body) if isinstance(body, bytes) else sum(span.end - span.first for span in body)


def cut(body: Body, first: int, last: int) -> Body:
    """Bytes `first` to `last`, both included, as ranges of HTTP name them."""
    if isinstance(body, bytes):
        return body[first : last + 1]
    found, at = [], 0
    for span in body:
        size = span.end - span.first
        begin, end = max(first - at, 0), min(last + 1 - at, size)
        if begin < end:
            found.append(Span(span.name, span.first + begin, span.first + end))
        at += size
    return Spans(found)


def joined(bodies: Iterable[Body]) -> Body:
    pieces = list(bodies)
    if all(isinstance(piece, bytes) for piece in pieces):
        return b"".join(piece for piece in pieces if isinstance(piece, bytes))
    found: list[Span] = []
    for span in (span for piece in pieces for span in _spans(piece)):
        if found and found[-1].name == span.name and found[-1].end == span.first:
            found[-1] = Span(span.name, found[-1].first, span.end)
        else:
            found.append(span)
    return Spans(found)


def _spans(body: Body) -> Spans:
    if isinstance(body, bytes):
        return Spans((Span(f"bytes {body.hex()}", 0, len(body)),) if body else ())
    return body


def _bytes(body: Body) -> bytes:
    return body if isinstance(body, bytes) else repr(tuple(body)).encode()


def md5_hex(body: Body) -> str:
    return md5(_bytes(body), usedforsecurity=False).hexdigest()


def hides_md5(encryption: str | None) -> bool:
    return encryption not in (None, "AES256")


# | encryption                 | written in one piece     | written by N parts              |
# |----------------------------|--------------------------|---------------------------------|
# | none, SSE-S3 (AES256)      | MD5 of the content       | MD5 of the parts' MD5s, then -N |
# | SSE-KMS, DSSE-KMS, SSE-C   | no MD5, another each time| no MD5s, then -N                |
def etag_of(body: Body, encryption: str | None, nonce: int) -> str:
    """The ETag of what is written in one piece, a part included. Source: "Common response headers", ETag."""
    if not hides_md5(encryption):
        return md5_hex(body)
    return md5(b"%d %b" % (nonce, md5_hex(body).encode()), usedforsecurity=False).hexdigest()


def etag_of_parts(part_etags: Sequence[str]) -> str:
    """Source: "Checking object integrity for data uploads in Amazon S3", multipart uploads [embedded, radosgw]."""
    digest = md5(b"".join(map(bytes.fromhex, part_etags)), usedforsecurity=False)
    return f"{digest.hexdigest()}-{len(part_etags)}"


def _crc64_nvme(data: bytes) -> bytes:
    crc = 0xFFFFFFFFFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (_CRC64_NVME if crc & 1 else 0)
    return (crc ^ 0xFFFFFFFFFFFFFFFF).to_bytes(8, "big")


_ALGORITHMS = {
    "CRC32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "CRC64NVME": _crc64_nvme,
    "SHA1": lambda data: sha1(data, usedforsecurity=False).digest(),
    "SHA256": lambda data: sha256(data).digest(),
}


# | written                           | type        | value                                          |
# |-----------------------------------|-------------|------------------------------------------------|
# | in one piece, any algorithm       | FULL_OBJECT | of the content                                 |
# | by N parts, CRC64NVME             | FULL_OBJECT | of the content                                 |
# | by N parts, CRC32, SHA1, SHA256   | COMPOSITE   | of the parts' checksums one after the other, -N |
def checksum(algorithm: str, body: Body, parts: Sequence[Body] | None) -> tuple[str, str]:
    """Value and type. Source: "Checking object integrity in Amazon S3", full object and composite checksums."""
    of = _ALGORITHMS[algorithm]
    if parts is None or algorithm == "CRC64NVME":
        return b64encode(of(_bytes(body))).decode(), "FULL_OBJECT"
    together = of(b"".join(of(_bytes(part)) for part in parts))
    return f"{b64encode(together).decode()}-{len(parts)}", "COMPOSITE"
