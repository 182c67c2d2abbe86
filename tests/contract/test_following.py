"""A job that was submitted is followed to its end: its exit code, its driver's last words, its progress."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from rich.console import Console

from s3sync.cli.following import follow
from s3sync.cli.shipping import Order
from s3sync.config.model import Access, Config, RunConfig
from s3sync.emr.sent_jobs import SentStep
from s3sync.errors import ServiceAway, ServiceError
from tests.contract.deploying import Laptop, arguments_of
from tests.servers.faults import Action, Fault, Faults


class Watched:
    """A step of the server and the console that follows it; `then` happens at the first pause."""

    def __init__(self, laptop: Laptop, then: Callable[[str, str], None]) -> None:
        self.laptop, self.then = laptop, then
        self.cluster_id = laptop.cluster()
        where = ["--cluster-id", self.cluster_id, "--processor", "x86_64", "--preinstalled"]
        assert laptop.run("submit", *laptop.job, *where)[0] == 0
        (self.step,) = laptop.steps(self.cluster_id)
        config = yaml.safe_load(laptop.text(arguments_of(self.step)[-1]))
        self.submission_id: str = config["run"]["submission_id"]
        self.pauses: list[float] = []

    def follow(self) -> tuple[int, str]:
        run = RunConfig(work_uri=self.laptop.work_uri, submission_id=self.submission_id)
        order = Order("migrate", Config(run=run), self.step["Name"])
        sent = SentStep(Access(), self.cluster_id, self.step["Id"], f"s3://{self.laptop.bucket}/logs/")
        console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
        try:
            code = follow(order, sent, console, self._sleep)
        finally:
            self.text = console.export_text()
        return code, self.text

    def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if len(self.pauses) == 1:
            self.then(self.cluster_id, self.step["Id"])


@pytest.mark.parametrize(
    ("told", "state", "code", "says"),
    [
        ({"exit_code": 3, "error": None}, "FAILED", 3, "the job's exit code is 3"),
        ({"exit_code": 2, "error": "-t: no such bucket"}, "FAILED", 2, "-t: no such bucket"),
        ({"exit_code": 0, "error": None}, "COMPLETED", 0, "the job's exit code is 0"),
        (None, "COMPLETED", 0, "COMPLETED"),
        (None, "FAILED", 1, "The end of the driver's log"),
        (None, "CANCELLED", 1, "its driver left no exit code"),
    ],
)
def test_the_jobs_own_exit_code_comes_back(
    laptop: Laptop, told: dict[str, Any] | None, state: str, code: int, says: str
) -> None:
    def then(cluster_id: str, step_id: str) -> None:
        laptop.put(f"s3sync/submissions/{watched.submission_id}/run.json", b'{"run_id": "r1"}')
        if told is not None:
            laptop.put(f"s3sync/submissions/{watched.submission_id}/ended.json", json.dumps(told).encode())
        top = f"logs/{cluster_id}"
        submitted = b"INFO Client: Submitted application application_1700000000000_0007\n"
        laptop.put(f"{top}/steps/{step_id}/stderr.gz", gzip.compress(submitted))
        driver = f"{top}/containers/application_1700000000000_0007/container_1700000000000_0007_01_000001"
        laptop.put(f"{driver}/stderr.gz", gzip.compress(b"one\nMemoryError: the driver's last words\n"))
        worker = f"{top}/containers/application_1700000000000_0007/container_1700000000000_0007_01_000002"
        laptop.put(f"{worker}/stderr.gz", gzip.compress(b"a worker's words\n"))
        laptop.end_step(cluster_id, step_id, state)

    watched = Watched(laptop, then)
    found, text = watched.follow()
    assert found == code, text
    assert says in text
    assert ("the driver's last words" in text) is (told is None and state != "COMPLETED")
    assert "a worker's words" not in text
    assert "RUNNING" in text


def test_a_driver_that_was_lost_after_its_summary_has_the_summarys_code(laptop: Laptop) -> None:
    def then(cluster_id: str, step_id: str) -> None:
        laptop.put(f"s3sync/submissions/{watched.submission_id}/run.json", b'{"run_id": "r1"}')
        laptop.put("s3sync/runs/r1/summary.json", b'{"exit_code": 3}')
        laptop.end_step(cluster_id, step_id, "FAILED")

    watched = Watched(laptop, then)
    code, text = watched.follow()
    assert (code, "the job's exit code is 3" in text) == (3, True), text


def test_the_progress_is_read_from_the_runs_tables(laptop: Laptop) -> None:
    """A plan of 30 objects, a batch of 10 that is done, and a part of 5 of another one."""
    from s3sync.model.outcome import Outcome, Status
    from s3sync.runs.folder import RunFolder
    from s3sync.runs.outcomes import OutcomeLog, Tally
    from s3sync.runs.store import open_store

    folder = RunFolder(open_store(laptop.work_uri, Access()), "r1")

    def log(batch: str, count: int) -> OutcomeLog:
        written = OutcomeLog(folder, batch, "0001-00000001")
        written.begin()
        for n in range(count):
            key = f"{batch}/{n}"
            nothing = (None,) * 7
            written.add(Outcome(key, key, key, 1, Status.COPIED, "", *nothing[:3], 7, *nothing[:3], 1, 1))
        written.flush(Tally())
        return written

    def then(cluster_id: str, step_id: str) -> None:
        folder.commit("plan", {"batches": [["b0", "x", 10, 1], ["b1", "x", 20, 1]]})
        laptop.put(f"s3sync/submissions/{watched.submission_id}/run.json", b'{"run_id": "r1"}')
        log("b0", 10).finish(10)
        log("b1", 5)
        laptop.end_step(cluster_id, step_id, "COMPLETED")

    watched = Watched(laptop, then)
    code, text = watched.follow()
    assert code == 0
    assert "15 of 30 objects (50.0 %)" in text


def test_where_aws_is_away_the_watching_goes_on(laptop: Laptop, faults: Faults) -> None:
    """botocore tries five times by itself: what is refused for longer ended the watching once."""
    watched = Watched(laptop, lambda *_: None)
    faults.add(Fault(Action.RESET, operation="DescribeStep", times=7))

    def then(cluster_id: str, step_id: str) -> None:
        laptop.put(f"s3sync/submissions/{watched.submission_id}/ended.json", b'{"exit_code": 0, "error": null}')
        laptop.end_step(cluster_id, step_id, "COMPLETED")

    watched.then = then
    code, text = watched.follow()
    assert code == 0, text
    assert text.count("asked again, the job goes on meanwhile") == 1
    assert watched.pauses == [10.0]


@pytest.mark.parametrize("action", [Action.DENIED, Action.EXPIRED_TOKEN])
def test_what_ends_the_watching_says_that_the_job_goes_on(laptop: Laptop, faults: Faults, action: Action) -> None:
    watched = Watched(laptop, lambda *_: None)
    faults.add(Fault(action, operation="DescribeStep"))
    with pytest.raises(ServiceError, match=r"what was sent goes on.*--attach s-") as caught:
        watched.follow()
    assert not isinstance(caught.value, ServiceAway)
    assert watched.pauses == []


@pytest.mark.parametrize(
    ("state", "code", "message"),
    [
        ("TERMINATED_WITH_ERRORS", "VALIDATION_ERROR", "The VPC/subnet configuration was invalid"),
        ("TERMINATING", "INTERNAL_ERROR", "Insufficient capacity in all of the subnets"),
    ],
)
@pytest.mark.parametrize("step", ["CANCELLED", "PENDING"])
def test_a_cluster_that_never_starts_is_told_at_once_with_its_reason(
    laptop: Laptop, state: str, code: str, message: str, step: str
) -> None:
    def then(cluster_id: str, step_id: str) -> None:
        laptop.end_step(cluster_id, step_id, step, began=False)
        laptop.end_cluster(cluster_id, state, code, message)

    watched = Watched(laptop, then)
    laptop.hold_steps(watched.cluster_id)
    exit_code, text = watched.follow()
    assert exit_code == 1
    last = [line for line in text.splitlines() if line.strip()][-1]
    assert f"its cluster {watched.cluster_id} is {state}: {code}: {message}" in last
    assert watched.pauses == [10.0], "no log is waited for"


def test_a_node_without_the_python_is_told_in_the_last_line(laptop: Laptop) -> None:
    def then(cluster_id: str, step_id: str) -> None:
        said = (
            b'Exception: java.io.IOException: Cannot run program "/usr/bin/python3.11": error=2, No such file\n\tat x\n'
        )
        laptop.put(f"logs/{cluster_id}/steps/{step_id}/stderr.gz", gzip.compress(said))
        laptop.end_step(cluster_id, step_id, "FAILED")

    watched = Watched(laptop, then)
    code, text = watched.follow()
    last = [line for line in text.splitlines() if line.strip()][-1]
    assert (code, last.startswith("The cause: a worker cannot start /usr/bin/python3.11")) == (1, True), text


def test_a_cluster_that_ended_behind_its_last_step_is_no_reason(laptop: Laptop) -> None:
    """The negative control: the step's own end is what is told."""

    def then(cluster_id: str, step_id: str) -> None:
        laptop.end_step(cluster_id, step_id, "FAILED")
        laptop.end_cluster(cluster_id, "TERMINATED", "ALL_STEPS_COMPLETED", "Steps completed")

    watched = Watched(laptop, then)
    code, text = watched.follow()
    assert (code, "is TERMINATED" in text) == (1, False), text


def test_ctrl_c_ends_the_watching_and_not_the_job(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("s3sync.cli.submit.follow", stop)
    cluster_id = laptop.cluster()
    where = ["--cluster-id", cluster_id, "--processor", "x86_64", "--preinstalled"]
    code, _, err = laptop.run("submit", *laptop.job, *where, "--wait")
    (step,) = laptop.steps(cluster_id)
    assert code == 1
    said = err.replace("\n", " ")
    assert f"goes on: step {step['Id']} of cluster {cluster_id}" in said
    assert f"s3sync submit --attach {step['Id']} --cluster-id {cluster_id} --work-uri {laptop.work_uri}" in said
    assert f"aws emr cancel-steps --cluster-id {cluster_id} --step-ids {step['Id']}" in said
    assert "Traceback" not in err
