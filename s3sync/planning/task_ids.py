"""The ids of many tasks: `model.task.task_id` for whole columns."""

from hashlib import sha256

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from s3sync.model.task import TASK_ID_LENGTH

PIECE_ROWS = 50_000  # keys of 1,024 bytes, twice: 100 MB of text
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)


def task_ids(
    source_bucket: str,
    source_keys: pa.ChunkedArray,
    version_ids: pa.ChunkedArray,
    target_bucket: str,
    target_keys: pa.ChunkedArray,
) -> pa.ChunkedArray:
    """The id of each row (C2); a null version is the current one. Only the hash itself is made row by row."""
    found = [
        _ids(
            _joined(
                [
                    source_bucket,
                    source_keys.slice(start, PIECE_ROWS),
                    pc.fill_null(version_ids.slice(start, PIECE_ROWS), ""),
                    target_bucket,
                    target_keys.slice(start, PIECE_ROWS),
                ]
            )
        )
        for start in range(0, len(source_keys), PIECE_ROWS)
    ]
    return pa.chunked_array(found, pa.string())


def _joined(parts: list[str | pa.ChunkedArray]) -> pa.ChunkedArray:
    """Each part as a netstring: its length in bytes, a colon, itself, a comma."""
    texts: list[str | pa.ChunkedArray] = []
    for part in parts:
        length = str(len(part.encode())) if isinstance(part, str) else pc.binary_length(part).cast(pa.string())
        texts += [length, ":", part, ","]
    return pc.binary_join_element_wise(*texts, "")


def _ids(texts: pa.ChunkedArray) -> pa.Array:
    digests = b"".join([sha256(text).digest()[: TASK_ID_LENGTH // 2] for text in texts.cast(pa.binary()).to_pylist()])
    halves = np.frombuffer(digests, np.uint8)
    letters = np.empty(2 * halves.size, np.uint8)
    letters[0::2], letters[1::2] = _HEX[halves >> 4], _HEX[halves & 15]
    ends = np.arange(0, letters.size + 1, TASK_ID_LENGTH, dtype=np.int32)
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(letters))
