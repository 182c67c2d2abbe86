"""C2: a task's name is a hash of where it copies from and to, and of nothing else."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from s3sync.model.task import TASK_ID_LENGTH, Action, Method, Task, task_id

PARTS = ("source-bucket", "photos/2024/é 1.jpg", None, "target-bucket", "copy/photos/2024/é 1.jpg")
IDENTITIES = st.tuples(st.text(), st.text(), st.text(min_size=1) | st.none(), st.text(), st.text())


def test_the_golden_value():
    """C2: tables and queues of earlier versions hold these names, so they must not change.

    By hand: `printf '13:source-bucket,20:photos/2024/é 1.jpg,0:,13:target-bucket,25:copy/photos/2024/é 1.jpg,' |
    sha256sum | cut -c1-32`.
    """
    assert task_id(*PARTS) == "336b552c06c3a68996f548967582807e"


@pytest.mark.parametrize("position", range(5))
def test_every_part_counts(position):
    other = tuple("other" if index == position else part for index, part in enumerate(PARTS))
    assert task_id(*other) != task_id(*PARTS)


@given(IDENTITIES, IDENTITIES)
@example(("a", "b", None, "c", "d"), ("ab", "", None, "c", "d"))
@example(("a", "1:b,", None, "c", "d"), ("a", "", "b", "c", "d"))
@example(("a,1:b", "c", None, "d", "e"), ("a", "b", None, "c", "d"))
@example(("a", "b\0", None, "c", "d"), ("a", "b", "\0", "c", "d"))
def test_two_tasks_have_two_names(one, other):
    """C2: the length before each part keeps its end apart from the next one's beginning."""
    assert (task_id(*one) == task_id(*other)) is (one == other)


@given(st.lists(st.text(), min_size=4, max_size=4), st.integers(0, 3), st.integers(1, 20))
def test_what_moves_over_a_boundary_changes_the_name(texts, place, count):
    """C2: the same characters cut at another place; simply joined, both would give one name."""
    parts = [*texts, "end"]
    moved = [*parts]
    moved[place], moved[place + 1] = parts[place] + parts[place + 1][:count], parts[place + 1][count:]
    assert "".join(moved) == "".join(parts)
    assert (task_id(*moved) == task_id(*parts)) is (moved == parts)


def test_no_version_and_an_empty_one_are_the_same():
    """The current version has no version id, whether a table holds null or an empty text."""
    assert task_id("a", "b", None, "c", "d") == task_id("a", "b", "", "c", "d")


@given(IDENTITIES)
def test_a_name_is_hexadecimal(identity):
    name = task_id(*identity)
    assert len(name) == TASK_ID_LENGTH
    assert set(name) <= set("0123456789abcdef")


def test_a_task_is_a_value():
    name = task_id(*PARTS)
    values = (name, PARTS[1], None, PARTS[4], 5, None, None, None, Action.COPY, "new", Method.COPY_OBJECT)
    one, same = Task(*values), Task(*values)
    assert one == same
    assert hash(one) == hash(same)
    assert not hasattr(one, "__dict__")
    for name in Task._fields:
        with pytest.raises(AttributeError):
            setattr(one, name, None)
