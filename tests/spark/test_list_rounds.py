"""The rounds of a listing, with tasks that the test plays."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from s3sync.config.model import Access
from s3sync.errors import InvariantBroken
from s3sync.listing import stage as list_rounds
from s3sync.listing.key_space import Alphabet
from s3sync.listing.split import Lane
from s3sync.listing.stage import IDLE_ROUNDS_MAX, ListingPlace, ListingStage
from s3sync.listing.state import Calls, Listed, ListedRange
from s3sync.listing.task import TaskEnd

Round = Callable[[int, list[Lane]], list[TaskEnd]]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Round], ListingStage]:
    def make(play: Round) -> ListingStage:
        def played(_stage: Any, number: int, shares: list[list[Lane]], *_: Any, **__: Any) -> list[TaskEnd]:
            return play(number, [lane for share in shares for lane in share])

        monkeypatch.setattr(list_rounds, "cores_at_most", lambda *_: 2)
        monkeypatch.setattr(ListingStage, "_round", played)
        place = ListingPlace(str(tmp_path), Access(), "", "", "_s3sync/")
        context: Any = SimpleNamespace(may_cut=True)
        nothing: Any = None
        return ListingStage(nothing, place, context, [""], 1, nothing)

    return make


def empty(after: str, upto: str | None) -> ListedRange:
    return ListedRange("", after, upto, None, None, 0, 0, 1)


def test_rounds_whose_pages_all_come_to_nothing_end_as_an_error(stage: Callable[[Round], ListingStage]) -> None:
    rounds: list[int] = []

    def no_headway(number: int, lanes: list[Lane]) -> list[TaskEnd]:
        rounds.append(number)
        return [TaskEnd(Listed(calls=Calls(pages=1000)), tuple(lanes), Alphabet())]

    with pytest.raises(InvariantBroken, match="brought nothing that counts"):
        stage(no_headway).run()
    assert len(rounds) == IDLE_ROUNDS_MAX


def test_what_no_task_knows_to_be_left_is_listed_all_the_same(stage: Callable[[Round], ListingStage]) -> None:
    """C5: the segments of a task overlap those of a worker that was thought dead, and do not count."""
    asked: list[tuple[str, str | None]] = []

    def gap(number: int, lanes: list[Lane]) -> list[TaskEnd]:
        asked.extend((lane.after, lane.upto) for lane in lanes)
        rows = [empty("", "c"), empty("f", None)] if not number else [empty(lane.after, lane.upto) for lane in lanes]
        return [TaskEnd(Listed(empty=rows), (), Alphabet())]

    listing = stage(gap).run()
    listing.to_json("b", [""])
    assert asked == [("", None), ("c", "f")]
