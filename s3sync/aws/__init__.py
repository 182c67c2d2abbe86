"""Clients, credentials and errors of AWS's services, and what must be known of a bucket."""
