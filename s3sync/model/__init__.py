"""Plain values that every other layer speaks in. This package imports nothing of s3sync."""
