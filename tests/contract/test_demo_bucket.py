"""The demo's source bucket, on whichever server runs: what it promises is in it, and it is the same every time."""

from collections import Counter
from hashlib import md5

import pytest

from s3sync.demo.bucket import (
    EMPTY_KEY,
    FOLDER_KEY,
    METADATA,
    PART_SIZES_BYTES,
    PARTS_KEY,
    TAGS,
    fill_source_bucket,
    list_objects,
)
from s3sync.demo.odd_keys import ODD_KEYS

OBJECTS = 600


@pytest.fixture
def fill(s3, server, bucket_factory):
    def act(bucket=None):
        bucket = bucket or bucket_factory()
        is_embedded = server.name == "embedded"
        cannot_hold = server.capabilities.cannot_hold
        return bucket, fill_source_bucket(s3, bucket, OBJECTS, cannot_hold=cannot_hold, is_embedded=is_embedded)

    return act


def test_it_holds_what_it_promises(s3, server, fill):
    bucket, rows = fill()
    by_key = {row.key: row for row in rows}
    assert len(rows) == len(by_key) == OBJECTS
    assert {each.key for each in ODD_KEYS if each.name not in server.capabilities.cannot_hold} <= set(by_key)
    assert by_key[EMPTY_KEY].size == by_key[FOLDER_KEY].size == 0
    assert by_key[EMPTY_KEY].etag == md5(b"").hexdigest()
    assert Counter(row.storage_class for row in rows)["STANDARD_IA"] > 10
    assert [row.key for row in rows if row.is_multipart] == [PARTS_KEY]
    assert by_key[PARTS_KEY].size == sum(PART_SIZES_BYTES)
    assert by_key[PARTS_KEY].etag.endswith(f"-{len(PART_SIZES_BYTES)}")
    counts = Counter(row.key.partition("/")[0] for row in rows)
    assert counts["events"] > counts["logs"] > counts["images"] > counts["tables"] > 0
    parts = s3.head_object(Bucket=bucket, Key=PARTS_KEY)
    assert (parts["Metadata"], parts["ContentType"]) == (METADATA, "video/mp4")
    tags = s3.get_object_tagging(Bucket=bucket, Key=PARTS_KEY)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == TAGS


def test_it_is_the_same_every_time(fill):
    (first, one), (second, two) = fill(), fill()
    assert first != second
    assert [(row.key, row.size, row.etag, row.storage_class) for row in one] == [
        (row.key, row.size, row.etag, row.storage_class) for row in two
    ]


def test_listing_tells_an_empty_bucket_from_a_missing_one(s3, bucket_factory):
    assert list_objects(s3, bucket_factory()) == []
    with pytest.raises(s3.exceptions.NoSuchBucket):
        list_objects(s3, "s3sync-there-is-no-such-bucket")
