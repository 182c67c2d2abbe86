"""How work is run on Spark: the session, tasks, the exchange of rows, and the watch over a stage.

`mapPartitions` gets names of files, or portions of rows (`spark.shuffle`), never single rows.
"""

from s3sync.runs.worker_memory import keep_small

# Before any other module of a worker makes its first Arrow array.
keep_small()
