"""A bucket listed in parallel: pages, key ranges, segments, and the proof that nothing is missing."""
