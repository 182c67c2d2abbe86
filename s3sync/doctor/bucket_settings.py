"""What the buckets' settings mean for a run: versions, object lock, encryption and its keys, ownership, requester pays.

AWS: "Using versioning in S3 buckets", "S3 Object Lock", "Using server-side encryption with AWS KMS keys", "Controlling
ownership of objects".
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from s3sync.aws.clients import client
from s3sync.config.model import Config
from s3sync.doctor.sides import ExaminedSide, RefusedCall, asked, not_seen, sides
from s3sync.doctor.symptom import Symptom, ok, problem, unknown, warning
from s3sync.model import etag

_NONE_SET = frozenset({"ObjectLockConfigurationNotFoundError", "ServerSideEncryptionConfigurationNotFoundError"})
_NO_OWNERSHIP = frozenset({"OwnershipControlsNotFoundError"})


def settings(config: Config) -> Iterator[Symptom]:
    source, target = sides(config)
    yield _source_versions(source)
    yield _target_versions(target)
    yield _object_lock(target)
    yield from _encryption(source, config, is_target=False)
    yield from _encryption(target, config, is_target=True)
    yield _ownership(target, config)


def _versioning(side: ExaminedSide) -> str | RefusedCall:
    answer = asked(lambda: side.s3.get_bucket_versioning(**side.given))
    return answer if isinstance(answer, RefusedCall) else str(answer.get("Status", "Disabled"))


def _source_versions(side: ExaminedSide) -> Symptom:
    topic, status = side.topic("versioning"), _versioning(side)
    if isinstance(status, RefusedCall):
        return not_seen(topic, status, "s3:GetBucketVersioning")
    if status == "Disabled":
        return ok(topic, "off")
    return ok(topic, f"{status}: the current versions are copied, older ones and delete markers are not")


def _target_versions(side: ExaminedSide) -> Symptom:
    topic, status = side.topic("versioning"), _versioning(side)
    if isinstance(status, RefusedCall):
        return not_seen(topic, status, "s3:GetBucketVersioning")
    if status == "Enabled":
        return warning(
            topic,
            "Enabled: a copy over an object keeps the old one as a version, which is stored and billed",
            "copy only what differs (-v), or let a lifecycle rule expire old versions",
        )
    return ok(topic, "off" if status == "Disabled" else status)


def _object_lock(side: ExaminedSide) -> Symptom:
    topic = side.topic("object lock")
    answer = asked(lambda: side.s3.get_object_lock_configuration(**side.given))
    if isinstance(answer, RefusedCall):
        if answer.code in _NONE_SET or "NotFound" in answer.code:
            return ok(topic, "off")
        return not_seen(topic, answer, "s3:GetBucketObjectLockConfiguration")
    rule = answer.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention")
    if not rule:
        return ok(topic, "on, without a default retention")
    span = f"{rule.get('Days') or rule.get('Years')} {'days' if rule.get('Days') else 'years'}"
    return warning(
        topic,
        f"every copy is locked for {span} ({rule.get('Mode')}) and cannot be deleted before",
        "try a few objects first (--limit 10), or take the default retention off for the time of the migration",
    )


def _encryption(side: ExaminedSide, config: Config, *, is_target: bool) -> Iterator[Symptom]:
    topic = side.topic("encryption")
    answer = asked(lambda: side.s3.get_bucket_encryption(**side.given))
    rule: dict[str, Any] = {}
    if isinstance(answer, RefusedCall):
        if answer.code not in _NONE_SET:
            yield not_seen(topic, answer, "s3:GetEncryptionConfiguration")
            if not (is_target and config.target.encryption):
                return
    else:
        rules = answer["ServerSideEncryptionConfiguration"]["Rules"]
        rule = dict(rules[0]) if rules else {}
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    kind, key_id = default.get("SSEAlgorithm", "AES256"), default.get("KMSMasterKeyID")
    has_bucket_key = bool(rule.get("BucketKeyEnabled"))
    if is_target and config.target.encryption:
        kind, key_id = config.target.encryption, config.target.kms_key_id
        has_bucket_key = config.target.bucket_key
    if not etag.hides_md5(kind):
        yield ok(topic, f"{kind}")
        return
    yield _kms(topic, kind, has_bucket_key, is_target=is_target)
    if key_id and side.is_aws:
        yield _key(side, str(key_id), is_target=is_target)


def _kms(topic: str, kind: str, has_bucket_key: bool, *, is_target: bool) -> Symptom:
    if not is_target:
        return ok(topic, f"{kind}: each copy is decrypted with its key")
    if kind == "aws:kms" and not has_bucket_key:
        return warning(
            topic,
            "aws:kms without an S3 Bucket Key: each copy is a request to KMS, which has a quota of its own",
            "turn the Bucket Key on for the bucket, or give --encryption aws:kms --bucket-key; a check must read "
            "content or checksums, since ETags are no MD5s",
        )
    return ok(topic, f"{kind}{' with a Bucket Key' if has_bucket_key else ''}; ETags are no MD5s")


# | the key                   | then                                        |
# |---------------------------|---------------------------------------------|
# | enabled                   | ok                                          |
# | disabled, to be deleted   | problem                                     |
# | not found                 | problem                                     |
# | may not be looked at      | unknown, with the grants that copies need   |
def _key(side: ExaminedSide, key_id: str, *, is_target: bool) -> Symptom:
    topic = side.topic("KMS key")
    grants = "kms:GenerateDataKey and kms:Decrypt" if is_target else "kms:Decrypt"
    kms = asked(lambda: client("kms", replace(side.access, endpoint_url=None)).describe_key(KeyId=key_id))
    if isinstance(kms, RefusedCall):
        if kms.is_denial:
            return unknown(
                topic, f"{key_id} may not be looked at", f"its policy must allow {grants} to the role that copies"
            )
        return problem(topic, f"{key_id}: {kms}", "name a key of the bucket's region, by its ARN")
    state = kms["KeyMetadata"]["KeyState"]
    if state != "Enabled":
        return problem(topic, f"{key_id} is {state}", "enable it: nothing can be read or written with it")
    return ok(topic, f"{key_id} is enabled; the role that copies needs {grants}")


def _ownership(side: ExaminedSide, config: Config) -> Symptom:
    """
    | ownership of the target bucket | --acl given | then                                           |
    |--------------------------------|-------------|------------------------------------------------|
    | BucketOwnerEnforced            | no          | ok                                             |
    | BucketOwnerEnforced            | other than bucket-owner-full-control, private | problem: refused |
    | others, none                   | any         | ok                                             |
    """
    topic = side.topic("ownership")
    answer = asked(lambda: side.s3.get_bucket_ownership_controls(**side.given))
    if isinstance(answer, RefusedCall):
        if answer.code in _NO_OWNERSHIP:
            return ok(topic, "none set: objects belong to the account that writes them")
        return not_seen(topic, answer, "s3:GetBucketOwnershipControls")
    found = answer["OwnershipControls"]["Rules"][0]["ObjectOwnership"]
    acl = config.target.acl
    if found == "BucketOwnerEnforced" and acl not in (None, "bucket-owner-full-control", "private"):
        return problem(topic, f"{found}: S3 refuses --acl {acl}", "leave --acl away: ACLs are off on this bucket")
    return ok(topic, str(found))
