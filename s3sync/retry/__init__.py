"""What failed, done again: from the queues, or from a run's tables."""
