"""What is sent to a cluster, as values: packages, steps, clusters, schedules, policies. Talks to no service."""
