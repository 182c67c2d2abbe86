"""The CloudFormation templates: cfn-lint finds nothing, no role may do more than its work, the clusters' gaps fit."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from s3sync.emr.clusters import gaps, read_cluster
from s3sync.emr.policies import USE_QUEUES

CONF = Path(__file__).parents[3] / "conf"
TEMPLATES = sorted((CONF / "cloudformation").glob("*.yml"))
EMR = Path(__file__).parents[3] / "s3sync" / "emr"

# What the modules of a laptop's commands ask AWS for.
CALL = re.compile(
    r"\b(?:emr|scheduler|client\([^)]*\))\.(describe|get|list|add|run|start|create|update|delete)_(\w+)\("
)
OF_TOOL = {"emr": "elasticmapreduce", "emr-serverless": "emr-serverless"}  # of AWS's command line
PAGES = re.compile(r'get_paginator\("(\w+)"\)')


class _Loader(yaml.SafeLoader):
    """Intrinsic functions become `{"!Name": value}`."""


def _intrinsic(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {f"!{suffix}": loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {f"!{suffix}": loader.construct_sequence(node, deep=True)}
    return {f"!{suffix}": loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _intrinsic)


def template(name: str = "emr.yml") -> dict[str, Any]:
    found: dict[str, Any] = yaml.load((CONF / "cloudformation" / name).read_text(), _Loader)
    return found


def linted(path: Path) -> "subprocess.CompletedProcess[str]":
    cfn_lint = Path(sys.executable).with_name("cfn-lint")
    return subprocess.run([str(cfn_lint), str(path)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_cfn_lint_finds_nothing(path: Path) -> None:
    ended = linted(path)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_cfn_lint_would_find_something(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text((CONF / "cloudformation/emr.yml").read_text().replace("Threshold: 0\n", "Treshold: 0\n"))
    assert "Treshold" in linted(broken).stdout


def test_the_stack_fills_the_gaps_of_the_cluster() -> None:
    assert gaps(read_cluster(CONF / "emr" / "cluster.json")) <= template()["Outputs"].keys()


def test_the_stack_has_all_that_it_should() -> None:
    kinds = [each["Type"] for each in template()["Resources"].values()]
    for kind, count in {
        "AWS::IAM::Role": 3,
        "AWS::SQS::Queue": 6,
        "AWS::S3::Bucket": 1,
        "AWS::Logs::LogGroup": 2,
        "AWS::Scheduler::ScheduleGroup": 1,
        "AWS::CloudWatch::Alarm": 3,
        "AWS::EMR::SecurityConfiguration": 1,
    }.items():
        assert kinds.count(kind) == count, kind


def test_alarms_look_at_failures_and_at_the_age_of_dead_letters_and_tell_somebody() -> None:
    resources = template()["Resources"]
    alarms = {name: each["Properties"] for name, each in resources.items() if each["Type"] == "AWS::CloudWatch::Alarm"}
    assert {each["MetricName"] for each in alarms.values()} == {
        "TriggeredRules",
        "ApproximateAgeOfOldestMessage",
        "ApproximateNumberOfMessagesVisible",
    }
    assert alarms["DeadLetterAlarm"]["Dimensions"] == [
        {"Name": "QueueName", "Value": {"!GetAtt": "DeadQueue.QueueName"}}
    ]
    assert alarms["FailureAlarm"]["Dimensions"] == [{"Name": "RuleName", "Value": {"!Ref": "JobFailed"}}]
    assert all(each["AlarmActions"] == [{"!Ref": "Alarms"}] for each in alarms.values())
    pattern = resources["JobFailed"]["Properties"]["EventPattern"]
    assert pattern["detail"]["state"] == ["FAILED", "TERMINATED_WITH_ERRORS"]


def test_what_schedules_need_is_never_expired_and_uploads_are_aborted() -> None:
    rules = template()["Resources"]["WorkBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    expiring = [json.dumps(rule["Prefix"]) for rule in rules if "ExpirationInDays" in rule]
    assert len(expiring) == 3
    assert not any("artifacts" in prefix or "locks" in prefix for prefix in expiring)
    assert [rule for rule in rules if "AbortIncompleteMultipartUpload" in rule]


def statements(name: str) -> list[dict[str, Any]]:
    properties = template()["Resources"][name]["Properties"]
    documents = [each["PolicyDocument"] for each in properties.get("Policies", [properties])]
    return [each for document in documents for each in document["Statement"]]


def actions(name: str) -> set[str]:
    found = set()
    for each in statements(name):
        found |= {each["Action"]} if isinstance(each["Action"], str) else set(each["Action"])
    return found


@pytest.mark.parametrize("name", ["JobRole", "ServiceRole", "SchedulerRole", "SubmitPolicy"])
def test_nothing_is_allowed_at_large(name: str) -> None:
    of_no_resource = {
        "elasticmapreduce:AddTags",
        "elasticmapreduce:ListClusters",
        "elasticmapreduce:RunJobFlow",
        "scheduler:ListSchedules",
    }
    for each in statements(name):
        assert each["Effect"] == "Allow"
        named = [each["Action"]] if isinstance(each["Action"], str) else each["Action"]
        assert not any("*" in action for action in named), named
        if each["Resource"] == "*":
            assert set(named) <= of_no_resource
        if "iam:PassRole" in named:
            assert "iam:PassedToService" in each["Condition"]["StringLike"]


def test_the_job_uses_the_queues_as_the_printed_policies_do() -> None:
    assert {action for action in actions("JobRole") if action.startswith("sqs:")} == {*USE_QUEUES, "sqs:ListQueues"}


def asked_for(text: str) -> set[str]:
    """Operations of AWS that a module asks for, as the API names them."""
    names = {f"{verb}_{rest}" for verb, rest in CALL.findall(text)} | set(PAGES.findall(text))
    return {as_operation(name) for name in names}


def as_operation(name: str) -> str:
    return "".join(word.capitalize() for word in re.split("[_-]", name))


@pytest.mark.parametrize("name", ["SubmitPolicy", "SchedulerRole"])
def test_those_who_start_clusters_may_let_emr_make_its_role_for_cleaning_up(name: str) -> None:
    """It makes the role with the first cluster of an account; without the right for that RunJobFlow is refused."""
    (found,) = [each for each in statements(name) if each["Action"] == "iam:CreateServiceLinkedRole"]
    assert found["Resource"]["!Sub"].endswith("/AWSServiceRoleForEMRCleanup*")
    assert found["Condition"]["StringEquals"]["iam:AWSServiceName"]["!Sub"].startswith("elasticmapreduce.")


def test_steps_have_roles_only_where_the_stack_is_given_some() -> None:
    resources = template()["Resources"]
    configuration = resources["SecurityConfiguration"]["Properties"]["SecurityConfiguration"]
    condition, given, otherwise = configuration["AuthorizationConfiguration"]["!If"]
    assert (condition, otherwise) == ("HasStepRoles", {"!Ref": "AWS::NoValue"})
    assert given == {"IAMConfiguration": {"EnableApplicationScopedIAMRole": True}}
    assert resources["StepRolesPolicy"]["Condition"] == "HasStepRoles"
    assert [each["Resource"] for each in statements("StepRolesPolicy")] == [{"!Ref": "StepRoleArns"}]


def test_what_was_sent_may_be_noted_for_those_who_attach() -> None:
    (found,) = [each for each in statements("SubmitPolicy") if each["Sid"] == "Submissions"]
    assert (found["Action"], found["Resource"]["!Sub"]) == (
        "s3:PutObject",
        "${WorkBucket.Arn}/${WorkPrefix}/submissions/*",
    )


@pytest.mark.parametrize(
    ("module", "service"),
    [("clusters.py", "elasticmapreduce"), ("serverless.py", "emr-serverless"), ("schedules.py", "scheduler")],
)
def test_those_who_submit_may_call_what_the_code_calls_or_advises_and_no_more(module: str, service: str) -> None:
    asked = asked_for((EMR / module).read_text()) - {"DescribeStacks", "GetPaginator"}
    advised = re.findall(r"aws (emr|emr-serverless) ([a-z-]+)", (EMR / "sent_jobs.py").read_text())
    asked |= {as_operation(command) for tool, command in advised if OF_TOOL[tool] == service}
    allowed = {action.partition(":")[2] for action in actions("SubmitPolicy") if action.startswith(f"{service}:")}
    assert len(asked) >= 4
    assert allowed - asked <= {"AddTags", "TagResource"}  # RunJobFlow and StartJobRun with tags ask for them
    assert asked <= allowed
