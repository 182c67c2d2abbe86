"""The transport over boto3: threads, a queue in and a queue out. Slow, and the reference for faster ones."""

import re
import threading
import time
from collections.abc import Sequence
from http import HTTPStatus
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore import xform_name
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import IncompleteRead, InvalidChunkLength

from s3sync.aws.clients import error_text
from s3sync.model.closed_sets import partitions_of_host
from s3sync.model.keys import one_line
from s3sync.s3.request import (
    FOREIGN_ANSWER,
    FOREIGN_MESSAGE,
    LONGEST_ANSWERS,
    REQUEST_ID_HEADER,
    Reply,
    Request,
    Side,
    checked,
    nameless_code,
    note_date,
)
from s3sync.s3.wire.http import retry_after_seconds
from s3sync.s3.wire.xml_text import legible

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_NO_BODY = frozenset({204, 304})
_STREAMED = frozenset({"Body", "AnnotationPayload"})
_ERROR = re.compile(rb"\s*(?:<\?xml[^>]*\?>)?\s*<Error[\s>]")

# The first line that fits decides; what fits none keeps boto3's own name (and is `unknown` to `classify`).
_OWN_CODES: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((ConnectTimeoutError, ReadTimeoutError), "Timeout"),
    ((IncompleteReadError, ResponseStreamingError, ResponseParserError), "Truncated"),
    ((BotoConnectionError, HTTPClientError), "ConnectionError"),
    ((ParamValidationError,), "InvalidParameters"),
    ((NoCredentialsError, PartialCredentialsError), "NoCredentials"),
    ((CredentialRetrievalError,), "CredentialRetrievalError"),
)


class BotoTransport:
    """Both clients must make one attempt only (`client(..., data_plane=True)`) and have a connection for each thread.

    Threads are started as they are needed. They are daemons: a request that is in flight does not keep the process.
    """

    def __init__(self, source_client: "S3Client", target_client: "S3Client", threads: int) -> None:
        self._clients = {Side.SOURCE: source_client, Side.TARGET: target_client}
        for each in (source_client, target_client):
            for operation in LONGEST_ANSWERS:
                event = f"before-call.s3.{operation}"
                each.meta.events.register(event, _ask_for_no_more, unique_id=f"s3sync-{event}")
            # By `*` in place of `s3` they come before botocore's own look at every answer, which takes what it can't
            # parse for an error of the server.
            each.meta.events.register("before-parse.*.*", _check_body, unique_id="s3sync-body")
            for listing in ("ListObjectsV2", "ListObjectVersions", *LONGEST_ANSWERS):
                each.meta.events.register(f"before-parse.*.{listing}", _take_body, unique_id=f"s3sync-{listing}")
        self._threads: list[threading.Thread] = []
        self._most_threads = threads
        self._waiting = 0
        self._in: SimpleQueue[Request | None] = SimpleQueue()
        self._out: SimpleQueue[Reply] = SimpleQueue()

    @property
    def capacity(self) -> int:
        return self._most_threads

    def submit(self, request: Request) -> None:
        self._waiting += 1
        self._in.put(request)
        if len(self._threads) < min(self._waiting, self._most_threads):
            thread = threading.Thread(target=self._work, name=f"s3-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def wait(self, timeout_seconds: float) -> Sequence[Reply]:
        replies: list[Reply] = []
        try:
            replies.append(self._out.get(timeout=timeout_seconds))
            while True:
                replies.append(self._out.get_nowait())
        except Empty:
            self._waiting -= len(replies)
            return replies

    def close(self) -> None:
        for _ in self._threads:
            self._in.put(None)
        self._threads.clear()

    def _work(self) -> None:
        while (request := self._in.get()) is not None:
            try:
                self._out.put(self._reply(request))
            except Exception as defect:  # noqa: BLE001  (raised again in the engine's thread)
                self._out.put(Reply.of_defect(request, defect))
            del request  # an idle thread must not keep what it sent

    def _reply(self, request: Request) -> Reply:
        call = getattr(self._clients[request.side], xform_name(request.operation))
        began = time.monotonic()
        body = request.params.get("Body")
        if body is not None and not isinstance(body, bytes):
            body.seek(0)  # boto3 sends a file from where it stands
        _RAW.body = b"" if request.is_raw else None
        try:
            values = call(**request.params)
            if request.is_raw:
                values = _raw_values(values["ResponseMetadata"])
            for name in _STREAMED & values.keys():
                if not isinstance(values[name], bytes):
                    values[name] = values[name].read()
        except ClientError as error:
            return _refused(request, error, time.monotonic() - began)
        except (BotoCoreError, ResponseParserError) as error:
            message = error_text(error)[1] if isinstance(error, BotoCoreError) else one_line(str(error))
            return Reply(request, 0, _own_code(error), message, seconds=time.monotonic() - began)
        told = values.pop("ResponseMetadata")
        status = told["HTTPStatusCode"]
        note_date(request, values, told.get("HTTPHeaders", {}).get("date"))
        reply = Reply(request, status, values=values, seconds=time.monotonic() - began)
        return reply if request.is_raw else checked(reply)


def _raw_values(told: dict[str, Any]) -> dict[str, Any]:
    etag = told["HTTPHeaders"].get("etag")
    return {"Body": _RAW.body, "ResponseMetadata": told, **({"ETag": etag} if etag else {})}


def _refused(request: Request, error: ClientError, seconds: float) -> Reply:
    code, message = error_text(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    told = {name: value for name, value in error.response.get("Error", {}).items() if name not in ("Code", "Message")}
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    if REQUEST_ID_HEADER in headers:
        told.setdefault("RequestId", headers[REQUEST_ID_HEADER])
    if code == str(status):  # botocore's own word for an error that is none of S3's
        code = nameless_code(request, status, has_request_id=REQUEST_ID_HEADER in headers)
        message = FOREIGN_MESSAGE if code == FOREIGN_ANSWER else message
    pause = retry_after_seconds(headers)
    return Reply(request, status, code, message, told, seconds, retry_after_seconds=pause)


def _own_code(error: Exception) -> str:
    if isinstance(error, HTTPClientError) and _ended_early(error.kwargs.get("error")):
        return "Truncated"
    return next((code for kinds, code in _OWN_CODES if isinstance(error, kinds)), type(error).__name__)


def _ended_early(cause: object) -> bool:
    """True for what urllib3 raises when an answer stops in its middle, wrapped or not."""
    if isinstance(cause, (IncompleteRead, InvalidChunkLength)):
        return True
    return isinstance(cause, Exception) and any(_ended_early(inner) for inner in cause.args)


_RAW = threading.local()  # `body`: None, or what the answer to this thread's raw request held


def _ask_for_no_more(model: Any, params: dict[str, Any], **_: Any) -> None:
    """A server that does not know the operation answers the object itself: no more of it than the answer can have. AWS
    knows them all, and no page of its says that it takes a range here."""
    if not partitions_of_host(urlsplit(params["url"]).hostname or ""):
        params["headers"]["Range"] = f"bytes=0-{LONGEST_ANSWERS[model.name] - 1}"


def _take_body(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """Takes the body of a raw request away before botocore parses it, which costs most of a listing's time and fails
    where a server echoes what no XML may hold. Errors are parsed."""
    _refuse_short_body(operation_model, response_dict)
    body = response_dict["body"]
    if getattr(_RAW, "body", None) is None or not isinstance(body, bytes):
        return
    if response_dict["status_code"] < HTTPStatus.MULTIPLE_CHOICES and not _ERROR.match(body):
        _RAW.body, response_dict["body"] = body, b""


def _check_body(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """Nothing is parsed that came in part; what no parser reads, since a key stands in it, is made legible."""
    _refuse_short_body(operation_model, response_dict)
    if isinstance(response_dict["body"], bytes) and getattr(_RAW, "body", None) is None:
        response_dict["body"] = legible(response_dict["body"])


def _refuse_short_body(operation_model: Any, response_dict: dict[str, Any]) -> None:
    """Botocore takes a body shorter than its Content-Length for a whole one; an empty 200 would be a success."""
    body, length = response_dict["body"], response_dict["headers"].get("Content-Length")
    is_taken = bool(getattr(_RAW, "body", None))
    if length is None or is_taken or not isinstance(body, bytes) or response_dict["status_code"] in _NO_BODY:
        return
    if operation_model.http.get("method") != "HEAD" and len(body) != int(length):
        raise ResponseStreamingError(error=f"{len(body)} of {length} bytes came")
