"""The command `s3sync`: what a person types, and what is said back."""
