"""Seeded schedules of the data path on the model of S3: `make sim SEEDS=FIRST-LAST`, or `python -m tests.sim`."""
