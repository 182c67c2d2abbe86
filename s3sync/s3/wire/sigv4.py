"""Signature Version 4 for S3, for many requests a second.

Written by AWS's "Signature Version 4 signing process" and "Authenticating Requests (AWS Signature Version 4)" for S3,
where a path is encoded once and never normalised: keys may hold `//`, `./` and `../`. libcurl's own signing
normalises them and so signs (and copies) another object, which is why this exists.
"""

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
UNSIGNED = "UNSIGNED-PAYLOAD"
_ALGORITHM = "AWS4-HMAC-SHA256"

_SPACES = re.compile(r"[ \t]+")

Header = tuple[str, str]


class FrozenCredentials(Protocol):
    """Credentials at one moment, as botocore's `get_frozen_credentials` gives them."""

    @property
    def access_key(self) -> str: ...
    @property
    def secret_key(self) -> str: ...
    @property
    def token(self) -> str | None: ...


class Second:
    """What all requests of one second share: `amz_date`, the security `token`, the start of the `authorization` line up
    to the names of the signed headers, and the key, as two hashes that have taken it in already (RFC 2104)."""

    __slots__ = ("_inner", "_outer", "_start", "amz_date", "authorization", "token")

    def __init__(self, found: FrozenCredentials, region: str, service: str, now: int) -> None:
        moment = time.gmtime(now)
        day, self.amz_date = time.strftime("%Y%m%d", moment), time.strftime("%Y%m%dT%H%M%SZ", moment)
        scope = f"{day}/{region}/{service}/aws4_request"
        key = f"AWS4{found.secret_key}".encode()
        for part in (day, region, service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        self._inner, self._outer = _keyed(key, 0x36), _keyed(key, 0x5C)
        self._start = f"{_ALGORITHM}\n{self.amz_date}\n{scope}\n"
        self.token = found.token
        self.authorization = f"authorization: {_ALGORITHM} Credential={found.access_key}/{scope}, SignedHeaders="

    def signature(self, canonical: str) -> str:
        """Of a canonical request. What is not ASCII in it stands for a byte that a header has (Latin-1)."""
        inner, outer = self._inner.copy(), self._outer.copy()
        digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
        inner.update(f"{self._start}{digest}".encode())
        outer.update(inner.digest())
        signature: str = outer.hexdigest()
        return signature


def _keyed(key: bytes, pad: int) -> Any:
    return hashlib.sha256(bytes(byte ^ pad for byte in key.ljust(hashlib.sha256().block_size, b"\0")))


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
        self._second: Second | None = None

    def sign(
        self, method: str, path: str, query: str, headers: Iterable[Header], payload_sha256: str = EMPTY_SHA256
    ) -> list[str]:
        """All headers of the request as lines for libcurl (`name: value`, `name;`), the signature's own among them.

        `path` and `query` are encoded as they are sent, the query sorted and each name with its `=`. `headers` have
        lower-case names and must contain `host`; all of them are signed.
        """
        second = self.now()
        every = [*headers, ("x-amz-content-sha256", payload_sha256), ("x-amz-date", second.amz_date)]
        if second.token:
            every.append(("x-amz-security-token", second.token))
        every.sort()
        lines = "\n".join([f"{name}:{value}" for name, value in every])
        if _may_need_trimming(lines):
            lines = "\n".join([f"{name}:{_trimmed(value)}" for name, value in every])
        names = ";".join([name for name, _ in every])
        canonical = f"{method}\n{path}\n{query}\n{lines}\n\n{names}\n{payload_sha256}"
        # libcurl leaves a line without a value out, unless it ends so; then it sends `name:`.
        sent = [f"{name}: {value}" if value else f"{name};" for name, value in every]
        sent.append(f"{second.authorization}{names}, Signature={second.signature(canonical)}")
        return sent

    def now(self) -> Second:
        """The same object for all requests of a second."""
        now = int(self._clock())
        if now == self._at and self._second is not None:
            return self._second
        self._second = Second(self._credentials(), self._region, self._service, now)
        self._at = now
        return self._second


def _may_need_trimming(lines: str) -> bool:
    is_spaced = ": " in lines or "  " in lines or " \n" in lines or "\t" in lines
    return is_spaced or lines[-1:] == " "


def _trimmed(value: str) -> str:
    """The value as it is signed: no space around it, and one where there are several; a tab is a space, as it is to
    botocore. What is not ASCII stands for a byte (Latin-1), and no such byte is a space."""
    return " ".join(filter(None, _SPACES.split(value)))
