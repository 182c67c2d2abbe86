"""The planning of a listing on key spaces that it was not made for: each key once, few calls, hardly anybody idle (C5).

Virtual time, so no machine is too slow for it; a hundred times fewer keys than in docs/performance.md.
"""

import pytest

from benchmarks.key_spaces import SHAPES, KeySpace
from benchmarks.listing_simulation import Simulation
from benchmarks.simulated_listings import load, saved, simulated, simulated_block
from benchmarks.strange_key_spaces import strange


@pytest.mark.parametrize("shape", SHAPES)
def test_at_most_ten_calls_in_a_hundred_are_lost(shape: str) -> None:
    row = simulated(KeySpace(shape, 3_000_000, SHAPES[shape]), workers=4, lanes=8)  # raises where keys are missing
    assert row["keys"] == 3_000_000
    assert row["calls_per_1000"] <= 1.10
    assert row["busy"] > 0.6  # in a listing of some seconds; it grows with the keys


@pytest.mark.parametrize("seed", range(0, 40, 2))
def test_c5_key_spaces_that_nobody_designed(seed: int) -> None:
    row = simulated(KeySpace("strange", 1_000_000, strange(seed)), workers=4, lanes=8)
    assert row["calls_per_1000"] <= 1.25  # a thousand pages: each miss counts
    assert row["needless"] < 0.4  # a listing of three seconds, of which the first one shows where the keys are


def test_strange_keys_ascend() -> None:
    for seed in range(60):
        space = KeySpace("strange", 200_003, strange(seed))
        keys = [space.key(index) for index in range(0, space.count, 997)]
        assert keys == sorted(set(keys))


def test_a_negative_control_a_lost_range_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation counts keys and checks that the ranges tile."""
    run = Simulation(KeySpace("flat", 300_000, SHAPES["flat"]), 4, 8)
    rounds = Simulation._round

    def forgetful(self: Simulation, ranges: list[object]) -> list[object]:
        return rounds(self, ranges)[1:]  # type: ignore[arg-type,return-value]

    monkeypatch.setattr(Simulation, "_round", forgetful)
    with pytest.raises(AssertionError, match="keys of 300000"):
        run.run()


def test_results_are_kept_by_shape_and_size(tmp_path) -> None:  # type: ignore[no-untyped-def]
    row = {**simulated(KeySpace("flat", 100_000, SHAPES["flat"]), 2, 4), "at": "2026-01-02T03:04:05+00:00"}
    saved([row], tmp_path)
    saved([{**row, "rounds": 77}], tmp_path)
    (kept,) = load(tmp_path)
    assert kept["rounds"] == 77
    assert "| flat | 100,000 |" in simulated_block([kept])
    assert "simulated_listings --keys 1e5 --save`; 2026-01-02." in simulated_block([kept])
    assert simulated_block([]).startswith("Not measured yet.")
