"""Listings as Arrow record batches, in one process and one core.

python -m benchmarks.list_to_arrow s3sync ENDPOINT_URL      s3sync's own pages (schema LISTING)
python -m benchmarks.list_to_arrow obstore ENDPOINT_URL     obstore's stream of pages
"""

import sys
from collections.abc import Iterator
from typing import Any

import obstore
from obstore.store import S3Store

from benchmarks.own_report import WorkClock
from benchmarks.s3_server import ACCESS_KEY, REGION, SECRET_KEY, SOURCE_BUCKET
from s3sync.config.model import Access, AccessConfig, Secret
from s3sync.listing.pager import ListOptions, list_range
from s3sync.model.key_range import KeyRange
from s3sync.s3.engine.per_process import EngineOptions, engine_for


def by_s3sync(endpoint_url: str) -> Iterator[Any]:
    access = Access(
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=Secret(SECRET_KEY),
        endpoint_url=endpoint_url,
        addressing_style="path",
    )
    engine = engine_for(AccessConfig(source=access, target=access), EngineOptions(in_flight=1))
    return list_range(engine, ListOptions(SOURCE_BUCKET, ""), KeyRange("", None))


def by_obstore(endpoint_url: str) -> Iterator[Any]:
    store = S3Store(
        SOURCE_BUCKET,
        endpoint=endpoint_url,
        region=REGION,
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )
    return iter(obstore.list(store, chunk_size=1000, return_arrow=True))


def main(tool: str, endpoint_url: str) -> None:
    pages = {"s3sync": by_s3sync, "obstore": by_obstore}[tool](endpoint_url)
    clock = WorkClock()
    clock.report(sum(page.num_rows for page in pages))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
