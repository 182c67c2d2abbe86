"""A giant's worker or driver is killed in the middle: only what was not written down is done again (C1, C2, C7)."""

from collections.abc import Callable
from random import Random
from typing import Any

import pyarrow.parquet as pq
import pytest

from s3sync.model import etag as etags
from s3sync.model.limits import MIB, PART_MIN_BYTES
from tests.e2e.jobs import Job, Running
from tests.e2e.test_kills import driver
from tests.servers import Server

pytestmark = pytest.mark.processes

PARTS = 24
OPTIONS = (
    *("--giant-threshold", "50MiB", "--multipart-threshold", "6MiB", "--part-size", "5MiB"),
    *("--in-flight", "1", "--max-requests-per-second", "5"),  # slow enough to be in the middle of it
)
Listed = Callable[[str], dict[str, dict[str, Any]]]


def put_giant(s3: Any, bucket: str) -> str:
    """An object of equal parts, the last one shorter, with metadata and tags; its ETag."""
    at = {"Bucket": bucket, "Key": "giant"}
    upload = s3.create_multipart_upload(**at, Metadata={"colour": "blue"}, Tagging="team=a%20b")["UploadId"]
    body, parts = Random(1).randbytes(PART_MIN_BYTES), []
    for number in range(1, PARTS + 1):
        piece = bytes([number]) + (body[1:] if number < PARTS else body[1:MIB])
        etag = s3.upload_part(**at, UploadId=upload, PartNumber=number, Body=piece)["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    s3.complete_multipart_upload(**at, UploadId=upload, MultipartUpload={"Parts": parts})
    return str(etags.bare(s3.head_object(**at)["ETag"]))


def parts_written(job: Job) -> list[int]:
    """The part numbers of all rows under uploads/: a number that stands there twice was copied twice."""
    tables = [pq.read_table(path) for path in (job.work / "runs").glob("*/uploads/*/*.parquet")]
    return sorted(number for table in tables for number in table["part_number"].to_pylist())


def some_parts(job: Job) -> Callable[[], bool]:
    return lambda: len(parts_written(job)) >= PARTS // 4


def assert_moved(job: Job, s3: Any, server: Server, source: str, target: str, etag: str) -> None:
    summary = job.summary()
    assert (summary["state"], summary["statuses"]["copied"]["objects"]) == ("complete", 1)
    assert summary["counts"]["listed"] == 1
    head, origin = (s3.head_object(Bucket=bucket, Key="giant") for bucket in (target, source))
    assert (head["ContentLength"], head["Metadata"]) == (origin["ContentLength"], {"colour": "blue"})
    if server.capabilities.head_parts_count:
        assert etags.bare(head["ETag"]) == etag
    if server.capabilities.tags_set_by_multipart:
        assert s3.get_object_tagging(Bucket=target, Key="giant")["TagSet"] == [{"Key": "team", "Value": "a b"}]
    bodies = [s3.get_object(Bucket=bucket, Key="giant")["Body"].read() for bucket in (target, source)]
    assert bodies[0] == bodies[1]
    assert not s3.list_multipart_uploads(Bucket=target).get("Uploads")
    written = parts_written(job)
    assert sorted(set(written)) == list(range(1, PARTS + 1))
    # A killed task loses what it had not written down: its one piece, of one or two parts.
    part = summary["requests"].get("UploadPartCopy", 0) or summary["requests"]["UploadPart"]
    assert PARTS <= part <= PARTS + 4, summary["requests"]
    assert summary["requests"]["CreateMultipartUpload"] == 1


@pytest.mark.parametrize("mode", ["copy", "downup"])
def test_a_killed_worker_costs_the_parts_of_its_task_only(
    job: Job, s3: Any, server: Server, bucket_factory: Callable[..., str], mode: str
) -> None:
    source, target = bucket_factory(), bucket_factory()
    etag = put_giant(s3, source)
    with job.started("-s", source, "-t", target, "--mode", mode, *OPTIONS) as running:
        running.until(some_parts(job), "a quarter of the parts was written")
        running.kill(running.copying_worker())
        ended = running.wait()
    assert ended.code == 0, ended.output
    assert_moved(job, s3, server, source, target, etag)


def kill_driver(running: Running) -> None:
    running.kill(driver(running))


@pytest.mark.parametrize("stop", [kill_driver, Running.interrupt], ids=["killed", "Ctrl-C"])
def test_the_same_command_goes_on_with_the_upload_of_a_driver_that_stopped(
    job: Job, s3: Any, server: Server, bucket_factory: Callable[..., str], stop: Callable[[Running], None]
) -> None:
    source, target = bucket_factory(), bucket_factory()
    etag = put_giant(s3, source)
    with job.started("-s", source, "-t", target, *OPTIONS) as running:
        running.until(some_parts(job), "a quarter of the parts was written")
        stop(running)
        assert running.wait().code != 0
    uploads = s3.list_multipart_uploads(Bucket=target)["Uploads"]
    assert len(uploads) == 1  # kept for the next driver

    ended = job.run("-s", source, "-t", target, *OPTIONS)

    assert ended.code == 0, ended.output
    assert "Going on with run" in ended.output
    assert_moved(job, s3, server, source, target, etag)
