"""Every command that holds a lock stops when it is lost, and writes nothing more that others go by (C18)."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.locks import lock_of, take_over
from tests.servers import Server
from tests.servers.faults import Action, Fault, Faults
from tests.spark.workplace import Ended, Workplace

Objects = Callable[[str], dict[str, bytes]]
BODIES = {f"{n:02}": f"body {n}".encode() for n in range(40)}
LOCK = ("--lock-timeout", "1s")


@pytest.fixture
def filled(s3: Any, pair: tuple[str, str]) -> tuple[str, ...]:
    """The options of a run over forty objects."""
    source, target = pair
    for key, body in BODIES.items():
        s3.put_object(Bucket=source, Key=key, Body=body)
    return ("-s", source, "-t", target)


def robbed(workplace: Workplace, when: Callable[[], bool], *arguments: str, command: str) -> Ended:
    """The command, whose locks are taken as soon as `when` says so."""
    taken: list[Path] = []

    def steal() -> None:
        while not when():
            threading.Event().wait(0.05)
        taken.extend(take_over(workplace.work))

    thief = threading.Thread(target=steal, daemon=True)
    thief.start()
    ended = workplace.run(*arguments, *LOCK, "--in-flight", "1", command=command)
    thief.join(30)
    assert taken, (ended.code, ended.error, ended.said)
    return ended


@pytest.fixture
def failed(workplace: Workplace, faults: Faults, filled: tuple[str, ...], pair: tuple[str, str]) -> str:
    """The id of a run of which nothing could be copied."""
    faults.add(Fault(Action.DENIED, operation="CopyObject", bucket=pair[1]))
    ended = workplace.run(*filled)
    faults.clear()
    assert ended.statuses == {"failed": len(BODIES)}
    assert ended.folder is not None
    return ended.folder.name


def test_a_retry_of_a_run_whose_lock_is_lost_stops(
    workplace: Workplace, server: Server, faults: Faults, failed: str, pair: tuple[str, str], objects: Objects
) -> None:
    """It went on for over a minute, and ended with 0."""
    faults.add(Fault(Action.STALL, operation="CopyObject", bucket=pair[1], seconds=0.3))
    summary = workplace.work / "runs" / failed / "summary.json"
    before = summary.read_text()
    ended = robbed(workplace, lambda: len(objects(pair[1])) > 1, "--from-run", failed, command="retry")
    assert (ended.code, "another command took over the lock of " in (ended.error or "")) == (1, True)
    assert 0 < len(objects(pair[1])) < len(BODIES)
    assert summary.read_text() == before
    faults.clear()
    again = workplace.run("--from-run", failed, command="retry")
    assert (again.code, again.statuses) == (0, {"copied": len(BODIES)})


def test_a_retry_of_a_run_keeps_off_a_target_that_another_run_works_on(
    workplace: Workplace, server: Server, failed: str, pair: tuple[str, str], objects: Objects
) -> None:
    """By the same name as a run's, with whatever endpoint it is written."""
    with lock_of(workplace.work, f"{server.s3_endpoint}/", pair[1], prefix="part/"):
        ended = workplace.run("--from-run", failed, *LOCK, command="retry")
    assert (ended.code, "the other run" in (ended.error or "")) == (2, True), ended.error
    assert objects(pair[1]) == {}


def test_a_check_whose_lock_is_lost_stops(
    workplace: Workplace, faults: Faults, filled: tuple[str, ...], pair: tuple[str, str]
) -> None:
    assert workplace.run(*filled).code == 0
    faults.add(Fault(Action.STALL, operation="HeadObject", seconds=0.3))
    heads = faults.requests("HeadObject", bucket=pair[1])
    looked = lambda: faults.requests("HeadObject", bucket=pair[1]) > heads + 2  # noqa: E731
    ended = robbed(workplace, looked, *filled, "--metadata", command="check")
    assert (ended.code, "another command took over the lock of check " in (ended.error or "")) == (1, True)
    assert ended.folder is not None
    assert not (ended.folder / "summary.json").exists()
    assert not (ended.folder / "looked" / "manifest.json").exists()
    faults.clear()
    again = workplace.run(*filled, "--metadata", command="check")
    assert (again.code, again.folder, again.summary["verdicts"]["match"]["objects"]) == (0, ended.folder, len(BODIES))


def test_a_check_that_another_driver_works_on_is_not_joined(
    workplace: Workplace, filled: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both would write into one folder; the second one says who is at it."""
    from s3sync.checking import job as check_job

    judged, seen = check_job.judged, list[Ended]()

    def second(run: Any) -> Any:
        monkeypatch.setattr(check_job, "judged", judged)
        seen.append(workplace.run(*filled, *LOCK, command="check"))
        return judged(run)

    monkeypatch.setattr(check_job, "judged", second)
    first = workplace.run(*filled, *LOCK, command="check")
    assert (first.code, len(seen)) == (4, 1), (first.error, first.said)
    assert seen[0].code == 2
    assert first.folder is not None
    assert f"run {first.folder.name} (process" in (seen[0].error or "")
    assert len(list((workplace.work / "runs").iterdir())) == 1


def test_c18_of_two_drivers_that_start_together_the_loser_leaves_no_run(
    workplace: Workplace, server: Server, filled: tuple[str, ...], pair: tuple[str, str], objects: Objects
) -> None:
    """The holder, stopped and started again, went on with the loser's run, and copied all twice."""
    first = workplace.plan(*filled)
    index = {path: path.read_text() for path in (workplace.work / "fingerprints").iterdir()}
    with lock_of(workplace.work, server.s3_endpoint, pair[1]):
        assert workplace.run(*filled, *LOCK).code == 2
        assert workplace.run(*filled, *LOCK, "--run-id", "another").code == 2
    assert {path: path.read_text() for path in (workplace.work / "fingerprints").iterdir()} == index
    assert [path.name for path in (workplace.work / "runs").iterdir()] == [json.loads(*index.values())["run_id"]]
    ended = workplace.run(*filled)
    assert (ended.code, ended.folder) == (0, first.folder)
    assert objects(pair[1]) == BODIES
