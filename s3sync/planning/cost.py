"""What a plan will ask of S3: requests by kind, and bytes; `planning.cost` says what they cost.

An estimate from the plan's columns alone: retries, resumes and part layouts that turn out otherwise come on top.

A table of prices (conf/prices.yml), and what an estimate costs by it.

What looking at single objects will cost, before it is done: requests by S3 operation, and bytes of bodies.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from math import inf
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from s3sync.config.model import CheckConfig, Config, CopyConfig, WebsiteRedirects
from s3sync.errors import ConfigError
from s3sync.model import etag as etags
from s3sync.model.estimate import Estimate
from s3sync.model.limits import (
    COPY_OBJECT_MAX_BYTES,
    GIB,
    LIST_PAGE_KEYS,
    MIB,
    OBJECT_MAX_BYTES,
    PART_MAX_BYTES,
    PART_MIN_BYTES,
    PARTS_MAX,
)
from s3sync.model.part_layout import RELAY_PART_BYTES
from s3sync.model.task import Action, Method
from s3sync.planning.large_objects import GiantRule
from s3sync.selection.filters import STANDARD

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
        "ListObjectAnnotations",
        "PutObjectAnnotation",
    }
)

_ON_SOURCE = frozenset({"ListObjectAnnotations"})

NO_GIANTS = GiantRule(OBJECT_MAX_BYTES + 1)

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CostOptions:
    """What the number of requests depends on. `target_storage_class` None: each copy keeps the source's. `giants`: see
    `planning.large_objects`."""

    part_size_bytes: int = 512 * MIB
    multipart_threshold_bytes: int = COPY_OBJECT_MAX_BYTES
    preserve_etags: bool = False
    tags: bool = True
    keeps_redirects: bool = False
    annotations: bool = True
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
            copy.annotations,
            target_storage_class=config.target.storage_class,
            giants=giants,
        )


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
    | all but        | ListObjectAnnotations (with annotations)   |                                                 |
    | copy_object    |                                            |                                                 |

    A relay is large above a part: `part_size_bytes`, RELAY_PART_BYTES at most. What is copied by parts keeps the
    boundaries of a source whose ETag shows parts: their number is the ETag's. Where they are not alike, which no
    listing shows, one HeadObject a part comes on top, or parts of our own.

    No listing shows which objects have annotations either. Those of an object take, unless a CopyObject brings them,
    one more ListObjectAnnotations and a HeadObject, and each a GetObjectAnnotation and a PutObjectAnnotation; a
    CopyObject is billed a PUT for each.
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
                is_written = operation in WRITES and operation not in _ON_SOURCE
                billed = (options.target_storage_class or kind) if is_written else kind
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
        ListObjectAnnotations=int((in_parts | small).sum()) if options.annotations else 0,
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
    """How many parts `model.part_layout.layout` makes, for a column of sizes in bytes."""
    smallest = -(-size // PARTS_MAX)
    part_size = np.where(smallest > part_size_bytes, -(-smallest // MIB) * MIB, part_size_bytes)
    counts: Counts = np.maximum(1, -(-size // np.clip(part_size, PART_MIN_BYTES, PART_MAX_BYTES)))
    return counts


def _parts_shown(etag: pa.ChunkedArray) -> Counts:
    """The number of parts in an ETag, 0 where it shows none (`model.etag.part_count` for a column)."""
    found = pc.extract_regex(etag, etags.PARTS_PATTERN)
    shown: Counts = pc.fill_null(pc.cast(pc.struct_field(found, "parts"), pa.int64()), 0).to_numpy()
    return shown


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ClassPrices:
    """Of one storage class: per 1,000 requests that write or read, and per GB (2^30 bytes) read."""

    write: float
    read: float
    retrieval_per_gb: float


@dataclass(frozen=True, slots=True)
class Prices:
    """`checked` is the day somebody compared them with `source`; None where nobody did."""

    source: str
    region: str
    currency: str
    checked: date | None
    storage_classes: dict[str, ClassPrices]
    transfer_per_gb: float


@dataclass(frozen=True, slots=True)
class Bill:
    """In the currency of the prices. What is read or written in the classes `unpriced` is missing from it."""

    requests: float
    retrieval: float
    transfer: float
    unpriced: tuple[str, ...]

    @property
    def total(self) -> float:
        return self.requests + self.retrieval + self.transfer


def bill(estimate: Estimate, prices: Prices, *, crosses_regions: bool) -> Bill:
    """What the estimate costs. `crosses_regions`: the bytes leave the source's region."""
    table, unpriced, requests, retrieval = prices.storage_classes, set(), 0.0, 0.0
    for (operation, kind), count in estimate.requests.items():
        if kind in table:
            requests += count / 1000 * (table[kind].write if operation in WRITES else table[kind].read)
        else:
            unpriced.add(kind)
    for kind, size_bytes in estimate.read_bytes.items():
        if kind in table:
            retrieval += size_bytes / GIB * table[kind].retrieval_per_gb
        else:
            unpriced.add(kind)
    transfer = estimate.read_bytes.total() / GIB * prices.transfer_per_gb if crosses_regions else 0.0
    return Bill(requests, retrieval, transfer, tuple(sorted(unpriced)))


def load_prices(path: Path) -> Prices:
    """The prices in a YAML file of the form of conf/prices.yml.

    Raises ConfigError, naming file and key, where it can't be read, a key is missing, unknown or of a wrong type.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(str(path), f"can't be read as a table of prices: {' '.join(str(error).split())}") from error
    top = _Section(str(path), found, ("source", "region", "currency", "checked", "storage_classes", "transfer_per_gb"))
    return Prices(
        source=top.take("source", _text),
        region=top.take("region", _text),
        currency=top.take("currency", _text),
        checked=top.take("checked", _day),
        storage_classes=top.take("storage_classes", lambda classes: _classes(f"{path}: storage_classes", classes)),
        transfer_per_gb=top.take("transfer_per_gb", _price),
    )


class _Section:
    """A mapping of the file that must have exactly these keys."""

    def __init__(self, place: str, found: Any, keys: tuple[str, ...]) -> None:
        if not isinstance(found, dict):
            raise ConfigError(place, f"must be a mapping with the keys {', '.join(keys)}")
        for key in keys:
            if key not in found:
                raise ConfigError(place, f"{key} is missing")
        if unknown := sorted(map(str, found.keys() - set(keys))):
            raise ConfigError(place, f"unknown key {unknown[0]}; known are {', '.join(keys)}")
        self._place, self._found = place, found

    def take(self, key: str, kind: Callable[[Any], T]) -> T:
        try:
            return kind(self._found[key])
        except ValueError as error:
            raise ConfigError(f"{self._place}: {key}", str(error)) from error


def _classes(place: str, found: Any) -> dict[str, ClassPrices]:
    if not isinstance(found, dict) or not found:
        raise ValueError("must be a mapping from storage class to prices")
    classes = {}
    for name, prices in found.items():
        section = _Section(f"{place}.{name}", prices, ("write", "read", "retrieval_per_gb"))
        classes[str(name)] = ClassPrices(
            section.take("write", _price), section.take("read", _price), section.take("retrieval_per_gb", _price)
        )
    return classes


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"must be text, not {value!r}")
    return value


def _day(value: Any) -> date | None:
    if value is not None and type(value) is not date:
        raise ValueError(f"must be a day such as 2026-01-31, or null, not {value!r}")
    return value


def _price(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < inf:
        raise ValueError(f"must be a number that is not negative, not {value!r}")
    return float(value)


CHUNK_BYTES = 4 * MIB  # of a body, in one request
PARTS_LOOKED_AT = 200  # beyond so many HEADs for each side, reading a share of the bodies is the better evidence


def look_estimate(open_objects: int, part_requests: int, check: CheckConfig, copying: CopyConfig) -> Estimate:
    """The most that looking at these objects asks of S3, requests that are sent again aside.

    | what                                        | requests for each object             |
    |---------------------------------------------|--------------------------------------|
    | any                                         | 2 HeadObject                         |
    | of parts, unequal, as many parts            | `part_heads`, of all `part_requests` |
    | with `metadata` and tags, if equal          | 2 GetObjectTagging                   |
    | with `metadata` and annotations, if equal   | 2 ListObjectAnnotations              |

    Where both sides have an annotation whose ETags prove nothing, 2 GetObjectAnnotation come on top.
    """
    requests: Counter[tuple[str, str]] = Counter({("HeadObject", STANDARD): 2 * open_objects + part_requests})
    if check.metadata and copying.tags:
        requests["GetObjectTagging", STANDARD] = 2 * open_objects
    if check.metadata and copying.annotations:
        requests["ListObjectAnnotations", STANDARD] = 2 * open_objects
    return Estimate(+requests)


# | ETags                                                          | requests                               |
# |----------------------------------------------------------------|----------------------------------------|
# | unequal, of as many parts on both sides, 2 to PARTS_LOOKED_AT  | HEAD of part 1 and of each part, both  |
# | any other                                                      | none                                   |
def part_heads(rows: pa.Table) -> int:
    """How many requests the boundaries of parts take at most, of a table with `source_etag` and `target_etag`."""
    mine, others = (pc.extract_regex(rows[f"{side}_etag"], etags.PARTS_PATTERN) for side in ("source", "target"))
    same = pc.and_(pc.equal(_parts(mine), _parts(others)), pc.not_equal(rows["source_etag"], rows["target_etag"]))
    counts = _parts(mine).filter(pc.fill_null(same, False)).cast(pa.int64())
    counts = counts.filter(pc.and_(pc.greater(counts, 1), pc.less_equal(counts, PARTS_LOOKED_AT)))
    return 2 * ((pc.sum(counts).as_py() or 0) + len(counts))


def _parts(found: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.struct_field(found, "parts")


def read_estimate(objects: int, cost_bytes: int, check: CheckConfig, copying: CopyConfig) -> Estimate:
    """The most that reading the bodies of these objects asks of S3: they are looked at once more, then GetObject for
    each `CHUNK_BYTES` of the `cost_bytes`, or of what the budget leaves of them."""
    read_bytes = cost_bytes if check.max_deep_bytes is None else min(cost_bytes, check.max_deep_bytes)
    looks = look_estimate(objects, 0, check, copying)
    # Of each body that is read the last piece may be a short one.
    pieces = Counter({("GetObject", STANDARD): -(-read_bytes // CHUNK_BYTES) + 2 * objects if read_bytes else 0})
    return looks + Estimate(+pieces, Counter({STANDARD: read_bytes} if read_bytes else {}))
