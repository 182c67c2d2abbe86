"""Many schedules, and what to tell of those that fail."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.sim.choices import Choices, shrunk
from tests.sim.large_object import large_object
from tests.sim.lock_protocol import lock_protocol
from tests.sim.single_object import single_object
from tests.sim.world import Violation

FRESH = 100_000
ONE_IN = 40  # so many schedules of the data path to one of the lock, which takes forty times as long
KEPT = Path(__file__).with_name("kept")
Schedule = Callable[[Choices, list[str] | None], None]

# As often as it stands here.
KINDS: Sequence[Schedule] = (*(single_object,) * 12, large_object)


@dataclass(frozen=True, slots=True)
class Failure:
    """A schedule in which something did not hold: the list of its choices is all that it takes to see it again."""

    kind: str
    name: str
    choices: list[int]


def schedule_of(choices: Choices, story: list[str] | None = None) -> None:
    """The first choice is which kind of schedule it is."""
    KINDS[choices.pick(len(KINDS))](choices, story)


def failure_of(name: str, choices: Choices, schedule: Schedule = schedule_of) -> Failure | None:
    try:
        schedule(choices, None)
    except Violation as violation:
        return Failure(violation.kind, name, choices.taken)
    except Exception as error:
        error.add_note(f"in the schedule {name}")
        raise
    return None


def first_failure(seeds: Iterable[int], schedule: Schedule = schedule_of) -> Failure | None:
    return next((found for seed in seeds if (found := failure_of(str(seed), Choices(seed), schedule))), None)


def whole(seeds: Sequence[int]) -> str:
    """All of them, and some of the lock; each kind of failure told once; empty where all holds."""
    return _whole(seeds, schedule_of, "of the data path") + _whole(seeds[::ONE_IN], lock_protocol, "of the lock")


def _whole(seeds: Sequence[int], schedule: Schedule, title: str) -> str:
    began = time.process_time()
    failures: dict[str, list[Failure]] = {}
    for seed in seeds:
        found = failure_of(str(seed), Choices(seed), schedule)
        if found is not None:
            failures.setdefault(found.kind, []).append(found)
    rate = len(seeds) / max(1e-9, time.process_time() - began)
    failed = sum(map(len, failures.values()))
    sys.stdout.write(f"{len(seeds):,} schedules {title}, {rate:,.0f} a second of one core, {failed} failed\n")
    return "".join(
        f"\n{len(alike)} of {len(seeds):,}: {kind}\n{_story(alike[0], schedule)}"
        for kind, alike in sorted(failures.items())
    )


def kept() -> list[Failure]:
    """The schedules that failed once."""
    found = []
    for path in sorted(KEPT.glob("*.json")):
        value = json.loads(path.read_text())
        found.append(Failure(value["kind"], path.stem, value["choices"]))
    return found


def report_of(failures: Iterable[Failure]) -> str:
    """Those that fail again, or by now in another way."""
    again = [failure_of(each.name, Choices(script=each.choices)) for each in failures]
    return "".join(f"\nkept schedule {each.name}: {each.kind}\n{_story(each)}" for each in again if each is not None)


def told(seed: int, schedule: Schedule = schedule_of) -> str:
    story: list[str] = []
    try:
        schedule(Choices(seed), story)
        story.append("all holds")
    except Violation as violation:
        story.append(f"=> {violation}")
    return "\n".join(story) + "\n"


def shortest(failure: Failure, schedule: Schedule = schedule_of) -> list[int]:
    """The choices without those that it does not take."""

    def fails(script: Sequence[int]) -> bool:
        found = failure_of(failure.name, Choices(script=script), schedule)
        return found is not None and found.kind == failure.kind

    return shrunk(failure.choices, fails)


def _story(failure: Failure, schedule: Schedule = schedule_of) -> str:
    choices = shortest(failure, schedule)
    story: list[str] = []
    try:
        schedule(Choices(script=choices), story)
    except Violation as violation:
        story.append(f"=> {violation}")
    lines = "\n".join(f"    {line}" for line in story)
    again = f"python -m tests.sim --seeds {failure.name}" if failure.name.isdecimal() else failure.name
    return f"{lines}\n    seen again by: {again}\n    shrunk: {choices}\n"
