"""The printed policies, enforced: with them all calls are allowed, and each statement is needed."""

import json
from collections.abc import Iterator
from typing import Any

import moto.core.responses
import pytest

from s3sync.config.load import load
from s3sync.config.model import Config
from s3sync.doctor.examine import examine
from s3sync.doctor.symptom import Health
from tests.contract.deploying import Laptop

DENIED_BY_THE_SERVER = {"source: bucket", "target: bucket"}  # it wants s3:HeadBucket, which is no action of AWS's


class Account:
    """A user with the printed policy, on a server that enforces policies while the block of `enforced` runs."""

    def __init__(self, laptop: Laptop) -> None:
        self.laptop, self.name = laptop, laptop.bucket
        self.source, self.target = f"src-{self.name[5:]}", f"tgt-{self.name[5:]}"
        for bucket in (self.source, self.target):
            laptop.aws("s3").create_bucket(Bucket=bucket)
        laptop.aws("s3").put_object(Bucket=self.source, Key="photos/a", Body=b"x")
        self.iam = laptop.aws("iam")
        self.iam.create_user(UserName=self.name)
        self.key = self.iam.create_access_key(UserName=self.name)["AccessKey"]
        code, out, err = laptop.run("doctor", *self.options, "--print-policies")
        assert code == 0, err
        (self.policy,) = json.loads(out).values()

    @property
    def options(self) -> list[str]:
        return ["-s", self.source, "-t", self.target, "--prefix", "photos/", "--work-uri", self.laptop.work_uri]

    @property
    def config(self) -> Config:
        options = {"source.bucket": self.source, "target.bucket": self.target, "run.work_uri": self.laptop.work_uri}
        options["source.prefixes"] = ["photos/"]  # type: ignore[assignment]
        keys = {
            "COPY_AWS_ACCESS_KEY_ID": self.key["AccessKeyId"],
            "COPY_AWS_SECRET_ACCESS_KEY": self.key["SecretAccessKey"],
        }
        return load(options, keys, None, None)

    def allow(self, statements: list[dict[str, Any]]) -> None:
        document = json.dumps({**self.policy, "Statement": statements})
        self.iam.put_user_policy(UserName=self.name, PolicyName="p", PolicyDocument=document)

    def not_ok(self) -> dict[str, Health]:
        """By topic; the server's own oddity left out, and what is a warning without any policy."""
        found = {each.topic: each.health for each in examine(self.config, quick=False)}
        for topic in (*DENIED_BY_THE_SERVER, "target: lifecycle"):
            found.pop(topic, None)
        return {topic: health for topic, health in found.items() if health is not Health.OK}


@pytest.fixture
def account(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> Account:
    return Account(laptop)


@pytest.fixture
def enforced(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Call it to let the server enforce policies from now on, and again with False to let all pass."""

    def enforce(on: bool = True) -> None:
        moto.core.responses.ActionAuthenticatorMixin.request_count = 0
        monkeypatch.setattr(moto.core.responses.settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0.0 if on else float("inf"))

    yield enforce
    enforce(False)


def test_the_printed_policy_allows_all_that_the_doctor_tries(account: Account, enforced: Any) -> None:
    account.allow(account.policy["Statement"])
    enforced()
    assert account.not_ok() == {}


def test_without_a_policy_nothing_is_allowed(account: Account, enforced: Any) -> None:
    enforced()
    assert {"source: list", "target: write", "work location"} <= account.not_ok().keys()


@pytest.mark.parametrize(
    ("sid", "topic"),
    [
        ("ListSource", "source: list"),
        ("ReadSource", "source: read"),
        ("WriteTarget", "target: write"),
        ("ListTarget", "target: list"),
        ("RemoveProbes", "target: delete"),
        ("UseWork", "work location"),
        ("ListWork", "work location"),
        ("LookAtTarget", "target: versioning"),
        ("LookAtSource", "source: versioning"),
    ],
)
def test_each_statement_is_needed(account: Account, enforced: Any, sid: str, topic: str) -> None:
    without = [each for each in account.policy["Statement"] if each["Sid"] != sid]
    assert len(without) == len(account.policy["Statement"]) - 1
    account.allow(without)
    enforced()
    assert topic in account.not_ok()
