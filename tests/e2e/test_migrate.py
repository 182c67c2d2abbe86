"""The main job as a user runs it: spark-submit, a live server, and what is on the target afterwards."""

import json
from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq
import pytest

from s3sync.demo.bucket import fill_source_bucket
from tests.e2e.jobs import Job
from tests.inventories import put_inventory
from tests.servers import Server

Listed = Callable[[str], dict[str, dict[str, Any]]]
Fill = Callable[[str, int], dict[str, bytes]]


def test_c1_an_inventory_goes_in_and_each_object_is_on_the_target_once(
    job: Job, s3: Any, server: Server, bucket_factory: Callable[..., str], listed: Listed
) -> None:
    source, target, home = bucket_factory(), bucket_factory(), bucket_factory()
    left_out = server.capabilities.cannot_hold
    rows = fill_source_bucket(s3, source, 400, cannot_hold=left_out, is_embedded=server.name == "embedded")
    manifest = put_inventory(s3, rows, source, home)

    ended = job.run("-m", manifest, "-t", target)

    assert ended.code == 0, ended.output
    before, after = listed(source), listed(target)
    assert after.keys() == before.keys()
    assert {key: entry["Size"] for key, entry in after.items()} == {key: e["Size"] for key, e in before.items()}
    summary = job.summary()
    assert summary["exit_code"] == 0
    assert summary["counts"]["listed"] == len(rows)
    assert summary["statuses"]["copied"]["objects"] == len(rows)
    assert summary["requests"]["CopyObject"] == len(rows)  # C6: one request an object
    assert "Copying" in ended.output
    manifest_of_outcomes = json.loads((job.run_folder() / "outcomes" / "manifest.json").read_text())
    tables = [pq.read_table(job.run_folder() / part) for part in manifest_of_outcomes["parts"]]
    assert sorted(key for table in tables for key in table["target_key"].to_pylist()) == sorted(before)


def test_a_second_run_with_verify_copies_nothing(
    job: Job, bucket_factory: Callable[..., str], fill: Fill, listed: Listed
) -> None:
    source, target = bucket_factory(), bucket_factory()
    fill(source, 60)
    first = job.run("-s", source, "-t", target, "--prefix", "hot/", "--prefix", "p0/", "-v")
    assert first.code == 0, first.output
    wanted = {key for key in listed(source) if key.startswith(("hot/", "p0/"))}
    assert set(listed(target)) == wanted

    second = job.run("-s", source, "-t", target, "--prefix", "hot/", "--prefix", "p0/", "-v")

    assert second.code == 0, second.output
    summary = job.summary()
    assert summary["statuses"]["skipped"]["objects"] == len(wanted)
    assert "CopyObject" not in summary["requests"]


def test_plan_stops_before_the_copies_and_migrate_goes_on_from_it(
    job: Job, bucket_factory: Callable[..., str], fill: Fill, listed: Listed
) -> None:
    source, target = bucket_factory(), bucket_factory()
    fill(source, 50)
    planned = job.run("plan", "-s", source, "-t", target, "--limit", "20", script=None)
    assert planned.code == 0, planned.output
    assert not listed(target)
    assert "CopyObject" in planned.output

    migrated = job.run("-s", source, "-t", target, "--limit", "20")

    assert migrated.code == 0, migrated.output
    assert "Going on with run" in migrated.output
    assert len(listed(target)) == 20
    assert len(list((job.work / "runs").iterdir())) == 1


def test_objects_that_fail_are_told_and_the_exit_code_is_3(
    job: Job, server: Server, s3: Any, bucket_factory: Callable[..., str], fill: Fill, listed: Listed
) -> None:
    source, target, home = bucket_factory(), bucket_factory(), bucket_factory()
    bodies = fill(source, 30)
    rows = inventory_rows(listed(source))
    manifest = put_inventory(s3, rows, source, home)
    gone, changed = sorted(bodies)[:2]
    s3.delete_object(Bucket=source, Key=gone)
    s3.put_object(Bucket=source, Key=changed, Body=b"something else")

    ended = job.run("-m", manifest, "-t", target)

    summary = job.summary()
    assert ended.code == summary["exit_code"] == 3, ended.output
    assert summary["statuses"]["vanished"]["objects"] == 1
    assert summary["statuses"]["changed"]["objects"] == 1
    assert summary["statuses"]["copied"]["objects"] == 28


def inventory_rows(entries: dict[str, dict[str, Any]]) -> list[Any]:
    from s3sync.demo.inventory_writer import InventoryObject

    return [
        InventoryObject(key, entry["Size"], entry["ETag"].strip('"'), entry["LastModified"])
        for key, entry in entries.items()
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-s", "no-such-bucket-here", "-t", "{target}"], "--source-bucket: there is no bucket"),
        (["-m", "s3://{target}/nothing/", "-t", "{target}"], "s3://"),
        (["-s", "{target}", "-t", "{target}"], "itself"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    job: Job, bucket_factory: Callable[..., str], arguments: list[str], message: str
) -> None:
    target = bucket_factory()
    ended = job.run(*(argument.format(target=target) for argument in arguments))
    lines = [line for line in ended.output.splitlines() if line.startswith("s3sync: ")]
    assert ended.code == 2, ended.output
    assert len(lines) == 1
    assert message in lines[0]
    assert "Traceback" not in ended.output
