"""The servers that the contract and e2e tests run against, as values."""

from dataclasses import dataclass, field

from tests.servers.capabilities import Capabilities


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. Where it has no SQS, `sqs_endpoint` is that of an embedded one."""

    name: str
    s3_endpoint: str
    sqs_endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str
    capabilities: Capabilities
