"""The front as a WSGI application, for servers and tests that speak nothing else. It has no streams.

Everything happens in the thread of the request, so only the server's own limits protect it from slow clients.
"""

from __future__ import annotations

from collections.abc import Iterable

from front import refusals
from front.django import Environ, StartResponse
from front.front import Front
from front.replies import Awaited, Decision, Later, Reply, Stream, Wait, phrase
from front.requests import Request


class WsgiShell:
    def __init__(self, front: Front) -> None:
        self._front = front

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        request = request_of(environ)
        reply = self._done(request, self._front.decide(request), environ)
        headers = [*reply.headers, ("X-Request-ID", request.id)]
        start_response(f"{reply.status} {phrase(reply.status)}", headers)
        is_empty = request.method == "HEAD"
        self._front.sent(request, reply, length=0 if is_empty else reply.length)
        if is_empty:
            return []
        return [reply.body] if isinstance(reply.body, bytes) else reply.body

    def _done(self, request: Request, decision: Decision, environ: Environ) -> Reply:
        if isinstance(decision, Wait):  # the thread cannot wait for another one that follows the revisions
            return self._done(request, decision.then(False), environ)
        if isinstance(decision, Later):
            return decision.work(_body(environ, most_bytes=decision.most_bytes))
        if isinstance(decision, Awaited):
            return self._front.refuse(request, refusals.NO_EVENT_LOOP)
        if isinstance(decision, Stream):
            raise TypeError("a WSGI server has no streams")  # the front has none without `revisions`
        return decision


def request_of(environ: Environ) -> Request:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") or (name in {"CONTENT_TYPE", "CONTENT_LENGTH"} and value)
    }
    return Request(
        method=environ["REQUEST_METHOD"],
        path=environ["PATH_INFO"],
        query=environ.get("QUERY_STRING", ""),
        headers=headers,
        scheme=environ["wsgi.url_scheme"],
        peer=environ.get("REMOTE_ADDR", ""),
        http_version=environ.get("SERVER_PROTOCOL", "HTTP/1.1").removeprefix("HTTP/"),
    )


def _body(environ: Environ, *, most_bytes: int) -> bytes:
    """Return the body; one without a length cannot be read by WSGI."""
    announced = environ.get("CONTENT_LENGTH") or "0"
    length = int(announced) if announced.isdecimal() else 0
    return bytes(environ["wsgi.input"].read(min(length, most_bytes))) if length else b""
