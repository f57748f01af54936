"""The WSGI application in front of Django: request ids, keys and limits, preflights, cached answers, counts.

`gatewayz/wsgi.py` wires it. Django's middleware does not see a cache hit, so everything that must hold for every
request is here. Only the addresses in PERSONAL receive the client's credentials. Every other answer is the same for
all clients, and a GET or HEAD of an address that is `Cacheable` is answered from the response cache if the same
request was answered before.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from django.conf import settings

from access.keys import Key, Keys, NotRead, WrongKey
from access.limits import Limiter, Quota, client_of
from front import cors, negotiation, refusals
from front.access_log import BEGAN, AccessLog
from front.counts import Counts, Source
from front.problems import ASKED_PATH
from front.refusals import Refusal
from front.response_cache import CachedAnswer, CacheKey, Headers, RequestKey, ResponseCache, Variant

logger = logging.getLogger(__name__)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

CREDENTIALS = ("HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_X_API_KEY", "HTTP_PROXY_AUTHORIZATION")
PERSONAL = ("/admin", "/metrics", "/catalog/sync/")
"""Addresses whose answers may depend on the client. Every other request loses its credentials, so no answer can."""


class Cacheable(Protocol):
    """What the front asks of the application behind it: which answers may be cached until when, and what is limited."""

    def is_limited(self, path: str) -> bool:
        """Whether requests to this address count against the limits.

        Probes, metrics and the admin never do: operators must always get through.
        """

    def identity(self) -> object | None:
        """Return the object that the cached answers belong to; a new object drops them. None: nothing is served yet."""

    def address_of(self, path: str) -> str:
        """Return the address that the path means; most mean themselves."""

    def ignored(self, path: str, query: str) -> str:
        """Return which parameters of the query the address ignores, as the value of a header; maybe empty."""

    def media_type_of(self, path: str) -> str | None:
        """Return the media type of the address's answers, or None if they may not be cached."""

    def canonical_query(self, path: str, query: str) -> str | None:
        """Return one text for all queries with the same meaning, or None if only the application may answer."""


class Front:
    def __init__(self, application: Application, *, counts: Counts, cacheable: Cacheable, keys: Keys) -> None:
        """Read the settings once."""
        self._application = application
        self._cacheable = cacheable
        self._counts = counts
        self._keys = keys
        self._most_bytes = settings.ANSWERS_MAX_MEBIBYTES * 1024 * 1024
        self._cache = ResponseCache(None, most_bytes=self._most_bytes)
        self._limiter = Limiter()
        self._per_address, self._per_key = settings.RATE_LIMIT_PER_MINUTE, settings.API_KEY_RATE_LIMIT_PER_MINUTE
        self._most_sent = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        self._trusted_hops = settings.TRUSTED_PROXY_HOPS
        self._log = AccessLog(settings.LOG_FORMAT)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        began = environ[BEGAN] = time.perf_counter()
        # Always a new one: a client's own would be written into the logs.
        request_id = environ["HTTP_X_REQUEST_ID"] = os.urandom(16).hex()
        environ.pop("HTTP_X_CORRELATION_ID", None)  # likewise
        environ[ASKED_PATH] = environ["PATH_INFO"] = self._cacheable.address_of(environ["PATH_INFO"])
        reply = Reply(start_response, request_id, cors_headers=cors.answer_headers(environ["PATH_INFO"]))
        source, body = self._respond_or_report(environ, reply)
        seconds = time.perf_counter() - began
        self._counts.add(source, reply.status[:3], seconds)
        if source in _WITHOUT_DJANGO:
            self._log.write(
                method=environ["REQUEST_METHOD"],
                path=environ["PATH_INFO"],
                query=environ.get("QUERY_STRING", ""),
                code=int(reply.status[:3]),
                request_id=request_id,
                seconds=seconds,
                length=0 if environ["REQUEST_METHOD"] == "HEAD" else sum(map(len, body)),
            )
        return body if environ["REQUEST_METHOD"] != "HEAD" else _closed(body)

    def _respond_or_report(self, environ: Environ, reply: Reply) -> tuple[Source, Iterable[bytes]]:
        try:
            return self._respond(environ, reply)
        except Exception:
            # Django answers for its own defects; this one is in the front, or prevented Django from answering.
            logger.exception("Request %s failed outside Django", environ["HTTP_X_REQUEST_ID"])
            return Source.REFUSED, _refuse(environ, reply, refusals.BROKEN)

    def _respond(self, environ: Environ, reply: Reply) -> tuple[Source, Iterable[bytes]]:
        """Return where the answer comes from, and its body."""
        path: str = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] == "OPTIONS" and cors.is_preflight(environ):
            reply.cors_headers = cors.preflight_headers(path)
            reply("204 No Content", [])
            return Source.PREFLIGHT, []
        if self._cacheable.is_limited(path) and (refusal := self._refusal(environ, reply)) is not None:
            return Source.REFUSED, _refuse(environ, reply, refusal)
        if not path.startswith(PERSONAL):
            for header in CREDENTIALS:
                environ.pop(header, None)
        if not _is_read(environ):
            return Source.DJANGO, self._application(environ, reply)
        # Not in the cache: requests that differ in ignored parameters share one answer.
        reply.ignored = self._cacheable.ignored(path, environ.get("QUERY_STRING", ""))
        request_key = _request_key(environ)
        cache = self._current_cache()
        variant = cache.find(request_key)
        if variant is not None and _accepts(environ, variant.media_type):
            return Source.HIT, _answer(environ, reply, variant)
        query = self._canonical_query(environ)
        if query is None:
            return Source.DJANGO, self._application(environ, reply)
        return self._respond_and_cache(environ, reply, cache, request_key=request_key, query=query)

    def _refusal(self, environ: Environ, reply: Reply) -> Refusal | None:
        """Return why this request is refused, or None. It counts for its key; without a valid key, for its address."""
        key: Key | None = None
        wrong: Refusal | None = None
        try:
            key = self._keys.key_of(environ)
        except WrongKey as error:
            wrong = refusals.wrong_key(str(error))
        except NotRead as error:
            wrong = refusals.not_ready(str(error))
        quota = self._quota(environ, key)
        is_exceeded = quota is not None and quota.is_exceeded
        reply.is_personal = key is not None
        if key is not None or is_exceeded:
            reply.quota = quota
        if quota is not None and is_exceeded:
            return refusals.too_many(quota)
        if wrong is None and _sent_bytes(environ) > self._most_sent:
            return refusals.too_large(self._most_sent)
        return wrong

    def _quota(self, environ: Environ, key: Key | None) -> Quota | None:
        """Count the request, and return what its client has used. None: there is no limit."""
        if key is None:
            if not self._per_address:
                return None
            client = client_of(environ, trusted_hops=self._trusted_hops)
            return self._limiter.count(client, policy="address", limit=self._per_address)
        limit = self._per_key if key.per_minute is None else key.per_minute
        return self._limiter.count(f"key {key.id}", policy="key", limit=limit) if limit else None

    def _current_cache(self) -> ResponseCache:
        """Return the answers of the snapshot that is served now; those of the previous one go with it."""
        identity, cache = self._cacheable.identity(), self._cache
        if cache.identity is not identity:
            cache = self._cache = ResponseCache(identity, most_bytes=self._most_bytes)
        return cache

    def _canonical_query(self, environ: Environ) -> str | None:
        """Return the canonical query, or None if only Django may answer."""
        path: str = environ["PATH_INFO"]
        media_type = self._cacheable.media_type_of(path)
        if media_type is None or not _accepts(environ, media_type):
            return None
        return self._cacheable.canonical_query(path, environ.get("QUERY_STRING", ""))

    def _respond_and_cache(
        self, environ: Environ, reply: Reply, cache: ResponseCache, *, request_key: RequestKey, query: str
    ) -> tuple[Source, Iterable[bytes]]:
        """Answer a request that the cache does not know literally. Another one with the same meaning may be cached."""
        cache_key: CacheKey = (environ["PATH_INFO"], query, *request_key[2:-1])
        source, answer = Source.HIT, cache.answer(cache_key)
        if answer is None:
            # Django gets a HEAD as a GET: both have the headers of one answer.
            status, headers, body = self._call_django({**environ, "REQUEST_METHOD": "GET"})
            if not _is_cacheable(status, headers):
                reply(status, headers)
                return Source.DJANGO, [body]
            source, answer = Source.MISS, CachedAnswer(headers, body)
        variant = answer.variant(negotiation.negotiated(environ.get("HTTP_ACCEPT_ENCODING", "")))
        if self._current_cache() is cache:  # else Django may have answered from another snapshot
            cache.add(cache_key, answer, request_key=request_key, variant=variant)
            self._counts.cached_answers, self._counts.cached_bytes = len(cache), cache.size
        return source, _answer(environ, reply, variant)

    def _call_django(self, environ: Environ) -> tuple[str, Headers, bytes]:
        started: list[Any] = []
        chunks = self._application(environ, lambda *status_and_headers: started.extend(status_and_headers))
        try:
            body = b"".join(chunks)
        finally:
            if (close := getattr(chunks, "close", None)) is not None:
                close()
        return started[0], started[1], body


_WITHOUT_DJANGO = frozenset({Source.HIT, Source.REFUSED, Source.PREFLIGHT})
"""Django logs the other requests itself. The bodies of these are lists."""


class Reply:
    """Django's `start_response`: it adds the headers that every answer has, and keeps the status."""

    __slots__ = ("_request_id", "_start_response", "cors_headers", "ignored", "is_personal", "quota", "status")

    def __init__(self, start_response: StartResponse, request_id: str, *, cors_headers: cors.Headers) -> None:
        self._start_response = start_response
        self._request_id = request_id
        self.cors_headers = cors_headers
        self.status = "500"
        self.is_personal = False
        """Set for requests with a key: no shared cache may store their answers."""
        self.quota: Quota | None = None
        """Set for requests whose key has a limit, and for clients over their limit; the answer then has its headers."""
        self.ignored = ""
        """The names of the parameters that the answer does not depend on."""

    def __call__(self, status: str, headers: Headers, *exc_info: Any) -> Any:
        self.status = status
        if self.is_personal:
            headers = list(map(_private, headers))
        if self.quota is not None:
            headers = [*headers, *self.quota.headers]
        if self.ignored:
            headers = [*headers, ("Gatewayz-Ignored", self.ignored)]
        return self._start_response(
            status, [*headers, *self.cors_headers, ("X-Request-ID", self._request_id)], *exc_info
        )


def _private(header: tuple[str, str]) -> tuple[str, str]:
    """An answer to one client's key must not be cached for others; `public` would allow it."""
    name, value = header
    return (name, value.replace("public", "private", 1)) if name == "Cache-Control" else header


def _is_read(environ: Environ) -> bool:
    """Whether the answer may come from the cache."""
    return (
        environ["REQUEST_METHOD"] in {"GET", "HEAD"}
        and environ.get("CONTENT_LENGTH", "") in {"", "0"}
        and "HTTP_TRANSFER_ENCODING" not in environ
    )


def _accepts(environ: Environ, media_type: str) -> bool:
    return negotiation.accepts(environ.get("HTTP_ACCEPT", ""), media_type)


def _sent_bytes(environ: Environ) -> int:
    try:
        return int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0  # Django reads it in the same way


def _request_key(environ: Environ) -> RequestKey:
    return (
        environ["PATH_INFO"],
        environ.get("QUERY_STRING", ""),
        # Django checks the host and the scheme: it refuses a wrong host, and redirects http.
        environ.get("HTTP_HOST", ""),
        environ["wsgi.url_scheme"],
        environ.get("HTTP_X_FORWARDED_PROTO", ""),
        environ.get("HTTP_ACCEPT_ENCODING", ""),
    )


def _is_cacheable(status: str, headers: Headers) -> bool:
    """Whether the view itself calls its answer public."""
    named = {name.lower(): value for name, value in headers}
    return status.startswith("200 ") and "public" in named.get("cache-control", "") and "set-cookie" not in named


def _answer(environ: Environ, reply: Reply, variant: Variant) -> Iterable[bytes]:
    if_none_match = environ.get("HTTP_IF_NONE_MATCH")
    if if_none_match is not None and variant.matches(if_none_match):
        reply("304 Not Modified", variant.not_modified_headers)
        return []
    reply("200 OK", variant.headers)
    return [variant.body]


def _refuse(environ: Environ, reply: Reply, refusal: Refusal) -> Iterable[bytes]:
    headers, body = refusal.answer(
        path=environ[ASKED_PATH], request_id=environ["HTTP_X_REQUEST_ID"], accept=environ.get("HTTP_ACCEPT", "")
    )
    reply(refusal.status_line, headers)
    return [body]


def _closed(chunks: Iterable[bytes]) -> Iterable[bytes]:
    """Return the empty body of a HEAD, after Django has released what the full body would have used."""
    if (close := getattr(chunks, "close", None)) is not None:
        close()
    return []
