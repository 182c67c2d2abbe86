"""An S3 server that trusts nobody and can't be trusted: it checks every signature, and breaks requests at random.

    python -m tests.servers.strict --objects 100000 --seed 1

holds a bucket `source` with so many small objects, and an empty one, `target`. Its first line of output is its port. It
knows CopyObject, PutObject, GetObject, HeadObject and GetObjectTagging, checks `x-amz-copy-source-if-match`, `If-Match`
and Content-MD5, and shows under `/_state` what it holds and what it saw, as JSON. It shares no code with s3sync.
"""

import argparse
import asyncio
import contextlib
import hashlib
import hmac
import json
import random
import socket
import struct
import sys
import time
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from urllib.parse import unquote
from xml.sax.saxutils import escape

ACCESS_KEY, SECRET_KEY, REGION = "AKIASTRICT", "strict/secret+key", "us-east-1"
# What becomes of requests, and how often. The others are answered.
FAULTS = {
    "slow_down": 0.02,
    "internal_error": 0.02,
    "error_in_200": 0.01,
    "reset": 0.01,
    "reset_after_work": 0.01,
    "cut": 0.01,
    "close": 0.01,
    "stall": 0.002,
    "expired_token": 0.002,
}
STALL_SECONDS = 0.5
BURST_EVERY, BURST_SECONDS = 20_000, 1.0  # after so many requests all are told to slow down, for so long

DENIED, GONE, CHANGED, FINE = "denied", "gone", "changed", "fine"


def fate(number: int) -> str:
    """What is wrong with an object, each time it is asked for."""
    return {7: DENIED, 11: GONE, 13: CHANGED}.get(number % 997, FINE)


def key_of(number: int) -> str:
    odd = ("", " +", "%2F", "é", "?x=1", "//", "\U0001f600")[number % 7]
    return f"p{number % 13}/{number:07d}{odd}"


def body_of(number: int) -> bytes:
    return b"body of object %d" % number


@lru_cache(maxsize=8)
def _signing_key(date: str) -> bytes:
    key = b"AWS4" + SECRET_KEY.encode()
    for part in (date, REGION, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def is_signed(method: str, target: str, headers: dict[str, str], body: bytes) -> bool:
    """Signature Version 4, as AWS's documentation has it: "Signature Calculations for the Authorization Header"."""
    kind, _, rest = headers.get("authorization", "").partition(" ")
    given = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
    if kind != "AWS4-HMAC-SHA256" or not {"Credential", "SignedHeaders", "Signature"} <= given.keys():
        return False
    access_key, date, *scope = given["Credential"].split("/")
    names = given["SignedHeaders"].split(";")
    claimed = headers.get("x-amz-content-sha256", "")
    must = {"host", *(name for name in headers if name.startswith("x-amz-"))}
    if (access_key, scope) != (ACCESS_KEY, [REGION, "s3", "aws4_request"]) or not must <= set(names):
        return False
    if claimed not in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
        return False
    path, _, query = target.partition("?")
    pairs = sorted(pair if "=" in pair else f"{pair}=" for pair in query.split("&") if pair)
    lines = [f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in names]
    canonical = "\n".join((method, path, "&".join(pairs), "".join(lines), ";".join(names), claimed))
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", headers.get("x-amz-date", ""), "/".join((date, *scope)), hashed))
    return hmac.compare_digest(hmac.digest(_signing_key(date), text.encode(), "sha256").hex(), given["Signature"])


@dataclass
class Held:
    """What the server has, and has seen. An object is its body; `writes` counts those of each target key."""

    source: dict[str, bytes]
    fates: dict[str, str]
    chance: random.Random
    target: dict[str, bytes] = field(default_factory=dict)
    writes: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    burst_until: float = 0.0
    began: str = field(default_factory=lambda: formatdate(usegmt=True))

    @classmethod
    def of(cls, objects: int, seed: int) -> "Held":
        numbers = range(objects)
        source = {key_of(n): body_of(n) for n in numbers if fate(n) != GONE}
        fates = {key_of(n): fate(n) for n in numbers if fate(n) != FINE}
        source.update({key: b"another one" for key, what in fates.items() if what == CHANGED})
        return cls(source, fates, random.Random(seed))

    def trouble(self) -> str:
        self.seen["requests"] += 1
        if self.seen["requests"] % BURST_EVERY == 0:
            self.burst_until = time.monotonic() + BURST_SECONDS
        if time.monotonic() < self.burst_until:
            return "slow_down"
        draw = self.chance.random()
        for name, share in FAULTS.items():
            draw -= share
            if draw < 0:
                return name
        return ""

    def state(self) -> bytes:
        etags = {key: hashlib.md5(body, usedforsecurity=False).hexdigest() for key, body in self.target.items()}
        return json.dumps({"target": etags, "writes": self.writes.total(), "seen": self.seen}).encode()


Answer = tuple[int, dict[str, str], bytes]


def error(status: int, code: str) -> Answer:
    return status, {}, f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>on purpose</Message></Error>".encode()


def no_such_key(key: str) -> Answer:
    xml = f"<?xml version='1.0'?><Error><Code>NoSuchKey</Code><Key>{escape(key)}</Key></Error>"
    return 404, {}, xml.encode()


ERRORS = {
    "slow_down": error(503, "SlowDown"),
    "internal_error": error(500, "InternalError"),
    "error_in_200": error(200, "InternalError"),
    "expired_token": error(400, "ExpiredToken"),
}


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


def act(held: Held, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
    """S3's answer. Nothing is wrong here but what `fate` says."""
    path, _, query = target.partition("?")
    bucket, _, key = unquote(path).removeprefix("/").partition("/")
    if method == "PUT" and bucket == "target":
        return _copy(held, key, headers) if "x-amz-copy-source" in headers else _put(held, key, headers, body)
    if method == "GET" and query.rstrip("=") == "tagging":
        return 200, {}, b"<Tagging><TagSet></TagSet></Tagging>"
    if method not in ("GET", "HEAD"):
        return error(501, "NotImplemented")
    found = _read(held, bucket, key, headers.get("if-match"))
    return found if isinstance(found, tuple) else (200, {"ETag": _etag(found), "Last-Modified": held.began}, found)


def _copy(held: Held, key: str, headers: dict[str, str]) -> Answer:
    bucket, _, source = unquote(headers["x-amz-copy-source"]).removeprefix("/").partition("/")
    found = _read(held, bucket, source, headers.get("x-amz-copy-source-if-match"))
    if isinstance(found, tuple):
        return found
    _, more, _ = _write(held, key, found)
    xml = f"<CopyObjectResult><ETag>{more['ETag']}</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
    return 200, {}, f"{xml}</CopyObjectResult>".encode()


def _put(held: Held, key: str, headers: dict[str, str], body: bytes) -> Answer:
    digest = b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    return error(400, "BadDigest") if headers.get("content-md5", digest) != digest else _write(held, key, body)


def _read(held: Held, bucket: str, key: str, wanted: str | None) -> bytes | Answer:
    if bucket == "source" and held.fates.get(key) == DENIED:
        return error(403, "AccessDenied")
    body = (held.source if bucket == "source" else held.target).get(key)
    if body is None:
        return no_such_key(key)
    return error(412, "PreconditionFailed") if wanted not in (None, _etag(body)) else body


def _write(held: Held, key: str, body: bytes) -> Answer:
    held.target[key] = body
    held.writes[key] += 1
    return 200, {"ETag": _etag(body)}, b""


class Connection(asyncio.Protocol):
    """One client's connection: requests one after the other, kept alive."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._bytes = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        while True:
            head, found, rest = self._bytes.partition(b"\r\n\r\n")
            if not found:
                return
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            length = int(headers.get("content-length", "0"))
            if len(rest) < length:
                return
            body, self._bytes = rest[:length], rest[length:]
            method, target, _ = first.split(" ")
            self._answer(method, target, headers, body)

    def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        held = self._held
        if target == "/_state":
            self._send(method, (200, {}, held.state()))
            return
        trouble = held.trouble()
        if not is_signed(method, target, headers, body):
            held.seen["bad signatures"] += 1
            self._send(method, error(403, "SignatureDoesNotMatch"))
            return
        if trouble:
            held.seen[trouble] += 1
        if trouble == "reset":
            self._reset()
        elif trouble in ERRORS and not (trouble == "error_in_200" and method != "PUT"):
            self._send(method, ERRORS[trouble])
        else:
            answer = act(held, method, target, headers, body)
            if trouble == "reset_after_work":
                self._reset()
            elif trouble == "stall":
                asyncio.get_running_loop().call_later(STALL_SECONDS, self._send, method, answer)
            else:
                self._send(method, answer, is_cut=trouble == "cut", is_last=trouble == "close")

    def _send(self, method: str, answer: Answer, *, is_cut: bool = False, is_last: bool = False) -> None:
        status, more, body = answer
        names = {**more, "Content-Length": str(len(body)), "x-amz-request-id": "strict"}
        head = f"HTTP/1.1 {status} -\r\n" + "".join(f"{name}: {value}\r\n" for name, value in names.items()) + "\r\n"
        sent = b"" if method == "HEAD" else body
        self._transport.write(head.encode() + (sent[: len(sent) // 2] if is_cut else sent))
        if is_cut or is_last:
            self._transport.close()

    def _reset(self) -> None:
        found: socket.socket = self._transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


async def serve(held: Held) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Connection(held), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    asyncio.run(serve(Held.of(given.objects, given.seed)))


if __name__ == "__main__":
    main()
