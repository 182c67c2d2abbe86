"""The simulation itself: it says the same twice, it finds what was planted, and it tells it shortly."""

import json
from collections.abc import Sequence

import pytest

from tests.sim.__main__ import main
from tests.sim.choices import Choices, shrunk
from tests.sim.planting import CantPlant, planted, without
from tests.sim.runner import KEPT, failure_of, first_failure, kept, schedule_of, shortest, whole
from tests.sim.world import Violation

FEW = range(1, 1_501)


def story_of(choices: Choices) -> list[str]:
    story: list[str] = []
    try:
        schedule_of(choices, story)
    except Violation as violation:
        story.append(str(violation))
    return story


def test_schedules_hold() -> None:
    """A few; `make sim` runs a hundred thousand fresh ones."""
    assert whole(FEW) == ""


def test_the_schedules_that_failed_once_hold() -> None:
    assert [failure_of(each.name, Choices(script=each.choices)) for each in kept()] == [None] * len(kept())


def test_each_kept_schedule_says_what_it_found() -> None:
    for path in KEPT.glob("*.json"):
        value = json.loads(path.read_text())
        assert set(value) == {"kind", "seed", "choices"}
        assert ":" in value["kind"]


def test_a_seed_says_the_same_twice_and_so_do_its_choices() -> None:
    for seed in (1, 2, 3):
        first = Choices(seed)
        told = story_of(first)
        assert told == story_of(Choices(seed))
        assert told == story_of(Choices(script=first.taken))


def test_a_planted_fault_is_found_shrunk_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    with without("CopyObject", "CopySourceIfMatch")():
        found = first_failure(range(1, 5_000))
        assert found is not None
        assert found.kind == "C4: another object than the planned one is written"
        choices = shortest(found)
        assert len(choices) < len(found.choices)
        told = story_of(Choices(script=choices))
        assert main(["--seeds", f"{found.name}-{found.name}"]) == 1
        assert found.kind in capsys.readouterr().out
    assert any("somebody else: PutObject on the source" in line for line in told)
    assert told[-1].startswith("C4")
    assert failure_of(found.name, Choices(script=choices)) is None, "the fault is planted no more"


def test_what_can_t_be_planted_is_told() -> None:
    place = "s3sync.copying.copy_object:copy_object"
    with pytest.raises(CantPlant, match="0 times"), planted(place, "no such text", ""):
        pass
    with pytest.raises(CantPlant, match="no function"), planted("s3sync.copying.copy_object:Outcome", "", ""):
        pass


@pytest.mark.parametrize("script", [[3, 9, 0, 4, 7, 0], [9] * 40, [0, 0, 7, 2]])
def test_shrinking_keeps_what_fails(script: Sequence[int]) -> None:
    def fails(choices: Sequence[int]) -> bool:
        return any(value >= 4 for value in choices)

    assert shrunk(script, fails) == [4] or shrunk(script, fails) == [7]


def test_choices_beyond_the_script_are_the_plainest() -> None:
    choices = Choices(script=[5, 1])
    assert (choices.pick(3), choices.happens(0.5), choices.pick(9), choices.happens(0.5)) == (2, True, 0, False)
    assert choices.taken == [2, 1, 0, 0]
