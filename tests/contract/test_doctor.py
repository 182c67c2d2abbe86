"""`s3sync doctor`: each finding is brought about on the embedded server, and is not there without its cause."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from s3sync.aws.clients import client
from s3sync.aws.probes.examine import QUICK, examine
from s3sync.aws.probes.permissions import PROBE
from s3sync.config.load import load
from s3sync.config.model import Config
from s3sync.demo.inventory_writer import InventoryObject, write_inventory
from s3sync.inventory.manifest import FileFormat
from s3sync.model.health import Health, Symptom
from tests.contract.deploying import Laptop
from tests.servers.faults import Action, Fault, Faults

ACCOUNT = "123456789012"


class Pair:
    """A source with an object, a target and a configuration for them, at the account of the laptop."""

    def __init__(self, laptop: Laptop, make: Callable[..., str]) -> None:
        self.laptop, self.s3 = laptop, laptop.aws("s3")
        self.source, self.target = make(), make()
        self.s3.put_object(Bucket=self.source, Key="photos/a", Body=b"body", Tagging="a=b")

    def config(self, **options: str) -> Config:
        given = {"source.bucket": self.source, "target.bucket": self.target, "run.work_uri": self.laptop.work_uri}
        return load({**given, **{name.replace("__", "."): value for name, value in options.items()}}, {}, None, None)

    def examined(self, config: Config | None = None, *, quick: bool = False) -> list[Symptom]:
        return list(examine(config or self.config(), quick=quick))

    def symptom(self, topic: str, config: Config | None = None, *, quick: bool = False) -> Symptom:
        (found, *_) = [each for each in self.examined(config, quick=quick) if each.topic == topic]
        return found

    def keys(self, bucket: str) -> list[str]:
        versions = self.s3.list_object_versions(Bucket=bucket)
        return [each["Key"] for each in (*versions.get("Versions", ()), *versions.get("DeleteMarkers", ()))]


@pytest.fixture
def pair(laptop: Laptop, _embedded: Any, request: pytest.FixtureRequest) -> Any:
    made: list[str] = []
    s3 = laptop.aws("s3")

    def make() -> str:
        name = f"{'src' if not made else 'tgt'}-{laptop.bucket[5:]}"
        s3.create_bucket(Bucket=name)
        made.append(name)
        return name

    return Pair(laptop, make)


def test_all_is_well_and_nothing_is_left(pair: Pair) -> None:
    found = pair.examined()
    bad = [each for each in found if each.health is not Health.OK and each.topic != "target: lifecycle"]
    assert bad == []
    topics = {each.topic for each in found}
    for topic in ("credentials", "bucket", "clock", "versioning", "encryption", "network", "list", "read", "tags"):
        assert {f"source: {topic}", f"target: {topic}"} <= topics
    assert {"way", "copy", "queues", "work location", "target: write", "target: multipart", "target: delete"} <= topics
    assert pair.keys(pair.target) == []
    assert pair.s3.list_multipart_uploads(Bucket=pair.target).get("Uploads", []) == []
    assert not [key for key in pair.laptop.listed() if "doctor" in key]
    assert all(each.todo for each in found if each.health in (Health.WARNING, Health.PROBLEM))


def test_the_quick_part_writes_nothing(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    config = pair.config()
    for access in (config.access.source, config.access.target):
        s3 = client("s3", access)
        s3.meta.events.register("before-call.s3", _only_reads, unique_id="only-reads")
    try:
        assert pair.examined(config, quick=True)
    finally:
        for access in (config.access.source, config.access.target):
            client("s3", access).meta.events.unregister("before-call.s3", unique_id="only-reads")
    assert len(QUICK) == 5


def _only_reads(model: Any, **_: Any) -> None:
    assert model.http["method"] in ("GET", "HEAD"), f"{model.name} in the quick part"


VERSIONING = {"Status": "Enabled"}
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


def version(pair: Pair) -> None:
    pair.s3.put_bucket_versioning(Bucket=pair.target, VersioningConfiguration=VERSIONING)


def keep_lifecycle(pair: Pair) -> None:
    pair.s3.put_bucket_lifecycle_configuration(Bucket=pair.target, LifecycleConfiguration=LIFECYCLE)


def lock(pair: Pair) -> None:
    version(pair)
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
        (version, "target: versioning", Health.WARNING, "keeps the old one as a version"),
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


def deny(pair: Pair, bucket: str, *actions: str) -> None:
    statement = {"Effect": "Deny", "Principal": "*", "Action": list(actions)}
    statement["Resource"] = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    pair.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


@pytest.mark.parametrize(
    ("side", "operation", "topic", "health", "todo"),
    [
        ("source", "ListObjectsV2", "source: list", Health.PROBLEM, "allow s3:ListBucket"),
        ("source", "HeadObject", "source: read", Health.PROBLEM, "allow s3:GetObject"),
        ("source", "GetObjectTagging", "source: tags", Health.PROBLEM, "--no-tags"),
        ("target", "PutObject", "target: write", Health.PROBLEM, "allow s3:PutObject"),
        ("target", "HeadObject", "target: read", Health.PROBLEM, "allow s3:GetObject"),
        ("target", "ListObjectsV2", "target: list", Health.PROBLEM, "allow s3:ListBucket"),
        ("target", "PutObjectTagging", "target: tags", Health.PROBLEM, "--no-tags"),
        ("target", "CreateMultipartUpload", "target: multipart", Health.PROBLEM, "allow s3:PutObject"),
        ("target", "AbortMultipartUpload", "target: multipart", Health.PROBLEM, "allow s3:AbortMultipartUpload"),
        ("target", "CopyObject", "copy", Health.PROBLEM, "--print-policies"),
        ("source", "HeadBucket", "source: bucket", Health.UNKNOWN, "allow s3:ListBucket"),
    ],
)
def test_a_denied_call_is_told_with_the_permission_to_allow(
    pair: Pair, faults: Faults, side: str, operation: str, topic: str, health: Health, todo: str
) -> None:
    assert pair.symptom(topic).health is Health.OK
    faults.add(Fault(Action.DENIED, operation=operation, bucket=getattr(pair, side)))
    found = pair.symptom(topic)
    assert found.health is health, found
    assert todo in found.todo


def test_a_vpc_endpoint_that_refuses_copies_between_regions_is_not_taken_for_a_missing_permission(
    pair: Pair, faults: Faults
) -> None:
    faults.add(Fault(Action.DENIED_ACROSS_REGIONS, operation="CopyObject", bucket=pair.target))
    found = pair.symptom("copy")
    assert found.health is Health.PROBLEM
    assert "VPC endpoints do not support" in found.found
    assert "NAT gateway" in found.todo
    assert "--mode downup" in found.todo


def test_settings_that_may_not_be_looked_at_are_unknown_and_no_problem(pair: Pair, faults: Faults) -> None:
    faults.add(Fault(Action.DENIED, operation=None, bucket=pair.target))
    found = pair.examined(quick=True)
    assert not [each for each in found if each.health is Health.PROBLEM]
    unknown = [each.topic for each in found if each.health is Health.UNKNOWN]
    for name in ("versioning", "object lock", "encryption", "ownership", "notifications", "replication", "lifecycle"):
        assert f"target: {name}" in unknown
    assert all("allow s3:Get" in each.todo for each in found if each.topic == "target: versioning")


def test_a_probe_that_cannot_be_removed_is_named(pair: Pair) -> None:
    deny(pair, pair.target, "s3:DeleteObject", "s3:DeleteObjectVersion")
    found = pair.symptom("target: delete")
    pair.s3.delete_bucket_policy(Bucket=pair.target)
    assert found.health is Health.WARNING
    assert PROBE in found.found


def test_on_a_versioned_target_the_probes_versions_are_removed_too(pair: Pair) -> None:
    version(pair)
    assert pair.symptom("target: delete").health is Health.OK
    assert pair.keys(pair.target) == []


def test_a_bucket_that_is_not_there_is_told_once(pair: Pair) -> None:
    found = pair.examined(pair.config(source__bucket="no-such-bucket-anywhere"))
    bad = [each for each in found if each.topic.startswith("source") and each.health is not Health.OK]
    assert [each.topic for each in bad] == ["source: bucket"]
    assert "there is no bucket" in bad[0].found


def test_credentials_that_are_none(pair: Pair) -> None:
    found = pair.examined(
        load(
            {"source.bucket": pair.source, "target.bucket": pair.target}, {"SOURCE_PROFILE_NAME": "nobody"}, None, None
        )
    )
    bad = [each for each in found if each.health is Health.PROBLEM]
    assert [each.topic for each in bad][:1] == ["source: network"] or bad[0].topic == "source: credentials"
    assert any(each.topic == "source: credentials" for each in bad)


def test_other_partitions_go_through_the_workers(pair: Pair) -> None:
    config = load(
        {"source.bucket": pair.source, "target.bucket": pair.target},
        {"SOURCE_ENDPOINT_URL": "http://127.0.0.1:1", "SOURCE_REGION_NAME": "us-east-1"},
        None,
        None,
    )
    found = [each for each in pair.examined(config, quick=True) if each.topic == "way"]
    assert [each.health for each in found] == [Health.WARNING]
    assert pair.symptom("way", quick=True).health is Health.OK
    assert "downup away" in pair.symptom("way", pair.config(copy__mode="downup"), quick=True).todo


def test_an_endpoint_where_nothing_listens(pair: Pair) -> None:
    config = load(
        {"source.bucket": pair.source, "target.bucket": pair.target},
        {"TARGET_ENDPOINT_URL": "http://127.0.0.1:9", "TARGET_REGION_NAME": "us-east-1"},
        None,
        None,
    )
    found = [each for each in pair.examined(config) if each.topic == "target: network"]
    assert found[0].health is Health.PROBLEM


def report(pair: Pair, *, days: float, bucket: str | None = None) -> str:
    home = pair.laptop.bucket
    rows = [InventoryObject("photos/a", 4, "841a2d689ad86bd1611447453c22c6fc", datetime.now(UTC))]
    made = write_inventory(
        rows,
        file_format=FileFormat.CSV,
        source_bucket=bucket or pair.source,
        destination_bucket=home,
        prefix="inv",
        config_id="all",
        created_at=datetime.now(UTC) - timedelta(days=days),
    )
    for key, body in made.items():
        pair.laptop.put(key, body)
    return f"s3://{home}/inv/{bucket or pair.source}/all/"


@pytest.mark.parametrize(("days", "health"), [(0.5, Health.OK), (9, Health.WARNING)])
def test_how_old_the_inventory_is(pair: Pair, days: float, health: Health) -> None:
    uri = report(pair, days=days)
    found = pair.symptom(f"inventory {uri}", pair.config(inventory__manifests=uri))
    assert found.health is health, found
    assert ("9 days ago" in found.found) is (days == 9)


def test_an_inventory_that_is_not_there_or_of_another_bucket(pair: Pair) -> None:
    uri = f"s3://{pair.laptop.bucket}/nothing/"
    assert pair.symptom(f"inventory {uri}", pair.config(inventory__manifests=uri)).health is Health.PROBLEM
    uri = report(pair, days=0, bucket="quite-another")
    found = [each for each in pair.examined(pair.config(inventory__manifests=uri)) if each.health is Health.PROBLEM]
    assert any("lists quite-another" in each.found for each in found)


def test_the_queues(pair: Pair, laptop: Laptop) -> None:
    name = laptop.bucket
    options = {"sqs__queue_name_pattern": f"{name}-{{index}}", "sqs__dead_queue_name": f"{name}-dead"}
    found = pair.symptom("queues", pair.config(**options))
    assert found.health is Health.PROBLEM
    assert "s3sync init" in found.found + found.todo
    sqs = laptop.aws("sqs")
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "1"})}
    sqs.create_queue(QueueName=f"{name}-0", Attributes=redrive)
    sqs.send_message(QueueUrl=dead, MessageBody="{}")
    said = [each for each in pair.examined(pair.config(**options)) if each.topic == "queues"]
    assert [each.health for each in said] == [Health.OK, Health.WARNING, Health.WARNING]
    assert "after 1 receipt" in said[1].found
    assert "about 1 messages" in said[2].found


def test_a_work_location_that_cannot_be_written(pair: Pair) -> None:
    found = pair.symptom("work location", pair.config(run__work_uri="s3://no-such-bucket-anywhere/x"))
    assert found.health is Health.PROBLEM


def test_the_command_says_all_and_ends_with_1_where_there_is_a_problem(pair: Pair) -> None:
    options = ["-s", pair.source, "-t", pair.target, "--work-uri", pair.laptop.work_uri]
    code, _, err = pair.laptop.run("doctor", *options)
    assert code == 0, err
    assert "source: credentials" in err
    assert err.splitlines()[-1].endswith("1 warning")
    code, _, err = pair.laptop.run("doctor", *options, "--quick")
    assert "target: write" not in err
    code, _, err = pair.laptop.run("doctor", "-s", "no-such-bucket-anywhere", "-t", pair.target)
    assert code == 1
    assert "-> correct --source-bucket" in err


def test_all_jobs_of_the_file_are_looked_at_and_have_their_policies(pair: Pair) -> None:
    laptop, run = pair.laptop, pair.laptop.run
    (laptop.folder / "buckets.yml").write_text(
        f"jobs:\n  photos: {{source: {{bucket: {pair.source}}}, target: {{bucket: {pair.target}}}}}\n"
        f"  music: {{source: {{bucket: no-such-bucket-anywhere}}, target: {{bucket: {pair.target}}}}}\n"
        f"  asleep: {{enabled: false, source: {{bucket: x-y-z}}, target: {{bucket: {pair.target}}}}}\n"
    )
    where = ["--buckets-file", "buckets.yml", "--work-uri", laptop.work_uri]
    code, out, err = run("doctor", "--all", *where, "--print-policies")
    assert code == 0, err
    found = json.loads(out)
    assert list(found) == ["photos", "music"]
    assert pair.source in json.dumps(found["photos"])
    assert pair.source not in json.dumps(found["music"])

    code, _, err = run("doctor", "--all", *where, "--quick")
    assert code == 1
    assert err.index("photos:") < err.index(pair.source) < err.index("music:") < err.index("no bucket no-such")
    assert run("doctor", "--all", "--only", "photos", *where, "--quick")[0] == 0
    code, _, err = run("doctor", "--only", "photos", *where)
    assert (code, "--only: chooses among the jobs of --all" in err) == (2, True)
    code, _, err = run("doctor", *where)
    assert (code, "is missing; say what to copy" in err) == (2, True)


def test_the_policies_are_those_of_the_configured_buckets(pair: Pair) -> None:
    code, out, err = pair.laptop.run(
        "doctor",
        "-s",
        pair.source,
        "-t",
        pair.target,
        "--work-uri",
        pair.laptop.work_uri,
        "--print-policies",
        "--expected-source-owner",
        "999999999999",
    )
    assert code == 0, err
    found = json.loads(out)
    assert len(found) == 2
    assert f"bucket policy of s3://{pair.source}" in found
    text = json.dumps(found)
    assert pair.source in text
    assert pair.target in text
    assert "s3:*" not in text
