"""`Retry-After`: a number of seconds, or a date (RFC 9110, 10.2.3)."""

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


# | Retry-After          | Date             | seconds                               |
# |----------------------|------------------|---------------------------------------|
# | absent               | any              | 0                                     |
# | a number             | any              | the number                            |
# | a date               | a date           | what lies between, 0 where it is past |
# | a date               | absent or broken | 0                                     |
# | anything else        | any              | 0                                     |
def retry_after_seconds(headers: Mapping[str, str]) -> float:
    """How long the server asks to wait. Names of headers must be found in lower case. Dates are both the server's, so
    this machine's clock does not matter."""
    text = (headers.get("retry-after") or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        seconds = (until - parsedate_to_datetime(headers.get("date") or "")).total_seconds()
    except (ValueError, TypeError):
        return 0.0
    return max(0.0, seconds) if math.isfinite(seconds) else 0.0
