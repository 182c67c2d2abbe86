"""From listed objects to committed batches of tasks."""

from s3sync.runs.worker_memory import keep_small

# Spark's workers come in here: before any other module makes its first Arrow array.
keep_small()
