"""Permissions by real calls: list and read the source, write, tag, copy and delete one probe object on the target.

The probe's key lies below the target's prefix, is new each time, and is removed again, its version too.

What the policies must know and the configuration does not say: accounts, regions, principals and keys.
"""

import re
import secrets
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any

from s3sync.aws.clients import client
from s3sync.config.model import Config
from s3sync.doctor.conditional_writes import FOREIGN, HELD, conditions, locked_write, locks, put_probe
from s3sync.doctor.identity import caller
from s3sync.doctor.sides import ExaminedSide, RefusedCall, asked, sides
from s3sync.doctor.symptom import Symptom, ok, problem, unknown, warning
from s3sync.emr.policies import PolicyFacts, SideFacts
from s3sync.model.closed_sets import partition_of
from s3sync.model.limits import MIB
from s3sync.s3.wire.endpoints import bucket_region

PROBE = ".s3sync-doctor-"
LOOKED_AT_BYTES = MIB
# What S3 says, as AccessDenied, to a copy between regions that comes through a gateway or interface endpoint.
_THROUGH_VPC = "VPC endpoints do not support cross-region requests"


def permissions(config: Config) -> Iterator[Symptom]:
    source, target = sides(config)
    sample = yield from _source(source, config)
    if locks(target):
        yield from locked_write(target, {**target.given, **written_as(config)}, _locked_probe(config))
        yield from _multipart(target, config, _locked_probe(config))
        if sample is not None:
            yield from _copy(source, target, config, sample, _locked_probe(config), CopySourceIfMatch=FOREIGN)
        return
    probe = f"{config.target.prefix}{PROBE}{secrets.token_hex(16)}"
    demanded = yield from _target(target, config, probe)
    if sample is not None:
        yield from _copy(source, target, config, sample, probe, **demanded)
    yield _bodies_are_gone(target, probe)


def _source(side: ExaminedSide, config: Config) -> Generator[Symptom, None, str | None]:
    """Gives back the key of some object, None where there is none to be seen."""
    payer: dict[str, Any] = {"RequestPayer": "requester"} if config.source.requester_pays else {}
    prefix = config.source.prefixes[0] if config.source.prefixes else ""
    listed = asked(lambda: side.s3.list_objects_v2(**side.given, Prefix=prefix, MaxKeys=1, **payer))
    if isinstance(listed, RefusedCall):
        if config.inventory.manifests and listed.is_denial:
            yield ok(side.topic("list"), "denied, and not needed: the inventory lists the objects")
        else:
            yield _denied(side.topic("list"), listed, "s3:ListBucket", side)
        return None
    yield ok(side.topic("list"), "s3:ListBucket works")
    if not listed.get("Contents"):
        yield unknown(side.topic("read"), "there is no object to read", "see that the bucket and --prefix are right")
        return None
    key = listed["Contents"][0]["Key"]
    read = asked(lambda: side.s3.head_object(**side.given, Key=key, **payer))
    yield (
        _denied(side.topic("read"), read, "s3:GetObject (and kms:Decrypt)", side)
        if isinstance(read, RefusedCall)
        else ok(side.topic("read"), "s3:GetObject works")
    )
    if config.copy.tags:
        tags = asked(lambda: side.s3.get_object_tagging(**side.given, Key=key))
        yield (
            _denied(side.topic("tags"), tags, "s3:GetObjectTagging, or give --no-tags", side)
            if isinstance(tags, RefusedCall)
            else ok(side.topic("tags"), "s3:GetObjectTagging works")
        )
    if config.copy.annotations and side.is_aws and _is_small(read):
        noted = asked(lambda: side.s3.list_object_annotations(**side.given, Key=key, **payer))
        yield _annotations(side, noted, "s3:ListObjectAnnotations", "s3:GetObjectAnnotation")
    return key


def _is_small(head: Any) -> bool:
    return not isinstance(head, RefusedCall) and head["ContentLength"] <= LOOKED_AT_BYTES


# Another server than AWS is not asked: it may know no annotations, and answer with the object itself. So may one that
# is taken for AWS: it is asked about a small object only.
#
# | answer                 | then                                 |
# |------------------------|--------------------------------------|
# | done                   | ok                                   |
# | 501, 405               | ok: there can be none                |
# | denied, or any other   | problem                              |
def _annotations(side: ExaminedSide, answer: Any, *permissions: str) -> Symptom:
    topic = side.topic("annotations")
    if not isinstance(answer, RefusedCall):
        return ok(topic, f"{permissions[0]} works")
    if answer.code in ("NotImplemented", "MethodNotAllowed"):
        return ok(topic, "objects of this bucket can have none")
    return _denied(topic, answer, f"{' and '.join(permissions)}, or give --no-annotations", side)


def written_as(config: Config) -> dict[str, Any]:
    """How copies are stored: encryption, key, class and ACL, as parameters of a write."""
    target = config.target
    wanted = {
        "StorageClass": target.storage_class,
        "ServerSideEncryption": target.encryption,
        "SSEKMSKeyId": target.kms_key_id,
        "BucketKeyEnabled": True if target.bucket_key else None,
        "ACL": target.acl,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _target(side: ExaminedSide, config: Config, probe: str) -> Generator[Symptom, None, dict[str, str]]:
    """Gives back the condition that a write over the probe must have, where the bucket demands one."""
    given = {**side.given, "Key": probe, **written_as(config)}
    put, are_demanded = put_probe(side, given)
    if isinstance(put, RefusedCall):
        yield _denied(side.topic("write"), put, "s3:PutObject (and kms:GenerateDataKey)", side)
        return {}
    yield ok(side.topic("write"), "s3:PutObject works, stored as configured")
    yield conditions(side, given, put["ETag"], are_demanded=are_demanded)
    read = asked(lambda: side.s3.head_object(**side.given, Key=probe))
    yield (
        _denied(side.topic("read"), read, "s3:GetObject: a repeat looks at the target first", side)
        if isinstance(read, RefusedCall)
        else ok(side.topic("read"), "s3:GetObject works")
    )
    listed = asked(lambda: side.s3.list_objects_v2(**side.given, Prefix=probe, MaxKeys=1))
    yield (
        _denied(side.topic("list"), listed, "s3:ListBucket, for -v and check", side)
        if isinstance(listed, RefusedCall)
        else ok(side.topic("list"), "s3:ListBucket works")
    )
    if config.copy.tags:
        tagged = asked(
            lambda: side.s3.put_object_tagging(
                **side.given, Key=probe, Tagging={"TagSet": [{"Key": "s3sync", "Value": "doctor"}]}
            )
        )
        yield (
            _denied(side.topic("tags"), tagged, "s3:PutObjectTagging, or give --no-tags", side)
            if isinstance(tagged, RefusedCall)
            else ok(side.topic("tags"), "s3:PutObjectTagging works")
        )
    if config.copy.annotations and side.is_aws:
        noted = asked(
            lambda: side.s3.put_object_annotation(
                **side.given, Key=probe, AnnotationName="doctor", AnnotationPayload=b"s3sync doctor"
            )
        )
        yield _annotations(side, noted, "s3:PutObjectAnnotation", "s3:ListObjectAnnotations")
    yield from _multipart(side, config, probe)
    return {"IfMatch": put["ETag"]} if are_demanded else {}


def _locked_probe(config: Config) -> str:
    """One key for all: what a server writes there against its conditions stays for the retention."""
    return f"{config.target.prefix}{PROBE}locked"


def _multipart(side: ExaminedSide, config: Config, probe: str) -> Iterator[Symptom]:
    upload = asked(lambda: side.s3.create_multipart_upload(**side.given, Key=probe, **written_as(config)))
    if isinstance(upload, RefusedCall):
        yield _denied(side.topic("multipart"), upload, "s3:PutObject", side)
    else:
        upload_id = upload["UploadId"]
        aborted = asked(lambda: side.s3.abort_multipart_upload(**side.given, Key=probe, UploadId=upload_id))
        yield (
            _denied(side.topic("multipart"), aborted, "s3:AbortMultipartUpload", side)
            if isinstance(aborted, RefusedCall)
            else ok(side.topic("multipart"), "an upload can be begun and aborted")
        )


def _copy(
    source: ExaminedSide, target: ExaminedSide, config: Config, key: str, probe: str, **condition: str
) -> Iterator[Symptom]:
    """The real thing, where the target reaches the source: one object, whatever it is, up to 5 GiB. A `condition` that
    can't hold lets nothing be written."""
    given: dict[str, Any] = {**target.given, **written_as(config), "Key": probe, **condition}
    if config.source.requester_pays:
        given["RequestPayer"] = "requester"
    answer = asked(lambda: target.s3.copy_object(CopySource={"Bucket": source.bucket, "Key": key}, **given))
    topic = "copy"
    if not isinstance(answer, RefusedCall):
        yield ok(topic, "S3 copies an object from the source to the target")
    elif condition and answer.code in HELD:
        yield ok(topic, "S3 may copy an object from the source to the target")
    elif condition and answer.code == "NotImplemented":
        yield ok(topic, "CopyObject takes no condition, and the bucket demands one: a run copies by parts")
    elif answer.is_denial and _THROUGH_VPC in answer.message:
        yield problem(
            topic,
            f"CopyObject is refused: {answer.message}",
            "run the cluster in subnets whose way to S3 is a NAT gateway, without an S3 endpoint; or give "
            "--mode downup, by which the bytes go through the workers",
        )
    elif answer.is_denial:
        yield problem(
            topic,
            f"CopyObject is denied: {answer.message}",
            "let the target's credentials read the source: `s3sync doctor --print-policies`; or give --mode downup",
        )
    elif answer.code in ("InvalidObjectState", "ObjectNotInActiveTierError"):
        yield ok(topic, "the first object is archived, which is told from being denied")
    elif answer.code in ("InvalidRequest", "EntityTooLarge"):
        yield unknown(topic, f"the first object cannot be copied in one request: {answer.message}")
    else:
        yield warning(topic, f"CopyObject answers {answer}", "see whether source and target are one service")


def _bodies_are_gone(side: ExaminedSide, probe: str) -> Symptom:
    """Remove what the probe wrote: every version of it where the bucket keeps versions."""
    topic = side.topic("delete")
    versions = asked(lambda: side.s3.list_object_versions(**side.given, Prefix=probe))
    shown: Any = {} if isinstance(versions, RefusedCall) else versions
    found = [*shown.get("Versions", ()), *shown.get("DeleteMarkers", ())]
    refused: RefusedCall | None = None
    for each in found or [{}]:
        version = {"VersionId": each["VersionId"]} if each.get("VersionId") not in (None, "null") else {}
        answer = asked(lambda version=version: side.s3.delete_object(**side.given, Key=probe, **version))  # type: ignore[misc]
        refused = answer if isinstance(answer, RefusedCall) else refused
    if refused is not None:
        return warning(
            topic,
            f"the probe {probe} cannot be removed: {refused}",
            f"delete it, and allow s3:DeleteObject for {PROBE}*",
        )
    return ok(topic, "the probe object is removed")


def _denied(topic: str, refusal: RefusedCall, permission: str, side: ExaminedSide) -> Symptom:
    if refusal.is_denial:
        return problem(
            topic, f"is denied: {refusal.message}", f"allow {permission} on {side.bucket} to the {side.title}'s role"
        )
    return problem(topic, f"fails: {refusal}", f"allow {permission}; see what {side.bucket} is")


_ASSUMED = re.compile(r"arn:(?P<partition>[a-z-]+):sts::(?P<account>[0-9]+):assumed-role/(?P<role>[^/]+)/.*")


def facts_of(config: Config) -> PolicyFacts:
    """Asked of AWS where it answers; what stays unknown has a name in capitals."""
    source, target = (_facts(side, config) for side in sides(config))
    return PolicyFacts(source, target)


def role_arn(arn: str) -> str:
    """The role of a session: policies name roles, not sessions. The role's path is not in a session's ARN."""
    found = _ASSUMED.fullmatch(arn)
    return f"arn:{found['partition']}:iam::{found['account']}:role/{found['role']}" if found else arn


def _facts(side: ExaminedSide, config: Config) -> SideFacts:
    region = asked(lambda: bucket_region(side.s3, side.bucket))
    region = region if isinstance(region, str) else side.access.region_name
    partition = partition_of(region)
    found = SideFacts(region, partition, principal=f"arn:{partition}:iam::JOB-ACCOUNT:role/JOB-ROLE")
    me = asked(lambda: caller(side.access)) if side.is_aws else RefusedCall("", "")
    if not isinstance(me, RefusedCall):
        found = replace(found, principal=side.access.role_arn or role_arn(me["Arn"]), account=me["Account"])
    if side.expected_owner:
        found = replace(found, account=side.expected_owner)
    return replace(found, kms_key_arn=_key(side, config, found))


def _key(side: ExaminedSide, config: Config, facts: SideFacts) -> str | None:
    """The key that objects of this side are encrypted with: that of the configuration, else the bucket's default."""
    key = config.target.kms_key_id if side.title == "target" else None
    if key is None:
        answer: Any = asked(lambda: side.s3.get_bucket_encryption(**side.given))
        if isinstance(answer, RefusedCall):
            return None
        rules = answer["ServerSideEncryptionConfiguration"]["Rules"]
        key = rules[0].get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID") if rules else None
    if key is None or key.startswith("arn:"):
        return key
    told: Any = asked(lambda: client("kms", replace(side.access, endpoint_url=None)).describe_key(KeyId=key))
    if not isinstance(told, RefusedCall):
        return str(told["KeyMetadata"]["Arn"])
    kind = "" if key.startswith("alias/") else "key/"
    return f"arn:{facts.partition}:kms:{facts.region or 'REGION'}:{facts.account}:{kind}{key}"
