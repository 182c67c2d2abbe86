"""Listings against a live server: every key once, byte for byte, wherever the key space is cut (C5, C10)."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from s3sync.config.model import Access, Secret, TransportKind
from s3sync.demo.odd_keys import ODD_KEYS
from s3sync.errors import ServiceError
from s3sync.listing.pager import ListOptions, list_range, starts_at_any_place
from s3sync.model import etag
from s3sync.model.key_range import KeyRange
from s3sync.s3.engine.engine import Engine
from s3sync.s3.engine.per_process import new_transport
from s3sync.s3.engine.retry_policy import RetryPolicy
from s3sync.s3.request import Request, Side
from tests.conftest import drop_bucket
from tests.servers import Server
from tests.servers.capabilities import require

CUTS = ["\x02", "!", "a", "odd/", "odd/%", "odd/ü", "o\x7f", "ü", "\U0001f30d", "\U0010ffff"]


@pytest.fixture(scope="module", params=list(TransportKind))
def kind(request: pytest.FixtureRequest) -> TransportKind:
    chosen: TransportKind = request.param
    return chosen


@pytest.fixture(scope="module")
def engine(kind: TransportKind, server: Server) -> Engine:
    access = Access(
        endpoint_url=server.s3_endpoint,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=Secret(server.secret_key),
        region_name=server.region,
        addressing_style="path",
    )
    return Engine(new_transport(access, access, kind, 4), RetryPolicy.of(3))


@pytest.fixture(scope="module")
def held(server: Server) -> list[str]:
    return sorted(each.key for each in ODD_KEYS if each.name not in server.capabilities.cannot_hold)


@pytest.fixture(scope="module")
def bucket(s3: Any, held: list[str]) -> Iterator[str]:
    name = f"s3sync-list-{uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for number, key in enumerate(held):
        s3.put_object(Bucket=name, Key=key, Body=b"x" * number)
        if number % 5 == 0:
            s3.put_object(Bucket=name, Key=key, Body=b"y" * number)
    s3.put_object(Bucket=name, Key="gone", Body=b"")
    s3.delete_object(Bucket=name, Key="gone")
    yield name
    drop_bucket(s3, name)


@pytest.fixture
def anywhere(kind: TransportKind, server: Server) -> None:
    """For ranges that begin at keys which XML can't hold: a page that echoes them as they are is none to boto3."""
    if kind is TransportKind.BOTO3:
        require(server, "listing_echoes_encoded")


def rows(engine: Engine, options: ListOptions, cuts: list[str]) -> list[dict[str, Any]]:
    parts = KeyRange().split(cuts)
    return [row for part in parts for batch in list_range(engine, options, part) for row in batch.to_pylist()]


@pytest.mark.usefixtures("anywhere")
@pytest.mark.parametrize("cuts", [[], CUTS])
def test_c5_odd_keys_wherever_they_are_cut(engine: Engine, bucket: str, held: list[str], cuts: list[str]) -> None:
    found = rows(engine, ListOptions(bucket, ""), cuts)
    assert [row["key"] for row in found] == held
    assert [row["size"] for row in found] == list(range(len(held)))


@pytest.mark.usefixtures("anywhere")
def test_each_key_can_be_where_a_range_begins(engine: Engine, bucket: str, held: list[str]) -> None:
    found = rows(engine, ListOptions(bucket, ""), held)
    assert [row["key"] for row in found] == held


def test_the_values_are_those_that_boto3_gives(engine: Engine, s3: Any, bucket: str) -> None:
    page = s3.list_objects_v2(Bucket=bucket, FetchOwner=True)
    told = {
        (
            each["Key"],
            each["Size"],
            each["LastModified"],
            etag.bare(each["ETag"]),
            each.get("StorageClass"),
            each["Owner"]["ID"],
        )
        for each in page["Contents"]
    }
    names = ("key", "size", "last_modified", "etag", "storage_class", "owner")
    found = rows(engine, ListOptions(bucket, "", fetch_owner=True), [])
    by_key = {key: tuple(values) for key, *values in told}
    listed = {row["key"]: tuple(row[name] for name in names[1:]) for row in found}
    assert {key: listed[key] for key in by_key if key in listed} == {
        key: by_key[key] for key in by_key if key in listed
    }
    assert len(by_key.keys() & listed.keys()) > len(listed) // 2  # boto3 decodes some of the odd ones in its own way


@pytest.mark.usefixtures("anywhere")
def test_versions_and_delete_markers(engine: Engine, bucket: str, held: list[str]) -> None:
    options = ListOptions(bucket, "", versions=True)
    found = rows(engine, options, [])
    assert sorted({row["key"] for row in found} - {"gone"}) == held
    assert len(found) == len(held) + len(held[::5]) + 2
    assert [row["is_delete_marker"] for row in found if row["key"] == "gone"] == [True, False]
    assert len({(row["key"], row["version_id"]) for row in found}) == len(found)
    latest = [row["key"] for row in found if row["is_latest"]]
    assert latest == sorted({row["key"] for row in found})
    if starts_at_any_place(engine, options):
        assert rows(engine, options, CUTS) == found


@pytest.mark.usefixtures("anywhere")
def test_a_prefix(engine: Engine, bucket: str, held: list[str]) -> None:
    inside = [key for key in held if key.startswith("odd/")]
    assert inside
    assert [row["key"] for row in rows(engine, ListOptions(bucket, "odd/"), CUTS)] == inside
    assert rows(engine, ListOptions(bucket, "there is none"), CUTS) == []


def test_many_pages(engine: Engine, s3: Any, bucket_factory: Callable[..., str]) -> None:
    name = bucket_factory()
    keys = [f"{number % 3}/{number:05d}" for number in range(2_100)]
    for key in keys:
        s3.put_object(Bucket=name, Key=key, Body=b"")
    assert [row["key"] for row in rows(engine, ListOptions(name, ""), ["1/00500"])] == sorted(keys)


def test_what_is_refused_is_an_error(engine: Engine) -> None:
    with pytest.raises(ServiceError, match=r"s3sync-no-such-bucket.*NoSuchBucket"):
        rows(engine, ListOptions("s3sync-no-such-bucket-at-all", ""), [])


def test_a_raw_reply_has_the_body_and_nothing_else(engine: Engine, bucket: str) -> None:
    transport = engine._transport
    transport.submit(Request("ListObjectsV2", Side.SOURCE, {"Bucket": bucket, "EncodingType": "url"}, is_raw=True))
    replies: list[Any] = []
    while not replies:
        replies = list(transport.wait(10))
    (reply,) = replies
    assert list(reply.values) == ["Body"]
    assert reply.values["Body"].rstrip().endswith(b"</ListBucketResult>")
    assert (reply.ok, reply.status) == (True, 200)
