"""The printed policies for the queues, enforced by the server: each is enough for its own commands, and none is for the
other's. The server knows actions of SQS, not its resources: these are compared in tests/unit/emr/test_policies.py.
"""

import json
from typing import Any

import pytest

from s3sync.config.model import Access, Secret
from s3sync.errors import ServiceError
from s3sync.queues.find import find_queues, sqs_client
from s3sync.queues.messages import Packed
from s3sync.queues.sqs import delete, hold, receive, send
from tests.contract.deploying import Laptop
from tests.contract.test_policies import enforced

__all__ = ["enforced"]  # a fixture

PERSON = "who calls s3sync init, and s3sync queues --purge"


class Account:
    """Two users: one with the job's policy, one with that of the person who sets the queues up."""

    def __init__(self, laptop: Laptop) -> None:
        self.laptop, self.iam = laptop, laptop.aws("iam")
        mark = laptop.bucket[5:]
        self.pattern, self.dead = rf"q{mark}-\d+", f"q{mark}-dead"
        self.options = ["--queue-name-pattern", self.pattern, "--dead-queue-name", self.dead]
        source, target = f"src-{mark}", f"tgt-{mark}"
        for bucket in (source, target):
            laptop.aws("s3").create_bucket(Bucket=bucket)
        code, out, err = laptop.run("doctor", "-s", source, "-t", target, *self.options, "--print-policies")
        assert code == 0, err
        self.policies = json.loads(out)
        self.job = self._user(f"job-{mark}", next(p for name, p in self.policies.items() if name != PERSON))
        self.person = self._user(f"person-{mark}", self.policies[PERSON])

    def _user(self, name: str, policy: dict[str, Any]) -> dict[str, str]:
        at_large = [
            {**each, "Action": [*each["Action"], *batch_calls(each["Action"])], "Resource": "*"}
            for each in policy["Statement"]
            if "sqs:" in str(each["Action"])
        ]
        policy = {**policy, "Statement": at_large}
        self.iam.create_user(UserName=name)
        self.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


@pytest.fixture
def account(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.setenv("QUEUE_NUM", "2")
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    return Account(laptop)


def batch_calls(actions: list[str]) -> list[str]:
    """On AWS a batch call needs the action of the single one (AWS: "Actions, resources, and condition keys for Amazon
    SQS"); this server takes it for an action of its own."""
    single = {"sqs:SendMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"}
    return [f"{action}Batch" for action in actions if action in single]


def run_as(account: Account, monkeypatch: pytest.MonkeyPatch, who: dict[str, str], *command: str) -> tuple[int, str]:
    for name, value in who.items():
        monkeypatch.setenv(name, value)
    from s3sync.aws import clients

    clients._sessions.clear()
    clients._clients.clear()
    code, out, err = account.laptop.run(*command, *account.options)
    return code, out + err


def test_each_policy_is_enough_for_its_own_and_not_for_the_other(
    account: Account, enforced: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    enforced()
    code, said = run_as(account, monkeypatch, account.job, "init")
    assert code == 1
    assert "AccessDenied" in said
    for command in (("init",), ("init",), ("queues", "--purge", "--yes")):
        code, said = run_as(account, monkeypatch, account.person, *command)
        assert code == 0, said

    keys = [Secret(value) for value in account.job.values()]
    access = Access(
        region_name="us-east-1",
        aws_access_key_id=keys[0].reveal(),
        aws_secret_access_key=keys[1],
        endpoint_url=account.laptop.aws("sqs").meta.endpoint_url,
    )
    sqs = sqs_client(access)
    queues = find_queues(sqs, account.pattern, account.dead)
    assert send(sqs, queues.work[0], [Packed("x", 1)]).trouble is None
    messages = receive(sqs, queues.work[0], 10, 0, 30)
    assert (hold(sqs, messages, 5).messages, delete(sqs, messages).messages) == ([], [])
    assert run_as(account, monkeypatch, account.job, "queues")[0] == 0
    code, said = run_as(account, monkeypatch, account.job, "init", "--delete", "--yes")
    assert (code, "AccessDenied" in said) == (1, True)

    persons = sqs_client(
        Access(
            region_name="us-east-1",
            aws_access_key_id=account.person["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=Secret(account.person["AWS_SECRET_ACCESS_KEY"]),
            endpoint_url=access.endpoint_url,
        )
    )
    with pytest.raises(ServiceError, match="AccessDenied"):
        receive(persons, queues.work[0], 10, 0, 30)
    assert "AccessDenied" in (send(persons, queues.work[0], [Packed("x", 1)]).trouble or "")
    assert run_as(account, monkeypatch, account.person, "init", "--delete", "--yes")[0] == 0
