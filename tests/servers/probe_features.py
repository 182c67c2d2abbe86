"""One probe for each entry of the capabilities table that is no precondition: True where the server does as S3 does."""

import base64
import json
from collections.abc import Callable
from hashlib import md5, sha256
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from botocore.exceptions import ClientError

from s3sync.model.etag import is_plain
from s3sync.model.limits import PART_MIN_BYTES
from tests.conftest import connect
from tests.servers.faults import ADMIN_PATH
from tests.servers.ground import FIRST_PART, Ground, only_where, refused


def complete_answers_etag(on: Ground) -> bool:
    answered = on.multipart().get("ETag", "")
    assert answered in ("", on.s3.head_object(Bucket=on.bucket, Key="multipart")["ETag"])
    return bool(answered)


def copy_makes_plain_etag(on: Ground) -> bool:
    on.multipart()
    source = {"Bucket": on.bucket, "Key": "multipart"}
    etag = on.s3.copy_object(Bucket=on.bucket, Key="flat", CopySource=source)["CopyObjectResult"]["ETag"].strip('"')
    assert is_plain(etag) == (etag == md5(FIRST_PART + b"end").hexdigest())
    return is_plain(etag)


def head_parts_count(on: Ground) -> bool:
    on.multipart()
    return on.s3.head_object(Bucket=on.bucket, Key="multipart", PartNumber=1).get("PartsCount") == 2


def head_part_size(on: Ground) -> bool:
    on.multipart()
    head = on.s3.head_object(Bucket=on.bucket, Key="multipart", PartNumber=1)
    return head["ContentLength"] == PART_MIN_BYTES


def listing_url_encoding(on: Ground) -> bool:
    key = "a b+c\x01\uffff"
    on.put(key)
    page = on.s3.list_objects_v2(Bucket=on.bucket, Prefix="a", EncodingType="url")
    assert page["EncodingType"] == "url"  # with it given, boto3 leaves the keys as they came
    return [each["Key"].replace("+", "%20") for each in page["Contents"]] == ["a%20b%2Bc%01%EF%BF%BF"]


def _parses(listing: Callable[[], Any]) -> bool:
    """False where the answer is no XML, which boto3 reports as a failure of the server."""
    return not refused(500, listing)


def listing_echoes_encoded(on: Ground) -> bool:
    return all(
        _parses(lambda given=given: on.s3.list_objects_v2(Bucket=on.bucket, **given))
        for given in ({"StartAfter": "a\x01b"}, {"Prefix": "a\uffff"}, {"Delimiter": "\x02"})
    )


def listing_pages_at_any_key(on: Ground) -> bool:
    bucket = on.make_bucket()
    for key in ("a\x01", "b"):
        on.s3.put_object(Bucket=bucket, Key=key, Body=b"")
    return _parses(lambda: on.s3.list_objects_v2(Bucket=bucket, MaxKeys=1))


def versions_in_copy_answers(on: Ground) -> bool:
    bucket = on.make_bucket(versioned=True)
    version = on.s3.put_object(Bucket=bucket, Key="source", Body=b"1")["VersionId"]
    on.s3.put_object(Bucket=bucket, Key="source", Body=b"2")
    source = {"Bucket": bucket, "Key": "source", "VersionId": version}
    answer = on.s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    assert on.s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"1"
    return answer.get("CopySourceVersionId") == version and "VersionId" in answer


def metadata_kept_by_copy(on: Ground) -> bool:
    on.copy()
    head = on.s3.head_object(Bucket=on.bucket, Key="copy")
    return (head["Metadata"], head["ContentType"]) == ({"colour": "blue"}, "text/plain")


def _tags(on: Ground, key: str) -> dict[str, str]:
    answer = on.s3.get_object_tagging(Bucket=on.bucket, Key=key)
    return {tag["Key"]: tag["Value"] for tag in answer.get("TagSet", [])}


def tags_kept_by_copy(on: Ground) -> bool:
    on.copy()
    return _tags(on, "copy") == {"team": "a b"}


def tags_set_by_multipart(on: Ground) -> bool:
    target = {"Bucket": on.bucket, "Key": "tagged"}
    target["UploadId"] = on.s3.create_multipart_upload(**target, Tagging="new=1")["UploadId"]
    part = {"PartNumber": 1, "ETag": on.s3.upload_part(**target, PartNumber=1, Body=b"a")["ETag"]}
    on.s3.complete_multipart_upload(**target, MultipartUpload={"Parts": [part]})
    return _tags(on, "tagged") == {"new": "1"}


def tags_replaced_by_copy(on: Ground) -> bool:
    on.copy(TaggingDirective="REPLACE", Tagging="new=1")
    return _tags(on, "copy") == {"new": "1"}


def _storage_class(on: Ground, key: str) -> str:
    return on.s3.list_objects_v2(Bucket=on.bucket, Prefix=key)["Contents"][0]["StorageClass"]


def storage_classes_kept(on: Ground) -> bool:
    on.put("infrequent", StorageClass="STANDARD_IA")
    on.copy("copied", StorageClass="STANDARD_IA")
    return {_storage_class(on, "infrequent"), _storage_class(on, "copied")} == {"STANDARD_IA"}


def storage_class_not_copied(on: Ground) -> bool:
    on.put("infrequent", StorageClass="STANDARD_IA")
    on.s3.copy_object(Bucket=on.bucket, Key="plain", CopySource={"Bucket": on.bucket, "Key": "infrequent"})
    return _storage_class(on, "plain") == "STANDARD"


def archived_source_refused(on: Ground) -> bool:
    on.put("archived", StorageClass="GLACIER")
    source = {"Bucket": on.bucket, "Key": "archived"}
    return refused(403, lambda: on.s3.copy_object(Bucket=on.bucket, Key="thawed", CopySource=source))


def etag_quoted_in_copy_answers(on: Ground) -> bool:
    return on.copy()["CopyObjectResult"]["ETag"].startswith('"')


KMS = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "testkey-1"}


def _has_kms(on: Ground, key: str) -> bool:
    head = on.s3.head_object(Bucket=on.bucket, Key=key)
    return (head.get("ServerSideEncryption"), head.get("SSEKMSKeyId")) == ("aws:kms", "testkey-1")


def sse_kms_put(on: Ground) -> bool:
    on.put("secret", **KMS)
    return _has_kms(on, "secret")


def sse_kms_copy(on: Ground) -> bool:
    on.copy("secret", **KMS)
    return _has_kms(on, "secret")


def sse_kms_etag_not_md5(on: Ground) -> bool:
    return on.put("secret", **KMS)["ETag"].strip('"') != md5(b"body").hexdigest()


def checksums(on: Ground) -> bool:
    on.put("sum", ChecksumAlgorithm="SHA256")
    head = on.s3.head_object(Bucket=on.bucket, Key="sum", ChecksumMode="ENABLED")
    return head.get("ChecksumSHA256") == base64.b64encode(sha256(b"body").digest()).decode()


def get_object_attributes(on: Ground) -> bool:
    try:
        answer = on.s3.get_object_attributes(**on.source, ObjectAttributes=["ETag", "ObjectSize", "StorageClass"])
    except ClientError:
        return False
    return (answer["ETag"], answer["ObjectSize"]) == (md5(b"source").hexdigest(), 6)


def content_md5_checked(on: Ground) -> bool:
    wrong = base64.b64encode(bytes(16)).decode()
    return refused("BadDigest", lambda: on.put("wrong", ContentMD5=wrong))


def signatures_checked(on: Ground) -> bool:
    stranger = connect(on.server.s3_endpoint, on.server.access_key, "another secret", on.server.region)
    return only_where(lambda: on.s3.head_object(**on.source), lambda: stranger.head_object(**on.source), 403)


def expected_bucket_owner(on: Ground) -> bool:
    return refused(403, lambda: on.s3.head_object(**on.source, ExpectedBucketOwner="999999999999"))


def bucket_policies(on: Ground) -> bool:
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


def website_redirects(on: Ground) -> bool:
    on.put("redirect", WebsiteRedirectLocation="/other")
    source = {"Bucket": on.bucket, "Key": "redirect"}
    on.s3.copy_object(Bucket=on.bucket, Key="without", CopySource=source)
    on.s3.copy_object(Bucket=on.bucket, Key="with", CopySource=source, WebsiteRedirectLocation="/given")
    target = {"Bucket": on.bucket, "Key": "parts"}
    upload = {
        **target,
        "UploadId": on.s3.create_multipart_upload(**target, WebsiteRedirectLocation="/parts")["UploadId"],
    }
    parts = [{"PartNumber": 1, "ETag": on.s3.upload_part(**upload, PartNumber=1, Body=b"part")["ETag"]}]
    on.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    found = [
        on.s3.head_object(Bucket=on.bucket, Key=key).get("WebsiteRedirectLocation")
        for key in ("redirect", "without", "with", "parts")
    ]
    return found == ["/other", None, "/given", "/parts"]


def annotations(on: Ground) -> bool:
    on.put("annotated")
    target = {"Bucket": on.bucket, "Key": "annotated"}
    on.s3.put_object_annotation(**target, AnnotationName="a", AnnotationPayload=b"text")
    return bool(on.s3.get_object(**target)["Body"].read() == b"body") and [
        each["AnnotationName"] for each in on.s3.list_object_annotations(**target)["Annotations"]
    ] == ["a"]


def customer_keys(on: Ground) -> bool:
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "0" * 32}
    try:
        on.put("sealed", **key)
    except ClientError:
        return False
    on.s3.get_object(Bucket=on.bucket, Key="sealed", **key)
    return all(
        refused(400, lambda look=look: look(Bucket=on.bucket, Key="sealed"))
        for look in (on.s3.get_object, on.s3.head_object)
    )


def delete_marks_absence(on: Ground) -> bool:
    bucket = on.make_bucket(versioned=True)
    on.s3.delete_object(Bucket=bucket, Key="never")
    return len(on.s3.list_object_versions(Bucket=bucket).get("DeleteMarkers", [])) == 1


def delete_marker_is_absence(on: Ground) -> bool:
    bucket = on.make_bucket(versioned=True)
    on.s3.put_object(Bucket=bucket, Key="key", Body=b"")
    on.s3.delete_object(Bucket=bucket, Key="key")
    return not refused(412, lambda: on.s3.put_object(Bucket=bucket, Key="key", Body=b"", IfNoneMatch="*"))


def small_parts_refused(on: Ground) -> bool:
    return refused("EntityTooSmall", lambda: on.upload("small", (b"a", b"b")))


def sqs(on: Ground) -> bool:
    sqs = connect(on.server.s3_endpoint, on.server.access_key, on.server.secret_key, on.server.region, "sqs")
    try:
        url = sqs.create_queue(QueueName=on.bucket)["QueueUrl"]
        sqs.delete_queue(QueueUrl=url)
    except (ClientError, KeyError):
        return False
    return True


def faults(on: Ground) -> bool:
    try:
        with urlopen(on.server.s3_endpoint + ADMIN_PATH) as answer:
            return "requests" in json.load(answer)
    except HTTPError:
        return False
