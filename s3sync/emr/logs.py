"""The end of a driver's log, from where EMR puts logs: some minutes late, packed, and below the ids of what ran.

    {log_uri}/{cluster}/steps/{step}/stderr.gz                              spark-submit's own, names the application
    {log_uri}/{cluster}/containers/{application}/{container}/stderr.gz      the driver's, in the container 000001
    {log_uri}/applications/{application}/jobs/{run}/SPARK_DRIVER/stderr.gz  of EMR Serverless

AWS: "View Amazon EMR log files", "Storing logs" in the EMR Serverless guide.
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from s3sync.aws.clients import client
from s3sync.config.model import Access
from s3sync.config.values import split_s3_uri
from s3sync.model.keys import printable

LINES = 40
_APPLICATION = re.compile(r"application_\d+_\d+")
_DRIVER = re.compile(r"_000001/(stderr|stdout)(\.gz)?$")


def step_log_end(access: Access, log_uri: str, cluster_id: str, step_id: str, lines: int = LINES) -> list[str]:
    """The driver's last lines; those of spark-submit where the driver left none; nothing where no log is there yet."""
    top = f"{log_uri.rstrip('/')}/{cluster_id}"
    submit = _text(access, f"{top}/steps/{step_id}/stderr.gz") or _text(access, f"{top}/steps/{step_id}/stderr") or ""
    found = _APPLICATION.search(submit)
    driver = _driver_text(access, f"{top}/containers/{found[0]}/") if found else ""
    return _end(driver or submit, lines)


def run_log_end(access: Access, log_uri: str, application_id: str, run_id: str, lines: int = LINES) -> list[str]:
    place = f"{log_uri.rstrip('/')}/applications/{application_id}/jobs/{run_id}/SPARK_DRIVER"
    return _end("".join(_text(access, f"{place}/{name}.gz") or "" for name in ("stdout", "stderr")), lines)


def _end(text: str, lines: int) -> list[str]:
    return [printable(line, 500) for line in text.splitlines()[-lines:]]


def _driver_text(access: Access, folder: str) -> str:
    """What the driver wrote, over all attempts: its own output before Spark's log."""
    names = sorted(_names(access, folder), key=lambda name: ("stderr" in name, name))
    bucket = split_s3_uri(folder)[0]
    return "".join(_text(access, f"s3://{bucket}/{name}") or "" for name in names if _DRIVER.search(name))


def _names(access: Access, folder: str) -> Iterator[str]:
    bucket, prefix = split_s3_uri(folder)
    try:
        for page in client("s3", access).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield from (entry["Key"] for entry in page.get("Contents", ()))
    except (ClientError, BotoCoreError):
        return


def _text(access: Access, uri: str) -> str | None:
    """None where there is no such log, or none that may be read: it only helps to explain."""
    bucket, key = split_s3_uri(uri)
    try:
        stream: Any = client("s3", access).get_object(Bucket=bucket, Key=key)["Body"]
        body = bytes(stream.read())
        return (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode("utf-8", "replace")
    except (ClientError, BotoCoreError, OSError, EOFError, zlib.error):
        return None
