"""Giants: one object copied by many tasks, through plan, Spark and both methods, and what may happen to its upload."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from s3sync.demo.server import EmbeddedServer
from s3sync.demo.wire import App, Environ, StartResponse, call_of
from s3sync.model import etag as etags
from s3sync.model.limits import MIB, PART_MIN_BYTES
from tests.servers import Server
from tests.servers.capabilities import require
from tests.servers.faults import Action, Fault
from tests.spark.test_copying import METADATA, TAGS, put, put_in_parts, tags_of
from tests.spark.workplace import Ended, Workplace

SIZES = (*(PART_MIN_BYTES,) * 5, MIB)
SMALL = ("--giant-threshold", "20MiB", "--multipart-threshold", "6MiB", "--part-size", "5MiB")
BY_S3, BY_WORKER = ("--mode", "copy"), ("--mode", "downup")
PART_OF = {BY_S3: "UploadPartCopy", BY_WORKER: "UploadPart"}

Objects = Callable[[str], dict[str, bytes]]


def tables(ended: Ended, pattern: str) -> list[Path]:
    assert ended.folder is not None
    return sorted((ended.folder / "uploads").glob(pattern))


def part_rows(ended: Ended) -> list[int]:
    """The part numbers of all rows that tasks wrote."""
    return sorted(n for path in tables(ended, "*/*.parquet") for n in pq.read_table(path)["part_number"].to_pylist())


def pieces(ended: Ended) -> set[str]:
    """The tasks that wrote parts, by the first part of each."""
    return {path.stem.split("-")[-2] for path in tables(ended, "*/*.parquet")} - {"00000"}


def assert_moved(s3: Any, ended: Ended, source: str, target: str, etag: str | None) -> dict[str, Any]:
    """The giant is there once, with all that belongs to it, and no upload is left (C1, C7)."""
    assert (ended.code, ended.statuses) == (0, {"copied": 1}), ended.said
    outcome = ended.outcomes()["giant"]
    head = s3.head_object(Bucket=target, Key="giant")
    body = s3.get_object(Bucket=target, Key="giant")["Body"].read()
    assert body == s3.get_object(Bucket=source, Key="giant")["Body"].read()
    assert (head["Metadata"], head["ContentType"], tags_of(s3, target, "giant")) == (METADATA, "text/x-a", TAGS)
    assert outcome["target_etag"] == etags.bare(head["ETag"])
    if etag is not None:
        assert (outcome["target_etag"], outcome["verified"]) == (etag, "etag_equal")
    assert not s3.list_multipart_uploads(Bucket=target).get("Uploads")
    return outcome


@pytest.mark.parametrize("mode", [BY_S3, BY_WORKER], ids=["copied by S3", "relayed"])
def test_a_giant_is_copied_by_many_tasks_and_is_one_task_with_one_outcome(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str], objects: Objects, mode: tuple[str, str]
) -> None:
    require(server, "head_parts_count")
    source, target = pair
    etag = put_in_parts(s3, source, "giant", SIZES)
    for key in ("small", "large"):
        put(s3, source, key, key.encode() * (MIB if key == "large" else 1))
    ended = workplace.run("-s", source, "-t", target, *SMALL, *mode)
    assert (ended.code, ended.statuses) == (0, {"copied": 3}), ended.said
    assert objects(target) == objects(source)
    assert ended.counts["listed"] == 3
    assert [batch[-1] for batch in ended.plan["batches"]] == [True, False]
    outcome = ended.outcomes()["giant"]
    assert (outcome["target_etag"], outcome["verified"], outcome["attempt"]) == (etag, "etag_equal", 1)
    assert tags_of(s3, target, "giant") == TAGS
    assert part_rows(ended) == [1, 2, 3, 4, 5, 6]
    assert len(pieces(ended)) == len(SIZES)
    assert not s3.list_multipart_uploads(Bucket=target).get("Uploads")  # C7


@pytest.mark.parametrize("mode", [BY_S3, BY_WORKER], ids=["copied by S3", "relayed"])
def test_c6_the_requests_of_all_its_tasks_are_counted(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str], faults: Any, mode: tuple[str, str]
) -> None:
    require(server, "faults")
    source, target = pair
    etag = put_in_parts(s3, source, "giant", SIZES)
    planned = workplace.plan("-s", source, "-t", target, *SMALL, *mode)
    assert planned.plan["batches"][0][-1] is True
    faults.clear()
    ended = workplace.run("-s", source, "-t", target, *SMALL, *mode)
    outcome = assert_moved(s3, ended, source, target, etag)
    counted = ended.summary["requests"]
    for operation in (PART_OF[mode], "CreateMultipartUpload", "CompleteMultipartUpload"):
        assert counted[operation] == faults.requests(operation, bucket=target, key="giant"), operation
    assert counted[PART_OF[mode]] == len(SIZES)
    estimated = {name: count for name, _, count in planned.plan["estimate"]["requests"]}
    assert {**estimated, "ListObjectsV2": planned.plan["listing_pages"]} == counted
    assert outcome["requests"] == sum(count for name, count in counted.items() if name != "ListObjectsV2")


class Meddler:
    """A layer around a server that calls `act` once, before the request after `after` ones of an operation."""

    def __init__(self, operation: str, after: int, act: Callable[[], None]) -> None:
        self._operation, self._after, self._act = operation, after, act
        self.seen = 0

    def wrap(self, app: App) -> App:
        def layer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            call = call_of(environ)
            if call.operation == self._operation and call.key == "giant":
                self.seen += 1
                if self.seen == self._after + 1:
                    self._act()
            return app(environ, start_response)

        return layer


@contextmanager
def meddling(operation: str, after: int, act: Callable[[], None]) -> Iterator[str]:
    with EmbeddedServer(wrap=Meddler(operation, after, act).wrap) as server:
        yield server.endpoint_url


def abort_all(s3: Any, bucket: str) -> None:
    for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", ()):
        s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])


@pytest.mark.parametrize("mode", [BY_S3, BY_WORKER], ids=["copied by S3", "relayed"])
@pytest.mark.parametrize("after", [3, "complete"])
def test_an_upload_that_somebody_aborts_is_opened_anew(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str], mode: tuple[str, str], after: int | str
) -> None:
    require(server, "faults")
    source, target = pair
    etag = put_in_parts(s3, source, "giant", SIZES)
    operation = "CompleteMultipartUpload" if after == "complete" else PART_OF[mode]
    count = 0 if after == "complete" else int(after)
    with meddling(operation, count, lambda: abort_all(s3, target)) as endpoint:
        ended = workplace.at(endpoint).run("-s", source, "-t", target, *SMALL, *mode)
    assert_moved(s3, ended, source, target, etag)
    assert len(tables(ended, "*/*-open.json")) == 2
    assert len(tables(ended, "*/*-gone.json")) == 1


def test_an_upload_that_is_aborted_again_and_again_fails_in_the_end(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str]
) -> None:
    require(server, "faults")
    source, target = pair
    put_in_parts(s3, source, "giant", SIZES)
    meddler = Meddler("CompleteMultipartUpload", -1, lambda: None)

    def wrap(app: App) -> App:
        def layer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            call = call_of(environ)
            if call.operation == "CompleteMultipartUpload" and call.key == "giant":
                abort_all(s3, target)
            return app(environ, start_response)

        return meddler.wrap(layer)

    with EmbeddedServer(wrap=wrap) as spiteful:
        ended = workplace.at(spiteful.endpoint_url).run("-s", source, "-t", target, *SMALL)
    assert (ended.code, ended.statuses) == (3, {"failed": 1})
    assert ended.outcomes()["giant"]["error_code"] == "NoSuchUpload"
    assert meddler.seen == 3
    assert not s3.list_objects_v2(Bucket=target).get("Contents")


def test_a_completion_whose_answer_was_lost_is_found_at_the_target(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str], faults: Any
) -> None:
    """NoSuchUpload at the completion means: HEAD and compare."""
    require(server, "faults")
    source, target = pair
    etag = put_in_parts(s3, source, "giant", SIZES)
    faults.add(Fault(Action.RESET, operation="CompleteMultipartUpload", key_contains="giant", times=1, is_late=True))
    ended = workplace.run("-s", source, "-t", target, *SMALL)
    assert_moved(s3, ended, source, target, etag)
    assert faults.requests("CompleteMultipartUpload", bucket=target, key="giant") == 2
    assert ended.summary["requests"]["UploadPartCopy"] == len(SIZES)


@pytest.mark.parametrize("mode", [BY_S3, BY_WORKER], ids=["copied by S3", "relayed"])
def test_parts_that_fail_for_what_passes_are_tried_in_another_round(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str], faults: Any, mode: tuple[str, str]
) -> None:
    require(server, "faults")
    source, target = pair
    etag = put_in_parts(s3, source, "giant", SIZES)
    faults.add(Fault(Action.INTERNAL_ERROR, operation=PART_OF[mode], key_contains="giant", times=2))
    ended = workplace.run("-s", source, "-t", target, *SMALL, *mode, "--max-attempts", "1")
    assert_moved(s3, ended, source, target, etag)
    assert ended.summary["requests"][PART_OF[mode]] == len(SIZES) + 2  # the others are not done again
    assert len(tables(ended, "*/*-open.json")) == 1


@pytest.mark.parametrize(
    ("action", "operation", "status", "code"),
    [
        (Action.DENIED, "UploadPartCopy", "failed", "AccessDenied"),
        (Action.DENIED, "CreateMultipartUpload", "failed", "AccessDenied"),
        (Action.NO_SUCH_KEY, "UploadPartCopy", "vanished", None),
        (Action.NO_SUCH_KEY, "HeadObject", "failed", "NotFoundThoughListed"),  # C17
    ],
)
def test_c7_a_giant_that_fails_leaves_no_upload(
    workplace: Workplace,
    s3: Any,
    pair: tuple[str, str],
    faults: Any,
    action: Action,
    operation: str,
    status: str,
    code: str | None,
) -> None:
    source, target = pair
    put_in_parts(s3, source, "giant", SIZES)
    put(s3, source, "small")
    faults.add(Fault(action, operation=operation, key_contains="giant"))
    ended = workplace.run("-s", source, "-t", target, *SMALL)
    assert ended.statuses == {"copied": 1, status: 1}
    assert ended.outcomes()["giant"]["error_code"] == code
    assert not s3.list_multipart_uploads(Bucket=target).get("Uploads")


def test_c4_a_giant_that_changed_meanwhile(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str]
) -> None:
    require(server, "faults")
    source, target = pair
    put_in_parts(s3, source, "giant", SIZES)

    def change() -> None:
        s3.put_object(Bucket=source, Key="giant", Body=b"x" * 8 * MIB)

    with meddling("UploadPartCopy", 2, change) as endpoint:
        ended = workplace.at(endpoint).run("-s", source, "-t", target, *SMALL)
    assert (ended.code, ended.statuses) == (3, {"changed": 1})
    assert not s3.list_multipart_uploads(Bucket=target).get("Uploads")
    assert not s3.list_objects_v2(Bucket=target).get("Contents")


def test_what_somebody_wrote_meanwhile_is_not_overwritten(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str]
) -> None:
    require(server, "faults")
    source, target = pair
    put_in_parts(s3, source, "giant", SIZES)

    def write() -> None:
        s3.put_object(Bucket=target, Key="giant", Body=b"of another")

    with meddling("UploadPartCopy", 2, write) as endpoint:
        ended = workplace.at(endpoint).run("-s", source, "-t", target, *SMALL)
    assert (ended.code, ended.statuses) == (3, {"failed": 1})
    assert ended.outcomes()["giant"]["error_code"] == "TargetIsNewer"
    assert s3.get_object(Bucket=target, Key="giant")["Body"].read() == b"of another"
    assert not s3.list_multipart_uploads(Bucket=target).get("Uploads")


def test_a_plain_giant_and_preserve_etags(workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str]) -> None:
    """Unlike parts are measured before the first is copied: a guess would cost a giant twice."""
    require(server, "faults")
    source, target = pair
    etag = put_in_parts(s3, source, "giant", (6 * MIB, *(PART_MIN_BYTES,) * 4, MIB))
    ended = workplace.run("-s", source, "-t", target, *SMALL, "--preserve-etags")
    assert_moved(s3, ended, source, target, etag)
    assert ended.summary["requests"]["UploadPartCopy"] == len(SIZES)


def test_c2_a_giant_whose_outcome_is_written_is_not_done_again(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str], faults: Any
) -> None:
    """Its worker died between the outcome and the commit."""
    require(server, "faults")
    source, target = pair
    put_in_parts(s3, source, "giant", SIZES)
    faults.add(Fault(Action.DENIED, operation="UploadPartCopy", bucket=target))
    first = workplace.run("-s", source, "-t", target, *SMALL)
    assert (first.code, first.statuses) == (3, {"failed": 1})
    assert first.folder is not None
    for record in (*first.folder.glob("outcomes/*/*.done.json"), first.folder / "summary.json"):
        record.unlink()
    faults.clear()
    again = workplace.run("-s", source, "-t", target, *SMALL)
    assert (again.code, again.folder, again.statuses) == (3, first.folder, {"failed": 1})
    assert not faults.requests("CreateMultipartUpload")
    assert not faults.requests("UploadPartCopy")
