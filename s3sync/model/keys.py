"""Object keys: decoded once where they enter, encoded once where they leave (C10).

Between the two a key is a plain `str` whose UTF-8 bytes are the key. Python orders `str` by code point, which is
the order of the UTF-8 bytes and so the order of S3's listings; the JVM's UTF-16 order is another one.

Texts that come from outside, made fit for a line of a log or a cell of a table.

A number for each key, by which the rows of a key meet in one worker.
"""

import re
from functools import lru_cache
from urllib.parse import quote, unquote_plus

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from xxhash import xxh3_64_intdigest

from s3sync.model.limits import KEY_MAX_BYTES


def from_url(text: str) -> str:
    """A key as CSV inventories and `encoding-type=url` listings write it (a space is `+`).

    Raises UnicodeDecodeError where the bytes are not UTF-8: S3 has no such key.
    """
    return unquote_plus(text, errors="strict")


def to_path(key: str) -> str:
    """The key as the path of a request and in `x-amz-copy-source`: all but unreserved characters and `/` escaped."""
    return key if _is_plain(key) else _quoted(key)


_is_plain = re.compile(r"[A-Za-z0-9_.~/-]*\Z").match


@lru_cache(maxsize=1024)  # a key is mostly the target's and the source's, a moment apart
def _quoted(key: str) -> str:
    return quote(key, safe="/~")


def byte_length(key: str) -> int:
    return len(key.encode())


def is_too_long(key: str) -> bool:
    return byte_length(key) > KEY_MAX_BYTES


def printable(key: str, most: int = 200) -> str:
    """The key for a line of a log or a terminal: no control characters, cut at `most` characters."""
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in key[: most + 1])
    return safe if len(key) <= most else safe[:most] + "…"


MESSAGE_MOST = 300


def one_line(text: str, most: int = MESSAGE_MOST) -> str:
    """Without line breaks and other control characters, cut at `most` characters."""
    line = "".join(c if c.isprintable() else " " for c in " ".join(text.split()))
    return line if len(line) <= most else line[: most - 1] + "…"


Hashes = npt.NDArray[np.uint64]


def key_hashes(keys: pa.Array) -> Hashes:
    """A hash of each key, the same in every process and on every machine: XXH3, 64 bits, of its UTF-8 bytes."""
    digests = map(xxh3_64_intdigest, keys.cast(pa.binary()).to_pylist())
    return np.fromiter(digests, np.uint64, len(keys))
