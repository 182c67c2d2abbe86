"""What a target's server heeds is found out in each form (C4, C16): servers that ignore one form, some, or all; that
know none; whose bucket demands conditions, or locks what is written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from s3sync.copying.conditions.condition_requests import ProbeObject
from s3sync.copying.conditions.try_conditions import ProbedWrites, Tried, try_conditions
from s3sync.copying.settings import CopySettings
from s3sync.demo.preconditions import FORMS, Departures
from s3sync.demo.server import EmbeddedServer
from s3sync.model.conditions import AS_S3, NONE_HEEDED, Conditions
from s3sync.model.etag import bare
from s3sync.model.limits import PART_MIN_BYTES
from tests.contract.copying import access_to, conditions_of
from tests.servers.capabilities import require

SOURCE = "x-amz-copy-source-"
TARGETS = frozenset(form for form in FORMS if SOURCE not in form)


@pytest.fixture
def buckets(bucket_factory: Callable[..., str]) -> tuple[str, str]:
    return bucket_factory(), bucket_factory()


@contextmanager
def departing(server: Any, departures: Departures) -> Iterator[Any]:
    """The embedded server, with the same buckets, as another server would be."""
    require(server, "faults")
    with EmbeddedServer(departures=departures) as other:
        yield replace(server, s3_endpoint=other.endpoint_url)


def seen(s3: Any, bucket: str, key: str, *, etag: bool = True) -> ProbeObject:
    head = s3.head_object(Bucket=bucket, Key=key)
    return ProbeObject(key, bare(head["ETag"]) if etag else None, head["ContentLength"], head["LastModified"])


def tried(server: Any, buckets: tuple[str, str], writes: ProbedWrites, *, is_aws: bool = False) -> Tried:
    settings = CopySettings(*buckets, planned_at=datetime.now(UTC))
    return try_conditions(access_to(server), settings, writes, ("to/", "run"), is_aws=is_aws)


def all_writes(s3: Any, bucket: str) -> ProbedWrites:
    s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    s3.put_object(Bucket=bucket, Key="dated", Body=b"b")
    s3.put_object(Bucket=bucket, Key="large", Body=b"c" * (PART_MIN_BYTES + 1))
    objects = (seen(s3, bucket, "a"), seen(s3, bucket, "dated", etag=False))
    return ProbedWrites(True, True, True, objects, (seen(s3, bucket, "large"),))


def left(s3: Any, bucket: str) -> list[str]:
    found = s3.list_object_versions(Bucket=bucket)
    uploads = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    return [each["Key"] for each in (*found.get("Versions", []), *found.get("DeleteMarkers", []), *uploads)]


def test_each_server_is_found_out(server: Any, s3: Any, buckets: tuple[str, str]) -> None:
    """As the table of capabilities says, which other probes tell."""
    found = tried(server, buckets, all_writes(s3, buckets[0]))
    assert found.conditions == conditions_of(server.capabilities)
    assert found.notes == ()
    assert left(s3, buckets[1]) == []


FIELDS = {
    f"CopyObject {SOURCE}if-match": "copy_source_if_match",
    f"CopyObject {SOURCE}if-unmodified-since": "copy_source_if_unmodified_since",
    f"UploadPartCopy {SOURCE}if-match": "part_copy_source_if_match",
    "CopyObject if-none-match": "copy_if_none_match",
    "CopyObject if-match": "copy_if_match",
    "PutObject if-none-match": "put_if_none_match",
    "PutObject if-match": "put_if_match",
    "CompleteMultipartUpload if-none-match": "complete_if_none_match",
    "CompleteMultipartUpload if-match": "complete_if_match",
}


@pytest.mark.parametrize("form", FIELDS)
@pytest.mark.parametrize("kind", ["ignored", "unknown"])
def test_a_form_that_is_not_heeded_is_found_out(
    server: Any, s3: Any, buckets: tuple[str, str], form: str, kind: str
) -> None:
    with departing(server, Departures(**{kind: frozenset({form})})) as other:
        found = tried(other, buckets, all_writes(s3, buckets[0]))
    assert found.conditions == replace(AS_S3, **{FIELDS[form]: False})
    assert left(s3, buckets[1]) == []


def test_conditions_on_targets_may_be_ignored_where_those_on_sources_are_heeded(
    server: Any, s3: Any, buckets: tuple[str, str]
) -> None:
    with departing(server, Departures(ignored=TARGETS)) as other:
        found = tried(other, buckets, all_writes(s3, buckets[0])).conditions
    sources = ("copy_source_if_match", "copy_source_if_unmodified_since", "part_copy_source_if_match")
    assert found == replace(NONE_HEEDED, **dict.fromkeys(sources, True))


def test_on_a_bucket_that_keeps_versions_nothing_is_left(server: Any, s3: Any, buckets: tuple[str, str]) -> None:
    s3.put_bucket_versioning(Bucket=buckets[1], VersioningConfiguration={"Status": "Enabled"})
    with departing(server, Departures(ignored=FORMS)) as other:
        assert tried(other, buckets, all_writes(s3, buckets[0])) == Tried(NONE_HEEDED)
    assert left(s3, buckets[1]) == []


def test_what_gives_no_answer_tells_nothing(server: Any, s3: Any, buckets: tuple[str, str]) -> None:
    """An object that is gone, one that is archived; then one that tells."""
    s3.put_object(Bucket=buckets[0], Key="ice", Body=b"i", StorageClass="GLACIER")
    s3.put_object(Bucket=buckets[0], Key="a", Body=b"a")
    gone, ice, good = ProbeObject("gone", "0" * 32, 1, None), seen(s3, buckets[0], "ice"), seen(s3, buckets[0], "a")
    require(server, "archived_source_refused")
    with departing(server, Departures(ignored=FORMS)) as other:
        silent = tried(other, buckets, ProbedWrites(copies=True, copied=(gone, ice)))
        telling = tried(other, buckets, ProbedWrites(copies=True, copied=(gone, ice, good)))
    assert silent.conditions == telling.conditions == NONE_HEEDED
    heeding = tried(server, buckets, ProbedWrites(copies=True, copied=(gone, ice, good))).conditions
    assert (heeding.copy_source_if_match, heeding.copy_if_none_match, heeding.copy_if_match) == (True, True, True)
    assert tried(server, buckets, ProbedWrites(copies=True, copied=(gone, ice))).conditions == NONE_HEEDED


@pytest.mark.parametrize("is_aws", [True, False])
def test_a_bucket_that_demands_conditions(server: Any, s3: Any, buckets: tuple[str, str], is_aws: bool) -> None:
    writes = all_writes(s3, buckets[0])
    with departing(server, Departures(are_demanded=True)) as other:
        found = tried(other, buckets, writes, is_aws=is_aws)
    assert found.conditions.are_demanded
    assert found.conditions.copy_if_none_match
    assert found.conditions.copy_if_match
    assert len(found.notes) == 1
    assert left(s3, buckets[1]) == []


def test_a_bucket_that_demands_conditions_and_takes_none_on_copies(
    server: Any, s3: Any, buckets: tuple[str, str]
) -> None:
    unknown = frozenset({"CopyObject if-none-match", "CopyObject if-match"})
    with departing(server, Departures(unknown=unknown, are_demanded=True)) as other:
        found = tried(other, buckets, all_writes(s3, buckets[0]), is_aws=True)
    assert found.conditions == Conditions(copy_if_none_match=False, copy_if_match=False, are_demanded=True)
    assert "copied by parts" in found.notes[-1]


def test_a_relay_to_a_bucket_that_demands_conditions(server: Any, s3: Any, buckets: tuple[str, str]) -> None:
    with departing(server, Departures(are_demanded=True)) as other:
        assert tried(other, buckets, ProbedWrites(puts=True), is_aws=True).conditions == Conditions(are_demanded=True)
    assert tried(server, buckets, ProbedWrites(puts=True), is_aws=True).conditions == AS_S3
    assert left(s3, buckets[1]) == []


def test_on_aws_nothing_is_written(server: Any, s3: Any, buckets: tuple[str, str], faults: Any) -> None:
    writes = all_writes(s3, buckets[0])
    faults.clear()
    assert tried(server, buckets, writes, is_aws=True) == Tried(AS_S3)
    assert faults.by_operation() == {"CopyObject": 1}
    assert left(s3, buckets[1]) == []
