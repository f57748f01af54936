"""What stands before Django: request ids, limits, finished answers, counts. `gatewayz/wsgi.py` puts it there.

Only public questions are answered here: GET and HEAD, without a credential, of the addresses in `endpoints.ENDPOINTS`.
Everything else goes on to Django as it came. Django's middleware does not see a hit, so whatever must hold for every
request stands here and nowhere else.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import orjson
from django.conf import settings

from catalog.serving import answers, snapshot
from catalog.serving.access_log import AccessLog
from catalog.serving.answers import Answer, Headers, Question, Shelf, Variant, Wording
from catalog.serving.counts import Counts
from catalog.serving.limits import Limiter, client_of
from catalog.serving.problems import DROP_IN, problem_document

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

CREDENTIALS = ("HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_X_API_KEY", "HTTP_PROXY_AUTHORIZATION")
"""With one of these an answer may be meant for one client alone."""
LIMITED = ("/catalog/", "/litellm/", *DROP_IN)
"""Not the probes, the metrics and the admin: whoever watches over the service must always get through."""


class Front:
    def __init__(self, application: Application, *, counts: Counts) -> None:
        """Reads the settings once."""
        self._application = application
        self._counts = counts
        self._most_bytes = settings.ANSWERS_MAX_MEBIBYTES * 1024 * 1024
        self._shelf = Shelf(None, most_bytes=self._most_bytes)
        self._limiter = Limiter(settings.RATE_LIMIT_PER_MINUTE)
        self._trusted_hops = settings.TRUSTED_PROXY_HOPS
        self._log = AccessLog(settings.LOG_FORMAT)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()
        # Always a new one: a client's own would be written into the logs.
        request_id = environ["HTTP_X_REQUEST_ID"] = os.urandom(16).hex()
        reply = Reply(start_response, request_id)
        came_from, body = self._respond(environ, reply)
        self._counts.add(came_from, reply.status[:3], time.perf_counter() - began)
        if came_from in {"kept", "refused"}:
            self._log.write(
                method=environ["REQUEST_METHOD"],
                path=environ["PATH_INFO"],
                query=environ.get("QUERY_STRING", ""),
                code=int(reply.status[:3]),
                request_id=request_id,
            )
        return body

    def _respond(self, environ: Environ, reply: Reply) -> tuple[str, Iterable[bytes]]:
        """Where the answer comes from, and its body."""
        if environ["PATH_INFO"].startswith(LIMITED) and (wait := self._seconds_to_wait(environ)):
            return "refused", _refusal(environ, reply, wait)
        if not _is_public(environ):
            return "django", self._application(environ, reply)
        wording = _wording(environ)
        shelf = self._current_shelf()
        variant = shelf.find(wording)
        if variant is not None and _accepts(environ, variant.media_type):
            return "kept", _answer(environ, reply, variant)
        query = _canonical_query(environ)
        if query is None:
            return "django", self._application(environ, reply)
        return self._made(environ, reply, shelf, wording=wording, query=query)

    def _seconds_to_wait(self, environ: Environ) -> int:
        return self._limiter.seconds_to_wait(client_of(environ, trusted_hops=self._trusted_hops))

    def _current_shelf(self) -> Shelf:
        """The answers of the snapshot that is served now; those of the one before go with it."""
        held: object = None
        with suppress(snapshot.NotReady):
            held = snapshot.current().identity
        if self._shelf.identity is not held:
            self._shelf = Shelf(held, most_bytes=self._most_bytes)
        return self._shelf

    def _made(
        self, environ: Environ, reply: Reply, shelf: Shelf, *, wording: Wording, query: str
    ) -> tuple[str, Iterable[bytes]]:
        """An answer to a question in a wording that was not heard yet."""
        question: Question = (environ["PATH_INFO"], query, *wording[2:-1])
        came_from, answer = "kept", shelf.answer(question)
        if answer is None:
            # A HEAD is asked as a GET: both have the headers of one answer.
            status, headers, body = self._ask_django({**environ, "REQUEST_METHOD": "GET"})
            if not _may_be_kept(status, headers):
                reply(status, headers)
                return "django", [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
            came_from, answer = "made", Answer(headers, body)
        variant = answer.variant(answers.negotiated(environ.get("HTTP_ACCEPT_ENCODING", "")))
        if self._current_shelf() is shelf:  # else Django may have answered from another snapshot than this shelf's
            shelf.keep(question, answer, wording=wording, variant=variant)
            self._counts.kept_answers, self._counts.kept_bytes = len(shelf), shelf.size
        return came_from, _answer(environ, reply, variant)

    def _ask_django(self, environ: Environ) -> tuple[str, Headers, bytes]:
        started: list[Any] = []
        chunks = self._application(environ, lambda *status_and_headers: started.extend(status_and_headers))
        try:
            body = b"".join(chunks)
        finally:
            if (close := getattr(chunks, "close", None)) is not None:
                close()
        return started[0], started[1], body


class Reply:
    """Django's `start_response`: adds the request id, and notes the status."""

    __slots__ = ("_request_id", "_start_response", "status")

    def __init__(self, start_response: StartResponse, request_id: str) -> None:
        self._start_response = start_response
        self._request_id = request_id
        self.status = "500"

    def __call__(self, status: str, headers: Headers, *exc_info: Any) -> Any:
        self.status = status
        return self._start_response(status, [*headers, ("X-Request-ID", self._request_id)], *exc_info)


def _is_public(environ: Environ) -> bool:
    return (
        environ["REQUEST_METHOD"] in {"GET", "HEAD"}
        and not any(header in environ for header in CREDENTIALS)
        and environ.get("CONTENT_LENGTH", "") in {"", "0"}
        and "HTTP_TRANSFER_ENCODING" not in environ
    )


def _accepts(environ: Environ, media_type: str) -> bool:
    return answers.accepts(environ.get("HTTP_ACCEPT", ""), media_type)


def _canonical_query(environ: Environ) -> str | None:
    """None where the answer is Django's to give."""
    endpoint = answers.endpoint_of(environ["PATH_INFO"])
    if endpoint is None or not _accepts(environ, endpoint.media_type):
        return None
    return answers.canonical_query(environ["PATH_INFO"], environ.get("QUERY_STRING", ""))


def _wording(environ: Environ) -> Wording:
    return (
        environ["PATH_INFO"],
        environ.get("QUERY_STRING", ""),
        # Django judges the host and the scheme: it refuses the one, and redirects the other.
        environ.get("HTTP_HOST", ""),
        environ["wsgi.url_scheme"],
        environ.get("HTTP_X_FORWARDED_PROTO", ""),
        environ.get("HTTP_ACCEPT_ENCODING", ""),
    )


def _may_be_kept(status: str, headers: Headers) -> bool:
    """The view itself must call its answer public."""
    named = {name.lower(): value for name, value in headers}
    return status.startswith("200 ") and "public" in named.get("cache-control", "") and "set-cookie" not in named


def _answer(environ: Environ, reply: Reply, variant: Variant) -> Iterable[bytes]:
    known = environ.get("HTTP_IF_NONE_MATCH")
    if known is not None and variant.is_known_to(known):
        reply("304 Not Modified", variant.not_modified_headers)
        return []
    reply("200 OK", variant.headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [variant.body]


def _refusal(environ: Environ, reply: Reply, wait: int) -> Iterable[bytes]:
    body = orjson.dumps(
        problem_document(
            status=429,
            title="Too many requests",
            detail=f"This address has asked too often; the next request is answered in {wait} seconds.",
            instance=quote(environ["PATH_INFO"], encoding="latin-1"),
            request_id=environ["HTTP_X_REQUEST_ID"],
        )
    )
    described = {
        "Content-Type": "application/problem+json",
        "Cache-Control": "no-store",
        "Retry-After": str(wait),
        "Access-Control-Allow-Origin": "*",
        "Content-Length": str(len(body)),
    }
    reply("429 Too Many Requests", list(described.items()))
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
