"""Requests and answers as bytes: signatures, endpoints, headers and bodies."""
