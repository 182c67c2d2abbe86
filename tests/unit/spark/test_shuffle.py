"""Rows divided into portions and put together again: none lost, a key's in one place, and pieces of bounded size."""

from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.demo.odd_keys import ODD_KEYS
from s3sync.model.keys import key_hashes
from s3sync.spark import shuffle as portions
from s3sync.spark.shuffle import divided, pieces, read_tasks, table_of

SCHEMA = pa.schema([("key", pa.string()), ("n", pa.int64())])
KEYS = st.lists(st.sampled_from([odd.key for odd in ODD_KEYS]) | st.text(st.characters(codec="utf-8")), max_size=60)


def batch(keys: list[str]) -> pa.RecordBatch:
    return pa.record_batch([pa.array(keys, pa.string()), pa.array(range(len(keys)), pa.int64())], schema=SCHEMA)


def placed(rows: pa.RecordBatch, partitions: int) -> list[tuple[int, list[dict]]]:
    found = divided(rows, key_hashes(rows.column("key")), partitions)
    return [(number, table_of([body], SCHEMA).to_pylist()) for number, body in found if isinstance(body, bytes)]


@given(KEYS, st.integers(1, 9))
def test_every_row_arrives_once_and_a_key_in_one_partition(keys, partitions):
    """C10: the bytes of any key are the same on the other side."""
    rows = batch(keys)
    arrived = placed(rows, partitions)
    found = Counter((row["key"], row["n"]) for _, part in arrived for row in part)
    assert found == Counter((key, n) for n, key in enumerate(keys))
    places = {(row["key"], number) for number, part in arrived for row in part}
    assert len({key for key, _ in places}) == len(places)
    assert all(0 <= number < partitions for number, _ in arrived)


def test_where_a_key_goes_depends_on_the_key_alone():
    keys = [f"key {n}" for n in range(500)]
    one = {row["key"]: number for number, part in placed(batch(keys), 7) for row in part}
    other = {row["key"]: number for number, part in placed(batch(keys[::-3]), 7) for row in part}
    assert other.items() <= one.items()


def test_partitions_are_alike_on_prefixes_of_all_sorts():
    keys = [f"year=2025/month={n % 12}/day={n % 28}/{n}" for n in range(20_000)]
    counts = Counter(number for number, part in placed(batch(keys), 10) for _ in part)
    assert min(counts.values()) > 0.9 * 2_000
    assert max(counts.values()) < 1.1 * 2_000


def test_c11_portions_that_a_worker_holds_back_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(portions, "HELD_BYTES", 20_000)
    rows = batch([f"{n:040d}" for n in range(5_000)])
    found = [body for _, body in divided(rows, key_hashes(rows.column("key")), 2) if isinstance(body, bytes)]
    overhead = len(batch(["a"]).serialize())
    assert max(map(len, found)) - overhead <= 20_000 / 20
    assert sum(table_of([body], SCHEMA).num_rows for body in found) == 5_000


@given(st.lists(st.integers(0, 30), max_size=20))
def test_c11_pieces_keep_all_rows_and_are_bounded(sizes):
    batches = [batch([f"{n:0100d}" for n in range(size)]) for size in sizes]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(portions, "PIECE_BYTES", (1_000, 2_000))
        found = list(pieces(batches, 1))
    assert [row for piece in found for row in piece.to_pylist()] == [
        row for each in batches for row in each.to_pylist()
    ]
    assert all(piece.nbytes < 2_000 + max(each.nbytes for each in batches) for piece in found)


@pytest.mark.parametrize(
    ("files", "rows", "partitions", "parallelism", "tasks"),
    [
        (0, 0, 1, 2, 1),
        (1, 10_000_000, 222, 2, 1),
        (20, 10_000_000, 22, 2, 20),  # files of half a million rows: one a task
        (20, 10_000_000, 222, 2, 6),  # ... but not for ten times as many partitions
        (1_000, 1_000_000, 22, 2, 5),  # small files together, to be worth a task
        (1_000, 1_000_000, 22, 64, 128),  # but enough for all cores
        (100_000, 10**10, 50_000, 2, 25),  # blocks of 8,000 rows at least
        (100_000, 10**10, 50_000, 100, 200),
    ],
)
def test_read_tasks(files, rows, partitions, parallelism, tasks):
    assert read_tasks(files, rows, partitions, parallelism) == tasks
