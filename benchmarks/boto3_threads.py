"""Plain boto3, as people write it: a pool of threads that share a client.

python -m benchmarks.boto3_threads copy ENDPOINT_URL THREADS
python -m benchmarks.boto3_threads relay ENDPOINT_URL THREADS
python -m benchmarks.boto3_threads list ENDPOINT_URL
"""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from benchmarks.own_report import WorkClock
from benchmarks.s3_server import SOURCE_BUCKET, TARGET_BUCKET

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def main(act: str, endpoint_url: str, threads: int = 1) -> None:
    config = Config(max_pool_connections=threads, s3={"addressing_style": "path"})
    s3 = boto3.client("s3", endpoint_url=endpoint_url, config=config)
    s3.head_bucket(Bucket=SOURCE_BUCKET)
    clock = WorkClock()
    keys = listed(s3)
    if act != "list":
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map({"copy": copier, "relay": relayer}[act](s3), keys):
                pass
    clock.report(len(keys))


def listed(s3: "S3Client") -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=SOURCE_BUCKET)
    return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


def copier(s3: "S3Client") -> Callable[[str], None]:
    def copy(key: str) -> None:
        s3.copy_object(Bucket=TARGET_BUCKET, Key=key, CopySource={"Bucket": SOURCE_BUCKET, "Key": key})

    return copy


def relayer(s3: "S3Client") -> Callable[[str], None]:
    def relay(key: str) -> None:
        body = s3.get_object(Bucket=SOURCE_BUCKET, Key=key)["Body"].read()
        s3.put_object(Bucket=TARGET_BUCKET, Key=key, Body=body)

    return relay


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
