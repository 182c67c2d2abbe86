"""Every odd key through put, copy, listing and get, byte for byte (C10), on each server that can hold it."""

from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from s3sync.demo.odd_keys import ODD_KEYS
from s3sync.model import keys
from s3sync.model.limits import KEY_MAX_BYTES
from tests.conftest import drop_bucket

REFUSALS = {("radosgw", "nul"): 400}  # the evidence: what the server answers to a PUT


@pytest.fixture(scope="module")
def buckets(s3, server):
    names = [f"s3sync-odd-{side}-{uuid4().hex[:12]}" for side in ("source", "target")]
    for name in names:
        s3.create_bucket(Bucket=name)
    yield names
    for name in names:
        drop_bucket(s3, name)


def carry(s3, buckets, key: str, body: bytes) -> bytes:
    """Put, copy to the other bucket under the same key, get."""
    source, target = buckets
    s3.put_object(Bucket=source, Key=key, Body=body)
    s3.copy_object(Bucket=target, Key=key, CopySource={"Bucket": source, "Key": key})
    return s3.get_object(Bucket=target, Key=key)["Body"].read()


def listed(s3, bucket: str) -> list[str]:
    """The keys as the listing encodes them, decoded by our own function (boto3 leaves them when asked explicitly)."""
    page = s3.list_objects_v2(Bucket=bucket, EncodingType="url")
    assert not page["IsTruncated"]
    return [keys.from_url(each["Key"]) for each in page["Contents"]]


def test_the_list_is_as_long_and_as_hard_as_it_must_be():
    assert len(ODD_KEYS) >= 60
    assert len({each.name for each in ODD_KEYS}) == len({each.key for each in ODD_KEYS}) == len(ODD_KEYS)
    assert {keys.byte_length(each.key) for each in ODD_KEYS if each.name.startswith("longest")} == {KEY_MAX_BYTES}
    assert not [each.name for each in ODD_KEYS if keys.is_too_long(each.key)]


@pytest.mark.parametrize("odd", ODD_KEYS, ids=lambda odd: odd.name)
def test_an_odd_key_survives(odd, s3, server, buckets):
    body = odd.name.encode()
    if odd.name in server.capabilities.cannot_hold:
        with pytest.raises(ClientError) as refusal:
            s3.put_object(Bucket=buckets[0], Key=odd.key, Body=body)
        status = refusal.value.response["ResponseMetadata"]["HTTPStatusCode"]
        assert status == REFUSALS[server.name, odd.name]
        return
    assert carry(s3, buckets, odd.key, body) == body
    assert odd.key in listed(s3, buckets[1])


def test_together_they_stay_apart_and_in_order(s3, server, bucket_factory):
    """No two of them are one key to the server, and a listing has them in the order of Python's `str`."""
    held = [each for each in ODD_KEYS if each.name not in server.capabilities.cannot_hold]
    bucket = bucket_factory()
    for each in held:
        s3.put_object(Bucket=bucket, Key=each.key, Body=each.name.encode())
    assert listed(s3, bucket) == sorted(each.key for each in held)


KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)


@settings(max_examples=40, deadline=None)
@given(key=KEYS)
def test_any_key_survives(key, s3, server, buckets):
    body = key.encode()
    assert carry(s3, buckets, key, body) == body
    assert key in listed(s3, buckets[1])
