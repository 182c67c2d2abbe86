"""Calls to the control plane of AWS: what goes wrong there is one line for a person."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

from s3sync.aws.clients import error_text
from s3sync.errors import ServiceAway, ServiceError

_SERVERS_FAULT = 500
_TOO_MANY = 429
# Some services answer these with status 400.
_PASSING = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    }
)


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Inside, boto3's errors come out as ServiceError: `what` (as `EMR AddJobFlowSteps j-X`), code and message. It is a
    ServiceAway where the same call may work later."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        kind = ServiceAway if may_pass(error) else ServiceError
        raise kind(f"{what}: {', '.join(error_text(error))}") from error


def may_pass(error: ClientError | BotoCoreError) -> bool:
    """Whether AWS was too busy, broken or not reached, and did not judge the call itself."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= _SERVERS_FAULT or status == _TOO_MANY or code_of(error) in _PASSING
    return isinstance(error, (BotoConnectionError, HTTPClientError))


def code_of(error: ClientError | BotoCoreError) -> str:
    return error_text(error)[0]
