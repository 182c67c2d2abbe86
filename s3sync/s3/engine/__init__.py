"""Requests of many operations in flight: pace, retries, and when to stop."""
