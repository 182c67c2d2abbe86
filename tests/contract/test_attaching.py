"""A job that was sent before is followed: sent again with --wait, or by --attach, from this machine or another one."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
import yaml
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.emrserverless.models import emrserverless_backends

from s3sync.cli.following import follow
from tests.contract.deploying import REGION, Laptop, arguments_of
from tests.contract.test_submit import ROLE, application

Act = Callable[[], object]


class Pauses:
    """The pauses of the command's watching, which take no time: at each, the next of the acts happens."""

    def __init__(self) -> None:
        self.acts: list[Act] = []

    def __call__(self, _: float) -> None:
        assert self.acts, "the command waits, and nothing is left to happen"
        self.acts.pop(0)()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pauses]:
    made = Pauses()
    monkeypatch.setattr("s3sync.cli.submit.follow", partial(follow, sleep=made))
    yield made
    assert made.acts == [], "the command has not waited so long"


class Sent:
    """A job that was submitted to a running cluster, without waiting for it."""

    def __init__(self, laptop: Laptop, *job: str) -> None:
        self.laptop = laptop
        self.cluster_id = laptop.cluster()
        self.where = ["--cluster-id", self.cluster_id, "--processor", "x86_64", "--preinstalled"]
        assert laptop.run("submit", *(job or laptop.job), *self.where)[0] == 0
        (step,) = laptop.steps(self.cluster_id)
        self.step_id = str(step["Id"])
        config = yaml.safe_load(laptop.text(arguments_of(step)[-1]))
        self.submission_id = str(config["run"]["submission_id"])

    def end(self, exit_code: int, state: str) -> None:
        told = f'{{"exit_code": {exit_code}, "error": null}}'.encode()
        self.laptop.put(f"s3sync/submissions/{self.submission_id}/ended.json", told)
        self.laptop.end_step(self.cluster_id, self.step_id, state)


def test_a_job_that_is_under_way_is_followed_and_not_sent_again(laptop: Laptop, pauses: Pauses) -> None:
    """A pipeline that goes on to the cut-over behind `--wait` must not find the step still waiting."""
    sent = Sent(laptop)
    laptop.hold_steps(sent.cluster_id)
    pauses.acts = [lambda: laptop.hold_steps(sent.cluster_id, "RUNNING"), lambda: sent.end(3, "FAILED")]
    code, _, err = laptop.run("submit", *laptop.job, *sent.where, "--wait")
    assert code == 3, err
    assert "is under way already" in err
    assert "the job's exit code is 3" in err
    assert len(laptop.steps(sent.cluster_id)) == 1


def test_without_wait_it_is_said_and_no_more(laptop: Laptop, pauses: Pauses) -> None:
    sent = Sent(laptop)
    code, _, err = laptop.run("submit", *laptop.job, *sent.where)
    assert (code, "is under way already" in err) == (0, True)


@pytest.mark.parametrize("by", ["step", "step and cluster", "submission", "run"])
def test_a_job_is_attached_to_again(laptop: Laptop, pauses: Pauses, by: str) -> None:
    sent = Sent(laptop)
    laptop.put(f"s3sync/submissions/{sent.submission_id}/run.json", b'{"run_id": "2026-the-run"}')
    wanted = {
        "step": [sent.step_id],
        "step and cluster": [sent.step_id, "--cluster-id", sent.cluster_id],
        "submission": [sent.submission_id],
        "run": ["2026-the-run"],
    }[by]
    if by == "step and cluster":  # submissions are removed after some time: the step's own file tells
        laptop.aws("s3").delete_object(Bucket=laptop.bucket, Key=f"s3sync/submissions/{sent.submission_id}/sent.json")
    pauses.acts = [lambda: sent.end(4, "FAILED")]
    code, _, err = laptop.run("submit", "--attach", *wanted, "--work-uri", laptop.work_uri)
    assert code == 4, err
    assert "s3sync migrate source-bucket to target-bucket: RUNNING" in err


def test_a_job_that_is_over_is_told_at_once(laptop: Laptop, pauses: Pauses) -> None:
    sent = Sent(laptop)
    sent.end(0, "COMPLETED")
    assert laptop.run("submit", "--attach", sent.step_id, "--work-uri", laptop.work_uri)[0] == 0


def test_a_step_of_a_schedule_tells_nobody_so_emrs_word_counts(laptop: Laptop, pauses: Pauses) -> None:
    """Its file has no submission; COMPLETED is exit code 0 on YARN."""
    sent = Sent(laptop)
    (step,) = laptop.steps(sent.cluster_id)
    uri = arguments_of(step)[-1]
    config = yaml.safe_load(laptop.text(uri))
    del config["run"]["submission_id"]
    laptop.put(uri.removeprefix(f"s3://{laptop.bucket}/"), yaml.safe_dump(config).encode())
    laptop.aws("s3").delete_object(Bucket=laptop.bucket, Key=f"s3sync/submissions/{sent.submission_id}/sent.json")
    pauses.acts = [lambda: laptop.end_step(sent.cluster_id, sent.step_id, "COMPLETED")]
    options = ["--cluster-id", sent.cluster_id, "--work-uri", laptop.work_uri]
    assert laptop.run("submit", "--attach", sent.step_id, *options)[0] == 0


@pytest.mark.parametrize("is_noted", [True, False])
def test_a_job_run_is_attached_to_again(laptop: Laptop, pauses: Pauses, is_noted: bool) -> None:
    application_id = application(laptop)
    where = ["--application-id", application_id, "--execution-role-arn", ROLE, "--processor", "aarch64"]
    assert laptop.run("submit", *laptop.job, *where)[0] == 0
    (run,) = emrserverless_backends[DEFAULT_ACCOUNT_ID][REGION].job_runs[application_id]
    if not is_noted:
        for key in laptop.listed("s3sync/submissions/"):
            laptop.aws("s3").delete_object(Bucket=laptop.bucket, Key=key)
    options = [] if is_noted else ["--application-id", application_id]
    run.state = "RUNNING"
    pauses.acts = [lambda: setattr(run, "state", "SUCCESS")]
    code, _, err = laptop.run("submit", "--attach", run.id, *options, "--work-uri", laptop.work_uri)
    assert code == 0, err
    assert "SUCCESS" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["s-NOTTHERE"], "--attach: no job s-NOTTHERE is noted in"),
        (["s-NOTTHERE", "--all"], "--attach: follows a job that was sent already"),
        (["s-NOTTHERE", "--dry-run"], "--attach: follows a job that was sent already"),
    ],
)
def test_a_mistake_is_one_line(laptop: Laptop, arguments: list[str], says: str) -> None:
    code, _, err = laptop.run("submit", "--attach", *arguments, "--work-uri", laptop.work_uri)
    assert code == 2
    assert says in err
    assert len(err.splitlines()) == 1
