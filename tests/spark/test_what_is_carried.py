"""Website redirects and annotations through whole jobs: what the plan says, what arrives, what a check finds."""

from collections.abc import Callable
from typing import Any

import pytest

from s3sync.model.limits import PART_MIN_BYTES
from tests.servers import Server
from tests.servers.capabilities import require
from tests.spark.workplace import Ended, Workplace

TEXT = b'{"colour": "blue"}'


@pytest.fixture
def source(s3: Any, server: Server, pair: tuple[str, str]) -> str:
    """Three objects: one that redirects, one with an annotation, one without anything."""
    require(server, "website_redirects")
    require(server, "annotations")
    for key, more in (("redirects", {"WebsiteRedirectLocation": "/other"}), ("annotated", {}), ("plain", {})):
        s3.put_object(Bucket=pair[0], Key=key, Body=key.encode(), **more)
    s3.put_object_annotation(Bucket=pair[0], Key="annotated", AnnotationName="a", AnnotationPayload=TEXT)
    return pair[0]


def differing(workplace: Workplace, source: str, target: str, *options: str) -> int:
    """How many objects a check finds different in their metadata."""
    ended = workplace.run("-s", source, "-t", target, "--metadata", "--deep", *options, command="check")
    assert ended.error is None, ended.error
    found: int = ended.summary["verdicts"].get("metadata_differs", {"objects": 0})["objects"]
    assert (ended.code == 4) == (found > 0)
    return found


def annotation(s3: Any, target: str) -> bytes:
    answer = s3.get_object_annotation(Bucket=target, Key="annotated", AnnotationName="a")
    body: bytes = answer["AnnotationPayload"].read()
    return body


def estimated(ended: Ended) -> dict[str, int]:
    found: dict[str, int] = {}
    for operation, _, count in ended.plan["estimate"]["requests"]:
        found[operation] = found.get(operation, 0) + count
    return found


def test_a_copy_object_loses_redirects_unless_they_are_kept(
    workplace: Workplace, s3: Any, source: str, bucket_factory: Callable[..., str]
) -> None:
    without, kept = bucket_factory(), bucket_factory()
    ended = workplace.run("-s", source, "-t", without)
    assert (ended.code, ended.summary["requests"].get("HeadObject", 0)) == (0, 0)
    assert annotation(s3, without) == TEXT
    assert differing(workplace, source, without) == 1  # which no report may hide
    planned = workplace.plan("-s", source, "-t", kept, "--website-redirects", "keep")
    assert (estimated(planned)["HeadObject"], estimated(planned)["CopyObject"]) == (3, 3)
    ended = workplace.run("-s", source, "-t", kept, "--website-redirects", "keep")
    assert (ended.code, ended.summary["requests"]["HeadObject"]) == (0, 3)
    assert s3.head_object(Bucket=kept, Key="redirects")["WebsiteRedirectLocation"] == "/other"
    assert differing(workplace, source, kept) == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--mode", "downup"),
        ("--multipart-threshold", "5MiB", "--part-size", "5MiB"),
        ("--multipart-threshold", "5MiB", "--part-size", "5MiB", "--giant-threshold", "5MiB"),
    ],
    ids=["relayed", "by parts", "a giant"],
)
def test_what_s3_does_not_copy_by_itself_is_carried(
    workplace: Workplace, s3: Any, source: str, pair: tuple[str, str], options: tuple[str, ...]
) -> None:
    target = pair[1]
    s3.put_object(Bucket=source, Key="annotated", Body=b"x" * (PART_MIN_BYTES + 1))
    s3.put_object_annotation(Bucket=source, Key="annotated", AnnotationName="a", AnnotationPayload=TEXT)
    planned = workplace.plan("-s", source, "-t", target, *options)
    ended = workplace.run("-s", source, "-t", target, *options)
    assert (ended.code, ended.error) == (0, None)
    assert annotation(s3, target) == TEXT
    lists = 3 if options == ("--mode", "downup") else 1
    assert estimated(planned)["ListObjectAnnotations"] == lists
    assert ended.summary["requests"]["ListObjectAnnotations"] == lists + 1  # the target's, of the one that has some
    s3.put_object_annotation(Bucket=target, Key="annotated", AnnotationName="a", AnnotationPayload=TEXT.upper())
    redirects = 0 if options == ("--mode", "downup") else 1  # by CopyObject
    assert differing(workplace, source, target) == 1 + redirects
    assert differing(workplace, source, target, "--no-annotations") == redirects
