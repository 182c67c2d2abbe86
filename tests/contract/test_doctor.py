"""`s3sync doctor`: each finding is brought about on the embedded server, and is not there without its cause."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from s3sync.aws.clients import client
from s3sync.config.load import load
from s3sync.demo.inventory_writer import InventoryObject, write_inventory
from s3sync.demo.preconditions import Departures
from s3sync.demo.server import EmbeddedServer
from s3sync.demo.wire import App, Environ, StartResponse, answer, call_of, error_body
from s3sync.doctor.examine import QUICK
from s3sync.doctor.permissions import PROBE
from s3sync.doctor.symptom import Health
from s3sync.inventory.manifest import FileFormat
from tests.contract.deploying import Laptop
from tests.contract.examining import Pair
from tests.servers.faults import Action, Fault, Faults


def test_all_is_well_and_nothing_is_left(pair: Pair) -> None:
    found = pair.examined()
    bad = [each for each in found if each.health is not Health.OK and each.topic != "target: lifecycle"]
    assert bad == []
    topics = {each.topic for each in found}
    for topic in (
        "credentials",
        "bucket",
        "clock",
        "versioning",
        "encryption",
        "network",
        "list",
        "read",
        "tags",
        "annotations",
    ):
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
        ("source", "ListObjectAnnotations", "source: annotations", Health.PROBLEM, "--no-annotations"),
        ("target", "PutObjectAnnotation", "target: annotations", Health.PROBLEM, "allow s3:PutObjectAnnotation"),
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
    pair.version()
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


@pytest.mark.parametrize("takes_none", [False, True], ids=["", "CopyObject takes none"])
def test_a_bucket_that_demands_conditions_is_told_from_one_that_denies(pair: Pair, takes_none: bool) -> None:
    unknown = frozenset({"CopyObject if-match", "CopyObject if-none-match"}) if takes_none else frozenset()
    with EmbeddedServer(departures=Departures(unknown=unknown, are_demanded=True)) as demanding:
        config = pair.config(**{"access.target.endpoint_url": demanding.endpoint_url})
        found = {each.topic: each for each in pair.examined(config)}
    assert found["target: write"].health is Health.OK
    assert "demands conditional writes" in found["target: conditions"].found
    assert found["copy"].health is Health.OK
    assert ("by parts" in found["copy"].found) is takes_none
    assert pair.keys(pair.target) == []


def test_if_match_needs_a_permission_of_its_own(pair: Pair) -> None:
    assert pair.symptom("target: conditions").health is Health.OK
    with EmbeddedServer(wrap=_denies_if_match) as denying:
        found = pair.symptom("target: conditions", pair.config(**{"access.target.endpoint_url": denying.endpoint_url}))
    assert found.health is Health.PROBLEM
    assert "allow s3:GetObject" in found.todo


def _denies_if_match(app: App) -> App:
    """As S3 does to a role that may write and not read."""

    def layer(environ: Environ, start_response: StartResponse) -> Any:
        if "HTTP_IF_MATCH" in environ and call_of(environ).operation == "PutObject":
            return answer(environ, start_response, 403, error_body("AccessDenied", "Access Denied"))
        return app(environ, start_response)

    return layer


def test_where_writes_are_locked_no_probe_is_written(pair: Pair) -> None:
    """S3 takes no body into such a bucket without an MD5 or a checksum: that is no lack of permissions."""
    bucket = f"locked-{pair.target}"[:63]
    pair.s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    lock = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    pair.s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=lock)
    found = {each.topic: each for each in pair.examined(pair.config(target__bucket=bucket))}
    for topic in ("target: write", "target: multipart", "copy"):
        assert found[topic].health is Health.OK, found[topic]
    assert "target: delete" not in found
    assert pair.keys(bucket) == []
    pair.s3.delete_bucket(Bucket=bucket)
