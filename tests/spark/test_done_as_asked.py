"""C19: done already means done as this run was asked to do it. What another run made of the same objects is not taken
for this run's own copies."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from s3sync.demo.server import SeedObject, seed
from tests.servers.faults import Action, Fault, Faults
from tests.spark.workplace import Ended, Workplace

BODIES = {f"{n:04}": b"%d" % n for n in range(120)}


@pytest.fixture
def filled(pair: tuple[str, str], tmp_path: Path) -> tuple[str, ...]:
    """The options of a run over objects in one batch, whose circuit opens after 50."""
    seed(pair[0], (SeedObject(key, body) for key, body in BODIES.items()))
    (tmp_path / "circuit.yml").write_text("copy: {circuit_after: 50}")
    return ("-s", pair[0], "-t", pair[1], "--in-flight", "8", "-c", str(tmp_path / "circuit.yml"))


def gone_on_with(first: Ended, again: Ended) -> Ended:
    """The end of the first run, which the last command went on with, though another run is newer."""
    assert first.folder is not None
    assert f"Going on with run {first.folder.name}" in again.said
    return replace(again, folder=first.folder)


def classes(s3: Any, bucket: str) -> Counter[str]:
    return Counter(s3.head_object(Bucket=bucket, Key=key).get("StorageClass", "STANDARD") for key in BODIES)


def test_c19_a_slip_stays_one_though_another_run_has_copied_all(
    workplace: Workplace, filled: tuple[str, ...], pair: tuple[str, str], s3: Any
) -> None:
    """STANDARD_I is no storage class: the first run stops, the second copies all, and the first one's command ended as
    `complete`, with nothing but the second one's copies."""
    slip = (*filled, "--storage-class", "STANDARD_I")
    first = workplace.run(*slip)
    assert (first.code, first.summary["state"]) == (1, "circuit_open")
    second = workplace.run(*filled, "--storage-class", "ONEZONE_IA")
    assert (second.code, second.statuses) == (0, {"copied": len(BODIES)})

    again = gone_on_with(first, workplace.run(*slip))

    assert (again.code, again.summary["state"], again.summary["remaining"]) == (1, "circuit_open", len(BODIES))
    assert classes(s3, pair[1]) == {"ONEZONE_IA": len(BODIES)}


def test_c19_a_run_that_goes_on_makes_what_it_was_asked_for(
    workplace: Workplace, faults: Faults, filled: tuple[str, ...], pair: tuple[str, str], s3: Any
) -> None:
    asked = (*filled, "--storage-class", "STANDARD_IA")
    faults.add(Fault(Action.DENIED, operation="CopyObject", bucket=pair[1]))
    first = workplace.run(*asked)
    assert first.summary["state"] == "circuit_open"
    faults.clear()
    assert workplace.run(*filled, "--storage-class", "ONEZONE_IA").code == 0
    assert classes(s3, pair[1]) == {"ONEZONE_IA": len(BODIES)}

    again = gone_on_with(first, workplace.run(*asked))

    assert (again.code, again.statuses) == (0, {"copied": len(BODIES)})
    assert classes(s3, pair[1]) == {"STANDARD_IA": len(BODIES)}


def test_c19_a_copy_that_is_as_asked_is_not_made_again(
    workplace: Workplace, faults: Faults, filled: tuple[str, ...], pair: tuple[str, str]
) -> None:
    """The negative control: the second run asked for the same."""
    faults.add(Fault(Action.DENIED, operation="CopyObject", bucket=pair[1]))
    first = workplace.run(*filled, "--batch-objects", "200")
    assert first.summary["state"] == "circuit_open"
    faults.clear()
    assert workplace.run(*filled).code == 0

    again = gone_on_with(first, workplace.run(*filled, "--batch-objects", "200"))

    assert (again.code, again.statuses) == (0, {"copied": len(BODIES)})
    assert {row["reason"] for row in again.outcomes().values()} == {"found_on_target"}
