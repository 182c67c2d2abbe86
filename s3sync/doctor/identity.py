"""Whose credentials each side has, and whether they are still good for a while.

This machine's clock against the servers'. AWS refuses a signature that is more than 15 minutes off.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from s3sync.aws.buckets import server_date
from s3sync.aws.clients import client, session
from s3sync.config.model import Access, Config
from s3sync.doctor.sides import ExaminedSide, RefusedCall, asked, sides
from s3sync.doctor.symptom import Symptom, ok, problem, unknown, warning

SHORT_SECONDS = 3600


def identity(config: Config) -> Iterator[Symptom]:
    """The account and principal of each side, by STS GetCallerIdentity, which needs no permission."""
    accounts: dict[str, str] = {}
    for side in sides(config):
        topic = side.topic("credentials")
        if not side.is_aws:
            found = asked(lambda side=side: session(side.access).get_credentials())  # type: ignore[misc]
            if isinstance(found, RefusedCall):
                yield problem(topic, str(found), "give a profile, keys or a role: see conf/env.example")
            else:
                yield ok(topic, f"there are some, for {side.access.endpoint_url}")
            continue
        answer = asked(lambda side=side: caller(side.access))  # type: ignore[misc]
        if isinstance(answer, RefusedCall):
            yield problem(topic, str(answer), "give a profile, keys or a role that are valid: see conf/env.example")
            continue
        accounts[side.title] = answer["Account"]
        yield ok(topic, f"account {answer['Account']}, {answer['Arn']}")
        yield from _lifetime(side)
    if len(set(accounts.values())) > 1:
        yield warning(
            "accounts",
            f"source and target are reached as two accounts ({accounts['source']}, {accounts['target']}); S3's own "
            "copy is one request, signed by the target's",
            "let the target's role read the source: `s3sync doctor --print-policies` prints the bucket policy",
        )


def caller(access: Access) -> dict[str, Any]:
    """The answer of GetCallerIdentity. The side's endpoint is S3's, so STS is asked at its own."""
    sts = client("sts", replace(access, endpoint_url=None))
    return dict(sts.get_caller_identity())


def _lifetime(side: ExaminedSide) -> Iterator[Symptom]:
    """Keys with a token that nobody renews end in the middle of a run."""
    if side.access.aws_session_token is not None:
        yield warning(
            side.topic("credentials"),
            "they are temporary keys, given by hand, which nobody renews",
            "give a role or a profile, which are renewed; a run that they end goes on with the same command",
        )
    found = asked(lambda: session(side.access).get_credentials())
    expires = getattr(found, "_expiry_time", None)
    if isinstance(expires, datetime) and (expires - datetime.now(UTC)).total_seconds() < SHORT_SECONDS:
        yield ok(side.topic("credentials"), f"they end {expires:%H:%M} UTC and are renewed before")


WORRYING_SECONDS = 30.0
REFUSED_SECONDS = 900.0


def clock(config: Config) -> Iterator[Symptom]:
    for side in sides(config):
        date = asked(lambda side=side: _server_date(side))  # type: ignore[misc]
        if date is None or isinstance(date, RefusedCall):
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


def _server_date(side: ExaminedSide) -> datetime | None:
    try:
        headers = side.s3.head_bucket(**side.given)["ResponseMetadata"]["HTTPHeaders"]
    except ClientError as error:
        headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return server_date(headers)
