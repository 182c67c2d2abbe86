"""The CloudFormation stack on the embedded server: what it makes is what `submit` and `init` expect.

The server makes roles, queues, the bucket and the log group of it; alarms, the bucket's rules and policy and the group
of schedules are beyond it, and looked at by cfn-lint and tests/unit/emr/test_templates.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.deploying import Laptop, shown

TEMPLATE = Path(__file__).parents[2] / "conf" / "cloudformation" / "emr.yml"


@pytest.fixture
def stack(laptop: Laptop) -> Iterator[dict[str, str]]:
    """The outputs, and the stack's name as `name`."""
    given = {"SubnetIds": "subnet-1,subnet-2", "QueueNamePrefix": f"{laptop.bucket}-"}
    cloudformation = laptop.aws("cloudformation")
    cloudformation.create_stack(
        StackName=f"stack-{laptop.bucket}",
        TemplateBody=TEMPLATE.read_text(),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    (found,) = cloudformation.describe_stacks(StackName=f"stack-{laptop.bucket}")["Stacks"]
    assert found["StackStatus"] == "CREATE_COMPLETE"
    yield {"name": found["StackName"], **{each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}}
    cloudformation.delete_stack(StackName=f"stack-{laptop.bucket}")


@pytest.mark.filterwarnings("ignore:Tried to parse")
def test_a_cluster_is_started_with_what_the_stack_made(laptop: Laptop, stack: dict[str, str]) -> None:
    job = ["migrate", "-s", "source-bucket", "-t", "target-bucket", "--work-uri", stack["WorkUri"]]
    options = ["--stack", stack["name"], "--preinstalled"]
    code, out, err = laptop.run("submit", *job, *options, "--dry-run")
    assert code == 0, err
    (call,) = shown(out)["calls"]
    assert call["parameters"]["ServiceRole"] == stack["ServiceRole"]
    assert call["parameters"]["SecurityConfiguration"] == stack["SecurityConfiguration"]
    assert laptop.aws("emr").describe_security_configuration(Name=stack["SecurityConfiguration"])
    assert laptop.aws("iam").get_instance_profile(InstanceProfileName=call["parameters"]["JobFlowRole"])
    bucket = stack["WorkUri"].split("/")[2]
    assert call["parameters"]["LogUri"] == f"s3://{bucket}/logs/"

    code, _, err = laptop.run("submit", *job, *options)

    assert code == 0, err
    cluster_id = err.rpartition("of cluster ")[2].strip()
    assert len(laptop.steps(cluster_id)) == 1
    for page in laptop.aws("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page["Contents"]:
            laptop.aws("s3").delete_object(Bucket=bucket, Key=entry["Key"])


@pytest.mark.filterwarnings("ignore:Tried to parse")
def test_init_finds_nothing_to_say_about_the_queues(
    laptop: Laptop, stack: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUEUE_NUM", "4")
    names = ["--queue-name-pattern", stack["QueueNamePattern"], "--dead-queue-name", stack["DeadQueueName"]]
    code, _, err = laptop.run("init", *names)
    assert code == 0, err
    assert err.count("is there") == 5, err
    assert "differ" not in err
    assert laptop.run("init", *names, "--redrive-after", "7")[0] == 1, "the negative control"
