"""What a worker process makes once and keeps: its engine, with clients and connections."""

import os
from dataclasses import dataclass

from s3sync.aws.boto_transport import BotoTransport
from s3sync.aws.clients import client
from s3sync.aws.curl_transport import CurlTransport
from s3sync.aws.engine import Engine
from s3sync.aws.retries import RetryPolicy
from s3sync.aws.transport import Transport
from s3sync.config.model import Access, AccessConfig, CopyConfig
from s3sync.config.model import Transport as TransportKind


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What kind of engine a run wants in each of its workers."""

    transport: TransportKind = TransportKind.CURL
    in_flight: int = 64
    max_attempts: int = 6

    @classmethod
    def of(cls, copy: CopyConfig) -> "EngineOptions":
        return cls(copy.transport, copy.in_flight, copy.max_attempts)


_engines: dict[tuple[int, Access, Access, EngineOptions], Engine] = {}


def engine_for(access: AccessConfig, options: EngineOptions) -> Engine:
    """This process's engine between a source and a target, made on first use: after the fork, as clients must be.

    Raises ConfigError and ServiceError as `clients.session` does.
    """
    key = (os.getpid(), access.source, access.target, options)
    if key not in _engines:
        transport = new_transport(access.source, access.target, options.transport, options.in_flight)
        _engines[key] = Engine(transport, RetryPolicy.of(options.max_attempts))
    return _engines[key]


def new_transport(source: Access, target: Access, kind: TransportKind, capacity: int) -> Transport:
    if kind is TransportKind.CURL:
        return CurlTransport(source, target, capacity)
    return BotoTransport(
        client("s3", source, data_plane=True, connections=capacity),
        client("s3", target, data_plane=True, connections=capacity),
        capacity,
    )
