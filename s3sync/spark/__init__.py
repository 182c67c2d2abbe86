"""The job on Spark: the only layer that imports pyspark.

Rows go through Arrow (`mapInArrow`); `mapPartitions` gets names of batches only, never rows.
"""
