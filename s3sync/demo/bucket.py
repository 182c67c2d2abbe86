"""A source bucket that looks like a real one, the same one every time.

| what | where | share of the plain objects |
|---|---|---|
| a hot prefix | `events/2025/06/` | 2 of 5 |
| logs, by day | `logs/2025/MM/DD/` | 1 of 4 |
| images, half of them STANDARD_IA, with content type, metadata and tags | `images/` | 1 of 5 |
| a partitioned table | `tables/orders/year=2025/` | 1 of 10 |
| files on the top level | | the rest |

And one each: an object of three parts with tags and metadata, an empty object, a "folder" object, all odd keys.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import urlencode

from s3sync.demo.inventory_writer import InventoryObject
from s3sync.demo.odd_keys import ODD_KEYS
from s3sync.demo.server import SeedObject, seed
from s3sync.model import etag as etags
from s3sync.model.limits import MIB, PART_MIN_BYTES

PARTS_KEY = "videos/three parts.mp4"
EMPTY_KEY = "markers/_SUCCESS"
FOLDER_KEY = "photos/"
PART_SIZES_BYTES = (PART_MIN_BYTES, PART_MIN_BYTES, MIB)
METADATA = {"camera": "a-1", "title": "by the sea"}
TAGS = {"team": "media", "cost centre": "a+b/1"}

_THREADS = 16
_MOST_BYTES = 4096
_FIRST_DAY = datetime(2025, 1, 1, tzinfo=UTC)
_SHARES = ((40, "events"), (65, "logs"), (85, "images"), (95, "tables"), (100, "top"))


def fill_source_bucket(
    s3: Any,
    bucket: str,
    objects: int = 3_000,
    *,
    cannot_hold: Iterable[str] = (),
    is_embedded: bool = True,
) -> list[InventoryObject]:
    """Fill a bucket, which must be there and empty, and list it: what an inventory of it would say.

    `objects` is the number of all objects, at least the special ones (some 120). `cannot_hold` names odd keys to leave
    out. `is_embedded` says that `s3` speaks to the embedded server of this process, so that most objects can go past
    HTTP; only then do the plain ones have the times of a year.
    """
    odd = [each for each in ODD_KEYS if each.name not in set(cannot_hold)]
    special = [
        SeedObject(EMPTY_KEY),
        SeedObject(FOLDER_KEY, content_type="application/x-directory"),
        *(SeedObject(each.key, each.name.encode(), metadata={"name": each.name}) for each in odd),
    ]
    plain = _plain_objects(max(0, objects - len(special) - 1))
    if is_embedded:
        seed(bucket, [*special, *plain])
    else:
        with ThreadPoolExecutor(_THREADS) as threads:
            list(threads.map(lambda item: _put(s3, bucket, item), [*special, *plain]))
    _upload_in_parts(s3, bucket)
    return list_objects(s3, bucket)


def list_objects(s3: Any, bucket: str) -> list[InventoryObject]:
    """All current objects of a bucket as rows of an inventory, in the order of the listing."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [_row(each) for page in pages for each in page.get("Contents", ())]


def _row(listed: dict[str, Any]) -> InventoryObject:
    etag = etags.bare(listed["ETag"])
    return InventoryObject(
        key=listed["Key"],
        size=listed["Size"],
        etag=etag,
        last_modified=listed["LastModified"],
        storage_class=listed.get("StorageClass", "STANDARD"),
        is_multipart=etags.part_count(etag) > 0,
    )


def _plain_objects(count: int) -> Iterator[SeedObject]:
    chance = Random("s3sync demo")
    for number in range(count):
        place = chance.randrange(100)
        kind = next(name for below, name in _SHARES if place < below)
        yield _plain_object(kind, number, chance)


def _plain_object(kind: str, number: int, chance: Random) -> SeedObject:
    """`number` makes the key a new one; all else is chance. Most sizes are small, some are ten times the median."""
    time = _FIRST_DAY + timedelta(seconds=chance.randrange(365 * 24 * 3600))
    body = chance.randbytes(min(_MOST_BYTES, int(chance.lognormvariate(5.5, 1.2))))
    if kind == "events":
        return SeedObject(f"events/2025/06/{chance.randrange(16**8):08x}-{number}.json", body, last_modified=time)
    if kind == "logs":
        key = f"logs/{time:%Y/%m/%d}/host-{chance.randrange(12):02d}-{number}.log.gz"
        return SeedObject(key, body, content_type="application/gzip", last_modified=time)
    if kind == "tables":
        key = f"tables/orders/year={time:%Y}/month={time:%m}/part-{number:05d}.parquet"
        return SeedObject(key, body, last_modified=time)
    if kind == "images":
        return SeedObject(
            f"images/{chance.randrange(256):02x}/img_{number}.jpg",
            body,
            storage_class=chance.choice(("STANDARD", "STANDARD_IA")),
            content_type="image/jpeg",
            metadata={"width": str(chance.randrange(100, 4000)), "camera": "a-1"},
            tags={"album": f"trip {chance.randrange(9)}"} if chance.random() < 0.2 else {},  # noqa: PLR2004
            last_modified=time,
        )
    return SeedObject(f"report {number}.txt", body, content_type="text/plain; charset=utf-8", last_modified=time)


def _put(s3: Any, bucket: str, item: SeedObject) -> None:
    given: dict[str, Any] = {"StorageClass": item.storage_class, "Metadata": dict(item.metadata)}
    if item.content_type:
        given["ContentType"] = item.content_type
    if item.tags:
        given["Tagging"] = urlencode(item.tags)
    s3.put_object(Bucket=bucket, Key=item.key, Body=item.body, **given)


def _upload_in_parts(s3: Any, bucket: str) -> None:
    target = {"Bucket": bucket, "Key": PARTS_KEY}
    upload = s3.create_multipart_upload(**target, ContentType="video/mp4", Metadata=METADATA)["UploadId"]
    done = []
    for number, size_bytes in enumerate(PART_SIZES_BYTES, start=1):
        body = Random(number).randbytes(size_bytes)
        etag = s3.upload_part(**target, UploadId=upload, PartNumber=number, Body=body)["ETag"]
        done.append({"PartNumber": number, "ETag": etag})
    s3.complete_multipart_upload(**target, UploadId=upload, MultipartUpload={"Parts": done})
    tag_set = [{"Key": name, "Value": value} for name, value in TAGS.items()]
    s3.put_object_tagging(**target, Tagging={"TagSet": tag_set})  # radosgw loses tags given when the upload begins
