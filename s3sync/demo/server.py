"""An S3 and SQS server in this process: moto behind werkzeug, with what moto forgets added.

It listens on 127.0.0.1 only and checks no signature: any credentials will do. What it holds lies in memory and belongs
to the process, so two servers in one process show the same buckets. `preconditions.py` and `answers.py` beside this
file add what moto forgets; tests/servers/capabilities.py lists where it still departs from S3.

    python -m s3sync.demo.server --port 9000
"""

import argparse
import contextlib
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import Any, Self

from s3sync.demo.annotation_answers import AnnotationAnswers
from s3sync.demo.answers import Answers
from s3sync.demo.customer_keys import CustomerKeys
from s3sync.demo.preconditions import AS_S3, Departures, Preconditions
from s3sync.demo.wire import App, Environ, StartResponse, call_of, path_style
from s3sync.errors import UserError
from s3sync.model.limits import PART_MIN_BYTES

try:
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from moto.s3 import models as s3_models
    from moto.s3.exceptions import MissingBucket
    from moto.utilities.utils import get_partition
    from werkzeug.serving import BaseWSGIServer, make_server

    from s3sync.demo.upload_times import keep_upload_times
except ImportError as missing:
    raise UserError("the embedded server needs moto: pip install 's3sync-spark[local]'") from missing

HOST = "127.0.0.1"
REGION = "us-east-1"

keep_upload_times()


@dataclass(frozen=True, slots=True)
class SeedObject:
    """An object for `seed`. `last_modified` None means now."""

    key: str
    body: bytes = b""
    storage_class: str = "STANDARD"
    content_type: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    last_modified: datetime | None = None


def _backend(region: str = REGION) -> Any:
    return s3_models.s3_backends[DEFAULT_ACCOUNT_ID][get_partition(region)]


def seed(bucket: str, objects: Iterable[SeedObject]) -> int:
    """Put objects into a bucket of the embedded server of this process, past HTTP: some 10,000 a second.

    The bucket must be there. Returns how many objects were put. Raises UserError where there is no such bucket.
    """
    backend, count = _backend(), 0
    try:
        backend.get_bucket(bucket)
    except MissingBucket as error:
        raise UserError(f"{bucket}: no such bucket on the embedded server") from error
    for count, item in enumerate(objects, start=1):  # noqa: B007 (the last value is the result)
        stored = backend.put_object(bucket, item.key, item.body, storage=item.storage_class, disable_notification=True)
        metadata = {f"x-amz-meta-{name}": value for name, value in item.metadata.items()}
        if item.content_type:
            metadata["Content-Type"] = item.content_type
        stored.set_metadata(metadata)
        if item.tags:
            backend.put_object_tagging(stored, dict(item.tags))
        if item.last_modified:
            stored.last_modified = item.last_modified.replace(tzinfo=None)
        stored.etag  # noqa: B018 (computed on first use, which must not be in two requests at once)
    return count


class _Stored:
    """How the layers look into moto."""

    owner = DEFAULT_ACCOUNT_ID

    def find(self, region: str, bucket: str, key: str, version_id: str | None) -> Any | None:
        try:
            return _backend(region).get_object(bucket, key, version_id=version_id)
        except MissingBucket as error:
            raise LookupError(bucket) from error

    def has_default_retention(self, region: str, bucket: str) -> bool:
        try:
            return bool(_backend(region).get_bucket(bucket).has_default_lock)
        except MissingBucket:
            return False

    def initiated(self, region: str, bucket: str, upload_id: str) -> datetime:
        found: datetime = _backend(region).get_bucket(bucket).multiparts[upload_id].initiated
        return found

    def has_upload(self, region: str, bucket: str, key: str, upload_id: str, *, or_completed: bool) -> bool:
        try:
            if upload_id in _backend(region).get_bucket(bucket).multiparts:
                return True
            there = self.find(region, bucket, key, None) if or_completed else None
        except (MissingBucket, LookupError):
            return True  # moto says what is missing
        return bool(there and there.multipart and there.multipart.id == upload_id)

    def has_object(self, region: str, bucket: str, key: str) -> bool:
        try:
            return self.find(region, bucket, key, None) is not None
        except LookupError:
            return True  # moto says what is missing


class _Moto:
    """Moto's own application; S3 goes straight to its backend, as the dispatcher spends a third of the time on that."""

    def __init__(self) -> None:
        self._others = DomainDispatcherApplication(create_backend_app)
        self._s3 = create_backend_app("s3")

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        app: App = self._others
        if call_of(environ).is_s3:
            app = self._s3
            # Flask's routes end at a newline; moto itself takes the key from RAW_URI.
            environ["PATH_INFO"] = environ["PATH_INFO"].replace("\n", "_")
        return app(environ, start_response)


class ResetConnection(ConnectionError):
    """Raised by a layer: the client gets a TCP reset, after what has been written so far."""


class _Handler(MotoRequestHandler):
    """Unlike werkzeug's: it keeps connections alive as S3 does, logs nothing, and waits for no small packets."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)  # type: ignore[attr-defined]

    def finish(self) -> None:
        self.server.connections.discard(self.connection)  # type: ignore[attr-defined]
        with contextlib.suppress(OSError):  # the client is gone
            super().finish()

    def log(self, *_: object) -> None:
        pass

    def run_wsgi(self) -> None:
        try:
            self._answer()
        except ResetConnection:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socket.close(self.connection.detach())  # at once, before a polite end can be sent
        except ConnectionError:
            self.close_connection = True

    def _answer(self) -> None:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        environ = self._environ_with_body()
        status_and_headers: list[Any] = []
        parts = self.server.app(environ, lambda *given: status_and_headers.extend(given))  # type: ignore[arg-type]
        try:
            self._write(environ, status_and_headers[0], status_and_headers[1], parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()

    def _environ_with_body(self) -> Environ:
        """The body is read before anything is answered, whoever answers: the connection stays usable."""
        environ: Environ = self.make_environ()
        if environ.get("wsgi.input_terminated"):
            body = environ["wsgi.input"].read()
        else:
            body = self.rfile.read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        path_style(environ)
        return environ

    def _write(self, environ: Environ, status: str, headers: list[tuple[str, str]], parts: Iterable[bytes]) -> None:
        code, _, reason = status.partition(" ")
        has_body = environ["REQUEST_METHOD"] != "HEAD" and code not in {"204", "304"}
        names = {name.lower() for name, _ in headers}
        if has_body and "content-length" not in names:
            parts = [b"".join(parts)]
            headers = [*headers, ("Content-Length", str(len(parts[0])))]
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        for part in parts:
            if has_body:
                self.wfile.write(part)
        self.wfile.flush()


class EmbeddedServer:
    """Start it, use `endpoint_url` for S3 and SQS alike, stop it; or use it as a context manager.

    `port` 0 takes a free one. `part_min_bytes` lets tests upload smaller parts than S3 takes; it and the stored
    objects belong to the process, not to the server. `departures` are those over conditions (preconditions.py);
    `has_annotations=False` leaves moto as it is.
    `wrap` puts one more layer around the whole (fault injection).
    """

    def __init__(
        self,
        port: int = 0,
        *,
        part_min_bytes: int = PART_MIN_BYTES,
        departures: Departures = AS_S3,
        has_annotations: bool = True,
        wrap: Callable[[App], App] | None = None,
    ) -> None:
        self._port = port
        self._part_min_bytes = part_min_bytes
        stored = _Stored()
        answers = Answers(AnnotationAnswers(_Moto(), stored, is_known=has_annotations), stored)
        app: App = Preconditions(CustomerKeys(answers, stored), stored, departures)
        self._app = wrap(app) if wrap else app
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def endpoint_url(self) -> str:
        if self._server is None:
            raise RuntimeError("the embedded server is not running")
        return f"http://{HOST}:{self._server.port}"

    url = endpoint_url

    def start(self) -> Self:
        """Raises UserError where the port is taken."""
        try:
            with socket.create_server((HOST, self._port)) as listener:  # make_server would end the process
                self._server = make_server(
                    HOST, self._port, self._app, threaded=True, request_handler=_Handler, fd=listener.fileno()
                )
        except OSError as error:
            raise UserError(f"port {self._port}: {error.strerror}") from error
        self._server.connections = set()  # type: ignore[attr-defined]
        _set_part_min(self._part_min_bytes)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="embedded-server", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening and end the open connections. What is stored stays until the process ends."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for connection in tuple(self._server.connections):  # type: ignore[attr-defined]
            _end(connection)
        _set_part_min(PART_MIN_BYTES)
        self._server = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _set_part_min(size_bytes: int) -> None:
    """Moto reads the environment for it, once, when it is imported."""
    vars(s3_models)["S3_UPLOAD_PART_MIN_SIZE"] = size_bytes


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the client was quicker
        connection.shutdown(socket.SHUT_RDWR)


def main(arguments: list[str] | None = None) -> int:
    """Serve in the foreground until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m s3sync.demo.server", description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="the port on 127.0.0.1; 0, the default, takes a free one")
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        with EmbeddedServer(parser.parse_args(arguments).port) as server:
            sys.stdout.write(f"{server.endpoint_url}\n")
            sys.stdout.flush()
            stopped.wait()
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
