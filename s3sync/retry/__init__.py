"""What failed, done again: from the queues, or from a run's tables."""

from s3sync.runs.worker_memory import keep_small

# Spark's workers come in here: before any other module makes its first Arrow array.
keep_small()
