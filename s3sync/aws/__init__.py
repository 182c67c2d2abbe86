"""Everything that talks to AWS. The only layer that imports boto3, botocore or pycurl."""
