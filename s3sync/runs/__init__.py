"""What a run leaves on the work location: its folder, its commits, its lock, its outcomes, its progress.

Nothing here knows Spark: a worker of any kind can carry out a batch.
"""
