"""Every entry of the capabilities table, probed on the live server: true means it works as on S3, false that it still
departs. When one of these fails, the table is out of date, and some other test may be stronger from now on."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import md5, sha256
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

from s3sync.demo.server import EmbeddedServer
from s3sync.model.etag import is_plain
from s3sync.model.limits import PART_MIN_BYTES
from tests.conftest import connect
from tests.servers import Server
from tests.servers.capabilities import FLAGS, TABLE
from tests.servers.faults import ADMIN_PATH

FOREIGN = '"' + "0" * 32 + '"'
LONG_AGO, LATER = datetime(2001, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=1)
FIRST_PART = b"m" * PART_MIN_BYTES


@dataclass(frozen=True)
class Ground:
    """A bucket with one object, on the server that is probed."""

    s3: Any
    server: Server
    bucket: str
    make_bucket: Callable[..., str]

    @property
    def source(self) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": "source"}

    def copy(self, key: str = "copy", **more: Any) -> Any:
        return self.s3.copy_object(Bucket=self.bucket, Key=key, CopySource=self.source, **more)

    def put(self, key: str, **more: Any) -> Any:
        return self.s3.put_object(Bucket=self.bucket, Key=key, Body=b"body", **more)

    def upload(self, key: str, parts: tuple[bytes, ...], **complete: Any) -> Any:
        target = {"Bucket": self.bucket, "Key": key}
        target["UploadId"] = self.s3.create_multipart_upload(**target)["UploadId"]
        done = [
            {"PartNumber": number, "ETag": self.s3.upload_part(**target, PartNumber=number, Body=part)["ETag"]}
            for number, part in enumerate(parts, start=1)
        ]
        return self.s3.complete_multipart_upload(**target, MultipartUpload={"Parts": done}, **complete)

    def multipart(self) -> Any:
        return self.upload("multipart", (FIRST_PART, b"end"))


def refused(code: str | int, act: Callable[[], Any]) -> bool:
    """True where the act fails with this code (an error code or an HTTP status), False where it succeeds.

    Any other error is raised: it is neither S3's way nor the departure that the table tells of.
    """
    try:
        act()
    except ClientError as error:
        response = error.response
        if code in (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]):
            return True
        raise
    return False


def only_where(good: Callable[[], Any], bad: Callable[[], Any], code: str | int = 412) -> bool:
    """The act that must work does, and the other is refused."""
    good()
    return refused(code, bad)


def _copy_source_if_match(on: Ground) -> bool:
    etag = on.s3.head_object(**on.source)["ETag"]
    return only_where(lambda: on.copy(CopySourceIfMatch=etag), lambda: on.copy(CopySourceIfMatch=FOREIGN))


def _copy_source_if_none_match(on: Ground) -> bool:
    etag = on.s3.head_object(**on.source)["ETag"]
    return only_where(lambda: on.copy(CopySourceIfNoneMatch=FOREIGN), lambda: on.copy(CopySourceIfNoneMatch=etag))


def _copy_source_if_unmodified_since(on: Ground) -> bool:
    return only_where(
        lambda: on.copy(CopySourceIfUnmodifiedSince=on.s3.head_object(**on.source)["LastModified"]),
        lambda: on.copy(CopySourceIfUnmodifiedSince=LONG_AGO),
    )


def _copy_source_if_modified_since(on: Ground) -> bool:
    now = on.s3.head_object(**on.source)["LastModified"]
    return only_where(
        lambda: on.copy(CopySourceIfModifiedSince=LONG_AGO), lambda: on.copy(CopySourceIfModifiedSince=now)
    )


def _part_copy_source_if_match(on: Ground) -> bool:
    etag = on.s3.head_object(**on.source)["ETag"]
    target = {"Bucket": on.bucket, "Key": "part-copy"}
    target["UploadId"] = on.s3.create_multipart_upload(**target)["UploadId"]

    def copy(pinned: str) -> Any:
        return on.s3.upload_part_copy(**target, PartNumber=1, CopySource=on.source, CopySourceIfMatch=pinned)

    return only_where(lambda: copy(etag), lambda: copy(FOREIGN))


def _copy_if_none_match(on: Ground) -> bool:
    return only_where(lambda: on.copy("new", IfNoneMatch="*"), lambda: on.copy("new", IfNoneMatch="*"))


def _copy_if_match(on: Ground) -> bool:
    etag = on.copy("there")["CopyObjectResult"]["ETag"]
    return only_where(lambda: on.copy("there", IfMatch=etag), lambda: on.copy("there", IfMatch=FOREIGN))


def _put_if_none_match(on: Ground) -> bool:
    return only_where(lambda: on.put("new", IfNoneMatch="*"), lambda: on.put("new", IfNoneMatch="*"))


def _put_if_match(on: Ground) -> bool:
    etag = on.put("there")["ETag"].strip('"')
    return only_where(lambda: on.put("there", IfMatch=etag), lambda: on.put("there", IfMatch=FOREIGN))


def _put_if_match_quoted(on: Ground) -> bool:
    etag = on.put("there")["ETag"]
    assert etag.startswith('"')
    return not refused(412, lambda: on.put("there", IfMatch=etag))


def _put_if_match_tells_absence(on: Ground) -> bool:
    try:
        on.put("absent", IfMatch=FOREIGN)
    except ClientError as error:
        return error.response["Error"]["Code"] == "NoSuchKey"
    return False


def _complete_if_none_match(on: Ground) -> bool:
    return only_where(
        lambda: on.upload("new", (b"a",), IfNoneMatch="*"), lambda: on.upload("new", (b"b",), IfNoneMatch="*")
    )


def _complete_if_match(on: Ground) -> bool:
    etag = on.put("there")["ETag"]
    return only_where(
        lambda: on.upload("there", (b"a",), IfMatch=etag), lambda: on.upload("there", (b"b",), IfMatch=FOREIGN)
    )


def _complete_answers_etag(on: Ground) -> bool:
    answered = on.multipart().get("ETag", "")
    assert answered in ("", on.s3.head_object(Bucket=on.bucket, Key="multipart")["ETag"])
    return bool(answered)


def _copy_makes_plain_etag(on: Ground) -> bool:
    on.multipart()
    source = {"Bucket": on.bucket, "Key": "multipart"}
    etag = on.s3.copy_object(Bucket=on.bucket, Key="flat", CopySource=source)["CopyObjectResult"]["ETag"].strip('"')
    assert is_plain(etag) == (etag == md5(FIRST_PART + b"end").hexdigest())
    return is_plain(etag)


def _head_parts_count(on: Ground) -> bool:
    on.multipart()
    return on.s3.head_object(Bucket=on.bucket, Key="multipart", PartNumber=1).get("PartsCount") == 2


def _head_part_size(on: Ground) -> bool:
    on.multipart()
    head = on.s3.head_object(Bucket=on.bucket, Key="multipart", PartNumber=1)
    return head["ContentLength"] == PART_MIN_BYTES


def _listing_url_encoding(on: Ground) -> bool:
    key = "a b+c\x01\uffff"
    on.put(key)
    page = on.s3.list_objects_v2(Bucket=on.bucket, Prefix="a", EncodingType="url")
    assert page["EncodingType"] == "url"  # with it given, boto3 leaves the keys as they came
    return [each["Key"].replace("+", "%20") for each in page["Contents"]] == ["a%20b%2Bc%01%EF%BF%BF"]


def _parses(listing: Callable[[], Any]) -> bool:
    """False where the answer is no XML, which boto3 reports as a failure of the server."""
    return not refused(500, listing)


def _listing_echoes_encoded(on: Ground) -> bool:
    return all(
        _parses(lambda given=given: on.s3.list_objects_v2(Bucket=on.bucket, **given))
        for given in ({"StartAfter": "a\x01b"}, {"Prefix": "a\uffff"}, {"Delimiter": "\x02"})
    )


def _listing_pages_at_any_key(on: Ground) -> bool:
    bucket = on.make_bucket()
    for key in ("a\x01", "b"):
        on.s3.put_object(Bucket=bucket, Key=key, Body=b"")
    return _parses(lambda: on.s3.list_objects_v2(Bucket=bucket, MaxKeys=1))


def _versions_in_copy_answers(on: Ground) -> bool:
    bucket = on.make_bucket(versioned=True)
    version = on.s3.put_object(Bucket=bucket, Key="source", Body=b"1")["VersionId"]
    on.s3.put_object(Bucket=bucket, Key="source", Body=b"2")
    source = {"Bucket": bucket, "Key": "source", "VersionId": version}
    answer = on.s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    assert on.s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"1"
    return answer.get("CopySourceVersionId") == version and "VersionId" in answer


def _metadata_kept_by_copy(on: Ground) -> bool:
    on.copy()
    head = on.s3.head_object(Bucket=on.bucket, Key="copy")
    return (head["Metadata"], head["ContentType"]) == ({"colour": "blue"}, "text/plain")


def _tags(on: Ground, key: str) -> dict[str, str]:
    answer = on.s3.get_object_tagging(Bucket=on.bucket, Key=key)
    return {tag["Key"]: tag["Value"] for tag in answer.get("TagSet", [])}


def _tags_kept_by_copy(on: Ground) -> bool:
    on.copy()
    return _tags(on, "copy") == {"team": "a b"}


def _tags_set_by_multipart(on: Ground) -> bool:
    target = {"Bucket": on.bucket, "Key": "tagged"}
    target["UploadId"] = on.s3.create_multipart_upload(**target, Tagging="new=1")["UploadId"]
    part = {"PartNumber": 1, "ETag": on.s3.upload_part(**target, PartNumber=1, Body=b"a")["ETag"]}
    on.s3.complete_multipart_upload(**target, MultipartUpload={"Parts": [part]})
    return _tags(on, "tagged") == {"new": "1"}


def _tags_replaced_by_copy(on: Ground) -> bool:
    on.copy(TaggingDirective="REPLACE", Tagging="new=1")
    return _tags(on, "copy") == {"new": "1"}


def _storage_class(on: Ground, key: str) -> str:
    return on.s3.list_objects_v2(Bucket=on.bucket, Prefix=key)["Contents"][0]["StorageClass"]


def _storage_classes_kept(on: Ground) -> bool:
    on.put("infrequent", StorageClass="STANDARD_IA")
    on.copy("copied", StorageClass="STANDARD_IA")
    return {_storage_class(on, "infrequent"), _storage_class(on, "copied")} == {"STANDARD_IA"}


def _storage_class_not_copied(on: Ground) -> bool:
    on.put("infrequent", StorageClass="STANDARD_IA")
    on.s3.copy_object(Bucket=on.bucket, Key="plain", CopySource={"Bucket": on.bucket, "Key": "infrequent"})
    return _storage_class(on, "plain") == "STANDARD"


def _archived_source_refused(on: Ground) -> bool:
    on.put("archived", StorageClass="GLACIER")
    source = {"Bucket": on.bucket, "Key": "archived"}
    return refused(403, lambda: on.s3.copy_object(Bucket=on.bucket, Key="thawed", CopySource=source))


def _etag_quoted_in_copy_answers(on: Ground) -> bool:
    return on.copy()["CopyObjectResult"]["ETag"].startswith('"')


KMS = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "testkey-1"}


def _has_kms(on: Ground, key: str) -> bool:
    head = on.s3.head_object(Bucket=on.bucket, Key=key)
    return (head.get("ServerSideEncryption"), head.get("SSEKMSKeyId")) == ("aws:kms", "testkey-1")


def _sse_kms_put(on: Ground) -> bool:
    on.put("secret", **KMS)
    return _has_kms(on, "secret")


def _sse_kms_copy(on: Ground) -> bool:
    on.copy("secret", **KMS)
    return _has_kms(on, "secret")


def _sse_kms_etag_not_md5(on: Ground) -> bool:
    return on.put("secret", **KMS)["ETag"].strip('"') != md5(b"body").hexdigest()


def _checksums(on: Ground) -> bool:
    on.put("sum", ChecksumAlgorithm="SHA256")
    head = on.s3.head_object(Bucket=on.bucket, Key="sum", ChecksumMode="ENABLED")
    return head.get("ChecksumSHA256") == base64.b64encode(sha256(b"body").digest()).decode()


def _get_object_attributes(on: Ground) -> bool:
    try:
        answer = on.s3.get_object_attributes(**on.source, ObjectAttributes=["ETag", "ObjectSize", "StorageClass"])
    except ClientError:
        return False
    return (answer["ETag"], answer["ObjectSize"]) == (md5(b"source").hexdigest(), 6)


def _content_md5_checked(on: Ground) -> bool:
    wrong = base64.b64encode(bytes(16)).decode()
    return refused("BadDigest", lambda: on.put("wrong", ContentMD5=wrong))


def _signatures_checked(on: Ground) -> bool:
    stranger = connect(on.server.s3_endpoint, on.server.access_key, "another secret", on.server.region)
    return only_where(lambda: on.s3.head_object(**on.source), lambda: stranger.head_object(**on.source), 403)


def _expected_bucket_owner(on: Ground) -> bool:
    return refused(403, lambda: on.s3.head_object(**on.source, ExpectedBucketOwner="999999999999"))


def _bucket_policies(on: Ground) -> bool:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{on.bucket}/no/*"}
    on.put("no/1")
    on.put("yes/1")
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    on.s3.put_bucket_policy(Bucket=on.bucket, Policy=policy)
    try:
        return only_where(
            lambda: on.s3.get_object(Bucket=on.bucket, Key="yes/1"),
            lambda: on.s3.get_object(Bucket=on.bucket, Key="no/1"),
            "AccessDenied",
        )
    finally:
        on.s3.delete_bucket_policy(Bucket=on.bucket)


def _small_parts_refused(on: Ground) -> bool:
    return refused("EntityTooSmall", lambda: on.upload("small", (b"a", b"b")))


def _sqs(on: Ground) -> bool:
    sqs = connect(on.server.s3_endpoint, on.server.access_key, on.server.secret_key, on.server.region, "sqs")
    try:
        url = sqs.create_queue(QueueName=on.bucket)["QueueUrl"]
        sqs.delete_queue(QueueUrl=url)
    except (ClientError, KeyError):
        return False
    return True


def _faults(on: Ground) -> bool:
    try:
        with urlopen(on.server.s3_endpoint + ADMIN_PATH) as answer:
            return "requests" in json.load(answer)
    except HTTPError:
        return False


PROBES: dict[str, Callable[[Ground], bool]] = {
    name.removeprefix("_"): value
    for name, value in globals().items()
    if name.removeprefix("_") in FLAGS and callable(value)
}


@pytest.fixture
def ground(s3: Any, server: Server, bucket_factory: Callable[..., str]) -> Ground:
    bucket = bucket_factory()
    s3.put_object(
        Bucket=bucket,
        Key="source",
        Body=b"source",
        ContentType="text/plain",
        Metadata={"colour": "blue"},
        Tagging="team=a%20b",
    )
    return Ground(s3, server, bucket, bucket_factory)


def test_every_entry_of_the_table_has_a_probe():
    assert set(PROBES) == set(FLAGS)


@pytest.mark.parametrize("capability", FLAGS)
def test_the_table_tells_what_the_server_does(capability: str, ground: Ground):
    assert PROBES[capability](ground) == getattr(ground.server.capabilities, capability)


MOTO_FORGETS = (
    "copy_source_if_match",
    "copy_source_if_unmodified_since",
    "copy_source_if_modified_since",
    "part_copy_source_if_match",
    "copy_if_none_match",
    "copy_if_match",
    "complete_if_match",
)  # If-None-Match of a source and of a completion, and both of PutObject, it knows


@pytest.mark.parametrize("capability", MOTO_FORGETS)
def test_the_probes_notice_a_departure(capability: str):
    """The negative control: moto without the layer that adds the preconditions."""
    with EmbeddedServer(has_preconditions=False) as bare:
        server = Server("bare", bare.endpoint_url, bare.endpoint_url, "any", "any", "us-east-1", TABLE["embedded"])
        s3 = connect(server.s3_endpoint, "any", "any", server.region)
        bucket = f"bare-{capability.replace('_', '-')}"
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="source", Body=b"source")
        assert not PROBES[capability](Ground(s3, server, bucket, lambda: bucket))
