"""Objects that are encrypted with keys of their customer's (SSE-C), which moto reads without: a WSGI layer around it.

Source: "Using server-side encryption with customer-provided keys" in the S3 documentation: whoever reads, looks at or
copies such an object gives the key with each request. S3 says so in a 400, which a HEAD's answer has no body for.
"""

from collections.abc import Iterable

from s3sync.demo.preconditions import Objects
from s3sync.demo.wire import App, Environ, StartResponse, answer, call_of, copy_source, error_body

_KEY_MD5 = "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY_MD5"
_SOURCE_KEY_MD5 = "HTTP_X_AMZ_COPY_SOURCE_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY_MD5"
_READS = frozenset({"GetObject", "HeadObject"})
_COPIES = frozenset({"CopyObject", "UploadPartCopy"})
_REFUSED = (
    "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve "
    "the object."
)


class CustomerKeys:
    """The layer. Only what one PutObject wrote is kept so."""

    def __init__(self, app: App, objects: Objects) -> None:
        self._app = app
        self._objects = objects

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        call = call_of(environ)
        if call.operation in _READS:
            needed = self._key_md5(call.region, call.bucket, call.key)
            if needed is not None and needed != environ.get(_KEY_MD5):
                return answer(environ, start_response, 400, error_body("InvalidRequest", _REFUSED))
        if call.operation in _COPIES:
            bucket, key, _ = copy_source(environ)
            needed = self._key_md5(call.region, bucket, key)
            if needed is not None and needed != environ.get(_SOURCE_KEY_MD5):
                return answer(environ, start_response, 400, error_body("InvalidRequest", _REFUSED))
        body = list(self._app(environ, start_response))
        if call.operation == "PutObject" and _KEY_MD5 in environ:
            stored = self._objects.find(call.region, call.bucket, call.key, None)
            vars(stored)["s3sync_customer_key"] = environ[_KEY_MD5]
        return body

    def _key_md5(self, region: str, bucket: str, key: str) -> str | None:
        """That of the key without which the object can't be read; None where it needs none, or is not there."""
        try:
            stored = self._objects.find(region, bucket, key, None)
        except LookupError:  # no such bucket: moto says so
            return None
        found: str | None = getattr(stored, "s3sync_customer_key", None)
        return found
