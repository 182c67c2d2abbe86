"""Calls to the control plane of AWS: what goes wrong there is one line for a person."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from s3sync.aws.clients import error_text
from s3sync.errors import ServiceError


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Inside, boto3's errors come out as ServiceError: `what` (as `EMR AddJobFlowSteps j-X`), code and message."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise ServiceError(f"{what}: {': '.join(error_text(error))}") from error


def code_of(error: ClientError | BotoCoreError) -> str:
    return error_text(error)[0]
