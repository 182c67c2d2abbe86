"""Source and target compared: by listings, then object by object where listings say too little."""

from s3sync.runs.worker_memory import keep_small

# Spark's workers come in here: before any other module makes its first Arrow array.
keep_small()
