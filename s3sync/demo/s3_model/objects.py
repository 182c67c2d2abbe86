"""Single objects: put, get, head, copy, delete, tags, listings.

Each function is one request: it looks at everything, and only then changes anything, so a request that is refused has
changed nothing.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from s3sync.demo.s3_model.conditions import check_read, check_source, check_target
from s3sync.demo.s3_model.content import Body, checksum, cut, etag_of, size_of
from s3sync.demo.s3_model.keeping import check_deletable, check_readable, lock_of
from s3sync.demo.s3_model.service import Service, operation
from s3sync.demo.s3_model.stored import Bucket, Description, Refused, Version, no_such_key
from s3sync.model.limits import COPY_OBJECT_MAX_BYTES, KEY_MAX_BYTES

HEADERS = (
    "ContentType",
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "Expires",
    "WebsiteRedirectLocation",
)
DEFAULT_TYPE = "binary/octet-stream"
Params = Mapping[str, Any]
Values = dict[str, Any]


def described(bucket: Bucket, params: Params) -> Description:
    """What a write says of its object. Source: "PutObject", "CreateMultipartUpload"."""
    return Description(
        {name: params[name] for name in HEADERS if name in params},
        {name.lower(): value for name, value in params.get("Metadata", {}).items()},
        dict(parse_qsl(params.get("Tagging", ""), keep_blank_values=True)),
        params.get("StorageClass", "STANDARD"),
        params.get("ServerSideEncryption", bucket.encryption),
        params.get("SSEKMSKeyId"),
        params.get("ChecksumAlgorithm"),
    )


def check_write(s3: Service, bucket: Bucket, params: Params, flags: tuple[str, str]) -> None:
    """The conditions on the target, and a policy that demands one. Source: "Enforce conditional writes on Amazon S3
    buckets". `flags` are the table's names of If-None-Match and If-Match of this operation."""
    if len(params["Key"].encode()) > KEY_MAX_BYTES:
        raise Refused(400, "KeyTooLongError", "Your key is too long")
    none_match, match = params.get("IfNoneMatch"), params.get("IfMatch")
    if bucket.demands_conditions and none_match is None and match is None:
        raise Refused(403, "AccessDenied", "Access Denied")
    if none_match is not None and flags[0] in s3.departs:
        none_match = None
    if match is not None and flags[1] in s3.departs:
        match = None
    if none_match is not None or match is not None:
        check_target(params["Key"], bucket.current(params["Key"]), match, none_match)


def write(s3: Service, bucket: Bucket, key: str, version: Version, params: Params) -> Values:
    """The last step of every write: on top of the key's versions, or in the place of the only one."""
    lock_of(s3, bucket, version, params)
    bucket.add(key, version)
    s3.on_write(bucket, key, version)
    found: Values = {"ETag": f'"{version.etag}"'}
    if version.described.encryption is not None:
        found["ServerSideEncryption"] = version.described.encryption
    if version.described.kms_key_id is not None:
        found["SSEKMSKeyId"] = version.described.kms_key_id
    if bucket.versioning == "Enabled":
        found["VersionId"] = version.version_id
    return found


def new_version(s3: Service, body: Body, about: Description, modified: int | None = None) -> Version:
    number = s3.next_number()
    etag = etag_of(body, about.encryption, number)
    return Version(f"v{number}", etag, body, size_of(body), s3.second if modified is None else modified, about)


@operation
def put_object(s3: Service, params: Params) -> Values:
    bucket = s3.bucket(params)
    s3.check_digest(params)
    check_write(s3, bucket, params, ("put_if_none_match", "put_if_match"))
    version = new_version(s3, params.get("Body", b""), described(bucket, params))
    return write(s3, bucket, params["Key"], version, params)


# | version id | there               | then                                                       |
# |------------|---------------------|------------------------------------------------------------|
# | none       | an object           | the object                                                 |
# | none       | a delete marker     | 404 NoSuchKey                                              |
# | none       | nothing             | 404 NoSuchKey                                              |
# | given      | that version        | that version                                               |
# | given      | a delete marker     | 405 MethodNotAllowed; of a copy's source 400 InvalidRequest |
# | given      | no such version     | 404 NoSuchVersion                                          |
def found(bucket: Bucket, params: Params, *, is_source: bool = False) -> Version:
    """Source: "Working with delete markers", "GetObject", "CopyObject" [embedded]."""
    version_id = params.get("VersionId")
    version = bucket.current(params["Key"]) if version_id is None else bucket.version(params["Key"], version_id)
    if version is None:
        if version_id is None:
            raise no_such_key(params["Key"])
        raise Refused(404, "NoSuchVersion", "The specified version does not exist.", Key=params["Key"])
    if version.is_marker:
        raise Refused(400, "InvalidRequest") if is_source else Refused(405, "MethodNotAllowed")
    return version


def _head(s3: Service, bucket: Bucket, version: Version, params: Params) -> Values:
    about = version.described
    values: Values = {
        "ETag": f'"{version.etag}"',
        "ContentLength": version.size_bytes,
        "LastModified": version.last_modified,
        "Metadata": dict(about.metadata),
        "ContentType": DEFAULT_TYPE,
        **about.headers,
    }
    if about.storage_class != "STANDARD":
        values["StorageClass"] = about.storage_class
    if about.encryption is not None:
        values["ServerSideEncryption"] = about.encryption
    if about.kms_key_id is not None:
        values["SSEKMSKeyId"] = about.kms_key_id
    if about.tags:
        values["TagCount"] = len(about.tags)
    if bucket.versioning:
        values["VersionId"] = version.version_id
    if version.restored_until > s3.now:
        values["Restore"] = 'ongoing-request="false"'
    if params.get("ChecksumMode") and about.checksum_algorithm and "PartNumber" not in params:
        value, kind = checksum(about.checksum_algorithm, version.body, version.parts)
        values |= {f"Checksum{about.checksum_algorithm}": value, "ChecksumType": kind}
    return values


def _part(s3: Service, version: Version, params: Params, values: Values) -> Body:
    """With a part number the answer is about that part. An object that was written in one piece is its own only part.
    Source: "GetObject", "HeadObject", partNumber [embedded]."""
    parts, number = version.parts or (version.body,), params["PartNumber"]
    if number > len(parts):
        raise Refused(416, "InvalidPartNumber")
    if version.parts is not None and "head_parts_count" not in s3.departs:
        values["PartsCount"] = len(parts)
    return parts[number - 1] if "head_part_size" not in s3.departs else version.body


@operation
def head_object(s3: Service, params: Params) -> Values:
    """An error has no body, so it names no code: the status stands for it."""
    try:
        bucket = s3.bucket(params)
        version = found(bucket, params)
        check_read(version, params)
        values = _head(s3, bucket, version, params)
        if "PartNumber" in params:
            values["ContentLength"] = size_of(_part(s3, version, params, values))
    except Refused as refused:
        raise Refused(refused.status, str(refused.status)) from None
    return values


@operation
def get_object(s3: Service, params: Params) -> Values:
    bucket = s3.bucket(params)
    version = found(bucket, params)
    check_readable(s3, version)
    check_read(version, params)
    values = _head(s3, bucket, version, params)
    body = version.body
    if "PartNumber" in params:
        body = _part(s3, version, params, values)
    elif "Range" in params:
        first, last = s3.range_of(params["Range"], version.size_bytes)
        body = cut(body, first, last)
        values["ContentRange"] = f"bytes {first}-{last}/{version.size_bytes}"
    return values | {"Body": body, "ContentLength": size_of(body)}


# | of the source                                | goes to the copy                                   |
# |----------------------------------------------|----------------------------------------------------|
# | content                                      | yes; of parts or not, it is one piece now          |
# | metadata, headers (MetadataDirective COPY)   | yes; with REPLACE what the request says            |
# | tags (TaggingDirective COPY)                 | yes; with REPLACE what the request says, even none |
# | annotations (AnnotationDirective COPY)       | yes; with EXCLUDE none                             |
# | website redirect                             | no                                                 |
# | storage class                                | no: STANDARD, or what the request says             |
# | encryption                                   | no: the target bucket's, or what the request says  |
# | lock, legal hold, restored copy, ACL         | no                                                 |
@operation
def copy_object(s3: Service, params: Params) -> Values:
    """Source: "CopyObject", "Copying, moving, and renaming objects" [embedded, radosgw, versitygw]."""
    bucket = s3.bucket(params)
    source_bucket = s3.source_bucket(params)
    source = found(source_bucket, params["CopySource"], is_source=True)
    check_source(source, params, s3.departs, "CopyObject")
    check_readable(s3, source)
    if source.size_bytes > COPY_OBJECT_MAX_BYTES:
        raise Refused(
            400, "InvalidRequest", "The specified copy source is larger than the maximum allowable size for a copy"
        )
    check_write(s3, bucket, params, ("copy_if_none_match", "copy_if_match"))
    about, old = described(bucket, params), source.described
    if params.get("MetadataDirective", "COPY") == "COPY":
        about.metadata = old.metadata
        about.headers = {name: value for name, value in old.headers.items() if name != "WebsiteRedirectLocation"}
    if params.get("TaggingDirective", "COPY") == "COPY":
        about.tags = dict(old.tags)
    if "ChecksumAlgorithm" not in params:
        about.checksum_algorithm = old.checksum_algorithm
    same = source_bucket is bucket and params["CopySource"]["Key"] == params["Key"]
    if same and "VersionId" not in params["CopySource"] and not _changes(params):
        raise Refused(400, "InvalidRequest", "This copy request is illegal because it changes nothing.")
    version = new_version(s3, source.body, about)
    if "copy_makes_plain_etag" in s3.departs and source.parts is not None:
        version.etag = source.etag
    if params.get("AnnotationDirective", "COPY") == "COPY":
        version.annotations = dict(source.annotations)
    values = write(s3, bucket, params["Key"], version, params)
    result = {"ETag": values.pop("ETag"), "LastModified": version.last_modified}
    if source_bucket.versioning:
        values["CopySourceVersionId"] = source.version_id
    return values | {"CopyObjectResult": result}


def _changes(params: Params) -> bool:
    changing = ("StorageClass", "ServerSideEncryption", "WebsiteRedirectLocation")
    return params.get("MetadataDirective") == "REPLACE" or any(name in params for name in changing)


# | versioning | version id | then                                                     |
# |------------|------------|----------------------------------------------------------|
# | never      | none       | the object is gone                                       |
# | Enabled    | none       | a delete marker on top, also of nothing; what is below stays |
# | Suspended  | none       | a delete marker in the place of the version called null  |
# | any        | given      | that version, or that delete marker, is gone for good    |
@operation
def delete_object(s3: Service, params: Params) -> Values:
    """Deleting what is not there succeeds. Source: "DeleteObject", "Deleting object versions" [embedded, radosgw]."""
    bucket, key, version_id = s3.bucket(params), params["Key"], params.get("VersionId")
    if params.get("IfMatch") is not None:
        there = bucket.current(key)
        if there is None and params["IfMatch"] == "*":
            raise Refused(412, "PreconditionFailed")
        check_target(key, there, params["IfMatch"], None)
    if version_id is not None:
        version = bucket.version(key, version_id)
        if version is not None:
            check_deletable(s3, version, params)
            bucket.keys[key].remove(version)
        return {}
    if not bucket.versioning:
        bucket.keys.pop(key, None)
        return {}
    if not bucket.keys.get(key) and "delete_marks_absence" in s3.departs:
        return {}
    number = s3.next_number()
    marker = Version(f"v{number}", "", b"", 0, s3.second, Description({}, {}, {}), is_marker=True)
    bucket.add(key, marker)
    return {"DeleteMarker": True, "VersionId": marker.version_id}


@operation
def get_object_tagging(s3: Service, params: Params) -> Values:
    tags = found(s3.bucket(params), params).described.tags
    return {"TagSet": [{"Key": name, "Value": value} for name, value in tags.items()]}


@operation
def put_object_tagging(s3: Service, params: Params) -> Values:
    """New tags leave ETag and time as they are: no condition sees them. Source: "PutObjectTagging" [embedded]."""
    version = found(s3.bucket(params), params)
    version.described.tags = {tag["Key"]: tag["Value"] for tag in params["Tagging"]["TagSet"]}
    return {}


@operation
def list_objects_v2(s3: Service, params: Params) -> Values:
    """Current objects in the order of their keys' UTF-8 bytes, `StartAfter` left out. Source: "ListObjectsV2"."""
    bucket, prefix, after = s3.bucket(params), params.get("Prefix", ""), params.get("StartAfter", "")
    names = sorted(key for key in bucket.keys if key.startswith(prefix) and key > after)
    present = [(key, version) for key in names if (version := bucket.current(key)) is not None]
    most = params.get("MaxKeys", 1000)
    contents = [
        {
            "Key": key,
            "ETag": f'"{version.etag}"',
            "Size": version.size_bytes,
            "LastModified": version.last_modified,
            "StorageClass": version.described.storage_class,
        }
        for key, version in present[:most]
    ]
    return {"Contents": contents, "KeyCount": len(contents), "IsTruncated": len(present) > most}


@operation
def list_object_versions(s3: Service, params: Params) -> Values:
    """Newest first within a key. Source: "ListObjectVersions" [embedded]."""
    bucket, prefix = s3.bucket(params), params.get("Prefix", "")
    values: Values = {"Versions": [], "DeleteMarkers": []}
    for key in sorted(key for key in bucket.keys if key.startswith(prefix)):
        for version in reversed(bucket.keys[key]):
            row = {"Key": key, "VersionId": version.version_id, "IsLatest": version is bucket.keys[key][-1]}
            if version.is_marker:
                values["DeleteMarkers"].append(row)
            else:
                values["Versions"].append(row | {"ETag": f'"{version.etag}"', "Size": version.size_bytes})
    return values
