"""A batch of open objects against a live server, without Spark: budget, sample, circuit, repeats."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from s3sync.checking.batch import (
    NOT_SAMPLED,
    OVER_BUDGET,
    CheckContext,
    LookBatch,
    check_batch,
    finding_table,
    findings_of,
)
from s3sync.checking.batch_records import BatchLooked, Stage, commit_stage, done_batches
from s3sync.checking.object_check import LookSettings
from s3sync.config.model import CheckConfig, CopyConfig
from s3sync.copying.settings import CopySettings
from s3sync.model.finding import Evidence, Finding, Verdict
from s3sync.model.limits import PART_MIN_BYTES
from s3sync.planning.cost import read_estimate
from s3sync.runs.folder import RunFolder
from s3sync.runs.heartbeat import Hub, HubAddress
from s3sync.runs.outcomes import parquet_bytes, read_parquet
from s3sync.runs.plan import Batch
from s3sync.runs.store import LocalStore
from s3sync.s3.engine.per_process import EngineOptions
from s3sync.selection.sample import is_sampled
from tests.contract.queueing import access_to
from tests.servers import Server
from tests.servers.capabilities import require
from tests.servers.faults import Action, Fault, Faults

NO_HUB = HubAddress("127.0.0.1", 1, "nobody")
BODY = bytes(PART_MIN_BYTES)


class Looking:
    """Buckets, and a batch over their keys that the listings left open."""

    def __init__(self, server: Server, s3: Any, source: str, target: str, folder: Path) -> None:
        self.s3, self.source, self.target = s3, source, target
        self.folder = RunFolder(LocalStore(folder), "check-1")
        copying = CopySettings(source, target, planned_at=datetime.now(UTC), tags=False)
        self.context = CheckContext(
            stage=Stage.LOOKED,
            settings=LookSettings(copying),
            check=CheckConfig(),
            access=access_to(server),
            engine=EngineOptions(in_flight=8, max_attempts=2),
            store_uri=str(folder),
            run_id="check-1",
            circuit_after=1000,
            hub=NO_HUB,
        )

    def put(self, key: str, source: bytes, target: bytes | None = None) -> None:
        self.s3.put_object(Bucket=self.source, Key=key, Body=source)
        self.s3.put_object(Bucket=self.target, Key=key, Body=source if target is None else target)

    def put_in_parts(self, key: str) -> None:
        """The same on both sides, cut in other places."""
        body = BODY + BODY
        for bucket, cut in ((self.source, PART_MIN_BYTES), (self.target, PART_MIN_BYTES + 1)):
            given = {"Bucket": bucket, "Key": key}
            given["UploadId"] = self.s3.create_multipart_upload(**given)["UploadId"]
            parts = [
                {"PartNumber": n, "ETag": self.s3.upload_part(**given, PartNumber=n, Body=part)["ETag"]}
                for n, part in enumerate((body[:cut], body[cut:]), start=1)
            ]
            self.s3.complete_multipart_upload(**given, MultipartUpload={"Parts": parts})

    def look(self, keys: list[str], budget_bytes: int | None = None, attempt: str = "0001-1") -> BatchLooked | None:
        rows = [an_open(key) for key in keys]
        self.folder.put("judged/open.parquet", parquet_bytes(finding_table(rows)))
        work = LookBatch(Batch("b1", "judged/open.parquet", len(rows), 0), budget_bytes)
        return check_batch(self.context, self.folder.store, work, attempt)

    def read(self, looked: BatchLooked, budget_bytes: int | None = None) -> BatchLooked | None:
        """The second stage: what the first one left to it."""
        assert looked.left is not None
        context = replace(self.context, stage=Stage.READ, settings=replace(self.context.settings, parts=False))
        return check_batch(context, self.folder.store, LookBatch(looked.left, budget_bytes), "0002-1")

    def findings(self, looked: BatchLooked) -> dict[str, Finding]:
        if looked.file is None:
            return {}
        return {each.target_key: each for each in findings_of(read_parquet(self.folder.get(looked.file)))}


def an_open(key: str) -> Finding:
    sides = dict.fromkeys(f"{s}_{n}" for s in ("source", "target") for n in ("etag", "last_modified", "storage_class"))
    return Finding(key, key, Verdict.UNPROVABLE, Evidence.NONE, None, source_size=1, target_size=1, requests=0,
                   read_bytes=0, **sides)  # fmt: skip


@pytest.fixture
def looking(server: Server, s3: Any, bucket_factory: Any, tmp_path: Path) -> Looking:
    return Looking(server, s3, bucket_factory(), bucket_factory(), tmp_path)


def test_a_batch_is_settled_once(looking: Looking) -> None:
    """C2: another attempt at it changes nothing, and the first record counts."""
    looking.put("same", b"a")
    looking.put("other", b"a", b"b")
    looked = looking.look(["same", "other", "nowhere"])
    assert looked is not None
    assert looked.tally.objects == {"match": 1, "content_differs": 1, "changed_since": 1}
    assert set(looking.findings(looked)) == {"other", "nowhere"}  # matches are counted
    assert looked.tally.requests == {"HeadObject": 6, "ListObjectsV2": 2}  # C17: a listing shows neither
    looking.look(["same", "other", "nowhere"], attempt="0001-2")
    assert done_batches(looking.folder, Stage.LOOKED) == {"b1": looked}


def test_a_record_that_was_committed_counts_whoever_writes_another_later(looking: Looking) -> None:
    """C2: what is read rests on these records, so a task that was thought dead must not change which they are."""
    looking.put("same", b"a")
    looked = looking.look(["same"], attempt="0002-1")
    assert commit_stage(looking.folder, Stage.LOOKED) == {"b1": looked}
    looking.look(["same"], attempt="0001-1")
    assert commit_stage(looking.folder, Stage.LOOKED) == done_batches(looking.folder, Stage.LOOKED) == {"b1": looked}


def test_an_object_sealed_with_a_customers_key_is_unprovable(server: Server, looking: Looking) -> None:
    """C14: it can't be read; that is no error of the check."""
    require(server, "customer_keys")
    looking.put("sealed", b"a")
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "0" * 32}
    looking.s3.put_object(Bucket=looking.source, Key="sealed", Body=b"a", **key)
    looked = looking.look(["sealed"])
    assert looked is not None
    found = looking.findings(looked)["sealed"]
    assert found.verdict is Verdict.UNPROVABLE
    assert "the source is encrypted with a key of its customer (SSE-C)" in (found.detail or "")


def test_matches_are_written_where_that_is_asked_for(looking: Looking) -> None:
    looking.put("same", b"a")
    looking.context = replace(looking.context, check=CheckConfig(all_findings=True))
    looked = looking.look(["same"])
    assert looked is not None
    assert looking.findings(looked)["same"].verdict is Verdict.MATCH


def test_a_batch_of_equal_objects_writes_no_findings(looking: Looking) -> None:
    looking.put("same", b"a")
    looked = looking.look(["same"])
    assert looked is not None
    assert looked.file is None


def test_bodies_within_a_budget(looking: Looking) -> None:
    looking.put("fine", b"a")
    for name in ("a", "b", "c"):
        looking.put_in_parts(name)
    looking.context = replace(looking.context, check=CheckConfig(deep=True))
    cost = 4 * len(BODY)
    looked = looking.look(["a", "b", "c", "fine"])
    assert looked is not None
    assert (looked.tally.objects, looked.tally.requests["GetObject"]) == ({"match": 1}, 0)  # nothing was read yet
    assert looked.left is not None
    assert (looked.left.tasks, looked.left.size_bytes) == (3, 3 * cost)  # what the bodies cost is known before
    read = looking.read(looked, budget_bytes=2 * cost + 5)
    assert read is not None
    assert read.tally.objects == {"match": 2, "unprovable": 1}
    assert read.tally.read_bytes == 2 * cost
    assert looking.findings(read)["c"].detail == OVER_BUDGET
    assert read.left is None


def test_what_bodies_cost_in_requests_is_no_more_than_was_said(looking: Looking) -> None:
    looking.put_in_parts("a")
    looking.context = replace(looking.context, check=CheckConfig(deep=True))
    looked = looking.look(["a"])
    assert looked is not None
    assert looked.left is not None
    said = read_estimate(
        1, looked.left.size_bytes, looking.context.check, CopyConfig(tags=False, annotations=False)
    ).by_operation
    read = looking.read(looked)
    assert read is not None
    assert read.tally.objects == {"match": 1}
    assert read.tally.requests.keys() == said.keys()
    assert all(read.tally.requests[operation] <= said[operation] for operation in said)
    assert read.tally.requests["GetObject"] >= said["GetObject"] // 2  # and the estimate is of this size


def test_bodies_of_a_sample(looking: Looking) -> None:
    names = ["a", "b", "c", "d"]
    for name in names:
        looking.put_in_parts(name)
    share = 0.5
    looking.context = replace(looking.context, check=CheckConfig(deep_sample=share))
    looked = looking.look(names)
    assert looked is not None
    found = looking.findings(looked)
    assert set(found) == {name for name in names if not is_sampled(name, share)}
    assert 0 < len(found) < len(names)
    assert {each.detail for each in found.values()} == {NOT_SAMPLED}
    read = looking.read(looked)
    assert read is not None
    assert read.tally.objects == {"match": len(names) - len(found)}


def test_trouble_that_passes_is_no_error(looking: Looking, faults: Faults) -> None:
    """C9: the engine, and only it, sends again."""
    looking.put("same", b"a")
    faults.add(Fault(Action.SLOW_DOWN, operation="HeadObject", times=1))
    looked = looking.look(["same"])
    assert looked is not None
    assert looked.tally.objects == {"match": 1}
    assert (looked.tally.retries, looked.tally.throttled) == (1, 1)


def test_c15_a_check_that_goes_wrong_stops_early(looking: Looking, faults: Faults) -> None:
    keys = [f"{n:04d}" for n in range(5000)]
    looking.context = replace(looking.context, circuit_after=20)
    faults.add(Fault(Action.DENIED, operation="HeadObject"))
    looked = looking.look(keys)
    assert looked is not None
    assert looked.tally.objects == {"error": 5000}  # nothing that was not looked at is called anything better (C14)
    assert faults.requests("HeadObject") < 2 * len(keys)
    details = Counter(each.detail for each in looking.findings(looked).values())
    assert details["not looked at, as nearly everything failed: HeadObject on the source: 403"] > 0
    assert all("403" in str(detail) for detail in details)


def test_a_batch_that_is_told_to_stop_commits_nothing(looking: Looking) -> None:
    looking.put("same", b"a")
    with Hub("127.0.0.1", "127.0.0.1") as hub:
        looking.context = replace(looking.context, hub=hub.address)
        hub.stop_workers()
        assert looking.look(["same"]) is None
    assert done_batches(looking.folder, Stage.LOOKED) == {}
