"""What makes the executor's container and its service: the image has what it needs, and Spark is no part of it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from s3sync.config.load import load
from s3sync.emr.policies import USE_QUEUES, PolicyFacts, policies

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "conf/cloudformation/executor.yml"
PROBE = "import sys, {module}; print(sorted({{m.split('.')[0] for m in sys.modules}} & {{'pyspark', 'py4j', 'moto'}}))"


def probed(module: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", PROBE.format(module=module)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return ended.stdout.strip()


@pytest.mark.parametrize("module", ["s3sync.cli.main", "s3sync.retry.executor", "s3sync.cli.queue_commands"])
def test_the_executor_needs_neither_spark_nor_the_embedded_server(module: str) -> None:
    assert probed(module) == "[]"


def test_the_probe_sees_spark() -> None:
    assert "pyspark" in probed("s3sync.retry.job")


def test_what_the_image_copies_is_there_and_let_through() -> None:
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    let_through = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert names == let_through
    assert all((ROOT / name).exists() for name in names)


class _Loader(yaml.SafeLoader):
    """Takes !Ref and !Sub for plain text."""


_Loader.add_multi_constructor("!", lambda _loader, _suffix, node: getattr(node, "value", ""))


def test_the_roles_allow_no_more_than_is_asked_for() -> None:
    resources = yaml.load(TEMPLATE.read_text(), _Loader)["Resources"]
    statements = [
        each
        for policy in resources["TaskRole"]["Properties"]["Policies"]
        for each in policy["PolicyDocument"]["Statement"]
    ]
    actions = {
        action
        for each in statements
        for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
    }
    assert not any("*" in action for action in actions)
    assert {action for action in actions if action.startswith("sqs:")} == {*USE_QUEUES, "sqs:ListQueues"}
    assert not actions & {"s3:DeleteObject", "sqs:PurgeQueue", "sqs:DeleteQueue", "sqs:CreateQueue"}


OF_CHECKS = {"s3:GetObjectAttributes"}  # which an executor makes none of


@pytest.mark.parametrize(
    ("sid", "bucket", "spared"),
    [
        ("ReadSource", "SourceBucket", set()),
        ("WriteTarget", "TargetBucket", {"s3:GetObjectTagging"}),
    ],
)
def test_the_role_may_read_and_write_objects_as_a_jobs_role_may(sid: str, bucket: str, spared: set[str]) -> None:
    given = {"source.bucket": "source-bucket", "target.bucket": "target-bucket"}
    found = policies(load(given, {}, None, None), PolicyFacts())
    wanted = next(each for document in found.values() for each in document["Statement"] if each["Sid"] == sid)
    role = yaml.load(TEMPLATE.read_text(), _Loader)["Resources"]["TaskRole"]["Properties"]["Policies"]
    (allowed,) = [
        each["Action"]
        for policy in role
        for each in policy["PolicyDocument"]["Statement"]
        if str(each["Resource"]).endswith(f"${{{bucket}}}/*")
    ]
    assert set(allowed) == set(wanted["Action"]) - OF_CHECKS - spared
