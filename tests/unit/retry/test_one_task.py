"""One more attempt at a task, row by row of the tables in `retry_task` and `check_task` (C4, C14)."""

from datetime import timedelta
from typing import Any

import pytest

from s3sync.config.model import Mode
from s3sync.model.limits import COPY_OBJECT_MAX_BYTES
from s3sync.model.outcome import Outcome, Status
from s3sync.model.task import Method
from s3sync.retry.one_task import RetryHow, retry_task
from tests.unit.scripted import (
    AFTER,
    BEFORE,
    GONE,
    OTHER,
    PLAIN,
    UNLISTED,
    Answer,
    Look,
    a_task,
    copied,
    drive,
    error,
    head,
    heads,
    names,
    ok,
)
from tests.unit.scripted import some_settings as settings

HEAD = "HeadObject"
KMS = {"ServerSideEncryption": "aws:kms"}
DAY = timedelta(days=1)


def retried(how: RetryHow, *script: tuple[str, Answer], look_first: bool = True, **task: Any) -> tuple[Outcome, Any]:
    return drive(retry_task(a_task(**task), settings(), 3, how, look_first=look_first), *script)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (RetryHow(modified_since=BEFORE), "modified_since"),
        (RetryHow(modified_since=BEFORE + DAY), "modified_since"),
        (RetryHow(not_modified_since=BEFORE - DAY), "not_modified_since"),
        (RetryHow(Mode.CHECK, modified_since=BEFORE), "modified_since"),
    ],
)
def test_what_was_modified_at_other_times_is_skipped(how: RetryHow, reason: str) -> None:
    outcome, sent = retried(how)
    assert (outcome.status, outcome.reason, outcome.attempt, sent) == (Status.SKIPPED, reason, 3, [])


@pytest.mark.parametrize(
    ("how", "task"),
    [
        (RetryHow(modified_since=BEFORE - DAY, not_modified_since=BEFORE), {}),
        (RetryHow(modified_since=AFTER), {"last_modified": None}),
    ],
)
def test_what_was_modified_then_is_copied(how: RetryHow, task: dict[str, Any]) -> None:
    outcome, _ = retried(how, (HEAD, GONE), ("CopyObject", copied()), **task)
    assert (outcome.status, outcome.attempt, outcome.requests) == (Status.COPIED, 3, 2)


def test_without_a_look_it_is_one_request() -> None:
    outcome, sent = retried(RetryHow(), ("CopyObject", copied()), look_first=False)
    assert (outcome.status, names(sent)) == (Status.COPIED, ["CopyObject"])


@pytest.mark.parametrize(
    ("target", "is_skipped"),
    [(head(), True), (head(OTHER), False), (head(PLAIN, 101), False), (head(**KMS), False), (GONE, False)],
)
def test_verify_skips_only_the_planned_object(target: Answer, is_skipped: bool) -> None:
    rest = [] if is_skipped else [("CopyObject", copied())]
    outcome, _ = retried(RetryHow(verify=True), (HEAD, target), *rest, look_first=False)
    assert outcome.status is (Status.SKIPPED if is_skipped else Status.COPIED)
    assert outcome.requests == (1 if is_skipped else 2)


def test_verify_that_may_not_look_fails() -> None:
    outcome, _ = retried(RetryHow(verify=True), (HEAD, error(403, "403")))
    assert (outcome.status, outcome.error_code) == (Status.FAILED, "403")


REFUSED = ("CopyObject", error(412, "PreconditionFailed"))
# The condition that did not hold is the source's, or that the target is free: the target is looked at first.
CHANGED = [REFUSED, (HEAD, GONE), (HEAD, head(OTHER, 7, AFTER))]


def test_c4_a_source_that_changed_is_pinned_to_what_the_look_shows() -> None:
    outcome, sent = retried(
        RetryHow(), (HEAD, GONE), *CHANGED, (HEAD, head(OTHER, 7, AFTER)), (HEAD, GONE), ("CopyObject", copied(OTHER))
    )
    assert (outcome.status, outcome.reason, outcome.size) == (Status.COPIED, "pinned_anew", 7)
    assert sent[-1].params["CopySourceIfMatch"] == f'"{OTHER}"'
    assert outcome.requests == len(sent)


def test_c4_a_source_that_changes_again_stays_changed() -> None:
    again = "aaaabbbbccccddddaaaabbbbccccdddd"
    outcome, sent = retried(
        RetryHow(),
        (HEAD, GONE),
        *CHANGED,
        (HEAD, head(OTHER, 7, AFTER)),
        (HEAD, GONE),
        REFUSED,
        (HEAD, GONE),
        (HEAD, head(again, 8, AFTER)),
    )
    assert (outcome.status, outcome.reason) == (Status.CHANGED, "pinned_anew")
    assert outcome.requests == len(sent)


def test_c2_a_second_delivery_finds_the_copy_of_a_source_that_changed() -> None:
    now = head(OTHER, 7, AFTER)
    tags = [("GetObjectTagging", ok(TagSet=[]))] * 2
    looks = [(HEAD, now)] * 5  # the target and the source, the source to pin it, the target and the source again
    outcome, sent = retried(RetryHow(), *looks, *tags)
    assert (outcome.status, outcome.reason) == (Status.COPIED, "found_on_target")
    assert set(names(sent)) == {HEAD, "GetObjectTagging"}


def test_c7_a_task_of_a_queue_leaves_the_uploads_of_others_alone() -> None:
    """Another worker may have been handed the same task, and be at it."""
    size = COPY_OBJECT_MAX_BYTES + 1
    task = a_task(method=Method.MULTIPART_COPY, size=size, etag=None)
    operation = retry_task(task, settings(), 3, RetryHow(), look_first=True)
    requests = next(operation)
    for answer in (GONE, head(None, size)):
        requests = operation.send([(answer if each.operation == HEAD else ok(TagSet=[])).to(each) for each in requests])
    assert [each.operation for each in requests] == ["CreateMultipartUpload"]
    requests = operation.send([ok(UploadId="up").to(requests[0])])
    assert {each.operation for each in requests} == {"UploadPartCopy"}
    operation.close()


def test_a_source_that_is_gone_by_then_has_vanished() -> None:
    outcome, _ = retried(RetryHow(), (HEAD, GONE), *CHANGED, (HEAD, GONE), UNLISTED)
    assert outcome.status is Status.VANISHED


def test_a_source_that_grew_too_large_for_one_request_is_copied_by_parts() -> None:
    large = head(f"{OTHER}-9", COPY_OBJECT_MAX_BYTES + 1, AFTER)
    operation = retry_task(a_task(), settings(), 3, RetryHow(), look_first=False)
    requests = next(operation)
    for name, answer in [REFUSED, (HEAD, large), (HEAD, large), (HEAD, GONE)]:
        assert [request.operation for request in requests] == [name]
        requests = operation.send([answer.to(requests[0])])
    assert "CopyObject" not in [request.operation for request in requests]
    operation.close()


@pytest.mark.parametrize(
    ("changes", "now", "next_request"),
    [
        ({"preserve_etags": True}, head(f"{OTHER}-2", 7, AFTER), "HeadObject"),  # its parts are to be kept
        ({"multipart_threshold_bytes": 6}, head(OTHER, 7, AFTER), "HeadObject"),  # by parts: the source is read
        ({}, head(f"{OTHER}-2", 7, AFTER), "CopyObject"),
    ],
)
def test_c19_a_source_that_changed_is_copied_as_a_plan_would_have_it(
    changes: dict[str, Any], now: Answer, next_request: str
) -> None:
    operation = retry_task(a_task(), settings(**changes), 3, RetryHow(), look_first=False)
    requests = next(operation)
    for name, answer in [REFUSED, (HEAD, now), (HEAD, now), (HEAD, GONE)]:
        assert [request.operation for request in requests] == [name]
        requests = operation.send([answer.to(requests[0])])
    assert requests[0].operation == next_request
    operation.close()


def test_a_relayed_source_that_changed_is_relayed_again() -> None:
    now = (HEAD, head(OTHER, 7, AFTER))
    operation = retry_task(a_task(method=Method.RELAY), settings(), 3, RetryHow(), look_first=False)
    requests = next(operation)
    assert [request.operation for request in requests] == ["GetObject", "GetObjectTagging"]
    requests = operation.send([error(412, "PreconditionFailed").to(requests[0]), ok(TagSet=[]).to(requests[1])])
    for name, answer in [now, now, (HEAD, GONE)]:
        assert [request.operation for request in requests] == [name]
        requests = operation.send([answer.to(requests[0])])
    assert requests[0].operation == "GetObject"
    operation.close()


@pytest.mark.parametrize(
    ("script", "status", "said"),
    [
        ([GONE, UNLISTED], Status.VANISHED, None),
        ([head(OTHER)], Status.CHANGED, None),
        ([error(403, "403")], Status.FAILED, "403"),
        ([head(), GONE], Status.FAILED, "NotFound"),
        ([head(), error(403, "403")], Status.FAILED, "403"),
        ([head(), head(PLAIN, 101)], Status.FAILED, "SizeDiffers"),
        ([head(), head()], Status.SKIPPED, "match"),
        ([head(), head(OTHER)], Status.FAILED, "ETagMismatch"),
        ([head(), head(PLAIN, **KMS)], Status.FAILED, "Unprovable"),
        ([head(**KMS), head()], Status.FAILED, "Unprovable"),
        ([head(), head(f"{OTHER}-2")], Status.FAILED, "Unprovable"),
    ],
)
def test_c14_check_says_match_only_of_what_it_compared(script: list[Look], status: Status, said: str | None) -> None:
    outcome, sent = retried(RetryHow(Mode.CHECK), *heads(script))
    assert outcome.status is status
    assert said is None or said in (outcome.error_code, outcome.reason)
    assert set(names(sent)) <= {HEAD, "ListObjectsV2"}  # nothing is written
