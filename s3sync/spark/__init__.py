"""The job on Spark: the only layer that imports pyspark.

`mapPartitions` gets names of files, or portions of rows (`spark.shuffle`), never single rows.
"""

from s3sync.runs.worker_memory import keep_small

# Before any other module of a worker makes its first Arrow array.
keep_small()
