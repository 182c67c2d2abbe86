"""The ids of columns of tasks are those of `model.task.task_id`, whatever the keys (C2)."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.demo.odd_keys import ODD_KEYS
from s3sync.model import task as module
from s3sync.model.task import task_id, task_ids

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)
KEYS = TEXTS | st.sampled_from([odd.key for odd in ODD_KEYS])
ROWS = st.lists(st.tuples(KEYS, st.none() | TEXTS, KEYS), max_size=40)


def of_columns(rows: list[tuple[str, str | None, str]], source: str, target: str) -> list[str]:
    columns = [pa.chunked_array([[row[at] for row in rows]], pa.string()) for at in range(3)]
    return task_ids(source, columns[0], columns[1], target, columns[2]).to_pylist()


def test_c2_a_golden_value():
    """By hand: `printf '6:source,5:a/b c,0:,6:target,7:x/a/b c,' | sha256sum`."""
    assert of_columns([("a/b c", None, "x/a/b c")], "source", "target") == ["d7ce1adf8a1588fccd9af254767bfddf"]


@given(ROWS, TEXTS, TEXTS)
def test_c2_any_keys(rows, source, target):
    assert of_columns(rows, source, target) == [task_id(source, s, v, target, t) for s, v, t in rows]


def test_c2_parts_that_lean_on_one_another_stay_apart():
    """The lengths keep them apart: negative control of a plain concatenation."""
    rows = [("ab", "c", "d"), ("a", "bc", "d"), ("a", "b", "cd"), ("ab", None, "cd")]
    assert len({"".join(filter(None, row)) for row in rows}) == 1
    assert len(set(of_columns(rows, "s", "t"))) == len(rows)


@pytest.mark.parametrize("chunks", [[3, 4], [1, 1, 5], [7]])
def test_columns_in_pieces_are_as_good(chunks: list[int], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "PIECE_ROWS", 2)
    keys = [f"key {n}" for n in range(7)]
    starts = [sum(chunks[:at]) for at in range(len(chunks))]
    column = pa.chunked_array([keys[start : start + size] for start, size in zip(starts, chunks, strict=True)])
    found = task_ids("s", column.slice(1), pa.chunked_array([pa.nulls(6, pa.string())]), "t", column.slice(1))
    assert found.to_pylist() == [task_id("s", key, None, "t", key) for key in keys[1:]]
