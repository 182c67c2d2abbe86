"""Carrying annotations, answer by answer."""

from base64 import b64encode
from hashlib import md5
from typing import Any

import pytest

from s3sync.copying.annotations import annotations_of
from s3sync.copying.dispatch import copy_task
from s3sync.model.limits import ANNOTATION_MAX_BYTES, MIB
from s3sync.model.outcome import Outcome
from s3sync.model.task import Method
from s3sync.s3.request import Reply, Request, Side
from tests.unit.scripted import AFTER, OTHER, PLAIN, Answer, a_task, drive, error, gone_by_name, head, ok, some_settings

LIST, GET_ONE, PUT_ONE = "ListObjectAnnotations", "GetObjectAnnotation", "PutObjectAnnotation"
GET, PUT, HEAD, COPY = "GetObject", "PutObject", "HeadObject", "CopyObject"
BODY = b"body"
MD5 = md5(BODY).hexdigest()
WITH = [(GET, head(MD5, 4, Body=BODY)), (PUT, ok(ETag=f'"{MD5}"'))]  # the relay itself
PAYLOAD = b"text"


def entry(name: str, payload: bytes = PAYLOAD, etag: str | None = "e1") -> str:
    told = f"<ETag>&quot;{etag}&quot;</ETag>" if etag else ""
    return (
        f"<AnnotationEntry><AnnotationName>{name}</AnnotationName><Size>{len(payload)}</Size>{told}</AnnotationEntry>"
    )


def listed(*entries: str, more: str = "") -> tuple[str, Answer]:
    body = f'<?xml version="1.0"?>\n<ListObjectAnnotationsResult>{more}{"".join(entries)}</ListObjectAnnotationsResult>'
    return LIST, ok(Body=body.encode())


def got(payload: bytes = PAYLOAD, etag: str = "e1") -> tuple[str, Answer]:
    return GET_ONE, ok(AnnotationPayload=payload, ETag=f'"{etag}"')


THE_OBJECT = (LIST, ok(Body=BODY, ETag=f'"{MD5}"'))
NO_LIST = (LIST, ok(Body=b"<html>maintenance</html>"))
ONE, NONE = listed(entry("a")), listed()
DONE = (PUT_ONE, ok(ETag='"e1"'))
SAME = (HEAD, head(MD5, 4))


def run(*script: tuple[str, Answer], look_first: bool = False, **task: Any) -> tuple[Outcome, list[Request], Any]:
    given = {"method": Method.RELAY, "size": 4, "etag": MD5, **task}
    settings = some_settings(without_annotations=set(), tags=False)
    found, sent = drive(copy_task(a_task(**given), settings, 1, look_first), *script)
    return found, sent, settings


# what follows the write, then status, reason, error code, the sides that turned out to know none
ROWS: list[tuple[list[tuple[str, Answer]], tuple[Any, ...], set[Side]]] = [
    ([NONE], ("copied", "missing", None), set()),
    ([THE_OBJECT], ("copied", "missing", None), {Side.SOURCE}),
    ([(LIST, error(501, "NotImplemented"))], ("copied", "missing", None), {Side.SOURCE}),
    ([(LIST, error(405, "MethodNotAllowed"))], ("copied", "missing", None), {Side.SOURCE}),
    ([(LIST, error(400, "InvalidArgument"))], ("copied", "missing", None), {Side.SOURCE}),
    ([(LIST, error(0, "BodyTooLarge"))], ("copied", "missing", None), {Side.SOURCE}),
    ([(LIST, error(403, "AccessDenied"))], ("failed", "missing", "AccessDenied"), set()),
    ([(LIST, gone_by_name())], ("vanished", "missing", None), set()),
    ([NO_LIST], ("failed", "missing", "Truncated"), set()),
    ([ONE, THE_OBJECT], ("copied", "annotations_left", None), {Side.TARGET}),
    ([ONE, (LIST, error(501, "NotImplemented"))], ("copied", "annotations_left", None), {Side.TARGET}),
    ([ONE, (LIST, error(403, "AccessDenied"))], ("failed", "missing", "AccessDenied"), set()),
    ([ONE, NO_LIST], ("failed", "missing", "Truncated"), set()),
    ([ONE, ONE], ("copied", "missing", None), set()),
    ([ONE, NONE, got(), DONE, SAME], ("copied", "missing", None), set()),
    ([ONE, listed(entry("a", etag="e2")), got(), DONE, SAME], ("copied", "missing", None), set()),
    ([ONE, listed(entry("a", b"longer")), got(), DONE, SAME], ("copied", "missing", None), set()),
    ([listed(entry("a", etag=None)), ONE, got(), DONE, SAME], ("copied", "missing", None), set()),
    ([ONE, NONE, got(b"other text", "e1")], ("changed", "missing", None), set()),
    ([ONE, NONE, got(b"TEXT", "e2")], ("changed", "missing", None), set()),
    ([ONE, NONE, (GET_ONE, error(404, "NoSuchAnnotation"))], ("changed", "missing", None), set()),
    ([ONE, NONE, (GET_ONE, gone_by_name())], ("vanished", "missing", None), set()),
    ([ONE, NONE, (GET_ONE, error(403, "AccessDenied"))], ("failed", "missing", "AccessDenied"), set()),
    ([ONE, NONE, got(), (PUT_ONE, error(412, "PreconditionFailed"))], ("failed", "missing", "TargetIsNewer"), set()),
    (
        [ONE, NONE, got(), (PUT_ONE, error(400, "AnnotationLimitExceeded"))],
        ("failed", "missing", "AnnotationLimitExceeded"),
        set(),
    ),
    ([ONE, NONE, got(), DONE, (HEAD, head(OTHER, 4, AFTER))], ("changed", "missing", None), set()),
]


@pytest.mark.parametrize(("script", "wanted", "without"), ROWS)
def test_what_becomes_of_a_copy(script, wanted, without):
    outcome, sent, settings = run(*WITH, *script)
    assert (outcome.status, outcome.reason, outcome.error_code) == wanted
    assert outcome.requests == len(sent)
    assert settings.without_annotations == without


@pytest.mark.parametrize(
    ("script", "way_out"),
    [
        (
            [(LIST, error(403, "AccessDenied"))],
            "allow s3:ListObjectAnnotations on the source, or give --no-annotations",
        ),
        ([ONE, (LIST, error(403, "AccessDenied"))], "allow s3:ListObjectAnnotations on the target"),
        ([ONE, NONE, (GET_ONE, error(403, "AccessDenied"))], "allow s3:GetObjectAnnotation on the source"),
        ([ONE, NONE, got(), (PUT_ONE, error(403, "AccessDenied"))], "allow s3:PutObjectAnnotation on the target"),
    ],
)
def test_a_denied_request_names_the_permission_and_the_way_without(script, way_out):
    assert way_out in run(*WITH, *script)[0].message


def test_nothing_is_written_where_the_target_did_not_show_that_it_knows_annotations():
    """A server that does not know them would overwrite the object."""
    for answer in (THE_OBJECT, NO_LIST, (LIST, error(501, "NotImplemented"))):
        _, sent, _ = run(*WITH, ONE, answer)
        assert PUT_ONE not in [request.operation for request in sent]


def test_a_write_says_for_which_object_it_is_and_brings_its_digest():
    _, sent, _ = run(*WITH, ONE, NONE, got(), DONE, SAME)
    put = next(request for request in sent if request.operation == PUT_ONE)
    assert put.params == {
        "Bucket": "into",
        "Key": "to/a/key",
        "AnnotationName": "a",
        "AnnotationPayload": PAYLOAD,
        "ContentMD5": b64encode(md5(PAYLOAD).digest()).decode(),
        "ObjectIfMatch": f'"{MD5}"',
    }


def test_a_side_without_annotations_is_asked_once():
    settings = some_settings(without_annotations=set(), tags=False)
    for script in ([*WITH, THE_OBJECT], WITH):
        drive(copy_task(a_task(method=Method.RELAY, size=4, etag=MD5), settings, 1, False), *script)
    assert settings.without_annotations == {Side.SOURCE}


def test_without_annotations_none_is_asked_for_and_a_copy_excludes_them():
    settings = some_settings(without_annotations=set(), tags=False, annotations=False)
    drive(copy_task(a_task(method=Method.RELAY, size=4, etag=MD5), settings, 1, False), *WITH)
    copy = drive(copy_task(a_task(), settings, 1, False), (COPY, ok(CopyObjectResult={"ETag": f'"{PLAIN}"'})))[1][0]
    assert copy.params["AnnotationDirective"] == "EXCLUDE"


@pytest.mark.parametrize(
    ("task", "script"),
    [
        ({}, [ONE, NONE, got(), DONE, SAME]),
        ({"method": Method.MULTIPART_COPY}, [ONE, NONE, got(), DONE, SAME]),
        # C19: another run may have made it, without annotations
        ({"method": Method.COPY_OBJECT}, [ONE, NONE, got(), DONE, SAME]),
        ({"method": Method.COPY_OBJECT, "size": None}, [NONE]),
    ],
)
def test_a_repeat_that_finds_its_own_copy_brings_what_is_missing(task, script):
    outcome, _, _ = run((HEAD, head(MD5, 4, AFTER)), (HEAD, head(MD5, 4)), *script, look_first=True, **task)
    assert (outcome.status, outcome.reason) == ("copied", "found_on_target")


def test_annotations_are_held_one_megabyte_at_a_time():
    """C11."""
    sizes = {"a": MIB // 2, "b": MIB // 2, "c": MIB, "d": 1, "e": MIB}
    script: list[tuple[str, Answer]] = [listed(*(entry(name, b"x" * size) for name, size in sizes.items())), NONE]
    for together in ("ab", "c", "d", "e"):
        script += [got(b"x" * sizes[name]) for name in together] + [DONE] * len(together)
    outcome, sent, _ = run(*WITH, *script, SAME)
    assert outcome.status == "copied"
    assert max(request.memory_bytes for request in sent if request.operation == GET_ONE) <= ANNOTATION_MAX_BYTES


def all_of(*script: tuple[str, Answer]) -> Any:
    def ask(*requests: Request) -> Any:
        return (yield requests)

    return drive(annotations_of(ask, Request(LIST, Side.SOURCE, {"Bucket": "b", "Key": "k"})), *script)


def test_a_list_of_pages():
    found, sent = all_of(listed(entry("a&amp;b"), more="<NextContinuationToken>t&lt;</NextContinuationToken>"), ONE)
    assert [(each.name, each.size_bytes, each.etag) for each in found.values()] == [("a&b", 4, "e1"), ("a", 4, "e1")]
    assert [request.params.get("ContinuationToken") for request in sent] == [None, "t<"]


def test_c9_a_token_that_stays_is_an_error():
    stuck = listed(entry("a"), more="<NextContinuationToken>t</NextContinuationToken>")
    found, _ = all_of(stuck, stuck)
    assert isinstance(found, Reply)
    assert not found.ok


@pytest.mark.parametrize(
    "body",
    [
        b"<ListObjectAnnotationsOutput/>",
        b'<?xml version="1.0" encoding="UTF-8"?>\n<Result><MaxAnnotationResults>5</MaxAnnotationResults></Result>',
        b"<Result><AnnotationCount>0</AnnotationCount></Result>",
    ],
)
def test_an_empty_list_however_its_root_is_called(body):
    assert all_of((LIST, ok(Body=body)))[0] == {}
