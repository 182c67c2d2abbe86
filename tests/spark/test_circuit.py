"""A run that goes wrong stops early, leaves the rest planned, and goes on later (C15)."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from s3sync.demo.server import SeedObject, seed
from s3sync.runs.heartbeat import Hub, HubAddress
from tests.servers.faults import Action, Fault, Faults
from tests.spark.workplace import Ended, Workplace

Objects = Callable[[str], dict[str, bytes]]
BODIES = {f"{n:04}": b"%d" % n for n in range(400)}
STOPPED = (
    "nearly every object failed with AccessDenied; the rest stays planned. "
    "Mend the cause and give the same command again"
)


@pytest.fixture
def filled(faults: Faults, pair: tuple[str, str], tmp_path: Path) -> tuple[str, ...]:
    """The options of a run over 400 objects whose circuit opens after 50, in one batch."""
    source, target = pair
    seed(source, (SeedObject(key, body) for key, body in BODIES.items()))
    (tmp_path / "circuit.yml").write_text("copy: {circuit_after: 50}")
    return ("-s", source, "-t", target, "--in-flight", "8", "-c", str(tmp_path / "circuit.yml"))


def deny(faults: Faults, target: str, **more: Any) -> None:
    faults.add(Fault(Action.DENIED, operation="CopyObject", bucket=target, **more))


def assert_goes_on(ended: Ended, first: Ended) -> None:
    assert (ended.code, ended.error) == (0, None)
    assert ended.folder == first.folder
    assert ended.statuses == {"copied": len(BODIES)}
    assert ended.summary["state"] == "complete"


@pytest.mark.parametrize("batches", [(), ("--batch-objects", "150")], ids=["one batch", "three batches"])
def test_c15_it_opens_leaves_all_planned_and_the_same_command_ends_the_work(
    workplace: Workplace,
    faults: Faults,
    filled: tuple[str, ...],
    pair: tuple[str, str],
    objects: Objects,
    batches: tuple[str, ...],
) -> None:
    deny(faults, pair[1])
    first = workplace.run(*filled, *batches)
    assert (first.code, first.error) == (1, STOPPED)
    assert first.summary["state"] == "circuit_open"
    assert first.summary["remaining"] == len(BODIES)
    assert first.statuses == {}
    assert faults.requests("CopyObject", bucket=pair[1]) < len(BODIES)
    assert objects(pair[1]) == {}

    faults.clear()
    assert_goes_on(workplace.run(*filled, *batches), first)
    assert objects(pair[1]) == BODIES


def test_c15_heads_that_tell_no_reason_open_it_too(
    workplace: Workplace, faults: Faults, filled: tuple[str, ...], pair: tuple[str, str], objects: Objects
) -> None:
    """To a HEAD expired credentials are a 400 without a body; a batch that had begun looks at each target first."""
    deny(faults, pair[1])
    first = workplace.run(*filled)
    assert first.error == STOPPED
    faults.clear()
    faults.add(Fault(Action.EXPIRED_TOKEN, operation="HeadObject", bucket=pair[1]))

    second = workplace.run(*filled, "--max-attempts", "1")

    assert second.code == 1
    assert second.error is not None
    assert second.error.startswith("nearly every object failed with 400, which names no reason (")
    assert second.folder == first.folder
    assert (second.summary["state"], second.summary["remaining"]) == ("circuit_open", len(BODIES))
    assert faults.requests("HeadObject", bucket=pair[1]) < len(BODIES)
    faults.clear()
    assert_goes_on(workplace.run(*filled), first)
    assert objects(pair[1]) == BODIES


def test_c15_it_opens_in_the_middle_and_what_was_copied_stays(
    workplace: Workplace, faults: Faults, filled: tuple[str, ...], pair: tuple[str, str], objects: Objects
) -> None:
    deny(faults, pair[1], skip=120)
    first = workplace.run(*filled)
    assert (first.code, first.error) == (1, STOPPED)
    copied = first.statuses["copied"]
    assert 100 <= copied <= 120
    assert first.summary["remaining"] == len(BODIES) - copied
    assert len(objects(pair[1])) == copied

    faults.clear()
    ended = workplace.run(*filled)
    assert_goes_on(ended, first)
    assert objects(pair[1]) == BODIES
    assert faults.requests("CopyObject", bucket=pair[1]) <= len(BODIES) - copied + 1  # the probe's; C6


def test_c15_the_summary_names_what_opened_it_and_not_what_failed_besides(
    workplace: Workplace, faults: Faults, filled: tuple[str, ...], pair: tuple[str, str]
) -> None:
    """What nearly everything failed with is in no row, since these objects stay planned."""
    faults.add(Fault(Action.INTERNAL_ERROR, operation="CopyObject", bucket=pair[1], key_contains="7", times=3))
    deny(faults, pair[1], skip=100)
    stopped = workplace.run(*filled, "--max-attempts", "1", "--run-id", "one")  # no 7 in the probe's key
    assert (stopped.code, stopped.error) == (1, STOPPED)
    assert list(stopped.summary["errors"]) == ["InternalError"]
    (opened, *_) = stopped.summary["what_next"]
    assert opened == "Nearly everything failed with AccessDenied. Mend the cause, then run the same command again."


def test_c15_small_batches_open_it_at_the_driver(
    workplace: Workplace, faults: Faults, filled: tuple[str, ...], pair: tuple[str, str], objects: Objects
) -> None:
    """No batch sees as many failures as the circuit waits for; all together do."""
    options = (*filled, "--batch-objects", "40")
    deny(faults, pair[1])
    first = workplace.run(*options)
    assert (first.code, first.error) == (1, STOPPED)
    assert first.summary["remaining"] > len(BODIES) // 2
    assert faults.requests("CopyObject", bucket=pair[1]) < len(BODIES)

    faults.clear()
    ended = workplace.run(*options)
    failed = first.statuses.get("failed", 0)
    assert ended.statuses.get("failed", 0) == failed
    assert ended.statuses["copied"] == len(BODIES) - failed == len(objects(pair[1]))
    assert ended.code == (3 if failed else 0)


def test_c15_a_worker_that_the_driver_does_not_hear_opens_its_own(
    workplace: Workplace,
    faults: Faults,
    filled: tuple[str, ...],
    pair: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    monkeypatch.setattr(Hub, "address", HubAddress("127.0.0.1", port, ""))
    deny(faults, pair[1])
    first = workplace.run(*filled)
    assert (first.code, first.error) == (1, STOPPED)
    assert (first.summary["state"], first.summary["remaining"]) == ("circuit_open", len(BODIES))

    monkeypatch.undo()
    faults.clear()
    assert_goes_on(workplace.run(*filled), first)


@pytest.mark.parametrize("action", [Action.SLOW_DOWN, Action.INTERNAL_ERROR])
def test_c15_trouble_that_passes_never_opens_it(
    workplace: Workplace,
    faults: Faults,
    filled: tuple[str, ...],
    pair: tuple[str, str],
    objects: Objects,
    action: Action,
) -> None:
    faults.add(Fault(action, operation="CopyObject", bucket=pair[1], key_lacks="probe", times=20, skip=1))
    ended = workplace.run(*filled)
    assert (ended.code, ended.statuses) == (0, {"copied": len(BODIES)})
    assert ended.summary["retries"] >= 20
    assert objects(pair[1]) == BODIES


def test_c15_a_tenth_that_is_denied_does_not_open_it(
    workplace: Workplace, faults: Faults, filled: tuple[str, ...], pair: tuple[str, str]
) -> None:
    deny(faults, pair[1], key_contains="7")
    ended = workplace.run(*filled)
    expected = sum("7" in key for key in BODIES)
    assert (ended.code, ended.statuses) == (3, {"copied": len(BODIES) - expected, "failed": expected})
    assert ended.summary["errors"]["AccessDenied"]["count"] == expected
    assert "7" in ended.summary["errors"]["AccessDenied"]["example_key"]
