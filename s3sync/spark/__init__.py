"""The job on Spark: the only layer that imports pyspark.

`mapPartitions` gets names of files, or portions of rows (`planning.portions`), never single rows.
"""
