"""Tasks carried out: one object, one batch, one run."""

from s3sync.runs.worker_memory import keep_small

# Spark's workers come in here: before any other module makes its first Arrow array.
keep_small()
