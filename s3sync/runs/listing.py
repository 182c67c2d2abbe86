"""A live listing as a table: ranges, the segments they were written to, and the proof that nothing is missing.

listing-{side}/{range}-{attempt}-{segment}.parquet    keys of one range, in order (schema LISTING)
listing-{side}/manifest.json                          the ranges, each with its proof and its segments
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from s3sync.errors import InvariantBroken
from s3sync.model.ranges import KeyRange, tiles
from s3sync.runs.folder import RunFolder
from s3sync.runs.outcome_log import parquet_bytes

SEGMENT_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class ListedRange:
    """The proof of one range of one prefix: what was found, and that it is all there is."""

    prefix: str
    after: str
    upto: str | None
    first_key: str | None
    last_key: str | None
    objects: int
    size_bytes: int
    pages: int
    segments: tuple[str, ...]
    done: bool

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def write_range(
    folder: RunFolder, stage: str, name: str, prefix: str, key_range: KeyRange, pages: Iterable[pa.RecordBatch]
) -> ListedRange:
    """Write the pages of a range as segments. Only a range that was read to its end returns."""
    segments: list[str] = []
    first_key = last_key = None
    objects = size_bytes = page_count = 0
    for segment in _segments(pages):
        path = f"{stage}/{name}-{len(segments):05d}.parquet"
        folder.put(path, parquet_bytes(segment.combine_chunks()))
        segments.append(path)
        first_key = first_key or segment["key"][0].as_py()
        last_key = segment["key"][-1].as_py()
        objects += segment.num_rows
        size_bytes += sum(size or 0 for size in segment["size"].to_pylist())
        page_count += segment["key"].num_chunks
    return ListedRange(
        prefix,
        key_range.after,
        key_range.upto,
        first_key,
        last_key,
        objects,
        size_bytes,
        max(page_count, 1),
        tuple(segments),
        done=True,
    )


def _segments(pages: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    for page in pages:
        held.append(page)
        if sum(batch.num_rows for batch in held) >= SEGMENT_ROWS:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


def commit_listing(folder: RunFolder, stage: str, bucket: str, ranges: list[ListedRange]) -> None:
    """Commit the ranges. Raises InvariantBroken unless the done ones tile each prefix's key space (C5)."""
    for prefix in {listed.prefix for listed in ranges}:
        done = [KeyRange(r.after, r.upto) for r in ranges if r.prefix == prefix and r.done]
        if not tiles(KeyRange(), done):
            raise InvariantBroken(f"s3://{bucket}/{prefix}: the listed ranges do not cover the key space")
    folder.commit(stage, {"bucket": bucket, "ranges": [listed.to_json() for listed in ranges]})
