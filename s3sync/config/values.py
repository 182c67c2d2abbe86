"""What a person writes, turned into a value and back.

A `Kind` is one way to write a value: its name in a command's help, `parse` from text and `write` to text, for which
`parse(write(value)) == value` holds, secrets apart. `parse` raises ValueError with half a sentence for a person: what
was found, what was expected, an example. A kind that is `secret` never shows what it was given (C12).

The ways to write a value that are of AWS: what a region, a role, a cluster or a queue is called.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from s3sync.config.model import Secret
from s3sync.model.closed_sets import ENCRYPTIONS
from s3sync.model.keys import is_too_long, printable
from s3sync.model.limits import GIB, KEY_MAX_BYTES, KIB, MIB, TIB

_UNITS = {"": 1, "b": 1, "kib": KIB, "mib": MIB, "gib": GIB, "tib": TIB}
_UNITS |= {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_SIZE = re.compile(r"([0-9]{1,18}) ?([KMGT]i?B|B)?", re.IGNORECASE)
_DURATION = re.compile(r"(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9}(?:\.[0-9]{1,20})?)s)?")
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_BUCKET = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9._-]{3,255}")
_IP_ADDRESS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to write a value; see the module."""

    name: str
    parse: Callable[[str], Any]
    write: Callable[[Any], str] = str
    secret: bool = False
    may_be_empty: bool = False


def shown(text: str) -> str:
    """The text in quotes for a message: one line, and not a long one."""
    return f"'{printable(text, 60)}'"


def one_of(words: Iterable[str]) -> str:
    """`a, b or c`."""
    *rest, last = words
    return f"{', '.join(rest)} or {last}" if rest else last


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean x?` where one of the known words is near, else an empty text."""
    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def parse_size(text: str) -> int:
    """Bytes. KiB, MiB, GiB and TiB are powers of 1,024; KB, MB, GB and TB of 1,000; no unit means bytes."""
    found = _SIZE.fullmatch(text)
    if not found:
        raise ValueError(f"{shown(text)} is not a size; write one such as 64MiB, 5GiB, 10MB or 1500000 (bytes)")
    return int(found[1]) * _UNITS[(found[2] or "").lower()]


def write_size(size_bytes: int) -> str:
    for unit, name in ((TIB, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size_bytes and size_bytes % unit == 0:
            return f"{size_bytes // unit}{name}"
    return str(size_bytes)


def parse_duration(text: str) -> float:
    """Seconds. Days, hours, minutes and seconds in this order, each at most once."""
    found = _DURATION.fullmatch(text)
    if not text or not found:
        raise ValueError(f"{shown(text)} is not a duration; write one such as 30s, 15m, 1h30m or 2d")
    days, hours, minutes, seconds = (Decimal(part or 0) for part in found.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def write_duration(seconds: float) -> str:
    whole, rest = divmod(Decimal(repr(seconds)), 60)
    minutes = int(whole)
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "m"))
    text = "".join(f"{count}{unit}" for count, unit in parts if count)
    last = f"{rest:f}".rstrip("0").rstrip(".") if "." in f"{rest:f}" else f"{rest:f}"
    return f"{text}{last}s" if rest or not text else text


def parse_date(text: str) -> datetime:
    """An aware datetime in UTC. A date without an offset is refused: midnight is another moment in each country."""
    example = "2026-01-31T18:00:00Z or 2026-01-31T18:00:00+08:00"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{shown(text)} is not an ISO 8601 date; write one such as {example}") from None
    if moment.tzinfo is None:
        raise ValueError(
            f"{shown(text)} does not say in which time zone; add a time and Z or +08:00, such as {example}"
        )
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{shown(text)} is out of range; write a date such as {example}") from None


def write_date(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_bool(text: str) -> bool:
    word = text.lower()
    if word not in _TRUE + _FALSE:
        raise ValueError(f"{shown(text)} is neither true nor false; write true or false")
    return word in _TRUE


def write_bool(value: bool) -> str:
    return "true" if value else "false"


def parse_bucket(text: str) -> str:
    """A bucket's name by S3's rules of all times, which an access point's alias fits: those of us-east-1 made before
    March 2018 may have capitals, `_` and 255 characters ("General purpose bucket naming rules"). Whether there is such
    a bucket S3 knows."""
    if text.startswith("s3:"):
        raise ValueError(f"{shown(text)} is a URI; give the name of the bucket only, such as my-bucket")
    if not _BUCKET.fullmatch(text) or _IP_ADDRESS.fullmatch(text):
        raise ValueError(
            f"{shown(text)} is not a bucket's name; S3 takes 3 to 63 lower-case letters, digits, '-' and single '.' "
            "(in old buckets of us-east-1 also capitals and '_', up to 255), such as my-bucket"
        )
    return text


def split_s3_uri(text: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`. The key may be empty, and nothing in it is decoded."""
    scheme, mark, rest = text.partition("://")
    if scheme != "s3" or not mark:
        raise ValueError(f"{shown(text)} is not an S3 URI; write one such as s3://my-bucket/some/prefix/")
    bucket, _, key = rest.partition("/")
    return parse_bucket(bucket), _checked_key(key)


def parse_s3_uri(text: str) -> str:
    split_s3_uri(text)
    return text


def parse_location(text: str) -> str:
    """An S3 URI or a local folder."""
    if text.startswith("s3://"):
        return parse_s3_uri(text)
    if "://" in text or text.startswith("s3:"):
        raise ValueError(f"{shown(text)} is neither an S3 URI nor a folder; write s3://my-bucket/prefix or a path")
    return text


def _checked_key(text: str) -> str:
    try:
        if is_too_long(text):
            raise ValueError(f"{shown(text)} is longer than a key may be, {KEY_MAX_BYTES:,} bytes")
    except UnicodeEncodeError:
        raise ValueError("the bytes given are not UTF-8, and S3 has no such key") from None
    return text


def parse_prefix(text: str) -> str:
    """The beginning of keys."""
    if text.startswith("s3://"):
        raise ValueError(f"{shown(text)} is a URI; a prefix is the beginning of keys, such as photos/2026/")
    return _checked_key(text)


def parse_endpoint(text: str) -> str:
    """`https://host[:port][/path]`, without a slash at the end; no user, query or fragment."""
    try:
        parts = urlsplit(text)
        host = parts.hostname if parts.port is None or parts.port else None
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https"):
        raise ValueError("is not an address that begins with http:// or https://, such as https://s3.example.com:9000")
    if parts.username is not None or parts.query or parts.fragment or any(c.isspace() for c in text):
        raise ValueError("has more than scheme, host, port and path; write it such as https://s3.example.com:9000")
    return text.rstrip("/")


def parse_queue_pattern(text: str) -> str:
    """A regular expression; `{index}` in it stands for the number of the queue."""
    try:
        re.compile(text.replace("{index}", r"\d+"))
    except re.error as error:
        raise ValueError(
            rf"{shown(text)} is not a regular expression ({error.msg}); write one such as s3sync-\d+"
        ) from None
    return text


def _parse_secret(text: str) -> Secret:
    if any(c.isspace() for c in text):
        raise ValueError("has white space in it (the value is not shown); look at how it was pasted")
    return Secret(text)


def matching(name: str, pattern: str, expected: str) -> Kind:
    """Text that matches a regular expression; `expected` says so for a person, with an example."""
    compiled = re.compile(pattern)

    def parse(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(f"{shown(text)} is not {expected}")
        return text

    return Kind(name, parse)


def integer(least: int, most: int) -> Kind:
    def parse(text: str) -> int:
        if not _INTEGER.fullmatch(text) or not least <= int(text) <= most:
            raise ValueError(f"{shown(text)} is not a whole number from {least} to {most}, such as {max(least, 1)}")
        return int(text)

    return Kind("N", parse)


def size(least_bytes: int = 0, most_bytes: int | None = None) -> Kind:
    def parse(text: str) -> int:
        value = parse_size(text)
        if value < least_bytes:
            raise ValueError(f"{shown(text)} is too small; the least is {write_size(least_bytes)}")
        if most_bytes is not None and value > most_bytes:
            raise ValueError(f"{shown(text)} is too large; the most is {write_size(most_bytes)}")
        return value

    return Kind("SIZE", parse, write_size)


def duration(least_seconds: float, most_seconds: float) -> Kind:
    def parse(text: str) -> float:
        value = parse_duration(text)
        if not least_seconds <= value <= most_seconds:
            span = f"{write_duration(least_seconds)} to {write_duration(most_seconds)}"
            raise ValueError(f"{shown(text)} is out of range; write a duration from {span}")
        return value

    return Kind("DURATION", parse, write_duration)


def choice(*words: str) -> Kind:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"{shown(text)} is not one of {one_of(words)}")
        return text

    return Kind("|".join(words), parse)


def member(closed_set: type[StrEnum]) -> Kind:
    words = choice(*(entry.value for entry in closed_set))
    return Kind(words.name, lambda text: closed_set(words.parse(text)))


BOOL = Kind("true|false", parse_bool, write_bool)
DATE = Kind("DATE", parse_date, write_date)
NAME = Kind("NAME", str)
FOLDER = Kind("FOLDER", str)
FILE = Kind("FILE", str)
BUCKET = Kind("BUCKET", parse_bucket)
S3_URI = Kind("S3_URI", parse_s3_uri)
LOCATION = Kind("URI", parse_location)
PREFIX = Kind("PREFIX", parse_prefix)
PREFIX_OR_EMPTY = Kind("PREFIX", parse_prefix, may_be_empty=True)
PATTERN = Kind("PATTERN", _checked_key)
ENDPOINT = Kind("URL", parse_endpoint)
QUEUE_PATTERN = Kind("REGEX", parse_queue_pattern)
SECRET = Kind("SECRET", _parse_secret, str, secret=True)


REGION = matching("REGION", r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", "the name of a region, such as eu-west-1")
ROLE_ARN = matching(
    "ARN", r"arn:aws[a-z-]*:iam::[0-9]{12}:role/\S+", "the ARN of a role, such as arn:aws:iam::123456789012:role/copier"
)
# What EMR, EMR Serverless and EventBridge Scheduler all take, which is less than IAM does.
SERVICE_ROLE_ARN = matching(
    "ARN",
    r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]{1,576}",
    "the ARN of a role, such as arn:aws:iam::123456789012:role/copier",
)
TAG = matching(
    "NAME=VALUE",
    r"(?![aA][wW][sS]:)[A-Za-z0-9 /_.:+@-]{1,128}=[A-Za-z0-9 /_.:=+@-]{0,256}",
    "a tag: letters, digits, spaces and / _ . : + @ -, such as cost-center=migration",
)
LOG_GROUP = matching("GROUP", r"[.\-_/#A-Za-z0-9]{1,512}", "the name of a log group, such as /s3sync/steps")
ACCESS_KEY_ID = matching("ID", r"[!-~]{1,128}", "an access key id, such as AKIAIOSFODNN7EXAMPLE")
EXTERNAL_ID = matching("TEXT", r"[\w+=,.@:/-]{2,1224}", "an external id, such as customer-4711")
CREDENTIALS_URI = matching(
    "URI",
    r"(secretsmanager|ssm):[A-Za-z0-9/_+=.@:-]{1,1000}",
    "where keys are kept; write secretsmanager:NAME or ssm:NAME (the name or the ARN)",
)
ACCOUNT = matching("ACCOUNT", r"[0-9]{12}", "an account, which has 12 digits, such as 123456789012")
STORAGE_CLASS = matching("CLASS", r"[A-Za-z0-9_.-]{1,64}", "a storage class, such as STANDARD_IA")
ENCRYPTION = choice(*(name for name, kind in ENCRYPTIONS.items() if kind.can_be_set))
KMS_KEY = matching("KEY", r"[!-~]{1,2048}", "a KMS key; give its id, its ARN or alias/name")
CANNED_ACLS = (
    "private",
    "public-read",
    "public-read-write",
    "aws-exec-read",
    "authenticated-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
)
ACL = replace(choice(*CANNED_ACLS), name="ACL")
RUN_ID = matching(
    "ID", r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", "a run's id: letters, digits, '-', '_', '.', such as 2026-a"
)
CLUSTER_ID = matching("CLUSTER", r"j-[A-Z0-9]{3,20}", "the id of an EMR cluster, such as j-2AXXXXXXGAPLF")
APPLICATION_ID = matching(
    "APPLICATION", r"[0-9a-z]{1,64}", "the id of an EMR Serverless application, such as 00fexample123"
)
STACK = matching("NAME", r"[A-Za-z][A-Za-z0-9-]{0,127}", "the name of a CloudFormation stack, such as s3sync")
RELEASE = matching("LABEL", r"emr-(spark-)?[0-9]+\.[0-9]+\.[0-9]+", "a release of EMR, such as emr-7.13.0")
PYTHON = matching("PATH", r"/\S*python3\.[0-9]+", "the path of a Python with its version, such as /usr/bin/python3.11")
SPARK_CONF = matching("NAME=VALUE", r"spark\.[A-Za-z0-9_.-]+=.*", "a setting of Spark, such as spark.executor.cores=4")
SQS_ARN = matching(
    "QUEUE_ARN",
    r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}",
    "the ARN of a queue, such as arn:aws:sqs:...",
)
GROUP = matching("NAME", r"[A-Za-z0-9_.-]{1,64}", "the name of a group of schedules, such as s3sync")
QUEUE_NAME = matching("NAME", r"[A-Za-z0-9_-]{1,80}", "a queue's name, such as s3sync-dead")
