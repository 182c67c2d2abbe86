"""What a worker process makes once and keeps: its engine, with clients and connections."""

import os

from s3sync.aws.boto_transport import BotoTransport
from s3sync.aws.clients import client
from s3sync.aws.engine import Engine
from s3sync.aws.retries import RetryPolicy
from s3sync.config.model import Access, AccessConfig

_engines: dict[tuple[int, Access, Access, int, int], Engine] = {}


def engine_for(access: AccessConfig, in_flight: int, max_attempts: int) -> Engine:
    """This process's engine between a source and a target, made on first use: after the fork, as clients must be.

    Raises ConfigError and ServiceError as `clients.session` does.
    """
    key = (os.getpid(), access.source, access.target, in_flight, max_attempts)
    if key not in _engines:
        source = client("s3", access.source, data_plane=True, connections=in_flight)
        target = client("s3", access.target, data_plane=True, connections=in_flight)
        _engines[key] = Engine(BotoTransport(source, target, in_flight), RetryPolicy.of(max_attempts))
    return _engines[key]
