"""A WSGI application that hands every request on to another server on this machine: so faults can be put before it."""

from collections.abc import Iterable

import urllib3

from s3sync.demo.wire import App, Environ, StartResponse

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "content-length"})


def proxy_to(endpoint: str) -> App:
    """`endpoint` such as http://127.0.0.1:4566; its signatures must not be checked, for the host is another one."""
    pool = urllib3.PoolManager(maxsize=64, retries=False)

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").title(): value
            for name, value in environ.items()
            if name.startswith("HTTP_") and name not in ("HTTP_HOST", "HTTP_CONNECTION", "HTTP_EXPECT")
        }
        if environ.get("CONTENT_TYPE"):
            headers["Content-Type"] = environ["CONTENT_TYPE"]
        method = environ["REQUEST_METHOD"]
        answer = pool.request(
            method,
            endpoint + str(environ["RAW_URI"]),
            body=environ["wsgi.input"].read(),
            headers=headers,
            redirect=False,
            preload_content=True,
            decode_content=False,
        )
        kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP]
        length = answer.headers.get("Content-Length") if method == "HEAD" else str(len(answer.data))
        start_response(f"{answer.status} {answer.reason or 'OK'}", [*kept, ("Content-Length", length or "0")])
        return [answer.data]

    return app
