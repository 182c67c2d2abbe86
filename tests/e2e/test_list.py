"""`s3sync list` as a process, killed in the middle and started again: each key once, and little is listed twice (C5).

The server is the benchmarks' own: it has a million keys in a second, and answers as slowly as it is told.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.s3_server import ACCESS_KEY, REGION, SECRET_KEY, SOURCE_BUCKET, S3Server, ServerOptions, keys_of
from s3sync.listing.segment_writer import SEGMENT_OBJECTS
from tests.e2e.jobs import Ended, Job, Running

pytestmark = pytest.mark.processes

KEYS = 1_000_000
PAGES = KEYS // 1000
WORKERS = 2
LATENCY_MS = 300  # some 100 pages a second
OPTIONS = ServerOptions(KEYS, shape="hot", latency_ms=LATENCY_MS)


@pytest.fixture
def big() -> Iterator[S3Server]:
    with S3Server(OPTIONS) as server:
        yield server


@pytest.fixture
def lists(tmp_path: Path, big: S3Server) -> Job:
    environ = {
        "SOURCE_ENDPOINT_URL": big.endpoint_url,
        "SOURCE_REGION_NAME": REGION,
        "SOURCE_ADDRESSING_STYLE": "path",
        "SOURCE_AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "SOURCE_AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "MASTER": f"local[{WORKERS}]",
    }
    return Job(tmp_path, environ)


def arguments(job: Job) -> list[str]:
    return ["list", f"s3://{SOURCE_BUCKET}", "-o", str(job.folder / "listing"), "--progress-interval", "1s"]


def segments(job: Job) -> list[Path]:
    return list((job.folder / "listing").glob("*.parquet"))


def recorded(job: Job) -> int:
    """How many objects the records that were left tell of."""
    state = job.folder / "listing" / "_s3sync"
    rounds = {path.stem for path in (state / "rounds").glob("*.json")}
    files = [path for path in (state / "tasks").glob("*.json") if path.name[:5] not in rounds]
    told = [json.loads(path.read_text()) for path in [*files, *(state / "rounds").glob("*.json")]]
    return sum(segment["objects"] for each in told for segment in each["segments"])


def assert_whole(job: Job, ended: Ended) -> dict[str, Any]:
    """The files of the folder hold each key once, and no other file lies there."""
    assert ended.code == 0, ended.output
    manifest: dict[str, Any] = json.loads((job.folder / "listing" / "_s3sync" / "manifest.json").read_text())
    assert {segment["file"] for segment in manifest["segments"]} == {path.name for path in segments(job)}
    found = pa.concat_tables([pq.read_table(path, columns=["key"]) for path in segments(job)])["key"]
    assert len(found) == KEYS
    assert sorted(found.to_pylist()) == list(keys_of(OPTIONS))
    assert f"{KEYS:,} objects" in ended.output
    return manifest


def shown(ended: Ended) -> list[int]:
    """The numbers of objects that were shown while it ran."""
    return [int(each.replace(",", "")) for each in re.findall(r"^Listing: ([0-9,]+) objects, ", ended.output, re.M)]


def calls(big: S3Server) -> int:
    return big.stats().requests["ListObjectsV2"]


def until_listing(job: Job, running: Running) -> None:
    running.until(lambda: recorded(job) >= KEYS // 4, "a quarter was listed and written down")


@pytest.mark.parametrize("killed", ["driver", "everything"])
def test_c5_a_killed_listing_is_gone_on_with(lists: Job, big: S3Server, killed: str) -> None:
    with lists.started(*arguments(lists), script=None) as running:
        until_listing(lists, running)
        if killed == "driver":
            running.kill(running.process.pid)
            assert running.wait().code != 0
        else:
            running.end()
    before = calls(big)
    known = recorded(lists)
    in_flight = WORKERS * 16
    assert KEYS // 4 <= known < KEYS
    assert before - known / 1000 <= WORKERS * 3 * SEGMENT_OBJECTS / 1000 + 0.1 * PAGES + in_flight
    assert not (lists.folder / "listing" / "_s3sync" / "manifest.json").exists()

    ended = lists.run(*arguments(lists), script=None)

    assert "Going on with the listing" in ended.output
    assert_whole(lists, ended)
    again = calls(big) - before
    assert again <= 1.1 * (KEYS - known) / 1000 + 4 * in_flight  # a range that is taken up begins within a page


def test_c5_a_killed_worker_costs_one_task_and_no_key(lists: Job, big: S3Server) -> None:
    with lists.started(*arguments(lists), script=None) as running:
        until_listing(lists, running)
        running.kill(running.copying_worker())
        ended = running.wait()
    assert_whole(lists, ended)
    assert len({count for count in shown(ended) if 0 < count < KEYS}) >= 3
    assert calls(big) <= 1.1 * PAGES + 3 * SEGMENT_OBJECTS / 1000 + 64
