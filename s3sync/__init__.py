"""Move S3 buckets of any size with Spark, and prove that the move is true."""

__version__ = "0.1.0"
