"""C16: a write that follows a look carries the condition that what was seen still stands, and no extra request."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from s3sync.copying.dispatch import copy_task
from s3sync.copying.object_copy import UNGUARDED, CopyJob
from s3sync.model import etag
from s3sync.model.conditions import ABSENT, AS_S3, NONE_HEEDED, Conditions
from s3sync.model.outcome import Outcome, Status
from s3sync.model.task import Method, Overwrite
from s3sync.s3.request import Reply, Request
from tests.unit.scripted import (
    AFTER,
    BEFORE,
    OTHER,
    PLAIN,
    UNLISTED,
    Answer,
    a_task,
    copied,
    drive,
    error,
    head,
    names,
    ok,
)
from tests.unit.scripted import GONE as NO_OBJECT
from tests.unit.scripted import some_settings as settings

THIRD = "3" * 32
GONE = ("HeadObject", NO_OBJECT)
COPY = "CopyObject"
MADE = (COPY, copied())
REFUSED = (COPY, error(412, "PreconditionFailed"))
CONFLICT = (COPY, error(409, "ConditionalRequestConflict"))
AS_ASKED = [("HeadObject", head()), *[("GetObjectTagging", ok(TagSet=[]))] * 2]  # it is the copy that was to be made
NO_KEY = (COPY, error(404, "NoSuchKey"))
CHANGED = {"overwrite": Overwrite.CHANGED}


def condition(request: Request) -> str | None:
    return request.params.get("IfMatch") or request.params.get("IfNoneMatch")


# overwrite, what the plan saw, what the server heeds, then the condition and whether the target is looked at first
@pytest.mark.parametrize(
    ("overwrite", "seen", "conditions", "sets", "looks"),
    [
        (Overwrite.ALWAYS, None, AS_S3, None, False),
        (Overwrite.ALWAYS, None, NONE_HEEDED, None, False),
        (Overwrite.ALWAYS, None, Conditions(are_demanded=True), f'"{OTHER}"', True),
        (Overwrite.ALWAYS, OTHER, AS_S3, f'"{OTHER}"', False),
        (Overwrite.CHANGED, OTHER, AS_S3, f'"{OTHER}"', False),
        (Overwrite.CHANGED, OTHER, Conditions(copy_if_match=False), None, True),
        (Overwrite.CHANGED, OTHER, Conditions(copy_if_none_match=False), f'"{OTHER}"', False),
        (Overwrite.CHANGED, OTHER, Conditions(put_if_match=False, complete_if_match=False), f'"{OTHER}"', False),
        (Overwrite.CHANGED, ABSENT, AS_S3, "*", False),
        (Overwrite.CHANGED, ABSENT, Conditions(are_demanded=True), "*", False),
        (Overwrite.NEVER, None, AS_S3, "*", False),
        (Overwrite.NEVER, None, Conditions(are_demanded=True), "*", False),
        (Overwrite.NEVER, ABSENT, AS_S3, "*", False),
    ],
)
def test_each_row(
    overwrite: Overwrite, seen: str | None, conditions: Conditions, sets: str | None, looks: bool
) -> None:
    operation = copy_task(a_task(target_etag=seen), settings(overwrite=overwrite, conditions=conditions), 1, False)
    script = [("HeadObject", head(OTHER, 7))] if looks else []
    outcome, sent = drive(operation, *script, MADE)
    assert condition(sent[-1]) == sets
    assert outcome.message == (UNGUARDED if looks and sets is None else None)
    assert outcome.requests == len(script) + 1


# what the refusal and the look after it say, then what follows and what the task comes to
@pytest.mark.parametrize(
    ("seen", "script", "wanted"),
    [
        (OTHER, [REFUSED, ("HeadObject", head(THIRD, 7, AFTER)), ("HeadObject", head())], ("failed", "TargetIsNewer")),
        (
            OTHER,
            [REFUSED, ("HeadObject", head(PLAIN, 100, AFTER)), *AS_ASKED],
            ("copied", None),
        ),  # another attempt's copy
        (OTHER, [REFUSED, ("HeadObject", head(THIRD, 7, BEFORE)), MADE], ("copied", None)),
        (OTHER, [REFUSED, GONE, MADE], ("copied", None)),
        (OTHER, [REFUSED, ("HeadObject", head(OTHER, 7)), ("HeadObject", head(THIRD))], ("changed", None)),
        (OTHER, [NO_KEY, GONE, MADE], ("copied", None)),  # S3 says NoSuchKey of a target that is to match
        (OTHER, [NO_KEY, ("HeadObject", head(OTHER, 7)), UNLISTED], ("vanished", None)),
        (OTHER, [CONFLICT, ("HeadObject", head(OTHER, 7)), MADE], ("copied", None)),
        (OTHER, [CONFLICT, ("HeadObject", head(PLAIN, 100, AFTER)), *AS_ASKED], ("copied", None)),
        (ABSENT, [CONFLICT, GONE, MADE], ("copied", None)),
        (ABSENT, [REFUSED, ("HeadObject", head(THIRD, 7, AFTER)), ("HeadObject", head())], ("failed", "TargetIsNewer")),
        (ABSENT, [REFUSED, GONE, GONE, UNLISTED], ("vanished", None)),
        (OTHER, [CONFLICT, ("HeadObject", head(OTHER, 7))] * 3, ("failed", "ConditionalRequestConflict")),
        (OTHER, [REFUSED, ("HeadObject", error(403, "403"))], ("failed", "403")),
    ],
)
def test_a_refusal_is_looked_into(seen: str, script: list[tuple[str, Answer]], wanted: tuple[str, str | None]) -> None:
    outcome, sent = drive(copy_task(a_task(target_etag=seen), settings(**CHANGED), 1, False), *script)
    assert (outcome.status, outcome.error_code) == (Status(wanted[0]), wanted[1])
    assert outcome.requests == len(script)
    for earlier, look, again in zip(sent, script[1:], sent[2:], strict=False):
        if earlier.operation == again.operation == COPY:
            now = look[1].values.get("ETag")
            assert condition(again) == (now or "*")


def test_the_same_by_relay() -> None:
    """The source's ETag is one of parts, so that its MD5 need not be known here."""
    parted = f"{PLAIN}-1"
    got = ok(ETag=f'"{parted}"', LastModified=BEFORE, Body=b"x" * 100, ContentLength=100)
    read = [("GetObject", got), ("GetObjectTagging", ok(TagSet=[]))]
    looks = [("HeadObject", head(THIRD, 7, AFTER)), ("HeadObject", head(parted))]
    task = a_task(method=Method.RELAY, target_etag=OTHER, etag=parted)
    refused = ("PutObject", error(412, "PreconditionFailed"))
    outcome, sent = drive(copy_task(task, settings(**CHANGED), 1, False), *read, refused, *looks)
    assert (outcome.status, outcome.error_code) == (Status.FAILED, "TargetIsNewer")
    assert condition(sent[names(sent).index("PutObject")]) == f'"{OTHER}"'


def test_a_conflict_after_a_completion_makes_a_new_upload() -> None:
    """S3 takes no second completion of that upload (AWS: "CompleteMultipartUpload", If-Match)."""
    kept = etag.of_parts([PLAIN])
    task = a_task(method=Method.MULTIPART_COPY, target_etag=OTHER, size=100, etag=kept)
    read = [("HeadObject", head(kept)), ("GetObjectTagging", ok(TagSet=[]))]
    upload = [
        ("CreateMultipartUpload", ok(UploadId="up")),
        ("UploadPartCopy", ok(CopyPartResult={"ETag": f'"{PLAIN}"'})),
    ]
    conflict = [("CompleteMultipartUpload", error(409, "ConditionalRequestConflict")), ("HeadObject", head(OTHER, 7))]
    done = ("CompleteMultipartUpload", ok(ETag=f'"{kept}"'))
    script = [*read, *upload, *conflict, ("AbortMultipartUpload", ok()), *upload, done]
    outcome, sent = drive(copy_task(task, settings(**CHANGED), 1, False), *script)
    assert outcome.status is Status.COPIED
    assert [condition(each) for each in sent if each.operation == "CompleteMultipartUpload"] == [f'"{OTHER}"'] * 2


# --- schedules: a client writes the target at any point of a copy


class Target:
    """A server's one key, as far as CopyObject and HEAD go; it heeds conditions or not. `writes` is how it changes by
    itself: after so many requests a client has written this ETag."""

    def __init__(self, etag_there: str | None, heeds: bool, writes: dict[int, str]) -> None:
        self.etag, self.heeds, self.writes, self.requests = etag_there, heeds, writes, 0
        self.by_client: set[str] = set()
        self.lost: list[str] = []
        self.modified: datetime = BEFORE

    def answer(self, request: Request) -> Reply:
        if request.side == "source":
            return head().to(request)
        reply = self._head() if request.operation == "HeadObject" else self._copy(request)
        self.requests += 1
        if self.requests in self.writes:
            self.etag, self.modified = self.writes[self.requests], AFTER
            self.by_client.add(self.etag)
        return reply.to(request)

    def _head(self) -> Answer:
        return NO_OBJECT if self.etag is None else head(self.etag, 7, self.modified)

    def _copy(self, request: Request) -> Answer:
        given = request.params
        if self.heeds:
            if given.get("IfNoneMatch") == "*" and self.etag is not None:
                return error(412, "PreconditionFailed")
            if "IfMatch" in given and self.etag is None:
                return error(404, "NoSuchKey")
            if "IfMatch" in given and given["IfMatch"] != f'"{self.etag}"':
                return error(412, "PreconditionFailed")
        if self.etag in self.by_client:
            self.lost.append(self.etag)
        self.etag, self.modified = PLAIN, AFTER
        return copied()


def _run(operation: Any, target: Target) -> Outcome:
    requests = next(operation)
    while True:
        try:
            requests = operation.send([target.answer(request) for request in requests])
        except StopIteration as end:
            found: Outcome = end.value
            return found


def _schedules() -> Iterator[tuple[str | None, dict[int, str], bool]]:
    for before in (None, OTHER):
        for first in range(1, 5):
            for second in range(first + 1, 6):
                for repeats in (False, True):
                    yield before, {first: THIRD, second: "4" * 32}, repeats


@pytest.mark.parametrize("policy", [Overwrite.ALWAYS, Overwrite.CHANGED, Overwrite.NEVER])
def test_c16_no_schedule_loses_what_a_client_wrote_after_the_look(policy: Overwrite) -> None:
    for before, writes, repeats in _schedules():
        target = Target(before, heeds=True, writes=writes)
        task = a_task(target_etag=ABSENT if before is None else before)
        outcome = _run(copy_task(task, settings(overwrite=policy), 2 if repeats else 1, repeats), target)
        assert target.lost == [], (before, writes, repeats, outcome)
        if outcome.status is Status.COPIED:
            assert PLAIN not in target.by_client


def test_the_schedules_can_lose_a_write() -> None:
    """The negative control: the same schedules, where the server heeds nothing and is believed to."""
    lost = 0
    for before, writes, repeats in _schedules():
        target = Target(before, heeds=False, writes=writes)
        task = a_task(target_etag=ABSENT if before is None else before)
        _run(copy_task(task, settings(**CHANGED), 2 if repeats else 1, repeats), target)
        lost += len(target.lost)
    assert lost > 0


def test_where_nothing_is_heeded_a_look_comes_right_before_the_write() -> None:
    for before in (None, OTHER):
        target = Target(before, heeds=False, writes={})
        task = a_task(target_etag=ABSENT if before is None else before)
        outcome = _run(copy_task(task, settings(**CHANGED, conditions=NONE_HEEDED), 1, False), target)
        assert (outcome.status, outcome.message, target.requests) == (Status.COPIED, UNGUARDED, 2)


def test_a_job_knows_what_the_plan_saw() -> None:
    assert CopyJob(a_task(target_etag=OTHER), settings(), 1).guard(COPY) == {"IfMatch": f'"{OTHER}"'}
