import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.model.limits import GIB, MIB, OBJECT_MAX_BYTES, PART_MAX_BYTES, PART_MIN_BYTES, PARTS_MAX
from s3sync.model.part_layout import PartLayout, layout, measured, uniform_guess

SIZES = st.integers(0, OBJECT_MAX_BYTES)


def tiles(cut: PartLayout, size: int) -> bool:
    at = 0
    for number, part in enumerate(cut.parts(), start=1):
        if (part.number, part.first) != (number, at) or part.size_bytes != cut.part_sizes[number - 1]:
            return False
        at = part.last + 1
    return at == size == cut.size_bytes


@given(SIZES, st.integers(1, 6 * GIB))
def test_a_layout_tiles_the_object_within_the_limits(size: int, part_size: int) -> None:
    cut = layout(size, part_size)
    assert tiles(cut, size)
    assert 1 <= len(cut) <= PARTS_MAX
    assert all(PART_MIN_BYTES <= each <= PART_MAX_BYTES for each in cut.part_sizes[:-1])
    assert len(set(cut.part_sizes[:-1])) <= 1
    assert cut.part_sizes[-1] <= PART_MAX_BYTES


def test_the_checker_sees_a_gap() -> None:
    assert tiles(PartLayout((3, 2)), 5)
    assert not tiles(PartLayout((3, 2)), 6)


@pytest.mark.parametrize(
    ("size", "part_size", "sizes"),
    [
        (0, 5 * MIB, (0,)),
        (1, 5 * MIB, (1,)),
        (5 * MIB, 5 * MIB, (5 * MIB,)),
        (5 * MIB + 1, 5 * MIB, (5 * MIB, 1)),
        (11 * MIB, 1, (5 * MIB, 5 * MIB, 1 * MIB)),
        (6 * GIB, 9 * GIB, (5 * GIB, 1 * GIB)),
    ],
)
def test_examples(size: int, part_size: int, sizes: tuple[int, ...]) -> None:
    assert layout(size, part_size).part_sizes == sizes


def test_parts_grow_so_that_ten_thousand_are_enough() -> None:
    assert len(layout(PARTS_MAX * 8 * MIB, 8 * MIB)) == PARTS_MAX
    grown = layout(PARTS_MAX * 8 * MIB + 1, 8 * MIB)
    assert grown.part_sizes[0] == 9 * MIB
    assert len(layout(OBJECT_MAX_BYTES, 8 * MIB)) == PARTS_MAX


@pytest.mark.parametrize("size", [-1, OBJECT_MAX_BYTES + 1])
def test_no_layout_for_what_s3_cannot_hold(size: int) -> None:
    with pytest.raises(ValueError, match="S3 holds objects of up to"):
        layout(size, 8 * MIB)


@given(st.integers(1, 10_000), st.integers(1, 100), st.integers(0, 99))
def test_a_guess_finds_every_layout_of_equal_parts(part_size: int, whole: int, rest: int) -> None:
    size = part_size * whole + rest % part_size
    count = whole + (1 if rest % part_size else 0)
    guess = uniform_guess(size, part_size, count)
    assert guess is not None
    assert tiles(guess, size)
    assert len(guess) == count


@pytest.mark.parametrize(
    ("size", "first", "count", "sizes"),
    [
        (24, 10, 3, (10, 10, 4)),  # also what (10, 6, 8) shows
        (24, 10, 4, None),
        (24, 10, 2, None),
        (24, 24, 1, (24,)),
        (24, 23, 1, None),
        (0, 0, 1, (0,)),
        (24, 0, 3, None),
        (20_000, 1, 20_000, None),
    ],
)
def test_guesses(size: int, first: int, count: int, sizes: tuple[int, ...] | None) -> None:
    guess = uniform_guess(size, first, count)
    assert (guess and guess.part_sizes) == sizes


def test_measured_parts_must_make_up_the_object() -> None:
    assert measured(24, [10, 6, 8]).part_sizes == (10, 6, 8)
    with pytest.raises(ValueError, match="do not make up"):
        measured(25, [10, 6, 8])


@pytest.mark.parametrize("sizes", [(), (1,) * (PARTS_MAX + 1), (3, 0), (-1,)])
def test_no_such_layouts(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="part"):
        PartLayout(sizes)


def test_the_header_of_a_part() -> None:
    assert [part.range_header for part in PartLayout((10, 4)).parts()] == ["bytes=0-9", "bytes=10-13"]
