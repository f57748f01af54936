"""Sends a request to Django, by the WSGI interface, in the thread that calls.

Django is called with whole bodies and its answers are read whole: its threads never wait for a client.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable
from io import BytesIO
from typing import Any

from front.access_log import BEGAN
from front.problems import ASKED_PATH
from front.replies import Headers
from front.requests import Request

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

_REPLACED = frozenset({"x-request-id", "x-correlation-id"})
"""A client's own would be written into the logs."""
_UNPREFIXED = frozenset({"content-type", "content-length"})


class WsgiDjango:
    """Implements `front.Django`."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(
        self, request: Request, path: str, body: bytes, *, method: str, hidden: Collection[str]
    ) -> tuple[int, Headers, bytes]:
        started: list[Any] = []
        environ = environ_of(request, path, body, method=method, hidden=hidden)
        chunks = self._application(environ, lambda *status_and_headers: started.extend(status_and_headers))
        try:
            content = b"".join(chunks)
        finally:
            if (close := getattr(chunks, "close", None)) is not None:
                close()
        status, headers = started[0], started[1]
        return int(status[:3]), list(headers), content


def environ_of(request: Request, path: str, body: bytes, *, method: str, hidden: Collection[str]) -> Environ:
    """Return the environ of a request that was read whole."""
    host, _, port = request.headers.get("host", "localhost").rpartition(":")
    named: Environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": request.query,
        "SERVER_NAME": host or "localhost",
        "SERVER_PORT": port if port.isdecimal() else "80",
        "SERVER_PROTOCOL": f"HTTP/{request.http_version}",
        "REMOTE_ADDR": request.peer,
        "HTTP_X_REQUEST_ID": request.id,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        BEGAN: request.began,
        ASKED_PATH: path,
    }
    for name, value in request.headers.items():
        if name not in hidden and name not in _REPLACED:
            key = name.upper().replace("-", "_")
            named[key if name in _UNPREFIXED else f"HTTP_{key}"] = value
    return named
