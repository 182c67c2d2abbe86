"""How requests are sent: libcurl, and boto3 as the reference."""
