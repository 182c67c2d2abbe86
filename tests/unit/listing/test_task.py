"""Tasks of a listing against a bucket in memory: what counts afterwards is each key once, or the listing is not whole
(C3, C5); what is killed goes on where it was written down."""

import json
import os
import random
import time
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s3sync.config.model import Access
from s3sync.errors import InvariantBroken
from s3sync.listing import segment_writer as segments
from s3sync.listing import task as list_task
from s3sync.listing.files import ListingFolder
from s3sync.listing.key_space import Alphabet
from s3sync.listing.pager import ListOptions
from s3sync.listing.rounds import share_out
from s3sync.listing.segment_writer import SegmentFormat
from s3sync.listing.split import Lane
from s3sync.listing.state import Listing
from s3sync.listing.task import ListContext, ListTask, TaskEnd, run_list_task
from s3sync.model.key_range import KeyRange
from s3sync.runs import worker
from s3sync.runs.heartbeat import HubAddress
from s3sync.runs.outcomes import parquet_bytes
from s3sync.runs.store import LocalStore
from s3sync.s3.engine import per_process as workers
from s3sync.s3.engine.engine import Engine
from s3sync.s3.engine.per_process import EngineOptions
from s3sync.s3.engine.retry_policy import RetryPolicy
from s3sync.s3.request import Reply, Request
from tests.unit.listed_bucket import ListedBucket, at_call, body_changed, page_xml

ACCESS = Access(endpoint_url="http://in-memory")


class Killed(BaseException):
    """As kill -9, as far as a test can."""


class Place:
    """A folder, and a bucket that the engine of this process talks to."""

    def __init__(self, folder: Path, bucket: ListedBucket, in_flight: int = 4, *, versions: bool = False) -> None:
        self.bucket = bucket
        self.root = folder
        self.folder = ListingFolder(LocalStore(folder), "runs/1/", "listing/", "runs/1/listing/")
        options = EngineOptions(in_flight=in_flight, max_attempts=2)
        bucket.capacity = in_flight
        self.context = ListContext(
            ListOptions("b", "", versions=versions), ACCESS, options, lambda: SegmentFormat("parquet", parquet_bytes)
        )
        self._options = options
        self.start_process()

    def start_process(self) -> None:
        """A new engine; time passes quickly."""
        self.bucket.close()
        engine = Engine(self.bucket, RetryPolicy.of(2), sleep=lambda _: None, clock=count().__next__)
        workers._engines[os.getpid(), ACCESS, ACCESS, self._options] = engine

    def task(self, name: str, ranges: list[Lane], attempt: str = "0001-00000001", **more: Any) -> TaskEnd:
        return run_list_task(self.context, self.folder, ListTask(name, tuple(ranges), Alphabet(), **more), attempt)

    def keys(self, listing: Listing) -> list[str]:
        """What the segments that count hold."""
        found = []
        for segment in listing.segments:
            table = pq.read_table(self.root / "runs/1" / segment.file)
            assert table.num_rows == segment.rows == segment.objects
            found += table["key"].to_pylist()
        return sorted(found)


KEYS = st.lists(st.text("abc/é0", min_size=1, max_size=8), unique=True, min_size=1, max_size=120)


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_OBJECTS", 25)


def test_a_task_lists_its_ranges(tmp_path: Path) -> None:
    keys = [f"{number:05d}" for number in range(500)]
    place = Place(tmp_path, ListedBucket(keys, 10))
    end = place.task("00000-00000", [Lane("", upto="00299"), Lane("", after="00299")])
    assert (end.rests, end.error) == ((), None)
    listing = Listing()
    listing.add(end.listed)
    manifest = listing.to_json("b", [""])
    assert place.keys(listing) == keys
    assert manifest["calls"]["requests"] == len(place.bucket.requests) == end.listed.calls.pages
    (proof,) = manifest["ranges"]
    assert (proof["first_key"], proof["last_key"], proof["objects"], proof["done"]) == ("00000", "00499", 500, True)
    assert proof["size_bytes"] == 500 * 7
    assert sorted(proof["segments"]) == sorted(segment["file"] for segment in manifest["segments"])
    assert all((tmp_path / "runs/1" / file).is_file() for file in proof["segments"])


def test_what_is_not_finished_in_time_is_handed_back(tmp_path: Path) -> None:
    keys = [f"{number:05d}" for number in range(500)]
    place = Place(tmp_path, ListedBucket(keys, 10))
    end = place.task("00000-00000", [Lane("")], enough=3)
    listing = Listing()
    listing.add(end.listed)
    assert len(end.rests) >= 3
    with pytest.raises(InvariantBroken, match="do not cover"):
        listing.to_json("b", [""])
    last = place.task("00001-00000", list(end.rests))
    listing.add(last.listed)
    listing.to_json("b", [""])
    assert place.keys(listing) == keys


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keys=KEYS, seed=st.integers(0, 10**6), page_keys=st.integers(1, 9), slots=st.integers(1, 4), versions=st.booleans()
)
def test_c5_killed_anywhere_and_gone_on_with(
    keys: list[str], seed: int, page_keys: int, slots: int, versions: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Rounds of tasks, any request of which may be the last one of its process; some keys come again, none twice."""
    chance = random.Random(seed)
    bucket = ListedBucket(keys, page_keys, versions=(lambda key: 1 + len(key) % 4) if versions else lambda _: 1)
    place = Place(tmp_path_factory.mktemp("killed"), bucket, versions=versions)

    def deadly(_request: Request, reply: Reply) -> Reply:
        if chance.random() < 0.05:
            raise Killed
        return reply

    bucket.fault = deadly
    for epoch in range(1, 200):
        listing, number = place.folder.resume()
        left = [Lane("", part.after, part.upto) for part in listing.left_of("", KeyRange())]
        if not left:
            break
        for at, share in enumerate(share_out(left, slots)):
            try:
                place.task(f"{number:05d}-{at:05d}", share, f"{epoch:04d}-{at:08d}", enough=chance.choice([None, 2]))
            except Killed:
                place.start_process()
    listing.to_json("b", [""])
    expected = sorted(key for key in keys for _ in range(bucket.versions(key)))
    assert place.keys(listing) == expected


def test_c3_what_two_attempts_have_listed_counts_once(tmp_path: Path) -> None:
    """A task thought dead goes on writing: its segments overlap those of the attempt that took over."""
    keys = [f"{number:05d}" for number in range(200)]
    place = Place(tmp_path, ListedBucket(keys, 10))
    first = place.task("00000-00000", [Lane("")], "0001-00000001")
    stolen = place.task("00001-00000", [Lane("")], "0001-00000002")
    listing, number = place.folder.resume()
    assert number == 2
    assert first.listed.segments
    assert stolen.listed.segments
    assert place.keys(listing) == keys


class SlowStore(LocalStore):
    """Writing a segment takes longer than listing ten."""

    def put(self, path: str, body: bytes) -> None:
        if path.endswith(".parquet"):
            time.sleep(0.02)
        super().put(path, body)


@pytest.mark.parametrize("call", [3, 8, 30, 31, 32])
def test_what_was_killed_lists_at_most_one_segment_of_a_range_again(tmp_path: Path, call: int) -> None:
    """Also where writing is slower than listing. A page of 10 is the grain, a segment has 25."""
    keys = [f"{number:05d}" for number in range(500)]
    place = Place(tmp_path, ListedBucket(keys, 10), in_flight=1)
    place.folder = replace(place.folder, store=SlowStore(tmp_path))

    def killed(_request: Request, _reply: Reply) -> Reply:
        raise Killed

    place.bucket.fault = at_call(call, killed)
    with pytest.raises(Killed):
        place.task("00000-00000", [Lane("")], "0001-00000001")
    place.start_process()
    place.bucket.requests.clear()
    end = place.task("00000-00000", [Lane("")], "0001-00000002")
    again = len(place.bucket.requests) - (50 - call) - 1  # and whether nothing follows
    assert 0 <= again <= 3
    listing = Listing()
    listing.add(end.listed)
    listing.to_json("b", [""])
    assert place.keys(listing) == keys


def test_c5_a_page_that_cannot_be_had_ends_the_task_and_keeps_the_rest(tmp_path: Path) -> None:
    keys = [f"{number:05d}" for number in range(500)]
    place = Place(tmp_path, ListedBucket(keys, 10))

    def broken(request: Request, reply: Reply) -> Reply:
        if request.params.get("StartAfter", "") >= "00300":
            return body_changed(lambda body: body[:-30])(request, reply)
        return reply

    place.bucket.fault = broken
    end = place.task("00000-00000", [Lane("", upto="00250"), Lane("", after="00250")])
    assert end.error is not None
    assert "cannot be listed" in end.error
    assert "cut off" in end.error
    listing = Listing()
    listing.add(end.listed)
    with pytest.raises(InvariantBroken):
        listing.to_json("b", [""])
    found = place.keys(listing)
    assert found == [key for key in keys if key in set(found)]
    assert found


def test_a_negative_control_a_lost_segment_is_noticed(tmp_path: Path) -> None:
    place = Place(tmp_path, ListedBucket([f"{number:05d}" for number in range(200)], 10))
    end = place.task("00000-00000", [Lane("")])
    listing = Listing()
    del end.listed.segments[1]
    listing.add(end.listed)
    with pytest.raises(InvariantBroken, match="do not cover"):
        listing.to_json("b", [""])


def test_a_key_with_more_versions_than_a_round_can_list_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each round ends as soon as it has begun."""
    monkeypatch.setattr(list_task, "REPORT_SECONDS", 0.0)
    bucket = ListedBucket(["a", "hot", "z"], 10, versions=lambda key: 200 if key == "hot" else 1)
    place, listing, rests = Place(tmp_path, bucket, versions=True), Listing(), [Lane("")]
    for number in range(6):
        end = place.task(f"{number:05d}-00000", rests, seconds=0.0)
        assert any(end.listed.ranges), "a round without headway"
        listing.add(end.listed)
        rests = list(end.rests)
        if not rests:
            break
    listing.to_json("b", [""])
    assert place.keys(listing) == ["a", *["hot"] * 200, "z"]
    assert len(bucket.requests) <= 20 + 6 * 2


def test_empty_pages_that_say_that_more_follow_are_gone_through_in_one_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_task, "REPORT_SECONDS", 0.0)
    bucket = ListedBucket(["a"])

    def stepping(request: Request, reply: Reply) -> Reply:
        step = int(request.params.get("ContinuationToken", 0))
        if step == 9:
            return reply
        more = f"<NextContinuationToken>{step + 1}</NextContinuationToken>"
        return Reply(request, 200, values={"Body": page_xml([], truncated=True, more=more)})

    bucket.fault = stepping
    end = Place(tmp_path, bucket).task("00000-00000", [Lane("")], seconds=0.0)
    assert [each.objects for each in end.listed.segments] == [1]


def test_the_record_is_readable_json(tmp_path: Path) -> None:
    place = Place(tmp_path, ListedBucket(["a\x01", "é\U0001f30d"], 10))
    place.task("00000-00000", [Lane("")])
    (record,) = (tmp_path / "runs/1/listing/tasks").iterdir()
    (segment,) = json.loads(record.read_text())["segments"]
    assert (segment["ranges"][0]["first_key"], segment["ranges"][0]["last_key"]) == ("a\x01", "é\U0001f30d")


def test_a_worker_whose_driver_is_gone_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(tmp_path, ListedBucket([f"{number:05d}" for number in range(500)], 10))
    monkeypatch.setattr(list_task, "REPORT_SECONDS", 0.0)
    parents = iter([1, 1, 2])
    monkeypatch.setattr(os, "getppid", lambda: next(parents, 2))
    silent = SimpleNamespace(report=lambda _report: False, moves=False, close=lambda: None)
    monkeypatch.setattr(worker, "HubClient", lambda *_: silent)
    place.context = replace(place.context, hub=HubAddress("driver", 1, ""))
    end = place.task("00000-00000", [Lane("")])
    assert end.rests
    assert len(place.bucket.requests) < 20
