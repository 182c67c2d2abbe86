"""Looking at the target before a repeat: design, "Overwriting"."""

from datetime import timedelta
from typing import Any

import pytest

from s3sync.copying.dispatch import copy_task
from s3sync.copying.object_copy import UNGUARDED
from s3sync.model.conditions import ABSENT, NONE_HEEDED, Conditions
from s3sync.model.outcome import ErrorClass, Status, Verified
from s3sync.model.task import Overwrite
from tests.unit.scripted import (
    AFTER,
    GONE,
    OTHER,
    PLAIN,
    PLANNED_AT,
    UNLISTED,
    Answer,
    Look,
    a_task,
    copied,
    drive,
    error,
    head,
    heads,
    ok,
    page,
)
from tests.unit.scripted import some_settings as settings

A_SECOND = timedelta(seconds=1)
NEVER = {"overwrite": Overwrite.NEVER}
CHANGED = {"overwrite": Overwrite.CHANGED}
KMS = {"ServerSideEncryption": "aws:kms"}
AS_KMS = {"default_encryption": "aws:kms"}
ONEZONE = {"StorageClass": "ONEZONE_IA"}
PARTS = f"{PLAIN}-3"
COPY = ("CopyObject", copied())


def tags(**values: str) -> tuple[str, Answer]:
    return "GetObjectTagging", ok(TagSet=[{"Key": key, "Value": value} for key, value in values.items()])


TAGS = [tags(), tags()]  # the target's, the source's


def newer(etag: str | None = PLAIN, size: int = 100, **values: Any) -> Answer:
    return head(etag, size, AFTER, **values)


# task, settings, answers to HEADs (the target's first), is it copied then, status, reason, code, verified
ROWS: list[tuple[dict[str, Any], dict[str, Any], list[Answer], bool, tuple[Any, ...]]] = [
    ({}, {}, [GONE], True, ("copied", "missing", None, Verified.ETAG_EQUAL)),
    ({}, {}, [head(OTHER)], True, ("copied", "missing", None, Verified.ETAG_EQUAL)),
    ({}, CHANGED, [head(OTHER)], True, ("copied", "missing", None, Verified.ETAG_EQUAL)),
    ({}, {}, [head(OTHER, 100, PLANNED_AT - A_SECOND)], True, ("copied", "missing", None, Verified.ETAG_EQUAL)),
    ({}, NEVER, [head(OTHER)], False, ("skipped", "exists", None, None)),
    ({}, NEVER, [GONE], True, ("copied", "missing", None, Verified.ETAG_EQUAL)),
    ({}, {}, [error(403, "403")], False, ("failed", "missing", "403", None)),
    # newer than the plan, or of its second: S3's times are cut
    ({}, {}, [head(OTHER, 100, PLANNED_AT), head()], False, ("failed", "missing", "TargetIsNewer", None)),
    ({}, {}, [head(PLAIN, 100, PLANNED_AT), head()], False, ("copied", "found_on_target", None, Verified.ETAG_EQUAL)),
    ({}, {}, [newer(), head()], False, ("copied", "found_on_target", None, Verified.ETAG_EQUAL)),
    ({}, NEVER, [newer(), head()], False, ("copied", "found_on_target", None, Verified.ETAG_EQUAL)),
    ({}, NEVER, [newer(OTHER), head()], False, ("skipped", "exists", None, None)),
    ({}, NEVER, [newer(OTHER), GONE, UNLISTED], False, ("skipped", "exists", None, None)),
    ({"etag": PARTS}, {}, [newer(PARTS), head(PARTS)], False, ("copied", "found_on_target", None, Verified.ETAG_EQUAL)),
    ({}, {}, [newer(PLAIN, 101), head()], False, ("failed", "missing", "TargetIsNewer", None)),
    (
        {},
        {},
        [newer(OTHER, 101), head(OTHER, 101)],
        False,
        ("changed", "missing", None, None),
    ),  # a copy of what it is now
    ({}, {}, [newer(OTHER), GONE, UNLISTED], False, ("vanished", "missing", None, None)),
    # the planned object, which the source is no longer
    ({}, {}, [newer(), GONE, UNLISTED], False, ("copied", "gone_since", None, Verified.ETAG_EQUAL)),
    ({}, {}, [newer(), head(OTHER)], False, ("copied", "gone_since", None, Verified.ETAG_EQUAL)),
    ({}, {}, [newer(**ONEZONE), GONE, UNLISTED], False, ("vanished", "missing", None, None)),
    ({}, {}, [newer(**ONEZONE), head(OTHER)], False, ("changed", "missing", None, None)),
    ({}, {}, [newer(**KMS), GONE, UNLISTED], False, ("vanished", "missing", None, None)),
    ({"size": None}, {}, [newer(), GONE, UNLISTED], False, ("vanished", "missing", None, None)),
    ({}, {}, [newer(OTHER), head(OTHER)], False, ("changed", "missing", None, None)),
    ({}, {}, [newer(OTHER), error(403, "403")], False, ("failed", "missing", "403", None)),
    ({}, {}, [newer(OTHER), head()], False, ("failed", "missing", "TargetIsNewer", None)),
    ({"size": None}, {}, [newer(), head()], False, ("copied", "found_on_target", None, Verified.ETAG_EQUAL)),
    ({"size": None}, {}, [newer(PLAIN, 101), head()], False, ("failed", "missing", "TargetIsNewer", None)),
    ({"etag": None}, {}, [newer(), head()], False, ("copied", "found_on_target", None, Verified.ETAG_EQUAL)),
    ({"etag": None}, {}, [newer(), head(OTHER)], False, ("failed", "missing", "TargetIsNewer", None)),
    # not comparable: the metadata decide
    ({}, AS_KMS, [newer(OTHER, **KMS), head()], False, ("copied", "found_on_target", None, Verified.NOT_COMPARABLE)),
    ({}, {}, [newer(OTHER), head(**KMS)], False, ("copied", "found_on_target", None, Verified.NOT_COMPARABLE)),
    ({}, AS_KMS, [newer(PLAIN, **KMS), head()], False, ("copied", "found_on_target", None, Verified.NOT_COMPARABLE)),
    (
        {"etag": PARTS},
        {},
        [newer(OTHER), head(PARTS)],
        False,
        ("copied", "found_on_target", None, Verified.NOT_COMPARABLE),
    ),
    (
        {"etag": PARTS},
        {},
        [newer(OTHER, Metadata={"a": "1"}), head(PARTS, Metadata={"a": "1"})],
        False,
        ("copied", "found_on_target", None, Verified.NOT_COMPARABLE),
    ),
    (
        {"etag": PARTS},
        {},
        [newer(OTHER, Metadata={"a": "1"}), head(PARTS, Metadata={"a": "2"})],
        False,
        ("failed", "missing", "TargetIsNewer", None),
    ),
    (
        {"etag": PARTS},
        {},
        [newer(OTHER, ContentType="a/b"), head(PARTS, ContentType="a/c")],
        False,
        ("failed", "missing", "TargetIsNewer", None),
    ),
]


@pytest.mark.parametrize(("task", "changes", "looks", "is_copied", "expected"), ROWS)
def test_each_row(
    task: dict[str, Any], changes: dict[str, Any], looks: list[Look], is_copied: bool, expected: tuple[Any, ...]
) -> None:
    """C2: doing a task twice never leaves the target worse."""
    operation = copy_task(a_task(**task), settings(**changes), 2, look_first=True)
    status, reason, code, verified = expected
    is_found = reason == "found_on_target"
    script = heads(looks) + ([COPY] if is_copied else TAGS if is_found else [])
    reason = "found_on_target" if reason == "gone_since" else reason
    outcome, sent = drive(operation, *script)
    assert (outcome.status, outcome.reason, outcome.error_code) == (Status(status), reason, code)
    assert outcome.verified == (verified or Verified.NOT_COPIED)
    assert outcome.error_class is (ErrorClass.PRECONDITION if code == "TargetIsNewer" else outcome.error_class)
    assert outcome.requests == len(script)
    assert [request.side for request in sent][:2] == (
        ["target", "source"] if len(looks) > 1 else ["target"] * len(sent)
    )


def test_never_looks_first_where_the_server_ignores_conditions() -> None:
    operation = copy_task(a_task(), settings(**NEVER, conditions=NONE_HEEDED), 1, look_first=False)
    outcome, _ = drive(operation, ("HeadObject", head(OTHER)))
    assert (outcome.status, outcome.reason) == (Status.SKIPPED, "exists")


PRECONDITION = error(412, "PreconditionFailed")


NAMELESS = error(404, "404")


@pytest.mark.parametrize(
    ("looks", "wanted"),
    [
        ([NAMELESS, UNLISTED, COPY], ("copied", None)),
        ([NAMELESS, page("to/a/key"), newer(), head(), *TAGS], ("copied", None)),  # another answer by then
        ([NAMELESS, page("to/a/key")] * 3, ("failed", "NotFoundThoughListed")),
        ([NAMELESS, ("ListObjectsV2", error(404, "ForeignAnswer"))], ("failed", "ForeignAnswer")),
    ],
)
def test_c17_a_404_that_may_be_anybodys_is_no_empty_target(looks: list[Look], wanted: tuple[Any, ...]) -> None:
    outcome, _ = drive(copy_task(a_task(), settings(), 2, look_first=True), *heads(looks))
    assert (outcome.status, outcome.error_code) == wanted


# what the look after the refusal finds, then status, reason, code
@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ([newer(), head(), *TAGS], ("copied", "found_on_target", None)),  # another attempt's
        ([newer(**ONEZONE), head()], ("failed", "missing", "TargetIsNewer")),  # another run's: the next attempt's
        ([newer(PLAIN, 101), head()], ("failed", "missing", "TargetIsNewer")),
        ([newer(OTHER), head()], ("failed", "missing", "TargetIsNewer")),
        ([GONE, head(OTHER)], ("changed", "missing", None)),  # the source's condition
        ([GONE, GONE, UNLISTED], ("vanished", "missing", None)),
        ([error(403, "403")], ("failed", "missing", "403")),
    ],
)
def test_c2_what_came_since_the_look_is_not_overwritten(found: list[Look], wanted: tuple[Any, ...]) -> None:
    """Two attempts at one moment make one copy, and one version."""
    script = [("HeadObject", GONE), ("CopyObject", PRECONDITION), *heads(found)]
    outcome, sent = drive(copy_task(a_task(), settings(), 2, look_first=True), *script)
    assert sent[1].params["IfNoneMatch"] == "*"
    assert (outcome.status, outcome.reason, outcome.error_code) == wanted
    assert outcome.requests == len(sent)


# What another run may have made otherwise: settings, the target's and the source's HEAD, the tags, is it copied again
AS_ASKED = [
    ({}, newer(**ONEZONE), head(), [], True),  # a class that nobody asked for
    ({"storage_class": "GLACIER_IR"}, newer(**ONEZONE), head(), [], True),
    ({"storage_class": "GLACIER_IR"}, newer(), head(), [], True),
    ({"storage_class": "STANDARD"}, newer(), head(), TAGS, False),
    ({"storage_class": "ONEZONE_IA"}, newer(**ONEZONE), head(), TAGS, False),
    ({}, newer(**KMS), head(), [], True),  # encrypted otherwise than the bucket does it
    (AS_KMS, newer(), head(), [], True),
    ({"encryption": "aws:kms"}, newer(), head(), [], True),
    (
        {"encryption": "aws:kms", "kms_key_id": "k1"},
        newer(**KMS, SSEKMSKeyId="arn:aws:kms:r:1:key/k1"),
        head(),
        TAGS,
        False,
    ),
    (
        {"encryption": "aws:kms", "kms_key_id": "k1"},
        newer(**KMS, SSEKMSKeyId="arn:aws:kms:r:1:key/k2"),
        head(),
        [],
        True,
    ),
    ({"encryption": "aws:kms", "kms_key_id": "alias/k"}, newer(**KMS, SSEKMSKeyId="arn:k"), head(), TAGS, True),
    ({"encryption": "aws:kms", "bucket_key": True}, newer(**KMS), head(), [], True),
    ({"acl": "private"}, newer(), head(), TAGS, True),  # no HEAD shows it
    ({}, newer(), head(), [tags(), tags(a="1")], True),
    ({}, newer(), head(), [tags(a="1"), tags()], True),
    ({}, newer(), head(), [tags(a="1"), tags(a="1")], False),
    ({}, newer(), head(), [("GetObjectTagging", error(403, "AccessDenied")), tags()], True),
    ({}, newer(), head(), [tags(), ("GetObjectTagging", error(403, "AccessDenied"))], True),
    ({}, newer(), head(), [("GetObjectTagging", error(501, "NotImplemented")), tags()], False),
    ({"tags": False}, newer(), head(TagCount=1), [], False),
    ({"tags": False}, newer(TagCount=1), head(), [], True),
    ({}, newer(), head(MissingMeta=1), TAGS, True),
]


@pytest.mark.parametrize(("changes", "target", "source", "tagging", "is_copied"), AS_ASKED)
def test_c19_what_was_made_otherwise_than_asked_is_copied_again(
    changes: dict[str, Any], target: Answer, source: Answer, tagging: list[tuple[str, Answer]], is_copied: bool
) -> None:
    """Another run's copy has the same bytes and metadata, and what other options made of it."""
    answer = copied(**({"ServerSideEncryption": "aws:kms"} if "encryption" in changes else {}))
    script = [
        ("HeadObject", target),
        ("HeadObject", source),
        *tagging,
        *([("CopyObject", answer)] if is_copied else []),
    ]
    outcome, sent = drive(copy_task(a_task(), settings(**changes), 2, look_first=True), *script)
    assert outcome.status is Status.COPIED
    assert outcome.reason == ("missing" if is_copied else "found_on_target")
    assert outcome.requests == len(sent)
    never = {**changes, "overwrite": Overwrite.NEVER}
    outcome, _ = drive(copy_task(a_task(), settings(**never), 2, look_first=True), *script[: len(script) - is_copied])
    assert outcome.status is (Status.SKIPPED if is_copied else Status.COPIED)


def test_c19_with_other_metadata_it_is_somebody_elses() -> None:
    script = [("HeadObject", newer(Metadata={"a": "1"}, **ONEZONE)), ("HeadObject", head())]
    outcome, _ = drive(copy_task(a_task(), settings(), 2, look_first=True), *script)
    assert (outcome.status, outcome.error_code) == (Status.FAILED, "TargetIsNewer")


@pytest.mark.parametrize(
    ("source", "target", "is_copied"),
    [(PARTS, PARTS, False), (PARTS, f"{OTHER}-3", True), (PARTS, OTHER, True), (PLAIN, PLAIN, False)],
)
def test_c19_where_boundaries_are_kept_the_etag_is_part_of_what_was_asked_for(
    source: str, target: str, is_copied: bool
) -> None:
    rest = [COPY] if is_copied else TAGS
    operation = copy_task(a_task(etag=source), settings(preserve_etags=True), 2, look_first=True)
    outcome, _ = drive(operation, ("HeadObject", newer(target)), ("HeadObject", head(source)), *rest)
    assert outcome.reason == ("missing" if is_copied else "found_on_target")


def test_c16_what_was_there_at_the_look_is_overwritten_if_it_still_is() -> None:
    _, sent = drive(copy_task(a_task(), settings(), 2, look_first=True), ("HeadObject", head(OTHER)), COPY)
    assert (sent[1].params.get("IfMatch"), sent[1].params.get("IfNoneMatch")) == (f'"{OTHER}"', None)


@pytest.mark.parametrize("found", [GONE, head(OTHER)], ids=["absent", "there"])
def test_c16_where_conditions_are_ignored_none_is_set_and_the_outcome_says_so(found: Answer) -> None:
    operation = copy_task(a_task(), settings(conditions=NONE_HEEDED), 2, look_first=True)
    outcome, sent = drive(operation, ("HeadObject", found), COPY)
    assert not {"IfNoneMatch", "IfMatch"} & set(sent[1].params)
    assert (outcome.status, outcome.message) == (Status.COPIED, UNGUARDED)


def test_a_server_that_does_not_know_the_condition_is_asked_without_it() -> None:
    """After a look, even where the last one was a moment ago: the plan's may be hours old."""
    refused, look = ("CopyObject", error(501, "NotImplemented")), ("HeadObject", GONE)
    for policy in ({}, NEVER):
        operation = copy_task(a_task(target_etag=ABSENT), settings(**policy), 1, look_first=False)
        outcome, sent = drive(operation, refused, look, COPY)
        assert (outcome.status, outcome.requests, outcome.message) == (Status.COPIED, 3, UNGUARDED)
        assert "IfNoneMatch" not in sent[-1].params
    demanded = settings(conditions=Conditions(are_demanded=True))  # there a write without one is denied
    outcome, _ = drive(copy_task(a_task(), demanded, 2, look_first=True), look, refused)
    assert (outcome.status, outcome.error_code) == (Status.FAILED, "NotImplemented")


def test_the_names_of_metadata_have_no_case() -> None:
    target = newer(OTHER, Metadata={"colour": "b"})
    script = [("HeadObject", target), ("HeadObject", head(PARTS, Metadata={"Colour": "b"})), *TAGS]
    outcome, _ = drive(copy_task(a_task(etag=PARTS), settings(), 1, look_first=True), *script)
    assert (outcome.status, outcome.reason) == (Status.COPIED, "found_on_target")


@pytest.mark.parametrize(
    ("target_etag", "attempt", "is_repeat", "is_copied"),
    [
        (OTHER, 1, False, True),  # what the check saw, though newer than the report that it went by
        (PLAIN, 1, False, False),
        (None, 1, False, False),
        (OTHER, 2, False, False),
        (OTHER, 1, True, False),
    ],
)
def test_c16_a_first_attempt_writes_over_what_was_seen(
    target_etag: str | None, attempt: int, is_repeat: bool, is_copied: bool
) -> None:
    task = a_task(target_etag=target_etag)
    rest = [COPY] if is_copied else heads([head()])
    operation = copy_task(task, settings(), attempt, look_first=True, is_repeat=is_repeat)
    outcome, sent = drive(operation, ("HeadObject", newer(OTHER)), *rest)
    assert (outcome.status, outcome.error_code) == (
        (Status.COPIED, None) if is_copied else (Status.FAILED, "TargetIsNewer")
    )
    assert not is_copied or sent[-1].params["IfMatch"] == f'"{OTHER}"'
