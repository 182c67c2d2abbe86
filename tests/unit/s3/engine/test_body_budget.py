"""C11: what operations hold of bodies is bounded, and nobody waits for ever."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from s3sync.s3.engine.body_budget import BodyMemory


def test_who_fits_goes_on_and_the_others_wait_in_their_order():
    memory = BodyMemory(10)
    assert memory.ask("a", 6, "A") == ["A"]
    assert memory.ask("b", 5, "B") == []
    assert memory.ask("c", 1, "C") == []  # there is room, but it is b's turn
    assert memory.give_back("a") == ["B", "C"]
    assert memory.give_back("stranger") == []


def test_one_that_wants_more_than_there_is_has_its_turn_alone():
    memory = BodyMemory(10)
    assert memory.ask("a", 1, "A") == ["A"]
    assert memory.ask("large", 99, "LARGE") == []
    assert memory.give_back("a") == ["LARGE"]
    assert memory.ask("b", 1, "B") == []
    assert memory.drop_waiting() == ["B"]
    assert memory.give_back("large") == []


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(0, 99))
def test_all_get_their_turn_and_no_more_is_held(sizes, seed):
    memory, chance = BodyMemory(20), Random(seed)
    holding: list[int] = []
    for number, size in enumerate(sizes):
        holding += memory.ask(number, size, number)
        while holding and chance.random() < 0.5:
            holding += memory.give_back(holding.pop(chance.randrange(len(holding))))
        total = sum(sizes[each] for each in holding)
        assert total <= 20 or len(holding) == 1
    while holding:
        holding += memory.give_back(holding.pop())
    assert memory.drop_waiting() == []
