"""What the model says of objects, versions, uploads, locks and queues. Whether servers say so too is for
tests/contract/test_s3_model.py; here stand the rules that none at hand confirms, and those that others build on."""

from hashlib import md5
from typing import Any

import pytest

from s3sync.demo.s3_model import Refused, Service
from s3sync.demo.s3_model.content import Spans, cut, joined, size_of
from s3sync.demo.s3_model.queues import Queue
from s3sync.demo.s3_model.uploads import abort_incomplete
from s3sync.model.etag import of_parts
from s3sync.model.limits import MIB

SOURCE = {"Bucket": "source", "Key": "key"}
TARGET = {"Bucket": "target", "Key": "key"}


@pytest.fixture
def s3() -> Service:
    service = Service()
    service.now = 1_000.0
    service.create_bucket("source")
    service.create_bucket("target")
    service.call("PutObject", {**SOURCE, "Body": b"body", "Metadata": {"Colour": "blue"}, "Tagging": "team=a"})
    return service


def refusal(s3: Service, operation: str, **params: Any) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        s3.call(operation, params)
    return caught.value.status, caught.value.code


def upload(s3: Service, *bodies: Any, **complete: Any) -> dict[str, Any]:
    where = {**TARGET, "UploadId": s3.call("CreateMultipartUpload", TARGET)["UploadId"]}
    named = [
        {"PartNumber": number, "ETag": s3.call("UploadPart", {**where, "PartNumber": number, "Body": body})["ETag"]}
        for number, body in enumerate(bodies, start=1)
    ]
    s3.now += 100.0
    return s3.call("CompleteMultipartUpload", {**where, "MultipartUpload": {"Parts": named}, **complete})


def test_a_copy_carries_what_the_table_says(s3: Service) -> None:
    s3.call("PutObjectAnnotation", {**SOURCE, "AnnotationName": "note", "AnnotationPayload": b"text"})
    s3.call("CopyObject", {**TARGET, "CopySource": SOURCE})
    head = s3.call("HeadObject", TARGET)
    assert (head["ETag"], head["Metadata"], head["TagCount"]) == (
        f'"{md5(b"body").hexdigest()}"',
        {"colour": "blue"},
        1,
    )
    assert s3.call("GetObjectAnnotation", {**TARGET, "AnnotationName": "note"})["AnnotationPayload"] == b"text"
    s3.call(
        "CopyObject", {**TARGET, "CopySource": SOURCE, "TaggingDirective": "REPLACE", "AnnotationDirective": "EXCLUDE"}
    )
    assert s3.call("GetObjectTagging", TARGET) == {"TagSet": []}
    assert s3.call("ListObjectAnnotations", TARGET) == {"Annotations": []}


def test_an_etag_is_an_md5_only_where_nothing_encrypts_by_kms(s3: Service) -> None:
    first = s3.call("PutObject", {**TARGET, "Body": b"body", "ServerSideEncryption": "aws:kms"})
    again = s3.call("PutObject", {**TARGET, "Body": b"body", "ServerSideEncryption": "aws:kms"})
    plain = s3.call("PutObject", {**TARGET, "Body": b"body", "ServerSideEncryption": "AES256"})
    assert len({first["ETag"], again["ETag"], plain["ETag"]}) == 3
    assert plain["ETag"] == f'"{md5(b"body").hexdigest()}"'


def test_parts_are_cut_joined_and_named_by_their_etags(s3: Service) -> None:
    whole = Spans.of("large", 12 * MIB)
    first, second = cut(whole, 0, 5 * MIB - 1), cut(whole, 5 * MIB, 12 * MIB - 1)
    assert (size_of(first), size_of(second), joined([first, second])) == (5 * MIB, 7 * MIB, whole)
    etag = upload(s3, first, second)["ETag"].strip('"')
    parts = [s3.call("PutObject", {**SOURCE, "Body": each})["ETag"].strip('"') for each in (first, second)]
    assert etag == of_parts(parts)
    head = s3.call("HeadObject", {**TARGET, "PartNumber": 1})
    assert (head["PartsCount"], head["ContentLength"]) == (2, 5 * MIB)


def test_the_time_of_an_upload_is_that_of_its_beginning(s3: Service) -> None:
    upload(s3, b"one")
    assert s3.call("HeadObject", TARGET)["LastModified"].timestamp() == 1_000
    assert refusal(s3, "AbortMultipartUpload", **TARGET, UploadId="u3") == (404, "NoSuchUpload")


def test_a_refused_completion_leaves_the_upload_open(s3: Service) -> None:
    s3.call("PutObject", {**TARGET, "Body": b"there"})
    with pytest.raises(Refused, match="412"):
        upload(s3, b"one", IfNoneMatch="*")
    assert len(s3.call("ListMultipartUploads", {"Bucket": "target"})["Uploads"]) == 1
    assert abort_incomplete(s3, "target", 50.0) == 1
    assert s3.call("ListMultipartUploads", {"Bucket": "target"})["Uploads"] == []


@pytest.mark.parametrize(
    ("versioning", "left"),
    [("", []), ("Enabled", [b"old"]), ("Suspended", [b"old"])],
)
def test_a_delete_by_versioning(s3: Service, versioning: str, left: list[bytes]) -> None:
    bucket = s3.create_bucket("target", versioning="Enabled" if versioning else "")
    version = s3.call("PutObject", {**TARGET, "Body": b"old"}).get("VersionId")
    bucket.versioning = versioning
    s3.call("DeleteObject", TARGET)
    assert refusal(s3, "HeadObject", **TARGET) == (404, "404")
    assert [each.body for each in bucket.keys.get("key", ()) if not each.is_marker] == left
    if version:
        assert s3.call("GetObject", {**TARGET, "VersionId": version})["Body"] == b"old"
        marker = s3.call("ListObjectVersions", {"Bucket": "target"})["DeleteMarkers"][0]["VersionId"]
        assert refusal(s3, "GetObject", **TARGET, VersionId=marker) == (405, "MethodNotAllowed")
        s3.call("DeleteObject", {**TARGET, "VersionId": marker})
        assert s3.call("GetObject", TARGET)["Body"] == b"old"


def test_an_archived_source_is_read_only_when_it_is_restored(s3: Service) -> None:
    s3.call("PutObject", {**SOURCE, "Body": b"cold", "StorageClass": "GLACIER"})
    copy = {**TARGET, "CopySource": SOURCE}
    assert refusal(s3, "CopyObject", **copy) == (403, "InvalidObjectState")
    s3.call("RestoreObject", {**SOURCE, "RestoreRequest": {"Days": 1}})
    s3.call("CopyObject", copy)
    s3.now += 2 * 86_400
    assert refusal(s3, "CopyObject", **copy) == (403, "InvalidObjectState")


def test_a_lock_keeps_a_version_and_not_its_key(s3: Service) -> None:
    s3.create_bucket("target", versioning="Enabled", default_retention_seconds=60.0)
    version = s3.call("PutObject", {**TARGET, "Body": b"1"})["VersionId"]
    s3.call("PutObject", {**TARGET, "Body": b"2"})
    assert refusal(s3, "DeleteObject", **TARGET, VersionId=version) == (403, "AccessDenied")
    s3.now += 61.0
    s3.call("PutObjectLegalHold", {**TARGET, "VersionId": version, "LegalHold": {"Status": "ON"}})
    assert refusal(s3, "DeleteObject", **TARGET, VersionId=version) == (403, "AccessDenied")
    s3.call("PutObjectLegalHold", {**TARGET, "VersionId": version, "LegalHold": {"Status": "OFF"}})
    s3.call("DeleteObject", {**TARGET, "VersionId": version})


def test_a_policy_can_demand_a_condition(s3: Service) -> None:
    s3.create_bucket("target", demands_conditions=True)
    assert refusal(s3, "CopyObject", **TARGET, CopySource=SOURCE) == (403, "AccessDenied")
    s3.call("CopyObject", {**TARGET, "CopySource": SOURCE, "IfNoneMatch": "*"})


def test_a_request_that_is_refused_has_changed_nothing(s3: Service) -> None:
    before = s3.call("HeadObject", SOURCE)
    assert refusal(s3, "PutObject", **SOURCE, Body=b"new", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==") == (400, "BadDigest")
    assert refusal(s3, "PutObject", **SOURCE, Body=b"new", IfMatch='"other"') == (412, "PreconditionFailed")
    assert s3.call("HeadObject", SOURCE) == before


def test_a_queue_gives_at_least_once() -> None:
    dead = Queue(pick=lambda _: 0)
    queue = Queue(pick=lambda _: 0, visibility_seconds=30.0, max_receives=2, dead=dead)
    queue.send("work", 0.0)
    first = queue.receive(0.0)
    assert first is not None
    assert queue.receive(29.0) is None
    old = first.receipt
    assert queue.receive(31.0) is first
    queue.delete(old)
    assert len(queue.messages) == 1
    assert queue.receive(99.0) is None
    assert [each.body for each in dead.messages] == ["work"]
    repeating = Queue(pick=lambda _: 0, repeats=lambda: True)
    repeating.send("work", 0.0)
    assert repeating.receive(0.0) is repeating.receive(0.0)
