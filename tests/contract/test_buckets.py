"""What is learned of a bucket before a run, and what may not be looked at."""

from collections.abc import Callable
from typing import Any

from s3sync.aws.buckets import look_at_bucket
from tests.contract.copying import access_to
from tests.servers import Server
from tests.servers.faults import Action, Fault, Faults


def test_an_encryption_that_may_not_be_looked_at_is_another_thing_than_none(
    server: Server, s3: Any, bucket_factory: Callable[..., str], faults: Faults
) -> None:
    bucket = bucket_factory()
    access = access_to(server)
    assert not look_at_bucket(access, bucket, "-t").is_hidden
    faults.add(Fault(Action.DENIED, operation="GetBucketEncryption"))
    found = look_at_bucket(access, bucket, "-t")
    assert (found.is_hidden, found.encryption, found.hides_md5) == (True, None, False)
    faults.clear()
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    found = look_at_bucket(access, bucket, "-t")
    assert (found.is_hidden, found.hides_md5) == (False, True)
