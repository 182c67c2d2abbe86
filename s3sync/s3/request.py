"""The seam between what s3sync asks of S3 and how the request travels.

A `Request` names an S3 operation and gives its parameters under the names that boto3 uses; a `Reply` is what came
back, success or not. A transport never retries, never raises for an answer of the server and never reorders the
meaning of an error: a 200 with an `<Error>` body is a failed reply (AWS: "CopyObject", "Handling 200 OK errors").

Requests are handed over with `submit` and come back, in any order, from `wait`: the shape of libcurl's multi
interface, which a thread pool can serve just as well. One transport belongs to one process and one thread.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Protocol

from s3sync.model.limits import MIB


class Side(StrEnum):
    """Whose credentials sign the request, and at whose endpoint it is sent."""

    SOURCE = "source"
    TARGET = "target"


@dataclass(slots=True)
class Request:
    """One S3 request: `operation` is S3's name (`CopyObject`), `params` what boto3's method of that name takes; a
    `Body` is bytes or a file, which is sent from its beginning.

    `is_raw`: the answer's body is wanted as it came, as bytes under `Body`, and nothing else of it but its `ETag`,
    where it has one; an error is told as ever. `note` belongs to whoever submits the request; a transport never looks
    at it. `size_bytes` is what S3 has to move for it, where that is known: a large copy takes long by itself.
    `memory_bytes` is what the operation that hands the request over holds in memory from now on until it ends; the
    engine lets operations hold only so much together.
    """

    operation: str
    side: Side
    params: dict[str, Any]
    note: Any = field(default=None, repr=False, compare=False)
    is_raw: bool = False
    size_bytes: int = 0
    memory_bytes: int = 0


@dataclass(slots=True)
class Reply:
    """One answer.

    `status` is the HTTP status, 0 where none came. `code` is None on success, else S3's error code, or the HTTP
    status as text where the body names none (HEAD), or one of the transport's own: `ConnectionError`, `Timeout`,
    `Truncated` (the answer ended early), `BodyTooLarge` (see LONGEST_ANSWERS), `ForeignAnswer` (a 404 or 410 that need
    not be S3's: see `nameless_code`), `InvalidParameters` (not sent: a parameter is malformed), `NoCredentials`,
    `CredentialRetrievalError`. `values` has boto3's names, without `ResponseMetadata`; a `Body` is bytes. Of a failure
    it has the error's further elements (`BucketName`, `Key`, `Condition`) where the server names them, and `RequestId`
    where the answer has S3's `x-amz-request-id`. The values of ListMultipartUploads have `Date` too, the server's time.
    `seconds` is the time from sending to the end. `retry_after_seconds` is what a failure's `Retry-After` asks for, 0
    where it says nothing.

    `defect` is an exception that only a mistake of ours can have raised while the answer was read: the engine raises
    it, and takes the other replies all the same.

    The engine, not the transport, fills in `attempts`, how many times the request was sent, and `earlier_seconds`,
    those of the earlier times and the pauses between them.
    """

    request: Request
    status: int
    code: str | None = None
    message: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    attempts: int = 1
    earlier_seconds: float = 0.0
    retry_after_seconds: float = 0.0
    defect: Exception | None = None

    @classmethod
    def of_defect(cls, request: Request, defect: Exception) -> "Reply":
        return cls(request, 0, type(defect).__name__, str(defect), defect=defect)

    @property
    def ok(self) -> bool:
        return self.code is None


FOREIGN_ANSWER = "ForeignAnswer"
REQUEST_ID_HEADER = "x-amz-request-id"


# | answer    | request                                  | code                                                  |
# |-----------|------------------------------------------|-------------------------------------------------------|
# | 404, 410  | any but a HEAD                           | ForeignAnswer: S3 names an error, in XML              |
# | 404, 410  | HEAD of the source, without S3's own id  | ForeignAnswer                                         |
# | 404, 410  | HEAD of the source, with it              | the status                                            |
# | 404, 410  | HEAD of the target                       | the status: most looks at a target find nothing there |
# | any other | any                                      | the status                                            |
def nameless_code(request: Request, status: int, *, has_request_id: bool) -> str:
    """The code of a failure that names none. What says "not there" so may be a load balancer's or a proxy's word, and
    nothing about any object (C17)."""
    is_head = request.operation.startswith("Head")
    may_be_s3s = is_head and (has_request_id or request.side is Side.TARGET)
    says_gone = status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
    return FOREIGN_ANSWER if says_gone and not may_be_s3s else str(status)


FOREIGN_MESSAGE = "404 without an error of S3: is it a load balancer or a proxy that answers?"

# The most bytes that a body of these answers can have. Where a server does not know the operation it takes the request
# for one of the object, which may have any size: such an answer is not read to its end (`BodyTooLarge`, or its
# beginning).
LONGEST_ANSWERS = {"ListObjectAnnotations": 8 * MIB}  # 1,000 names of 512 bytes, each character escaped


def note_date(request: Request, values: dict[str, Any], date: str | None) -> None:
    """Keep the server's clock where it is needed: what it lists by the time is judged by its own time."""
    if request.operation != "ListMultipartUploads" or not date:
        return
    with suppress(ValueError):
        found = parsedate_to_datetime(date)
        values["Date"] = found if found.tzinfo else found.replace(tzinfo=UTC)


# What every answer of an operation has. A body's length is its own where no header tells it.
_NEEDED = {
    "HeadObject": ("ContentLength", "LastModified"),
    "GetObject": ("LastModified",),
    "CreateMultipartUpload": ("UploadId",),
    "ListMultipartUploads": ("IsTruncated",),
}


def checked(reply: Reply) -> Reply:
    """The reply; a failed one, `Truncated`, where a success lacks what it must have."""
    values = reply.values
    if "Body" in values:
        values.setdefault("ContentLength", len(values["Body"]))
    for name in _NEEDED.get(reply.request.operation, ()):
        if name not in values:
            return replace(reply, status=0, code="Truncated", message=f"the answer has no {name}", values={})
    return reply


class Transport(Protocol):
    """Obligations: every submitted request comes back exactly once, also one whose answer can't be read (`defect`), and
    one for which `submit` raised not at all; nothing is sent twice; `wait` returns at once when something is ready,
    after `timeout_seconds` at the latest, and an empty list then; `close` abandons what is in flight."""

    @property
    def capacity(self) -> int:
        """How many requests may be in flight at once."""
        ...

    def submit(self, request: Request) -> None: ...

    def wait(self, timeout_seconds: float) -> Sequence[Reply]: ...

    def close(self) -> None: ...
