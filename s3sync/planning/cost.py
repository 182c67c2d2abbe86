"""What a plan will ask of S3: requests by kind, and bytes; `planning.prices` says what they cost.

An estimate from the plan's columns alone: retries, resumes and part layouts that turn out otherwise come on top.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from s3sync.config.model import Config, WebsiteRedirects
from s3sync.model import etag as etags
from s3sync.model.limits import (
    COPY_OBJECT_MAX_BYTES,
    LIST_PAGE_KEYS,
    MIB,
    OBJECT_MAX_BYTES,
    PART_MAX_BYTES,
    PART_MIN_BYTES,
    PARTS_MAX,
)
from s3sync.model.task import Action, Method
from s3sync.planning.filters import STANDARD
from s3sync.planning.giants import GiantRule
from s3sync.planning.parts import RELAY_PART_BYTES

WRITES = frozenset(
    {
        "CopyObject",
        "PutObject",
        "CreateMultipartUpload",
        "UploadPart",
        "UploadPartCopy",
        "CompleteMultipartUpload",
        "ListMultipartUploads",
        "ListObjectsV2",
    }
)

NO_GIANTS = GiantRule(OBJECT_MAX_BYTES + 1)

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CostOptions:
    """What the number of requests depends on. `target_storage_class` None: each copy keeps the source's. `giants`: see
    `planning.giants`."""

    part_size_bytes: int = 512 * MIB
    multipart_threshold_bytes: int = COPY_OBJECT_MAX_BYTES
    preserve_etags: bool = False
    tags: bool = True
    keeps_redirects: bool = False
    looks_first: bool = False
    target_storage_class: str | None = None
    giants: GiantRule = NO_GIANTS

    @classmethod
    def of(cls, config: Config, giants: GiantRule) -> "CostOptions":
        copy = config.copy
        return cls(
            copy.part_size_bytes,
            copy.multipart_threshold_bytes,
            copy.preserve_etags,
            copy.tags,
            copy.website_redirects is WebsiteRedirects.KEEP,
            target_storage_class=config.target.storage_class,
            giants=giants,
        )


@dataclass(frozen=True, slots=True)
class Estimate:
    """`requests` by (S3's operation, storage class it is billed by); `read_bytes` by the source's storage class."""

    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    read_bytes: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(self.requests + other.requests, self.read_bytes + other.read_bytes)

    @property
    def by_operation(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for (operation, _), count in self.requests.items():
            found[operation] += count
        return found

    def to_json(self) -> dict[str, Any]:
        rows = [[operation, kind, count] for (operation, kind), count in sorted(self.requests.items())]
        return {"requests": rows, "read_bytes": dict(sorted(self.read_bytes.items()))}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Estimate":
        return cls(Counter({(row[0], row[1]): row[2] for row in value["requests"]}), Counter(value["read_bytes"]))


def listing(keys: int) -> Estimate:
    """The requests that list so many keys: full pages, and one page even for none."""
    return Estimate(Counter({("ListObjectsV2", STANDARD): max(1, -(-keys // LIST_PAGE_KEYS))}))


def estimate(plan: pa.Table, options: CostOptions) -> Estimate:
    """The requests that carry out the rows of a plan (schema `model.tables.PLAN`); skipped rows cost none.

    | method         | reads                                      | writes                                          |
    |----------------|--------------------------------------------|-------------------------------------------------|
    | copy_object    | HeadObject (with keeps_redirects)          | CopyObject                                      |
    | multipart_copy | HeadObject, GetObjectTagging (with tags)   | CreateMultipartUpload, UploadPartCopy a part,   |
    |                |                                            | CompleteMultipartUpload                         |
    | , of parts     | HeadObject for the first part's size       |                                                 |
    | relay, small   | GetObject, GetObjectTagging (with tags)    | PutObject                                       |
    | relay, large   | HeadObject, GetObject a part,              | CreateMultipartUpload, UploadPart a part,       |
    |                | GetObjectTagging (with tags)               | CompleteMultipartUpload                         |
    | , no size or   | HeadObject                                 |                                                 |
    | ETag is known  |                                            |                                                 |
    | a giant, also  | HeadObject of the target                   |                                                 |
    | , of parts     | HeadObject a part (with preserve_etags)    |                                                 |
    | any            | HeadObject (with looks_first)              |                                                 |

    A relay is large above a part: `part_size_bytes`, RELAY_PART_BYTES at most. What is copied by parts keeps the
    boundaries of a source whose ETag shows parts: their number is the ETag's. Where they are not alike, which no
    listing shows, one HeadObject a part comes on top, or parts of our own.
    """
    work = plan.filter(pc.equal(plan["action"], str(Action.COPY)))
    source_class = pc.fill_null(work["storage_class"], STANDARD)
    work = work.set_column(work.schema.get_field_index("storage_class"), "storage_class", source_class)
    requests: Counter[tuple[str, str]] = Counter()
    kinds = work["storage_class"].unique().to_pylist()
    for kind in kinds:
        rows = work if len(kinds) == 1 else work.filter(pc.equal(work["storage_class"], kind))
        for operation, count in _operations(rows, options).items():
            if count:
                billed = (options.target_storage_class or kind) if operation in WRITES else kind
                requests[operation, billed] += count
    sizes = work.group_by("storage_class").aggregate([("size", "sum")]).to_pylist()
    return Estimate(requests, Counter({row["storage_class"]: row["size_sum"] or 0 for row in sizes}))


def _operations(rows: pa.Table, options: CostOptions) -> Counter[str]:
    method = rows["method"]
    size = pc.fill_null(rows["size"], 0).to_numpy()
    is_relay, by_parts = _mask(method, Method.RELAY), _mask(method, Method.MULTIPART_COPY)
    part_bytes = min(options.part_size_bytes, RELAY_PART_BYTES)
    by_parts |= is_relay & (size > part_bytes)
    may_keep = by_parts | (is_relay & options.preserve_etags)
    shown = np.where(may_keep, _parts_shown(rows["etag"]), 0) if may_keep.any() else np.zeros_like(size)
    in_parts = by_parts | (shown > 0)
    own_parts = np.where(is_relay, part_counts(size, part_bytes), part_counts(size, options.part_size_bytes))
    parts = np.where(shown > 0, shown, own_parts)
    relayed, copied = in_parts & is_relay, in_parts & ~is_relay
    small = is_relay & ~in_parts
    unknown = small & (pc.is_null(rows["size"]).to_numpy() | pc.is_null(rows["etag"]).to_numpy())
    giant: npt.NDArray[np.bool_] = options.giants.mask(rows).to_numpy()
    heads = in_parts.sum() + (in_parts & (shown > 1)).sum() + unknown.sum() + giant.sum()
    if options.preserve_etags:
        heads += shown[giant & (shown > 1)].sum()
    copies = int(_mask(method, Method.COPY_OBJECT).sum())
    if options.keeps_redirects:
        heads += copies
    return Counter(
        CopyObject=copies,
        HeadObject=int(heads + options.looks_first * rows.num_rows),
        GetObjectTagging=int((in_parts | small).sum()) if options.tags else 0,
        CreateMultipartUpload=int(in_parts.sum()),
        UploadPartCopy=int(parts[copied].sum()),
        GetObject=int(parts[relayed].sum() + small.sum()),
        UploadPart=int(parts[relayed].sum()),
        PutObject=int(small.sum()),
        CompleteMultipartUpload=int(in_parts.sum()),
    )


def _mask(method: pa.ChunkedArray, wanted: Method) -> npt.NDArray[np.bool_]:
    mask: npt.NDArray[np.bool_] = pc.equal(method, str(wanted)).to_numpy()
    return mask


def part_counts(size: Counts, part_size_bytes: int) -> Counts:
    """How many parts `planning.parts.layout` makes, for a column of sizes in bytes."""
    smallest = -(-size // PARTS_MAX)
    part_size = np.where(smallest > part_size_bytes, -(-smallest // MIB) * MIB, part_size_bytes)
    counts: Counts = np.maximum(1, -(-size // np.clip(part_size, PART_MIN_BYTES, PART_MAX_BYTES)))
    return counts


def _parts_shown(etag: pa.ChunkedArray) -> Counts:
    """The number of parts in an ETag, 0 where it shows none (`model.etag.part_count` for a column)."""
    found = pc.extract_regex(etag, etags.PARTS_PATTERN)
    shown: Counts = pc.fill_null(pc.cast(pc.struct_field(found, "parts"), pa.int64()), 0).to_numpy()
    return shown
