"""`s3sync doctor` on the target's settings: each finding is brought about, and is not there without its cause."""

from collections.abc import Callable
from typing import Any

import pytest

from s3sync.doctor.symptom import Health
from tests.contract.deploying import Laptop
from tests.contract.examining import VERSIONING, Pair

ACCOUNT = "123456789012"
LIFECYCLE = {
    "Rules": [
        {
            "ID": "sweep",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
            "Expiration": {"Days": 30},
            "Transitions": [{"Days": 10, "StorageClass": "GLACIER"}],
        },
        {"ID": "off", "Status": "Disabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}},
    ]
}


def replicate(pair: Pair, status: str = "Enabled") -> None:
    for bucket in (pair.source, pair.target):
        pair.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=VERSIONING)
    rule = {"ID": "r", "Status": status, "Priority": 1, "Filter": {"Prefix": ""}}
    rule |= {
        "Destination": {"Bucket": f"arn:aws:s3:::{pair.source}"},
        "DeleteMarkerReplication": {"Status": "Disabled"},
    }
    configuration = {"Role": f"arn:aws:iam::{ACCOUNT}:role/r", "Rules": [rule]}
    pair.s3.put_bucket_replication(Bucket=pair.target, ReplicationConfiguration=configuration)


def notify(pair: Pair) -> None:
    queue = pair.laptop.aws("sqs").create_queue(QueueName=f"{pair.laptop.bucket}-events")["QueueUrl"]
    attributes = pair.laptop.aws("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    configuration = {"QueueArn": attributes["QueueArn"], "Events": ["s3:ObjectCreated:*"]}
    pair.s3.put_bucket_notification_configuration(
        Bucket=pair.target, NotificationConfiguration={"QueueConfigurations": [configuration]}
    )


def encrypt(pair: Pair, **key: Any) -> None:
    default = {"SSEAlgorithm": "aws:kms", **{name: value for name, value in key.items() if name == "KMSMasterKeyID"}}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": key.get("bucket_key", False)}
    pair.s3.put_bucket_encryption(Bucket=pair.target, ServerSideEncryptionConfiguration={"Rules": [rule]})


def keep_lifecycle(pair: Pair) -> None:
    pair.s3.put_bucket_lifecycle_configuration(Bucket=pair.target, LifecycleConfiguration=LIFECYCLE)


def lock(pair: Pair) -> None:
    pair.version()
    pair.s3.put_object_lock_configuration(
        Bucket=pair.target,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 400}},
        },
    )


def enforce_owner(pair: Pair) -> None:
    controls = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    pair.s3.put_bucket_ownership_controls(Bucket=pair.target, OwnershipControls=controls)


@pytest.mark.parametrize(
    ("cause", "topic", "health", "says"),
    [
        (Pair.version, "target: versioning", Health.WARNING, "keeps the old one as a version"),
        (encrypt, "target: encryption", Health.WARNING, "without an S3 Bucket Key"),
        (lambda pair: encrypt(pair, bucket_key=True), "target: encryption", Health.OK, "with a Bucket Key"),
        (notify, "target: notifications", Health.WARNING, "fires notifications: SQS"),
        (replicate, "target: replication", Health.WARNING, "is replicated once more"),
        (lambda pair: replicate(pair, "Disabled"), "target: replication", Health.OK, "no rule that is on"),
        (keep_lifecycle, "target: lifecycle", Health.WARNING, "rule sweep aborts uploads after 1 day"),
        (enforce_owner, "target: ownership", Health.OK, "BucketOwnerEnforced"),
    ],
)
def test_a_setting_of_the_target_is_seen_by_the_quick_part(
    pair: Pair, cause: Callable[[Pair], None], topic: str, health: Health, says: str
) -> None:
    before = pair.symptom(topic, quick=True)
    cause(pair)
    found = pair.symptom(topic, quick=True)
    assert found != before
    assert found.health is health, found
    assert says in found.found


def test_all_that_a_lifecycle_rule_does_is_told(pair: Pair) -> None:
    keep_lifecycle(pair)
    said = " ".join(each.found for each in pair.examined(quick=True) if each.topic == "target: lifecycle")
    assert "deletes copies after 30 days" in said
    assert "moves copies to GLACIER after 10 days" in said
    assert "rule off" not in said


def test_a_lifecycle_rule_of_another_prefix_is_no_concern(pair: Pair) -> None:
    rule = {**LIFECYCLE["Rules"][0], "Filter": {"Prefix": "logs/"}}
    pair.s3.put_bucket_lifecycle_configuration(Bucket=pair.target, LifecycleConfiguration={"Rules": [rule]})
    said = [each.found for each in pair.examined(pair.config(target__prefix="new/"), quick=True)]
    assert not any("rule sweep" in text for text in said)
    assert any("rule sweep" in each.found for each in pair.examined(pair.config(target__prefix="lo"), quick=True))


def test_an_acl_that_the_bucket_refuses(pair: Pair) -> None:
    enforce_owner(pair)
    found = pair.symptom("target: ownership", pair.config(target__acl="public-read"), quick=True)
    assert found.health is Health.PROBLEM
    assert "--acl" in found.todo


def test_object_lock(pair: Pair, laptop: Laptop) -> None:
    name = f"locked-{laptop.bucket[5:]}"
    pair.s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    pair.target = name
    lock(pair)
    found = pair.symptom("target: object lock", quick=True)
    assert (found.health, "400 days" in found.found) == (Health.WARNING, True)


@pytest.mark.parametrize(("state", "health"), [("enabled", Health.OK), ("disabled", Health.PROBLEM)])
def test_the_buckets_kms_key(pair: Pair, laptop: Laptop, state: str, health: Health) -> None:
    kms = laptop.aws("kms")
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    if state == "disabled":
        kms.disable_key(KeyId=key_id)
    encrypt(pair, KMSMasterKeyID=key_id, bucket_key=True)
    assert pair.symptom("target: KMS key", quick=True).health is health
