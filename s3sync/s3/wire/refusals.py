"""An answer that refuses, or fails: S3's own error in its body, or none, as of a HEAD, a load balancer or a proxy."""

import re
from xml.sax.saxutils import unescape

from s3sync.model.keys import one_line
from s3sync.s3.request import FOREIGN_ANSWER, FOREIGN_MESSAGE, REQUEST_ID_HEADER, Reply, Request, nameless_code
from s3sync.s3.wire.http import header_map, retry_after_seconds

_ERROR = re.compile(rb"^\s*(?:<\?xml[^>]*\?>)?\s*<Error[\s>]")
_MEMBER = re.compile(rb"<(\w+)>([^<]*)</\1>")
_REQUEST_ID = f"\n{REQUEST_ID_HEADER}:".encode()


def is_error(body: bytes) -> bool:
    """True for an error as S3 writes it, whatever the status."""
    return _ERROR.match(body) is not None


def refused(request: Request, status: int, headers: bytes, body: bytes, seconds: float) -> Reply:
    found = _MEMBER.findall(body) if is_error(body) else ()
    members = {name.decode(): unescape(value.decode(errors="replace")) for name, value in found}
    lower = headers.lower()
    has_request_id = _REQUEST_ID in lower
    code = members.pop("Code", "") or nameless_code(request, status, has_request_id=has_request_id)
    message = members.pop("Message", "") or ("" if request.operation.startswith("Head") else one_line(code))
    if code == FOREIGN_ANSWER:
        message = FOREIGN_MESSAGE
    if has_request_id:
        members.setdefault("RequestId", header_map(headers)[REQUEST_ID_HEADER])
    pause = retry_after_seconds(header_map(headers)) if b"\nretry-after:" in lower else 0.0
    return Reply(request, status, code, one_line(message), members, seconds, retry_after_seconds=pause)
