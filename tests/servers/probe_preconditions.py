"""One probe for each precondition in the capabilities table: True where the server does as S3 does."""

from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from tests.servers.ground import Ground, only_where, refused

FOREIGN = '"' + "0" * 32 + '"'
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


def copy_source_if_match(on: Ground) -> bool:
    etag = on.s3.head_object(**on.source)["ETag"]
    return only_where(lambda: on.copy(CopySourceIfMatch=etag), lambda: on.copy(CopySourceIfMatch=FOREIGN))


def copy_source_if_none_match(on: Ground) -> bool:
    etag = on.s3.head_object(**on.source)["ETag"]
    return only_where(lambda: on.copy(CopySourceIfNoneMatch=FOREIGN), lambda: on.copy(CopySourceIfNoneMatch=etag))


def copy_source_if_unmodified_since(on: Ground) -> bool:
    return only_where(
        lambda: on.copy(CopySourceIfUnmodifiedSince=on.s3.head_object(**on.source)["LastModified"]),
        lambda: on.copy(CopySourceIfUnmodifiedSince=LONG_AGO),
    )


def copy_source_if_modified_since(on: Ground) -> bool:
    now = on.s3.head_object(**on.source)["LastModified"]
    return only_where(
        lambda: on.copy(CopySourceIfModifiedSince=LONG_AGO), lambda: on.copy(CopySourceIfModifiedSince=now)
    )


def part_copy_source_if_match(on: Ground) -> bool:
    etag = on.s3.head_object(**on.source)["ETag"]
    target = {"Bucket": on.bucket, "Key": "part-copy"}
    target["UploadId"] = on.s3.create_multipart_upload(**target)["UploadId"]

    def copy(pinned: str) -> Any:
        return on.s3.upload_part_copy(**target, PartNumber=1, CopySource=on.source, CopySourceIfMatch=pinned)

    return only_where(lambda: copy(etag), lambda: copy(FOREIGN))


def copy_if_none_match(on: Ground) -> bool:
    return only_where(lambda: on.copy("new", IfNoneMatch="*"), lambda: on.copy("new", IfNoneMatch="*"))


def copy_if_match(on: Ground) -> bool:
    etag = on.copy("there")["CopyObjectResult"]["ETag"]
    return only_where(lambda: on.copy("there", IfMatch=etag), lambda: on.copy("there", IfMatch=FOREIGN))


def put_if_none_match(on: Ground) -> bool:
    return only_where(lambda: on.put("new", IfNoneMatch="*"), lambda: on.put("new", IfNoneMatch="*"))


def put_if_match(on: Ground) -> bool:
    etag = on.put("there")["ETag"].strip('"')
    return only_where(lambda: on.put("there", IfMatch=etag), lambda: on.put("there", IfMatch=FOREIGN))


def put_if_match_quoted(on: Ground) -> bool:
    etag = on.put("there")["ETag"]
    assert etag.startswith('"')
    return not refused(412, lambda: on.put("there", IfMatch=etag))


def put_if_match_tells_absence(on: Ground) -> bool:
    try:
        on.put("absent", IfMatch=FOREIGN)
    except ClientError as error:
        return error.response["Error"]["Code"] == "NoSuchKey"
    return False


def complete_if_none_match(on: Ground) -> bool:
    return only_where(
        lambda: on.upload("new", (b"a",), IfNoneMatch="*"), lambda: on.upload("new", (b"b",), IfNoneMatch="*")
    )


def complete_if_match(on: Ground) -> bool:
    etag = on.put("there")["ETag"]
    return only_where(
        lambda: on.upload("there", (b"a",), IfMatch=etag), lambda: on.upload("there", (b"b",), IfMatch=FOREIGN)
    )
