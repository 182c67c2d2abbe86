"""C11 in a worker that Spark started: its memory is the C library's, and nothing brought pandas in."""

import os

from s3sync.planning.read_stage import ReadJob


def test_a_worker_is_kept_small(spark):
    def look(_):
        assert ReadJob  # as a task of planning, it brings the reading half with it
        import pyarrow as pa

        pa.array(["a", None])
        yield pa.default_memory_pool().backend_name, os.environ.get("ARROW_DEFAULT_MEMORY_POOL")

    found = spark.sparkContext.parallelize([0], 1).mapPartitions(look).collect()
    assert found == [("system", "system")]
