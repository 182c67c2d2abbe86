"""The task's id as Spark computes it is that of `model.task.task_id`, whatever the keys (C2)."""

from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from s3sync.demo.odd_keys import ODD_KEYS
from s3sync.model.task import task_id
from s3sync.spark.planning import task_id_column

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)
KEYS = TEXTS | st.sampled_from([odd.key for odd in ODD_KEYS])
ROWS = st.lists(st.tuples(KEYS, st.none() | TEXTS, KEYS), min_size=200, max_size=400)


def of_spark(spark: SparkSession, rows: list[tuple[str, str | None, str]], source: str, target: str) -> list[str]:
    table = spark.createDataFrame(rows, "source_key string, version_id string, target_key string")
    return [row[0] for row in table.coalesce(1).select(task_id_column(source, target)).collect()]


def test_c2_a_golden_value(spark: SparkSession) -> None:
    """By hand: `printf '6:source,5:a/b c,0:,6:target,7:x/a/b c,' | sha256sum`."""
    rows: list[tuple[str, str | None, str]] = [("a/b c", None, "x/a/b c")]
    assert of_spark(spark, rows, "source", "target") == ["d7ce1adf8a1588fccd9af254767bfddf"]


@settings(max_examples=4, deadline=None)
@given(rows=ROWS, source=TEXTS, target=TEXTS)
def test_c2_any_keys(spark: SparkSession, rows: list[tuple[str, str | None, str]], source: str, target: str) -> None:
    assert of_spark(spark, rows, source, target) == [task_id(source, s, v, target, t) for s, v, t in rows]


def test_c2_parts_that_lean_on_one_another_stay_apart(spark: SparkSession) -> None:
    """The lengths keep them apart: negative control of a plain concatenation."""
    rows: list[tuple[str, str | None, str]] = [("ab", "c", "d"), ("a", "bc", "d"), ("a", "b", "cd"), ("ab", None, "cd")]
    assert len({"".join(filter(None, row)) for row in rows}) == 1
    assert len(set(of_spark(spark, rows, "s", "t"))) == len(rows)


def test_rows_of_any_keys_survive_arrow(spark: SparkSession) -> None:
    """C10: what goes through the JVM comes back the same, and sorts by its bytes as S3's listings do."""
    keys = [odd.key for odd in ODD_KEYS]

    def through(batches):  # type: ignore[no-untyped-def]
        yield from batches

    frame = spark.createDataFrame([(key,) for key in keys], "key string").mapInArrow(through, "key string")
    assert [row[0] for row in frame.sort("key").collect()] == sorted(keys)
