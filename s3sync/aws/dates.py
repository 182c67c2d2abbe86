"""The server's clock, as its answers tell it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def server_date(headers: Mapping[str, str]) -> datetime | None:
    """The `Date` of an answer, with an offset; None where there is none that can be read. Names of headers must be in
    lower case. HTTP writes `GMT`; what comes as `-0000` is UTC too, of which Python makes a time without an offset."""
    try:
        told = parsedate_to_datetime(headers.get("date") or "")
    except ValueError:
        return None
    return told if told.tzinfo is not None else told.replace(tzinfo=UTC)
