"""A sample of objects that is the same each time: it depends on the keys alone."""

from hashlib import sha256

_WHOLE = 2**64


def is_sampled(key: str, share: float) -> bool:
    """Whether the key is in a sample of this share of all keys, above 0 and up to 1. A larger share has all keys that
    a smaller one has."""
    return int.from_bytes(sha256(key.encode()).digest()[:8], "big") < share * _WHOLE
