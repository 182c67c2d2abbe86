"""From listed objects to committed batches of tasks."""
