"""Benchmarks: the worker's path and other tools, on an S3 server of our own. docs/performance.md has the results."""
