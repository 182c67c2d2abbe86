"""The way to S3: whether each side's endpoint can be reached from here, and what VPC endpoints do to it.

A gateway endpoint leads to S3 of its own region only; requests to another region leave by a NAT gateway, if there is
one, and hang else (AWS: "Gateway endpoints for Amazon S3"). An interface endpoint is another host name.
"""

import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from s3sync.config.model import Config
from s3sync.doctor.sides import ExaminedSide, RefusedCall, asked, sides
from s3sync.doctor.symptom import Symptom, ok, problem, warning

CONNECT_SECONDS = 5.0
SLOW_SECONDS = 0.5


def hosts(config: Config) -> dict[str, tuple[str, int]]:
    """Host and port of each side's service."""
    found = {}
    for side in sides(config):
        address = asked(lambda side=side: _address(side))  # type: ignore[misc]
        if not isinstance(address, RefusedCall):
            found[side.title] = address
    return found


def network(config: Config) -> Iterator[Symptom]:
    """From this machine; `doctor --workers` tries from each worker."""
    for title, (host, port) in hosts(config).items():
        yield reached(f"{title}: network", host, port)
    for side in sides(config):
        if ".vpce." in (side.access.endpoint_url or ""):
            yield ok(
                side.topic("network"), "an interface VPC endpoint is configured; it serves its own region's buckets"
            )


def _address(side: ExaminedSide) -> tuple[str, int]:
    parts = urlsplit(side.s3.meta.endpoint_url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def reached(topic: str, host: str, port: int) -> Symptom:
    """
    | a TCP connection    | then                                                    |
    |---------------------|---------------------------------------------------------|
    | is made             | ok; a warning where it takes long                       |
    | is refused          | problem: nothing listens there                          |
    | does not come       | problem: most often a VPC endpoint of another region    |
    | host has no address | problem: DNS                                            |
    """
    began = time.monotonic()
    try:
        with socket.create_connection((host, port), CONNECT_SECONDS):
            seconds = time.monotonic() - began
    except socket.gaierror:
        return problem(topic, f"{host} has no address", "turn on DNS names for the VPC, or correct the endpoint")
    except TimeoutError:
        return problem(
            topic,
            f"no connection to {host}:{port} within {CONNECT_SECONDS:.0f} s",
            "a gateway endpoint serves its own region only: give the subnet a NAT gateway, or an interface endpoint by "
            "--source-endpoint-url and --target-endpoint-url, or run the cluster in the other region",
        )
    except OSError as error:
        return problem(topic, f"{host}:{port}: {error.strerror}", "correct the endpoint, or open the way to it")
    if seconds > SLOW_SECONDS:
        return warning(
            topic,
            f"{host} is {1000 * seconds:,.0f} ms away",
            "run the cluster nearer to the target, or raise --in-flight: rate is requests in flight over latency",
        )
    return ok(topic, f"{host} answers in {1000 * seconds:,.0f} ms")
