"""Giants by the hands of workers: each step done once, twice, at the same time, and interrupted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from s3sync.copying.large_object.tasks import Finishing, Opening, PieceEnd, carry_piece, finish_giants, open_giants
from s3sync.model.etag import bare
from s3sync.model.task import Method
from s3sync.runs.heartbeat import Hub
from s3sync.runs.upload_log import UploadLog
from tests.contract.copying import TRANSPORTS, migration_on
from tests.contract.working import Worker
from tests.servers.capabilities import require
from tests.servers.faults import Action, Fault

PART = 5 << 20
SIZES = [PART, PART, PART, 7]
METHODS = [Method.MULTIPART_COPY, Method.RELAY]
PART_OF = {Method.MULTIPART_COPY: "UploadPartCopy", Method.RELAY: "UploadPart"}


class Giant:
    """One giant, `a`, on a live server, and the steps that tasks take with it."""

    def __init__(self, server, migration, worker, method):
        self.server, self.migration, self.worker, self.method = server, migration, worker, method
        migration.put_in_parts("a", SIZES, Metadata={"colour": "blue"}, ContentType="text/x", Tagging="team=a%20b")
        self.task = migration.task("a", method=method)
        self.batch = worker.plan("b", self.task, is_giant=True)
        self.uploads = UploadLog(worker.folder, "b")

    def open(self):
        return self.worker.do(open_giants, Opening("open", (self.batch,), self.task.size, True))

    def carry(self, piece):
        return self.worker.do(carry_piece, piece)

    def finish(self, giant, failure=None, *, is_last=False):
        return self.worker.do(finish_giants, Finishing("finish", ((giant, failure),), is_last))

    def carried(self):
        """Opened, and all of its parts carried."""
        (giant,) = self.open()
        assert [self.carry(piece) for piece in giant.pieces()] == [PieceEnd("b")] * len(SIZES)
        return giant

    @property
    def outcome(self):
        (row,) = self.worker.outcomes("b")
        return row

    def assert_there(self):
        """The copy has all that its source has, and nothing is left beside it (C1, C7)."""
        outcome, target = self.outcome, self.migration.target("a")
        assert outcome["status"] == "copied"
        assert outcome["target_etag"] == bare(target["ETag"])
        if self.server.capabilities.head_parts_count:
            assert (outcome["target_etag"], outcome["verified"]) == (self.task.etag, "etag_equal")
        assert self.migration.body("a") == b"".join(bytes([n]) * size for n, size in enumerate(SIZES, start=1))
        assert (target["Metadata"], target["ContentType"]) == ({"colour": "blue"}, "text/x")
        if self.server.capabilities.tags_set_by_multipart:
            assert self.migration.tags("a") == {"team": "a b"}
        assert self.migration.uploads() == []


@pytest.fixture(params=TRANSPORTS)
def transport(request):
    return request.param


@pytest.fixture(params=METHODS, ids=str)
def giant(server, s3, bucket_factory, tmp_path, request):
    return made(server, s3, bucket_factory, tmp_path, request.param, "curl")


def made(server, s3, bucket_factory, tmp_path, method, transport):
    migration = migration_on(server, s3, bucket_factory(), bucket_factory())
    settings = replace(migration.settings, part_size_bytes=PART, planned_at=datetime.now(UTC) - timedelta(hours=1))
    worker = Worker.at(server, tmp_path, settings, transport=transport)
    return Giant(server, migration, worker, method)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_open_carry_finish(server, s3, bucket_factory, tmp_path, method, transport):
    giant = made(server, s3, bucket_factory, tmp_path, method, transport)
    opened = giant.carried()
    assert giant.worker.outcomes("b") == []
    assert giant.migration.uploads() == ["a"]  # what would be seen if it were left
    assert giant.finish(opened) == []
    giant.assert_there()


def test_c2_each_step_may_be_done_twice(giant):
    (first,) = giant.open()
    (second,) = giant.open()
    assert (second.generation, second.missing) == (first.generation, first.missing)
    pieces = first.pieces()
    for piece in (pieces[0], pieces[0], *pieces[1:]):
        assert giant.carry(piece) == PieceEnd("b")
    (third,) = giant.open()
    assert third.pieces() == []  # what is there is not done again
    assert giant.finish(first) == []
    assert giant.finish(first) == []
    assert giant.open() == []
    giant.assert_there()


def test_c2_a_part_that_was_carried_already_costs_no_request(giant, server, faults):
    require(server, "faults")
    (opened,) = giant.open()
    piece = opened.pieces()[1]
    giant.carry(piece)
    faults.clear()
    giant.carry(piece)
    assert faults.by_operation() == {}


def test_c7_of_two_that_open_at_the_same_time_the_first_one_counts(giant):
    giant.open()
    record = giant.uploads.opened(1)
    mine = giant.worker.folder.get("uploads/b/0001-open.json")
    giant.worker.store.delete("runs/run/uploads/b/0001-open.json")

    def put_new_after_the_other(name, body, put=giant.worker.store.put_new):
        giant.worker.store.put("runs/run/uploads/b/0001-open.json", mine)
        return put(name, body)

    giant.worker.store.put_new = put_new_after_the_other
    (other,) = giant.open()
    assert other.generation == 1
    assert giant.uploads.opened(1).upload_id == record.upload_id
    # The second took the first one's upload for one that was left, before it knew better. Parts tell, and the next
    # round puts it right.
    failure = giant.carry(other.pieces()[0]).failure
    assert giant.finish(other, failure) == [other]
    giant.finish(giant.carried())
    giant.assert_there()


def test_c7_what_a_task_thought_dead_opened_is_aborted_before_the_end(giant):
    opened = giant.carried()
    late = {"Bucket": giant.migration.settings.target_bucket, "Key": "a"}
    giant.migration.s3.create_multipart_upload(**late)
    assert giant.migration.uploads() == ["a", "a"]
    giant.finish(replace(opened, attempt=2))
    giant.assert_there()


def test_c7_where_nobody_had_begun_the_giant_another_upload_is_somebody_elses(giant):
    opened = giant.carried()
    giant.migration.s3.create_multipart_upload(Bucket=giant.migration.settings.target_bucket, Key="a")
    giant.finish(opened)
    assert giant.outcome["status"] == "copied"
    assert giant.migration.uploads() == ["a"]


def test_uploads_of_others_stay(giant):
    """Begun before the plan, or of another key: not ours to abort."""
    bucket = giant.migration.settings.target_bucket
    giant.migration.s3.create_multipart_upload(Bucket=bucket, Key="ab")
    giant.migration.s3.create_multipart_upload(Bucket=bucket, Key="a")
    giant.worker.set(planned_at=datetime.now(UTC) + timedelta(hours=1))
    giant.finish(replace(giant.carried(), attempt=2))
    assert giant.outcome["status"] == "copied"
    assert sorted(giant.migration.uploads()) == ["a", "ab"]


def test_a_worker_that_dies_after_the_completion(giant):
    """NoSuchUpload means: look at the target, and compare. Nothing is copied again."""
    opened = giant.carried()
    upload = giant.uploads.opened(1)
    etags = giant.uploads.carried(1).etags
    giant.migration.s3.complete_multipart_upload(
        Bucket=giant.migration.settings.target_bucket,
        Key="a",
        UploadId=upload.upload_id,
        MultipartUpload={"Parts": [{"PartNumber": n, "ETag": etags[n]} for n in sorted(etags)]},
    )
    assert giant.finish(opened) == []
    giant.assert_there()


def test_an_upload_that_is_gone_is_opened_anew(giant):
    opened = giant.carried()
    upload = giant.uploads.opened(1)
    bucket = giant.migration.settings.target_bucket
    giant.migration.s3.abort_multipart_upload(Bucket=bucket, Key="a", UploadId=upload.upload_id)
    assert giant.finish(opened) == [opened]
    again = giant.carried()
    assert again.generation == 2
    assert giant.finish(again) == []
    giant.assert_there()


def test_parts_find_out_that_the_upload_is_gone(giant):
    (opened,) = giant.open()
    upload = giant.uploads.opened(1)
    bucket = giant.migration.settings.target_bucket
    giant.migration.s3.abort_multipart_upload(Bucket=bucket, Key="a", UploadId=upload.upload_id)
    end = giant.carry(opened.pieces()[0])
    assert end.failure.error_code == "NoSuchUpload"
    assert giant.finish(opened, end.failure) == [opened]
    assert giant.uploads.current() == (2, None)


def test_c7_a_failure_that_no_try_mends_aborts_the_upload(giant, server, faults):
    require(server, "faults")
    (opened,) = giant.open()
    faults.add(Fault(Action.DENIED, operation=PART_OF[giant.method]))
    end = giant.carry(opened.pieces()[0])
    faults.clear()
    assert giant.finish(opened, end.failure) == []
    assert (giant.outcome["status"], giant.outcome["error_code"]) == ("failed", "AccessDenied")
    assert giant.migration.uploads() == []


@pytest.mark.parametrize("is_last", [False, True])
def test_a_failure_that_passes_aborts_it_in_the_last_round_only(giant, server, faults, is_last):
    require(server, "faults")
    (opened,) = giant.open()
    faults.add(Fault(Action.INTERNAL_ERROR, operation=PART_OF[giant.method]))
    end = giant.carry(opened.pieces()[0])
    faults.clear()
    assert giant.finish(opened, end.failure, is_last=is_last) == ([] if is_last else [opened])
    assert giant.migration.uploads() == ([] if is_last else ["a"])
    assert len(giant.worker.outcomes("b")) == is_last


def test_a_run_that_is_stopped_keeps_the_upload_for_the_next_driver(giant):
    """C7: resumed, not aborted."""
    (opened,) = giant.open()
    giant.carry(opened.pieces()[0])
    with Hub("127.0.0.1", "127.0.0.1") as hub:
        hub.stop_workers()
        giant.worker.context = replace(giant.worker.context, hub=hub.address)
        assert giant.carry(opened.pieces()[1]) == PieceEnd("b")
        assert giant.finish(opened) == []
    assert giant.worker.outcomes("b") == []
    assert giant.migration.uploads() == ["a"]
    giant.worker.context = replace(giant.worker.context, hub=giant.worker.context.hub, epoch=2)
    with Hub("127.0.0.1", "127.0.0.1") as hub:
        giant.worker.context = replace(giant.worker.context, hub=hub.address)
        (resumed,) = giant.open()
        assert [piece.numbers for piece in resumed.pieces()] == [(2,), (3,), (4,)]
        for piece in resumed.pieces():
            giant.carry(piece)
        giant.finish(resumed)
    giant.assert_there()


@pytest.mark.parametrize("moment", ["open", "parts", "complete"])
def test_a_reset_at_any_moment(giant, server, faults, moment):
    """The answer is lost after the server did its work."""
    require(server, "faults")
    operation = {"open": "CreateMultipartUpload", "parts": PART_OF[giant.method], "complete": "CompleteMultipartUpload"}
    faults.add(Fault(Action.RESET, operation=operation[moment], times=1, is_late=True))
    opened = giant.carried()
    giant.finish(opened)
    giant.assert_there()


def test_tags_over_a_header_are_put_at_the_end_and_once_more_where_that_failed(giant, server, faults):
    """What opens a giant knows its tags, another worker finishes it; it is not done before they are there."""
    require(server, "faults")
    tags = {f"key-{n}": "a +:/" * 50 for n in range(10)}
    given = [{"Key": key, "Value": value} for key, value in tags.items()]
    bucket = giant.migration.settings.source_bucket
    giant.migration.s3.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": given})
    opened = giant.carried()
    faults.add(Fault(Action.INTERNAL_ERROR, operation="PutObjectTagging"))
    assert giant.finish(opened) == [opened]  # in the same upload, once more
    assert giant.worker.outcomes("b") == []
    assert giant.migration.tags("a") == {}
    faults.clear()
    assert giant.finish(opened) == []
    assert giant.outcome["status"] == "copied"
    assert giant.migration.tags("a") == tags
    assert faults.requests("CompleteMultipartUpload") == 0
    assert giant.migration.uploads() == []
