"""A bucket listed in parallel: pages, key ranges, segments, and the proof that nothing is missing."""

from s3sync.runs.worker_memory import keep_small

# Spark's workers come in here: before any other module makes its first Arrow array.
keep_small()
