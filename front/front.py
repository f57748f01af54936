"""The WSGI application in front of Django: request ids, keys and limits, preflights, cached answers, counts.

`gatewayz/wsgi.py` wires it. Django's middleware does not see a cache hit, so what must hold for every request is
here and nowhere else. Only the addresses in PERSONAL get the client's credentials. Every other answer is the same for
all clients, and a GET or HEAD of an address that is `Cacheable` is answered from memory if the same was asked before.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from django.conf import settings

from access.keys import Key, Keys, NotRead, WrongKey
from access.limits import Limiter, Standing, client_of
from front import cors, refusals, response_cache
from front.access_log import AccessLog
from front.counts import Counts
from front.problems import ASKED_PATH
from front.refusals import Refusal
from front.response_cache import Answer, Headers, Question, Shelf, Variant, Wording

logger = logging.getLogger(__name__)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

CREDENTIALS = ("HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_X_API_KEY", "HTTP_PROXY_AUTHORIZATION")
PERSONAL = ("/admin", "/metrics", "/catalog/sync/")
"""What may depend on who asks. From every other request the credentials are taken away, so nothing can."""
LIMITED = ("/catalog/", "/api/", "/v1/", "/litellm/")
"""Not the probes, the metrics and the admin: operators must always get through."""


class Cacheable(Protocol):
    """What the door asks of the application behind it: which answers may be kept, and until when."""

    def identity(self) -> object | None:
        """Answers are kept as long as this is the same object. None: nothing is served yet."""

    def media_type_of(self, path: str) -> str | None:
        """The media type of the address's answers; None if they may not be kept."""

    def canonical_query(self, path: str, query: str) -> str | None:
        """One text for all queries that ask the same; None if the application itself must answer."""


class Front:
    def __init__(self, application: Application, *, counts: Counts, cacheable: Cacheable, keys: Keys) -> None:
        """Reads the settings once."""
        self._application = application
        self._cacheable = cacheable
        self._counts = counts
        self._keys = keys
        self._most_bytes = settings.ANSWERS_MAX_MEBIBYTES * 1024 * 1024
        self._shelf = Shelf(None, most_bytes=self._most_bytes)
        self._limiter = Limiter()
        self._per_address, self._per_key = settings.RATE_LIMIT_PER_MINUTE, settings.API_KEY_RATE_LIMIT_PER_MINUTE
        self._most_sent = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        self._trusted_hops = settings.TRUSTED_PROXY_HOPS
        self._log = AccessLog(settings.LOG_FORMAT)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()
        # Always a new one: a client's own would be written into the logs.
        request_id = environ["HTTP_X_REQUEST_ID"] = os.urandom(16).hex()
        environ.pop("HTTP_X_CORRELATION_ID", None)  # likewise
        environ[ASKED_PATH] = environ["PATH_INFO"]
        reply = Reply(start_response, request_id, is_shared=not environ["PATH_INFO"].startswith(cors.NEVER))
        came_from, body = self._respond_whatever_happens(environ, reply)
        self._counts.add(came_from, reply.status[:3], time.perf_counter() - began)
        if came_from in {"kept", "refused", "preflight"}:
            self._log.write(
                method=environ["REQUEST_METHOD"],
                path=environ["PATH_INFO"],
                query=environ.get("QUERY_STRING", ""),
                code=int(reply.status[:3]),
                request_id=request_id,
            )
        return body if environ["REQUEST_METHOD"] != "HEAD" else _closed(body)

    def _respond_whatever_happens(self, environ: Environ, reply: Reply) -> tuple[str, Iterable[bytes]]:
        try:
            return self._respond(environ, reply)
        except Exception:
            # Django answers for its own defects; this one is in front of it, or took Django with it.
            logger.exception("Request %s failed before or beside Django", environ["HTTP_X_REQUEST_ID"])
            return "refused", _refuse(environ, reply, refusals.BROKEN)

    def _respond(self, environ: Environ, reply: Reply) -> tuple[str, Iterable[bytes]]:
        """Where the answer comes from, and its body."""
        path: str = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] == "OPTIONS" and cors.is_preflight(environ):
            reply.send("204 No Content", cors.preflight_headers(path))
            return "preflight", []
        if path.startswith(LIMITED) and (refusal := self._refusal(environ, reply)) is not None:
            return "refused", _refuse(environ, reply, refusal)
        if not path.startswith(PERSONAL):
            for header in CREDENTIALS:
                environ.pop(header, None)
        if not _is_read(environ):
            return "django", self._application(environ, reply)
        wording = _wording(environ)
        shelf = self._current_shelf()
        variant = shelf.find(wording)
        if variant is not None and _accepts(environ, variant.media_type):
            return "kept", _answer(environ, reply, variant)
        query = self._canonical_query(environ)
        if query is None:
            return "django", self._application(environ, reply)
        return self._made(environ, reply, shelf, wording=wording, query=query)

    def _refusal(self, environ: Environ, reply: Reply) -> Refusal | None:
        """Why this request is not answered. Counts it: for its key, else, also with a wrong one, for its address."""
        key: Key | None = None
        wrong: Refusal | None = None
        try:
            key = self._keys.key_of(environ)
        except WrongKey as error:
            wrong = refusals.wrong_key(str(error))
        except NotRead as error:
            wrong = refusals.not_ready(str(error))
        standing = self._standing(environ, key)
        is_over = standing is not None and standing.is_over
        if key is not None or is_over:
            reply.standing = standing
        if standing is not None and is_over:
            return refusals.too_many(standing)
        if wrong is None and _sent_bytes(environ) > self._most_sent:
            return refusals.too_large(self._most_sent)
        return wrong

    def _standing(self, environ: Environ, key: Key | None) -> Standing | None:
        """None where there is no limit."""
        if key is None:
            if not self._per_address:
                return None
            client = client_of(environ, trusted_hops=self._trusted_hops)
            return self._limiter.count(client, policy="address", limit=self._per_address)
        limit = self._per_key if key.per_minute is None else key.per_minute
        return self._limiter.count(f"key {key.id}", policy="key", limit=limit) if limit else None

    def _current_shelf(self) -> Shelf:
        """The answers of the snapshot that is served now; those of the one before go with it."""
        identity, shelf = self._cacheable.identity(), self._shelf
        if shelf.identity is not identity:
            shelf = self._shelf = Shelf(identity, most_bytes=self._most_bytes)
        return shelf

    def _canonical_query(self, environ: Environ) -> str | None:
        """None if only Django may answer."""
        path: str = environ["PATH_INFO"]
        media_type = self._cacheable.media_type_of(path)
        if media_type is None or not _accepts(environ, media_type):
            return None
        return self._cacheable.canonical_query(path, environ.get("QUERY_STRING", ""))

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
                return "django", [body]
            came_from, answer = "made", Answer(cors.shared(headers), body)
        variant = answer.variant(response_cache.negotiated(environ.get("HTTP_ACCEPT_ENCODING", "")))
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
    """Django's `start_response`: adds what every answer has, and notes the status."""

    __slots__ = ("_is_shared", "_request_id", "_start_response", "standing", "status")

    def __init__(self, start_response: StartResponse, request_id: str, *, is_shared: bool) -> None:
        self._start_response = start_response
        self._request_id = request_id
        self._is_shared = is_shared
        self.status = "500"
        self.standing: Standing | None = None
        """Sent with answers to requests that have a key, and to clients that ask too often."""

    def __call__(self, status: str, headers: Headers, *exc_info: Any) -> Any:
        return self.send(status, cors.shared(headers) if self._is_shared else headers, *exc_info)

    def send(self, status: str, headers: Headers, *exc_info: Any) -> Any:
        """Headers that other pages' scripts are let through to already."""
        self.status = status
        if self.standing is not None:
            headers = [*map(_private, headers), *self.standing.headers]
        return self._start_response(status, [*headers, ("X-Request-ID", self._request_id)], *exc_info)


def _private(header: tuple[str, str]) -> tuple[str, str]:
    """An answer with one client's limits must not be cached for others; `public` would allow it for X-API-Key."""
    name, value = header
    return (name, value.replace("public", "private", 1)) if name == "Cache-Control" else header


def _is_read(environ: Environ) -> bool:
    """Whether it may have a finished answer."""
    return (
        environ["REQUEST_METHOD"] in {"GET", "HEAD"}
        and environ.get("CONTENT_LENGTH", "") in {"", "0"}
        and "HTTP_TRANSFER_ENCODING" not in environ
    )


def _accepts(environ: Environ, media_type: str) -> bool:
    return response_cache.accepts(environ.get("HTTP_ACCEPT", ""), media_type)


def _sent_bytes(environ: Environ) -> int:
    try:
        return int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0  # as Django takes it


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
        reply.send("304 Not Modified", variant.not_modified_headers)
        return []
    reply.send("200 OK", variant.headers)
    return [variant.body]


def _refuse(environ: Environ, reply: Reply, refusal: Refusal) -> Iterable[bytes]:
    headers, body = refusal.answer(path=environ[ASKED_PATH], request_id=environ["HTTP_X_REQUEST_ID"])
    reply(refusal.status_line, headers)
    return [body]


def _closed(chunks: Iterable[bytes]) -> Iterable[bytes]:
    """The body of a HEAD."""
    if (close := getattr(chunks, "close", None)) is not None:
        close()
    return []
