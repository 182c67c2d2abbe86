"""Policies: least, of the right partition, for both accounts, and for every request that the code sends."""

import json
import re
from pathlib import Path

import pytest

from s3sync.config.load import load
from s3sync.emr.policies import ACTIONS, PolicyFacts, SideFacts, policies

ROOT = Path(__file__).parents[3]
CODE = "".join(path.read_text() for path in (ROOT / "s3sync").rglob("*.py") if "demo" not in path.parts)
JOB = "arn:aws:iam::111111111111:role/job"
BASE = {
    "source.bucket": "source-bucket",
    "target.bucket": "target-bucket",
    "target.prefix": "new/",
    "source.prefixes": ["a/", "b/"],
    "run.work_uri": "s3://work-bucket/s3sync",
    "inventory.manifests": ["s3://reports-bucket/inv/source-bucket/daily/"],
    "sqs.queue_name_pattern": "s3sync-{index}",
    "sqs.dead_queue_name": "s3sync-dead",
}
ONE = SideFacts("eu-west-1", "aws", "111111111111", JOB)


def made(facts=None, environ=None, **options):
    given = {**BASE, **{name.replace("__", "."): value for name, value in options.items()}}
    return policies(load(given, environ or {}, None, None), facts or PolicyFacts(ONE, ONE))


def statements(found):
    for document in found.values():
        yield from document.get("Statement", [document])


def allowed(found):
    return {action for each in statements(found) for action in each["Action"]}


def test_every_request_that_the_code_sends_to_s3_has_its_action():
    known = "|".join(("Abort", "Complete", "Copy", "Create", "Delete", "Get", "Head", "List", "Put", "Upload"))
    named = set(re.findall(rf'"((?:{known})(?:Object|Objects|Multipart|Part|Bucket)[A-Za-z0-9]*)"', CODE))
    no_requests = {
        "CopyObjectResult",
        "CopyPartResult",
        "DeleteMarker",
        "GetObjectOutputTypeDef",
        "ListBucketResult",
        "HeadObjectOutputTypeDef",
        "ListObjectsV2OutputTypeDef",
    }
    requests = {name for name in named - no_requests if not name.endswith(("Result", "TypeDef"))}
    assert requests >= {"CopyObject", "UploadPartCopy", "GetObjectTagging", "ListObjectsV2"}
    assert requests <= ACTIONS.keys()


def test_every_action_of_a_request_is_allowed_somewhere():
    found = allowed(made())
    assert {action for actions in ACTIONS.values() for action in actions} <= found


def test_nothing_is_allowed_at_large():
    text = json.dumps(made())
    assert not re.search(r'"(s3|sqs|kms|sts|\*):?\*"', text)
    for each in statements(made()):
        resources = each["Resource"]
        for resource in [resources] if isinstance(resources, str) else resources:
            assert resource != "*"
            assert not resource.endswith(":::*")


def test_prefixes_narrow_what_is_read_and_written():
    found = {each["Sid"]: each for each in statements(made())}
    assert found["ReadSource"]["Resource"] == ["arn:aws:s3:::source-bucket/a/*", "arn:aws:s3:::source-bucket/b/*"]
    assert found["WriteTarget"]["Resource"] == ["arn:aws:s3:::target-bucket/new/*"]
    assert found["ListSource"]["Condition"]["StringLikeIfExists"]["s3:prefix"] == ["a/*", "b/*"]
    assert found["UseWork"]["Resource"] == ["arn:aws:s3:::work-bucket/s3sync/*"]
    assert found["ReadInventory1"]["Resource"] == ["arn:aws:s3:::reports-bucket/inv/source-bucket/daily/*"]
    assert found["UseQueues"]["Resource"] == [
        "arn:aws:sqs:eu-west-1:111111111111:s3sync-*",
        "arn:aws:sqs:eu-west-1:111111111111:s3sync-dead",
    ]


def test_deleting_is_for_probes_and_the_work_location_only():
    for each in statements(made()):
        if any(action.startswith("s3:DeleteObject") for action in each["Action"]):
            assert each["Sid"] in ("RemoveProbes", "UseWork")
            assert all("/.s3sync-" in r or "work-bucket" in r or "new/.s3sync-" in r for r in each["Resource"])


@pytest.mark.parametrize(
    ("options", "action", "is_there"),
    [
        ({}, "s3:PutObjectTagging", True),
        ({"copy__tags": "false"}, "s3:PutObjectTagging", False),
        ({"copy__tags": "false"}, "s3:GetObjectTagging", False),
        ({}, "s3:PutObjectAnnotation", True),
        *(
            ({"copy__annotations": "false"}, f"s3:{name}ObjectAnnotation{s}", False)
            for name, s in (("Get", ""), ("Put", ""), ("List", "s"))
        ),
        ({}, "s3:PutObjectAcl", False),
        ({"target__acl": "bucket-owner-full-control"}, "s3:PutObjectAcl", True),
        ({"sqs__queue_name_pattern": None}, "sqs:SendMessage", False),
    ],
)
def test_what_the_configuration_does_not_use_is_not_allowed(options, action, is_there):
    assert (action in allowed(made(**options))) is is_there


@pytest.mark.parametrize(
    ("partition", "region", "suffix"),
    [
        ("aws", "eu-west-1", "amazonaws.com"),
        ("aws-cn", "cn-north-1", "amazonaws.com.cn"),
        ("aws-us-gov", "us-gov-west-1", "amazonaws.com"),
    ],
)
def test_each_partition_has_its_own_arns(partition, region, suffix):
    key = f"arn:{partition}:kms:{region}:111111111111:key/k"
    side = SideFacts(region, partition, "111111111111", JOB.replace("arn:aws:", f"arn:{partition}:"), key)
    found = made(PolicyFacts(side, side))
    arns = re.findall(r"arn:([a-z-]+):", json.dumps(found))
    assert set(arns) == {partition}
    kms = [each for each in statements(found) if each["Sid"] == "EncryptTarget"]
    assert kms[0]["Condition"]["StringEquals"]["kms:ViaService"] == f"s3.{region}.{suffix}"


def test_another_accounts_source_lets_the_job_read_and_list_and_no_more():
    """The old tool's documentation told people to allow `s3:*` there."""
    found = made(
        PolicyFacts(SideFacts("eu-west-1", "aws", "222222222222", JOB, "arn:aws:kms:eu-west-1:222222222222:key/k"), ONE)
    )
    policy = found["bucket policy of s3://source-bucket"]
    assert allowed({"x": policy}) == {
        "s3:GetObject",
        "s3:GetObjectAttributes",
        "s3:GetObjectAnnotation",
        "s3:GetObjectTagging",
        "s3:ListBucket",
        "s3:ListBucketVersions",
        "s3:ListObjectAnnotations",
    }
    assert {json.dumps(each["Principal"]) for each in policy["Statement"]} == {json.dumps({"AWS": JOB})}
    grant = found["statement for the policy of arn:aws:kms:eu-west-1:222222222222:key/k"]
    assert grant["Action"] == ["kms:Decrypt"]


def test_another_accounts_target_lets_the_job_write():
    found = made(PolicyFacts(ONE, SideFacts("eu-west-1", "aws", "222222222222", JOB)))
    policy = found["bucket policy of s3://target-bucket"]
    assert "s3:PutObject" in allowed({"x": policy})
    assert {each["Sid"] for each in policy["Statement"]} == {"WriteTarget", "ListTarget", "RemoveProbes"}


def test_one_account_needs_no_bucket_policies():
    assert list(made(sqs__queue_name_pattern=None)) == [f"job role: {JOB}"]


def test_every_request_that_the_code_sends_to_sqs_has_its_action():
    sent = {"".join(map(str.capitalize, name.split("_"))) for name in re.findall(r"\bsqs\.([a-z]+_[a-z_]+)\(", CODE)}
    assert sent >= {"SendMessageBatch", "ReceiveMessage", "PurgeQueue", "CreateQueue", "ListQueues"}
    assert {f"sqs:{name.removesuffix('Batch')}" for name in sent} == {
        action for action in allowed(made()) if action.startswith("sqs:")
    }


def test_a_job_may_not_make_delete_or_empty_queues():
    found = made()
    assert list(found) == [f"job role: {JOB}", "who calls s3sync init, and s3sync queues --purge"]
    job, person = (allowed({name: document}) for name, document in found.items())
    assert not job & {"sqs:CreateQueue", "sqs:DeleteQueue", "sqs:PurgeQueue"}
    assert person >= {"sqs:CreateQueue", "sqs:DeleteQueue", "sqs:PurgeQueue"}
    assert not {action for action in person if not action.startswith("sqs:")}
    assert not person & {"sqs:SendMessage", "sqs:ReceiveMessage"}


def test_a_source_with_credentials_of_its_own_lists_and_the_target_reads_too():
    other = "arn:aws:iam::222222222222:role/lister"
    facts = PolicyFacts(SideFacts("eu-west-1", "aws", "222222222222", other), ONE)
    found = made(facts, {"SOURCE_ROLE_ARN": other})
    assert [each["Sid"] for each in found[f"source role: {other}"]["Statement"]] == ["ListSource", "LookAtSource"]
    job = {each["Sid"]: each for each in found[f"job role: {JOB}"]["Statement"]}
    assert "ReadSource" in job
    assert job["AssumeRoles"]["Resource"] == [other]
    readers = found["bucket policy of s3://source-bucket"]["Statement"][0]["Principal"]["AWS"]
    assert readers == [JOB, other]


def test_kept_keys_may_be_read():
    environ = {"SOURCE_CREDENTIALS_URI": "secretsmanager:s3sync/keys", "TARGET_CREDENTIALS_URI": "ssm:/s3sync/keys"}
    found = {each["Sid"]: each for each in statements(made(environ=environ))}
    assert found["ReadSecretsmanager"]["Resource"] == [
        "arn:aws:secretsmanager:eu-west-1:111111111111:secret:s3sync/keys-??????"
    ]
    assert found["ReadSsm"]["Resource"] == ["arn:aws:ssm:eu-west-1:111111111111:parameter/s3sync/keys"]


def test_what_is_not_known_is_to_be_filled_in():
    assert "JOB-ACCOUNT" in json.dumps(made(PolicyFacts()))
