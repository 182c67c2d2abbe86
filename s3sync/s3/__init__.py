"""Requests to S3 on the hot path: what is asked, how it is sent, and how it goes over the wire."""
