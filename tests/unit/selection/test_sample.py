"""Samples depend on the keys alone, hold what a smaller one holds, and are spread over the key space."""

from collections import Counter
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.model.tables import CANDIDATES
from s3sync.selection import sample as sampling
from s3sync.selection.sample import smallest_hashes

KEYS = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=5), max_size=40)


def rows(keys: list[str]) -> list[pa.RecordBatch]:
    made = [{"target_key": key, "side": 0, "source_key": key, "last_modified": datetime.now(UTC)} for key in keys]
    return [batch for at in range(0, len(made), 7) for batch in _table(made[at : at + 7])]


def _table(made: list[dict]) -> list[pa.RecordBatch]:
    return pa.Table.from_pylist(made, schema=CANDIDATES).to_batches()


def keys_of(table: pa.Table | None) -> list[str]:
    return table["source_key"].to_pylist() if table is not None else []


@given(KEYS, st.integers(0, 50), st.randoms(use_true_random=False))
def test_a_sample_of_samples_is_the_sample_of_all(keys, count, random):
    shuffled = list(keys)
    random.shuffle(shuffled)
    whole = keys_of(smallest_hashes(rows(keys), count))
    parts = [smallest_hashes(rows(part), count) for part in (shuffled[::2], shuffled[1::2])]
    again = smallest_hashes([batch for part in parts if part is not None for batch in part.to_batches()], count)
    assert keys_of(again) == whole
    assert not Counter(whole) - Counter(keys)
    assert len(whole) == min(count, len(keys))


@given(KEYS, st.integers(0, 20))
def test_a_larger_sample_holds_the_smaller_one(keys, count):
    larger = keys_of(smallest_hashes(rows(keys), 2 * count))
    assert larger[:count] == keys_of(smallest_hashes(rows(keys), count))


def test_it_is_spread_over_the_key_space():
    found = keys_of(smallest_hashes(rows([f"{n % 10}/{n}" for n in range(5_000)]), 1_000))
    by_prefix = Counter(key[0] for key in found)
    assert len(by_prefix) == 10
    assert min(by_prefix.values()) > 50


def test_c11_no_more_is_held_than_it_must(monkeypatch: pytest.MonkeyPatch):
    """Each cut begins with twice the sample, the slack and a batch at most."""
    monkeypatch.setattr(sampling, "SLACK_ROWS", 10)
    cuts: list[int] = []
    smallest = sampling._smallest

    def seen(table: pa.Table, count: int) -> pa.Table:
        cuts.append(table.num_rows)
        return smallest(table, count)

    monkeypatch.setattr(sampling, "_smallest", seen)
    smallest_hashes(rows([str(n) for n in range(1_000)]), 5)
    assert len(cuts) > 20
    assert max(cuts) <= 2 * 5 + 10 + 7
