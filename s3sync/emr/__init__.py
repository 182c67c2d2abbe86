"""What is sent to EMR: packages, steps, clusters, schedules, policies; and how a job is followed."""
