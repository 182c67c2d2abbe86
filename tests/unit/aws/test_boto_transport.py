"""What boto3 raises and no server can be made to cause."""

from types import SimpleNamespace
from typing import Any, cast

from s3sync.aws.boto_transport import BotoTransport
from s3sync.aws.transport import Request, Side


def test_refreshed_credentials_that_are_expired_fail_the_request_and_nothing_else() -> None:
    """botocore raises a bare RuntimeError for them."""

    def expired(**_: Any) -> Any:
        raise RuntimeError("Credentials were refreshed, but the refreshed credentials are still expired.")

    meta = SimpleNamespace(events=SimpleNamespace(register=lambda *_, **__: None))
    s3 = cast("Any", SimpleNamespace(meta=meta, head_object=expired))
    transport = BotoTransport(s3, s3, 1)
    transport.submit(Request("HeadObject", Side.TARGET, {"Bucket": "bucket", "Key": "key"}))
    (reply,) = transport.wait(20)
    transport.close()
    assert (reply.status, reply.code) == (0, "CredentialRetrievalError")
