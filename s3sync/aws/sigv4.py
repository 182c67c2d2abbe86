"""Signature Version 4 for S3, for many requests a second.

Written by AWS's "Signature Version 4 signing process" and "Authenticating Requests (AWS Signature Version 4)" for S3,
where a path is encoded once and never normalised: keys may hold `//`, `./` and `../`. libcurl's own signing
normalises them and so signs (and copies) another object, which is why this exists.
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
UNSIGNED = "UNSIGNED-PAYLOAD"
_ALGORITHM = "AWS4-HMAC-SHA256"

Header = tuple[str, str]


class FrozenCredentials(Protocol):
    """Credentials at one moment, as botocore's `get_frozen_credentials` gives them."""

    @property
    def access_key(self) -> str: ...
    @property
    def secret_key(self) -> str: ...
    @property
    def token(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class _Second:
    """What all requests of one second share."""

    amz_date: str
    prefix: str
    start: str
    keyed: "hmac.HMAC"
    token: str | None


class Signer:
    """Signs requests of one region and service with credentials that may change as time goes on.

    `credentials` is asked about once a second, so refreshed ones come into use at once. `clock` gives Unix time.
    """

    def __init__(
        self,
        credentials: Callable[[], FrozenCredentials],
        region: str,
        service: str = "s3",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._credentials = credentials
        self._region = region
        self._service = service
        self._clock = clock
        self._at = -1
        self._second: _Second | None = None

    def sign(
        self, method: str, path: str, query: str, headers: Iterable[Header], payload_sha256: str = EMPTY_SHA256
    ) -> list[str]:
        """All headers of the request as lines (`name: value`), the signature's own among them.

        `path` and `query` are encoded as they are sent, the query sorted and each name with its `=`. `headers` have
        lower-case names and must contain `host`; all of them are signed.
        """
        second = self._now()
        every = [*headers, ("x-amz-content-sha256", payload_sha256), ("x-amz-date", second.amz_date)]
        if second.token:
            every.append(("x-amz-security-token", second.token))
        every.sort()
        return self.sign_sorted(method, path, query, every, payload_sha256, second)

    def sign_sorted(
        self, method: str, path: str, query: str, headers: Sequence[Header], payload_sha256: str, second: _Second
    ) -> list[str]:
        lines = "\n".join([f"{name}:{_trimmed(value)}" for name, value in headers])
        names = ";".join([name for name, _ in headers])
        canonical = f"{method}\n{path}\n{query}\n{lines}\n\n{names}\n{payload_sha256}"
        keyed = second.keyed.copy()
        keyed.update(f"{second.start}{hashlib.sha256(canonical.encode()).hexdigest()}".encode())
        sent = [f"{name}: {value}" for name, value in headers]
        sent.append(f"{second.prefix}{names}, Signature={keyed.hexdigest()}")
        return sent

    def _now(self) -> _Second:
        now = int(self._clock())
        if now == self._at and self._second is not None:
            return self._second
        found = self._credentials()
        moment = time.gmtime(now)
        day, amz_date = time.strftime("%Y%m%d", moment), time.strftime("%Y%m%dT%H%M%SZ", moment)
        scope = f"{day}/{self._region}/{self._service}/aws4_request"
        key = f"AWS4{found.secret_key}".encode()
        for part in (day, self._region, self._service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        self._second = _Second(
            amz_date,
            f"authorization: {_ALGORITHM} Credential={found.access_key}/{scope}, SignedHeaders=",
            f"{_ALGORITHM}\n{amz_date}\n{scope}\n",
            hmac.new(key, digestmod="sha256"),
            found.token,
        )
        self._at = now
        return self._second


def _trimmed(value: str) -> str:
    """The value as it is signed: no space around it, and one where there are several."""
    return " ".join(value.split()) if "  " in value or value[:1] == " " or value[-1:] == " " else value
