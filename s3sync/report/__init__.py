"""What a run amounts to, for people and for programs: counts that add up, the summary, the console."""
