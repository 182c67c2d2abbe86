"""A session's credentials, whose trouble is always botocore's own error for it.

Where refreshed credentials are expired botocore raises a bare RuntimeError. It is told apart here, where credentials
are asked for: anywhere else a RuntimeError is a defect, and must be seen.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import CredentialRetrievalError


class HeldCredentials:
    """Stands for credentials that may be refreshed. Raises CredentialRetrievalError where they stay expired."""

    def __init__(self, held: Credentials) -> None:
        self._held = held

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        with self._told():
            return self._held.get_frozen_credentials()

    def __getattr__(self, name: str) -> Any:
        with self._told():  # to look at a key may refresh it
            return getattr(self._held, name)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise CredentialRetrievalError(provider=self._held.method, error_msg=str(error)) from error


def hold_credentials(session: boto3.Session, credentials: Credentials) -> None:
    """Let these be the session's."""
    # botocore has no public way to hand over credentials that refresh.
    vars(session._session)["_credentials"] = HeldCredentials(credentials)
