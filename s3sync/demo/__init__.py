"""What the demo and the tests run against: an embedded S3 and SQS server, and a bucket that looks like a real one."""
