"""This machine's clock against the servers'. AWS refuses a signature that is more than 15 minutes off."""

from collections.abc import Iterator
from datetime import UTC, datetime

from botocore.exceptions import ClientError

from s3sync.aws.dates import server_date
from s3sync.aws.probes.sides import Refusal, Side, asked, sides
from s3sync.config.model import Config
from s3sync.model.health import Symptom, ok, problem, unknown, warning

WORRYING_SECONDS = 30.0
REFUSED_SECONDS = 900.0


def clock(config: Config) -> Iterator[Symptom]:
    for side in sides(config):
        date = asked(lambda side=side: _server_date(side))  # type: ignore[misc]
        if date is None or isinstance(date, Refusal):
            yield unknown(side.topic("clock"), "the server tells no time")
        else:
            yield skew_of(side.topic("clock"), (datetime.now(UTC) - date).total_seconds())


def skew_of(topic: str, seconds: float) -> Symptom:
    """
    | this machine is off by | then                             |
    |------------------------|----------------------------------|
    | up to 30 s             | ok                               |
    | up to 15 minutes       | warning                          |
    | more                   | problem: every request is refused |
    """
    off, way = abs(seconds), "ahead of" if seconds > 0 else "behind"
    if off <= WORRYING_SECONDS:
        return ok(topic, f"within {WORRYING_SECONDS:.0f} s of the server's")
    found = f"this machine is {off:,.0f} s {way} the server"
    if off <= REFUSED_SECONDS:
        return warning(topic, found, "let the clock be set by the network (chrony); retries judge by it what is late")
    return problem(topic, f"{found}: it refuses what we sign", "set the clock, by the network (chrony)")


def _server_date(side: Side) -> datetime | None:
    try:
        headers = side.s3.head_bucket(**side.given)["ResponseMetadata"]["HTTPHeaders"]
    except ClientError as error:
        headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return server_date(headers)
