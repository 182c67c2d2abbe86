"""XML as S3's servers write it, made fit for a parser. Keys may hold what XML 1.0 can't (control characters, U+FFFE,
U+FFFF), and answers that echo one have it all the same, as it stands or as `&#x1;`."""

import re

REPLACEMENT = "\ufffd"
_REFERENCE = re.compile(rb"&#(?:x([0-9A-Fa-f]{1,8})|([0-9]{1,9}));")
_RAW = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")


def legible(body: bytes) -> bytes:
    """The body with U+FFFD in place of each character that no XML may hold; itself where there is none."""
    if b"&#" in body:
        body = _REFERENCE.sub(_legal_reference, body)
    return _RAW.sub(REPLACEMENT.encode(), body)


def as_read(text: str) -> str:
    """A text as it comes back from an answer that echoes it and was made legible."""
    return legible(text.encode()).decode()


def _legal_reference(found: "re.Match[bytes]") -> bytes:
    point = int(found[1], 16) if found[1] else int(found[2])
    is_legal = point in (0x9, 0xA, 0xD) or 0x20 <= point <= 0xD7FF or 0xE000 <= point <= 0xFFFD  # noqa: PLR2004
    return found[0] if is_legal or 0x10000 <= point <= 0x10FFFF else REPLACEMENT.encode()  # noqa: PLR2004
