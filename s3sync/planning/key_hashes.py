"""A number for each key, by which the rows of a key meet in one worker."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from xxhash import xxh3_64_intdigest

Hashes = npt.NDArray[np.uint64]


def key_hashes(keys: pa.Array) -> Hashes:
    """A hash of each key, the same in every process and on every machine: XXH3, 64 bits, of its UTF-8 bytes."""
    digests = map(xxh3_64_intdigest, keys.cast(pa.binary()).to_pylist())
    return np.fromiter(digests, np.uint64, len(keys))
