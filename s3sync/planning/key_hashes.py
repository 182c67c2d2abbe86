"""A number for each key, by which the rows of a key meet in one worker."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

Hashes = npt.NDArray[np.uint64]


def key_hashes(keys: pa.Array) -> Hashes:
    """A hash of each key, the same in every process (SipHash over its UTF-8 bytes, as pandas makes it)."""
    texts = keys.to_numpy(zero_copy_only=False)
    hashes: Hashes = pd.util.hash_array(texts, categorize=False)
    return hashes
