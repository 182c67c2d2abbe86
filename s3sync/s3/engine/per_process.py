"""What a worker process makes once and keeps: its engine, with clients and connections."""

import gc
import os
import time
from dataclasses import dataclass

from s3sync.aws.clients import client
from s3sync.config.model import Access, AccessConfig, CopyConfig, TransportKind
from s3sync.s3.engine.body_budget import give_back_large_blocks
from s3sync.s3.engine.congestion import AdaptivePace
from s3sync.s3.engine.engine import MEMORY_BYTES, Engine
from s3sync.s3.engine.rate_limit import RateShares, TokenBucket
from s3sync.s3.engine.retry_policy import RetryPolicy
from s3sync.s3.request import Transport
from s3sync.s3.transport.boto import BotoTransport
from s3sync.s3.transport.curl import CurlTransport


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What kind of engine a run wants in each of its workers.

    `max_requests_per_second` is the limit of the whole run, None for none; a worker begins with its even share among
    `workers` and keeps that until the driver lends it another one. `memory_bytes`: what is held of bodies.
    """

    transport: TransportKind = TransportKind.CURL
    in_flight: int = 64
    max_attempts: int = 6
    max_requests_per_second: int | None = None
    workers: int = 1
    memory_bytes: int = MEMORY_BYTES

    @classmethod
    def of(cls, copy: CopyConfig, workers: int = 1) -> "EngineOptions":
        return cls(
            copy.transport,
            copy.in_flight,
            copy.max_attempts,
            copy.max_requests_per_second,
            max(1, workers),
            copy.relay_memory_bytes,
        )


_engines: dict[tuple[int, Access, Access, EngineOptions], Engine] = {}
_rates: dict[tuple[int, int, int], TokenBucket] = {}


def engine_for(access: AccessConfig, options: EngineOptions) -> Engine:
    """This process's engine between a source and a target, made on first use: after the fork, as clients must be.

    Raises ConfigError and ServiceError as `clients.session` does.
    """
    key = (os.getpid(), access.source, access.target, options)
    if key not in _engines:
        give_back_large_blocks()
        _spare_the_collector()
        transport = new_transport(access.source, access.target, options.transport, options.in_flight)
        pace, rate = AdaptivePace(options.in_flight), rate_for(options)
        policy, memory_bytes = RetryPolicy.of(options.max_attempts), options.memory_bytes
        _engines[key] = Engine(transport, policy, pace=pace, rate=rate, memory_bytes=memory_bytes)
    return _engines[key]


def _spare_the_collector() -> None:
    """Python looks for cycles after each 700 new objects, and again and again through all that is there: a tenth of a
    worker's time. What is made up to now stays anyway; of what comes later hardly anything lies in cycles."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


def rate_for(options: EngineOptions) -> TokenBucket | None:
    """This process's share of the run's rate, which all its engines draw on; None where there is no limit."""
    limit = options.max_requests_per_second
    if limit is None:
        return None
    key = (os.getpid(), limit, options.workers)
    if key not in _rates:
        _rates[key] = TokenBucket(limit / options.workers, limit, time.monotonic)
    return _rates[key]


def shares_of(options: EngineOptions) -> RateShares | None:
    """The driver's side of `rate_for`."""
    limit = options.max_requests_per_second
    return None if limit is None else RateShares(limit, options.workers, time.monotonic)


def new_transport(source: Access, target: Access, kind: TransportKind, capacity: int) -> Transport:
    if kind is TransportKind.CURL:
        return CurlTransport(source, target, capacity)
    return BotoTransport(
        client("s3", source, data_plane=True, connections=capacity),
        client("s3", target, data_plane=True, connections=capacity),
        capacity,
    )
