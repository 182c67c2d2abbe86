"""What an ETag says, and when two of them can be compared.

Source: "Object integrity" and "Common response headers" (ETag) in the S3 documentation: an MD5 only for
single-part objects that are not encrypted with SSE-KMS, DSSE-KMS or SSE-C; `md5(part md5s)-N` for uploads by parts.
"""

import re
from hashlib import md5

from s3sync.model.closed_sets import ENCRYPTION_STATUSES, ENCRYPTIONS

# Regular expressions, for whole columns; the functions below go by the same.
PLAIN_PATTERN = r"\A[0-9a-f]{32}\z"
PARTS_PATTERN = r"\A[0-9a-f]{32}-(?P<parts>[1-9][0-9]{0,4})\z"
PLAIN_OR_PARTS_PATTERN = r"\A[0-9a-f]{32}(?:-[1-9][0-9]{0,4})?\z"

_PLAIN = re.compile(r"[0-9a-f]{32}")
_SHOWING_MD5 = frozenset(
    {
        "",
        *(name.upper() for name, kind in ENCRYPTIONS.items() if kind.shows_md5),
        *(name for name, shows_md5 in ENCRYPTION_STATUSES.items() if shows_md5),
    }
)
_MULTIPART = re.compile(r"[0-9a-f]{32}-([1-9][0-9]{0,4})")


def bare(etag: str | None) -> str | None:
    """The ETag without quotes and without a weak mark; None where there is none."""
    if not etag:
        return None
    return etag.removeprefix("W/").strip('"') or None


def folded(etag: str | None) -> str | None:
    """The ETag to be compared with another server's: hexadecimal digits have no case, and some servers write capitals.
    What is sent back to a server is never folded."""
    return etag.lower() if etag else etag


def part_count(etag: str | None) -> int:
    """The number of parts an ETag shows; 0 for a plain or a foreign one, or none at all."""
    found = _MULTIPART.fullmatch(etag or "")
    return int(found[1]) if found else 0


def is_plain(etag: str | None) -> bool:
    """True where the ETag has the form of an MD5 (it need not be one: see `encryption`)."""
    return bool(_PLAIN.fullmatch(etag or ""))


def of_parts(part_etags: list[str]) -> str:
    """The ETag that S3 gives an upload whose parts have these (plain, unquoted) ETags."""
    digest = md5(b"".join(bytes.fromhex(part) for part in part_etags), usedforsecurity=False)
    return f"{digest.hexdigest()}-{len(part_etags)}"


def hides_md5(encryption: str | None) -> bool:
    """True where this kind of encryption makes an ETag that is no MD5.

    Accepts the words of the inventory (`SSE-KMS`, `SSE-S3`, `NOT-SSE`, ...) and of the API (`aws:kms`, `AES256`). Only
    the kinds that are known to leave the MD5 do so: of one that S3 may have some day nothing is known.
    """
    return (encryption or "").upper() not in _SHOWING_MD5
