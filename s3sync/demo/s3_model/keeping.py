"""What keeps objects from being read, overwritten or deleted: archive, object lock; and annotations beside them."""

from collections.abc import Mapping
from typing import Any

from s3sync.demo.s3_model.conditions import bare, failed
from s3sync.demo.s3_model.content import md5_hex
from s3sync.demo.s3_model.service import Service, operation
from s3sync.demo.s3_model.stored import Bucket, Refused, Version, no_such_key
from s3sync.model.limits import ANNOTATION_MAX_BYTES, ANNOTATIONS_MAX

ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})
DAY_SECONDS = 86_400.0

Params = Mapping[str, Any]
Values = dict[str, Any]


def _there(s3: Service, params: Params) -> Version:
    bucket = s3.bucket(params)
    version_id = params.get("VersionId")
    version = bucket.current(params["Key"]) if version_id is None else bucket.version(params["Key"], version_id)
    if version is None:
        raise no_such_key(params["Key"])
    return version


def check_readable(s3: Service, version: Version) -> None:
    """An archived object can be looked at, not read: not by GetObject, not as a copy's source, until it is restored.
    Source: "Restoring an archived object" [embedded]."""
    if version.described.storage_class not in ARCHIVED or version.restored_until > s3.now:
        return
    if "archived_source_refused" not in s3.departs:
        raise Refused(403, "InvalidObjectState", "The operation is not valid for the object's storage class")


@operation
def restore_object(s3: Service, params: Params) -> Values:
    """A copy that can be read is there for some days; here at once, on S3 after minutes to hours."""
    version = _there(s3, params)
    if version.described.storage_class not in ARCHIVED:
        raise Refused(403, "InvalidObjectState", "Restore is not allowed for the object's current storage class")
    version.restored_until = s3.now + params["RestoreRequest"]["Days"] * DAY_SECONDS
    return {}


def lock_of(s3: Service, bucket: Bucket, version: Version, params: Params) -> None:
    """Retention as the write says, else the bucket's default. Source: "Locking objects with Object Lock"."""
    until = params.get("ObjectLockRetainUntilDate")
    if until is not None:
        version.retained_until = until.timestamp()
    elif bucket.default_retention_seconds:
        version.retained_until = s3.now + bucket.default_retention_seconds
    version.has_legal_hold = params.get("ObjectLockLegalHoldStatus") == "ON"


# A lock keeps a version, not a key: new versions and delete markers come on top of a locked one.
def check_deletable(s3: Service, version: Version, params: Params) -> None:
    is_retained = version.retained_until > s3.now and not params.get("BypassGovernanceRetention")
    if is_retained or version.has_legal_hold:
        raise Refused(403, "AccessDenied", "Access Denied because object protected by object lock.")


@operation
def put_object_legal_hold(s3: Service, params: Params) -> Values:
    _there(s3, params).has_legal_hold = params["LegalHold"]["Status"] == "ON"
    return {}


# Annotations change neither ETag nor time of their object. CopyObject takes them along; whatever else writes the object
# again, a copy by parts among it, leaves it without. Source: "PutObjectAnnotation", "CopyObject" [embedded].


@operation
def put_object_annotation(s3: Service, params: Params) -> Values:
    version, name, payload = _annotated(s3, params), params["AnnotationName"], params["AnnotationPayload"]
    if len(payload) > ANNOTATION_MAX_BYTES:
        raise Refused(400, "EntityTooLarge")
    if name not in version.annotations and len(version.annotations) >= ANNOTATIONS_MAX:
        raise Refused(400, "TooManyAnnotations")
    version.annotations[name] = payload
    return {"ETag": f'"{md5_hex(payload)}"'}


def _annotated(s3: Service, params: Params) -> Version:
    """Which object is meant can be said by its ETag (x-amz-object-if-match)."""
    version = _there(s3, params)
    match = params.get("ObjectIfMatch")
    if match is not None and bare(match) != version.etag:
        raise failed("x-amz-object-if-match")
    return version


@operation
def get_object_annotation(s3: Service, params: Params) -> Values:
    annotations = _there(s3, params).annotations
    if params["AnnotationName"] not in annotations:
        raise Refused(404, "NoSuchAnnotation")
    payload = annotations[params["AnnotationName"]]
    return {"AnnotationPayload": payload, "ETag": f'"{md5_hex(payload)}"'}


@operation
def list_object_annotations(s3: Service, params: Params) -> Values:
    annotations = sorted(_there(s3, params).annotations.items())
    rows = [{"AnnotationName": name, "Size": len(body), "ETag": f'"{md5_hex(body)}"'} for name, body in annotations]
    return {"Annotations": rows}


@operation
def delete_object_annotation(s3: Service, params: Params) -> Values:
    _there(s3, params).annotations.pop(params["AnnotationName"], None)
    return {}
