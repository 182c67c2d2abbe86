"""The benchmark's server answers as S3 does, by boto3: what is measured against it would work on S3 too."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from benchmarks.s3_server import (
    ACCESS_KEY,
    FILES_BUCKET,
    REGION,
    SECRET_KEY,
    SOURCE_BUCKET,
    TARGET_BUCKET,
    S3Server,
    ServerOptions,
    certificate,
    has_tls,
    keys_of,
)

SHAPES = ("flat", "dates", "deep", "hot", "odd")
KEYS = 2_500
Start = Callable[..., tuple[S3Server, Any]]


@pytest.fixture
def start() -> Iterator[Start]:
    """`start(keys=..., shape=...)`: a server and a boto3 client of it."""
    with ExitStack() as stack:

        def begin(**options: Any) -> tuple[S3Server, Any]:
            given = ServerOptions(**{"keys": KEYS, "idle_seconds": 60, **options})
            server = stack.enter_context(S3Server(given))
            return server, boto3.client(
                "s3",
                endpoint_url=server.endpoint_url,
                region_name=REGION,
                aws_access_key_id=ACCESS_KEY,
                aws_secret_access_key=SECRET_KEY,
                verify=str(certificate()) if given.tls else None,
                config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
            )

        yield begin


def listed(s3: Any, bucket: str = SOURCE_BUCKET, **parameters: Any) -> list[dict[str, Any]]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, **parameters)
    return [entry for page in pages for entry in page.get("Contents", ())]


def names(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["Key"] for entry in entries]


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_listing_has_every_key_once_in_byte_order(start: Start, shape: str) -> None:
    server, s3 = start(shape=shape)
    expected = list(keys_of(server.options))
    assert len(set(expected)) == KEYS
    assert expected == sorted(expected, key=str.encode)
    assert names(listed(s3)) == expected
    assert names(listed(s3, PaginationConfig={"PageSize": 7}, Prefix=expected[900][:9])) == [
        key for key in expected if key.startswith(expected[900][:9])
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_listing_starts_after_any_text(start: Start, shape: str) -> None:
    server, s3 = start(shape=shape, keys=1_200)
    keys = list(keys_of(server.options))
    for after in (keys[0], keys[600], keys[600] + "\x01", keys[600][:-1], keys[-1], "\U0010ffff", "!"):
        page = s3.list_objects_v2(Bucket=SOURCE_BUCKET, StartAfter=after, MaxKeys=5)
        rest = [key for key in keys if key > after]
        assert names(page.get("Contents", [])) == rest[:5]
        assert page["IsTruncated"] is (len(rest) > 5)
        assert page["KeyCount"] == len(rest[:5])


@pytest.mark.parametrize("shape", ["dates", "deep", "hot", "odd"])
@pytest.mark.parametrize("page_size", [1, 1000])
def test_a_delimiter_rolls_keys_up(start: Start, shape: str, page_size: int) -> None:
    server, s3 = start(shape=shape, keys=200)
    keys = list(keys_of(server.options))
    prefix = keys[0].partition("/")[0] + "/"
    pages = list(
        s3.get_paginator("list_objects_v2").paginate(
            Bucket=SOURCE_BUCKET, Prefix=prefix, Delimiter="/", PaginationConfig={"PageSize": page_size}
        )
    )
    found = [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", ())]
    below = [key for key in keys if key.startswith(prefix) and "/" in key[len(prefix) :]]
    assert found == sorted({prefix + key[len(prefix) :].partition("/")[0] + "/" for key in below})
    assert found


def test_copies_are_checked_and_counted(start: Start) -> None:
    server, s3 = start(shape="odd", keys=20)
    for entry in listed(s3):
        source = {"Bucket": SOURCE_BUCKET, "Key": entry["Key"]}
        answer = s3.copy_object(
            Bucket=TARGET_BUCKET, Key=entry["Key"], CopySource=source, CopySourceIfMatch=entry["ETag"]
        )
        assert answer["CopyObjectResult"]["ETag"] == entry["ETag"]
    stats = server.stats()
    assert (stats.copied_once, stats.copied_again, stats.copied_wrong) == (20, 0, 0)
    assert stats.requests["CopyObject"] == 20
    assert names(listed(s3, TARGET_BUCKET)) == names(listed(s3))


def test_what_is_wrong_with_copies_is_seen(start: Start) -> None:
    """The negative control of the check that every run ends with."""
    server, s3 = start(keys=20)
    first, second = names(listed(s3))[:2]
    source = {"Bucket": SOURCE_BUCKET, "Key": first}
    s3.copy_object(Bucket=TARGET_BUCKET, Key=first, CopySource=source)
    s3.copy_object(Bucket=TARGET_BUCKET, Key=first, CopySource=source)
    s3.copy_object(Bucket=TARGET_BUCKET, Key=second, CopySource=source)
    s3.copy_object(Bucket=TARGET_BUCKET, Key="elsewhere", CopySource=source)
    stats = server.stats()
    assert (stats.copied_once, stats.copied_again, stats.copied_wrong) == (1, 1, 2)
    server.reset()
    assert server.stats().copied_once == 0


def test_conditions_are_honoured(start: Start) -> None:
    server, s3 = start(keys=20)
    key = names(listed(s3))[0]
    source = {"Bucket": SOURCE_BUCKET, "Key": key}
    with pytest.raises(ClientError) as refused:
        s3.copy_object(Bucket=TARGET_BUCKET, Key=key, CopySource=source, CopySourceIfMatch=f'"{"0" * 32}"')
    assert code_of(refused) == "PreconditionFailed"
    s3.copy_object(Bucket=TARGET_BUCKET, Key=key, CopySource=source, IfNoneMatch="*")
    with pytest.raises(ClientError) as refused:
        s3.copy_object(Bucket=TARGET_BUCKET, Key=key, CopySource=source, IfNoneMatch="*")
    assert code_of(refused) == "PreconditionFailed"
    with pytest.raises(ClientError) as refused:
        s3.copy_object(Bucket=TARGET_BUCKET, Key=key, CopySource={"Bucket": SOURCE_BUCKET, "Key": "none"})
    assert code_of(refused) == "NoSuchKey"
    assert server.stats().copied_once == 1


def test_objects_are_looked_at_read_written_and_deleted(start: Start) -> None:
    _, s3 = start(keys=20, object_bytes=200_000)
    entry = listed(s3)[7]
    key = entry["Key"]
    head = s3.head_object(Bucket=SOURCE_BUCKET, Key=key)
    assert (head["ContentLength"], head["ETag"], head["LastModified"]) == (
        200_000,
        entry["ETag"],
        entry["LastModified"],
    )
    assert s3.get_object(Bucket=SOURCE_BUCKET, Key=key)["Body"].read() == b"s" * 200_000
    part = s3.get_object(Bucket=SOURCE_BUCKET, Key=key, Range="bytes=10-19")
    assert (part["ContentRange"], part["Body"].read()) == ("bytes 10-19/200000", b"s" * 10)
    with pytest.raises(ClientError) as missing:
        s3.head_object(Bucket=TARGET_BUCKET, Key=key)
    assert code_of(missing) == "404"
    s3.put_object(Bucket=TARGET_BUCKET, Key=key, Body=b"x" * 200_000)
    assert s3.head_object(Bucket=TARGET_BUCKET, Key=key)["ContentLength"] == 200_000
    s3.delete_object(Bucket=TARGET_BUCKET, Key=key)
    assert listed(s3, TARGET_BUCKET) == []


def test_multipart_calls(start: Start) -> None:
    server, s3 = start(keys=20)
    key = names(listed(s3))[3]
    upload = s3.create_multipart_upload(Bucket=TARGET_BUCKET, Key=key)["UploadId"]
    source = {"Bucket": SOURCE_BUCKET, "Key": key}
    part = s3.upload_part_copy(Bucket=TARGET_BUCKET, Key=key, UploadId=upload, PartNumber=1, CopySource=source)
    sent = s3.upload_part(Bucket=TARGET_BUCKET, Key=key, UploadId=upload, PartNumber=2, Body=b"x" * 100)
    parts = [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}, {"PartNumber": 2, "ETag": sent["ETag"]}]
    s3.complete_multipart_upload(Bucket=TARGET_BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
    s3.abort_multipart_upload(Bucket=TARGET_BUCKET, Key=key, UploadId="another")
    stats = server.stats()
    assert stats.copied_once == 1
    assert {name: count for name, count in stats.requests.items() if count and name != "ListObjectsV2"} == {
        "CreateMultipartUpload": 1,
        "UploadPart": 1,
        "UploadPartCopy": 1,
        "CompleteMultipartUpload": 1,
        "AbortMultipartUpload": 1,
    }


def test_buckets_and_files(start: Start, tmp_path: Path) -> None:
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "data.bin").write_bytes(bytes(range(256)) * 1000)
    _, s3 = start(keys=1, folder=tmp_path)
    assert s3.head_bucket(Bucket=SOURCE_BUCKET)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert s3.get_bucket_location(Bucket=TARGET_BUCKET).get("LocationConstraint") is None
    assert s3.get_object(Bucket=FILES_BUCKET, Key="inventory/data.bin")["Body"].read() == bytes(range(256)) * 1000
    for key in ("inventory/none", "inventory", "../inventory/data.bin"):
        with pytest.raises(ClientError) as missing:
            s3.get_object(Bucket=FILES_BUCKET, Key=key)
        assert code_of(missing) == "NoSuchKey"


def test_a_share_is_throttled(start: Start) -> None:
    server, s3 = start(keys=400, throttle_share=0.25)
    refused = 0
    for index in range(400):
        try:
            s3.head_object(Bucket=SOURCE_BUCKET, Key=f"{index}")
        except ClientError as error:
            refused += error.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert refused == server.stats().throttled
    assert 80 <= refused <= 120


def test_answers_are_delayed(start: Start) -> None:
    server, s3 = start(keys=1, latency_ms=150)
    began = time.monotonic()
    s3.head_bucket(Bucket=SOURCE_BUCKET)
    assert time.monotonic() - began >= 0.149
    assert server.stats().requests["Bucket"] == 1


def test_tls(start: Start) -> None:
    assert has_tls()
    server, s3 = start(keys=3_000, tls=True, object_bytes=300_000)
    assert server.endpoint_url.startswith("https://127.0.0.1:")
    keys = names(listed(s3))
    assert len(keys) == 3_000
    assert s3.get_object(Bucket=SOURCE_BUCKET, Key=keys[5])["Body"].read() == b"s" * 300_000
