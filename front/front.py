"""The front: what every request passes, whichever server received it.

`Front.decide` is synchronous and waits for nothing. It answers what can be answered at once: cached answers, answers
from the snapshot that are quickly made, preflights and refusals. For everything else it returns what is to be done, and
the shell around it (`asgi.py`, `protocol.py` or `wsgi.py`) does that where it delays no other request.

Django's middleware does not see most requests, so everything that must hold for every request is here: ids, hosts,
HTTPS, keys and limits, headers, counts and the log. Only the addresses in PERSONAL receive the client's credentials.
Every other answer is the same for all clients.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Protocol

from django.conf import settings

from access.keys import Key, Keys, NotRead, WrongKey
from access.limits import Limiter, Quota, client_at, client_of_peer
from access.models import READ
from front import cors, minimum, negotiation, refusals
from front.access_log import AccessLog
from front.answers import Answer
from front.asked import Asked
from front.counts import Counts, Source
from front.large_bodies import LargeBody, body_of
from front.refusals import Refusal
from front.replies import (
    COMPUTE_SECONDS,
    READ_SECONDS,
    WRITE_SECONDS,
    Awaited,
    Decision,
    Headers,
    Lane,
    Later,
    Push,
    Reply,
    Stream,
    Wait,
    head_of,
    lines_of,
)
from front.requests import Request
from front.response_cache import CachedAnswer, CacheKey, CommonHeaders, Found, Head, RequestKey, ResponseCache, Variant
from front.routes import Address, Inference, Limit, Question, Resource, Routes, Usage
from front.security import Security, host_of
from front.streams import Revisions

logger = logging.getLogger(__name__)

CREDENTIALS = ("authorization", "cookie", "x-api-key", "proxy-authorization")
PERSONAL = ("/admin", "/metrics", "/catalog/sync/", "/usage", "/v1/usage")
"""Addresses whose answers may depend on the client. Every other request loses its credentials, so no answer can."""
OPERATORS = ("/admin", "/metrics", "/static/")
"""Addresses that work while clients overload the others."""
UPLOADS = ("/admin/csv/",)
"""Addresses to which people send files."""
MOST_UPLOADED = 6 * 1024 * 1024
"""The most bytes of such a request: a file of 5 MiB, and the rest of its form."""

QUICK_CHARACTERS = 1_000
"""Up to this many characters of path and query are read on the event loop."""
LONGEST_REMEMBERED = 300
"""The longest path, in bytes, whose address is cached."""


class Django(Protocol):
    def __call__(
        self, request: Request, path: str, body: bytes, *, method: str, hidden: Collection[str]
    ) -> tuple[int, Headers, bytes]:
        """Send a request to Django, and return the status, the headers and the body of its answer.

        `path` is the one that the request means. Headers whose names are `hidden` are not passed on.
        """


class Front:
    def __init__(
        self,
        django: Django,
        *,
        counts: Counts,
        routes: Routes,
        keys: Keys,
        revisions: Revisions | None = None,
        usage: Usage | None = None,
        inference: Inference | None = None,
    ) -> None:
        """Read the settings once. Without `revisions` there are no streams; without `usage` no answer is counted."""
        self.inference = inference
        self._django = django
        self._routes = routes
        self._revisions = revisions
        self._address = lru_cache(maxsize=4_096)(routes.address)
        self.counts = counts
        self._usage = usage
        self._keys = keys
        self._security = Security()
        self._most_bytes = settings.ANSWERS_MAX_MEBIBYTES * 1024 * 1024
        self._headers_for_all = lru_cache(maxsize=256)(self._with_headers_for_all)
        self._added = lru_cache(maxsize=64)(self._added_to)
        self._cache = self._new_cache(None)
        self.limiter = Limiter()
        self._per_address, self._per_key = settings.RATE_LIMIT_PER_MINUTE, settings.API_KEY_RATE_LIMIT_PER_MINUTE
        self._pages_per_address = settings.PAGE_RATE_LIMIT_PER_MINUTE
        self.most_sent: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        self._trusted_hops = settings.TRUSTED_PROXY_HOPS
        self._makes_misses = settings.FRONT_MISSES
        self._log = AccessLog(settings.LOG_FORMAT)

    # --- for the shells ----------------------------------------------------------------------------------------------
    def decide(self, request: Request) -> Decision:
        """Return the answer, or what is to be done for it. Never raises and never waits."""
        find = self._address if len(request.path) <= LONGEST_REMEMBERED else self._routes.address
        exchange = Exchange(request, find(request.path))
        try:
            return self._decide(exchange)
        except Exception:
            logger.exception("Request %s failed outside Django", request.id)
            return self._refuse(exchange, refusals.BROKEN)

    def refuse(self, request: Request, refusal: Refusal) -> Reply:
        """Return the answer to a request that a shell cannot answer otherwise."""
        return self._refuse(Exchange(request, Address(request.path)), refusal)

    def sent(self, request: Request, reply: Reply | Stream | Push, *, length: int) -> None:
        """Count and log an answer that was sent; `length` is the number of bytes of its body that were sent."""
        seconds = time.perf_counter() - request.began
        self.counts.add(reply.source, str(reply.status), seconds)
        if not isinstance(reply, Reply) or not reply.is_logged:
            self._log.write(
                method=request.method,
                path=request.path,
                query=request.query,
                code=reply.status,
                request_id=request.id,
                seconds=seconds,
                length=length,
            )

    # --- deciding ----------------------------------------------------------------------------------------------------
    def _decide(self, exchange: Exchange) -> Decision:
        request, address = exchange.request, exchange.address
        runs = self.inference if self.inference is not None and address.path in self.inference.paths else None
        if request.method == "OPTIONS" and cors.is_preflight(request) and runs is None:
            return Reply(204, [*cors.preflight_headers(address.path)], b"", Source.PREFLIGHT)
        if address.limit is not Limit.NONE and (refusal := self._limit(exchange)) is not None:
            return self._refuse(exchange, refusal)
        if not self._security.is_allowed(host_of(request)):
            return self._refuse(exchange, refusals.WRONG_HOST)
        if (location := self._security.location(request)) is not None:
            headers = [("Content-Type", "text/html; charset=utf-8"), ("Location", location)]
            return self._reply(exchange, 301, headers, b"", source=Source.REFUSED)
        if runs is not None:
            return self._infer(exchange, runs)
        if request.length is not None and request.length > (most := self._most_sent(request)):
            return self._refuse(exchange, refusals.too_large(most))
        if not request.is_read:
            return self._by_django(exchange)
        if address.limit is not Limit.API or (wanted := minimum.of(request)) is None:
            return self._read(exchange)
        if isinstance(wanted, Refusal):
            return self._refuse(exchange, wanted)
        return self._read_at_least(exchange, wanted)

    def _infer(self, exchange: Exchange, inference: Inference) -> Decision:
        """Have the application answer that sends requests to models."""
        request, key = exchange.request, exchange.found
        if (refused := inference.refuse(request, key)) is not None:
            self._complete(exchange, refused)
            return refused
        if request.length is not None and request.length > inference.most_bytes:
            return self._refuse(exchange, refusals.too_large(inference.most_bytes))

        async def answer(body: bytes) -> Reply | Push:
            try:
                found = await inference.answer(request, key, body)
                self._complete(exchange, found)
                return found
            except Exception:
                logger.exception("Request %s failed outside Django", request.id)
                return self._refuse(exchange, refusals.BROKEN)

        return Awaited(answer, most_bytes=inference.most_bytes)

    def _complete(self, exchange: Exchange, found: Reply | Push) -> None:
        """Add to an answer of the application what all answers have. It states by itself that nobody may store it."""
        common = self._added(exchange.address.path, self._security.is_secure(exchange.request))
        own = exchange.own_headers
        if isinstance(found, Reply) and found.status not in _WITHOUT_BODY:
            own = [*own, ("Content-Length", str(found.length))]
        found.head = head_of(found.status, found.headers) + common.bytes + lines_of(own)
        found.headers = [*found.headers, *common.headers, *own]

    def _added_to(self, path: str, is_secure: bool) -> Head:
        """Return what is added to answers of the application, apart from what depends on the client."""
        headers = [*self._security.headers(is_secure=is_secure), *cors.answer_headers(path)]
        return Head(headers, lines_of(headers))

    def _read_at_least(self, exchange: Exchange, wanted: int) -> Decision:
        """Answer from this revision or a newer one. Such an answer is for this client at this moment."""
        exchange.is_stored = False
        served = self._routes.revision()
        if served is not None and served >= wanted:
            return self._read(exchange)

        def answer(is_served: bool) -> Decision:
            return self._read(exchange) if is_served else self._refuse(exchange, refusals.behind(wanted))

        return Wait(wanted, answer)

    def _read(self, exchange: Exchange) -> Decision:
        request, resource = exchange.request, exchange.address.resource
        if resource is None or not negotiation.accepts(request.headers.get("accept", ""), resource.media_type):
            return self._by_django(exchange)
        if resource.is_stream:
            return self._stream(exchange, resource)
        encoding = negotiation.negotiated(request.headers.get("accept-encoding", ""))
        request_key = (exchange.address.path, request.query, encoding)
        cache = self._current_cache()
        if (found := cache.find(request_key)) is not None:
            exchange.ignored = found.ignored
            if found.asked is not None:
                try:  # what `add` does most often; the call would cost as much as all of it
                    found.asked.by_client[hash(exchange.client)] += 1
                except KeyError:
                    self._count(exchange, found.asked)
            return self._cached(exchange, found.variant, source=Source.HIT)
        if len(request.path) + len(request.query) > QUICK_CHARACTERS:  # even to read it may take long
            return _computing(lambda: _done(self._ask(exchange, resource, cache, request_key)))
        return self._ask(exchange, resource, cache, request_key)

    def _ask(
        self, exchange: Exchange, resource: Resource, cache: ResponseCache, request_key: RequestKey
    ) -> Reply | Later:
        question = resource.question(exchange.request.query)
        if question is None:
            return self._by_django(exchange)
        exchange.ignored = question.ignored
        asked = _Asked(question, cache, request_key, (exchange.address.path, question.canonical))
        if resource.is_cacheable and (answer := cache.answer(asked.cache_key)) is not None:
            if answer.is_at_hand(asked.encoding):
                return self._keep(exchange, asked, answer, source=Source.HIT)
            return _computing(lambda: self._keep(exchange, asked, answer, source=Source.HIT))
        if resource.needs_django or not self._makes_misses:
            return self._by_django(exchange, asked if resource.is_cacheable else None)
        if question.is_quick:
            return self._make(exchange, resource, asked)
        return _computing(lambda: _done(self._make(exchange, resource, asked)))

    def _make(self, exchange: Exchange, resource: Resource, asked: _Asked) -> Reply | Later:
        answer = asked.question.answer()
        if answer is None:
            return self._by_django(exchange, asked)
        headers = [*answer.headers, *resource.headers]
        if not resource.is_cacheable or answer.status != HTTPStatus.OK:
            return self._reply(exchange, answer.status, headers, answer.whole(), source=Source.MISS)
        body = body_of([answer.body] if answer.parts is None else answer.parts, large=_large(headers))
        return self._keep(exchange, asked, self._cached_answer(asked, headers, body), source=Source.MISS)

    def _stream(self, exchange: Exchange, resource: Resource) -> Decision:
        request = exchange.request
        if self._revisions is None or request.method == "HEAD":
            return self._by_django(exchange)
        last_event_id = request.headers.get("last-event-id", "")
        events = resource.stream(request.query, last_event_id, self._revisions)
        if events is None:
            return self._by_django(exchange)
        described = [("Content-Type", resource.media_type), ("Cache-Control", "no-store")]
        # nginx would otherwise collect events until a buffer is full.
        headers = [*described, *resource.headers, ("X-Accel-Buffering", "no")]
        reply = self._reply(exchange, 200, headers, b"", source=Source.STREAM, is_stream=True)
        return Stream(reply.headers, events)

    # --- limits ------------------------------------------------------------------------------------------------------
    def _limit(self, exchange: Exchange) -> Refusal | None:
        """Return why this request is refused, or None. It counts for its key; without a valid key, for its address."""
        headers = exchange.request.headers
        if exchange.address.limit is Limit.PAGES:
            return self._limit_pages(exchange)
        key: Key | None = None
        wrong: Refusal | None = None
        if "authorization" in headers or "x-api-key" in headers:
            try:
                key = self._keys.key_of(
                    authorization=headers.get("authorization", ""), api_key=headers.get("x-api-key", "")
                )
                exchange.key = 0 if key is None else key.id
                exchange.found = key
                if key is not None and READ not in key.scopes and not self._takes_any_scope(exchange.address.path):
                    wrong = refusals.MAY_NOT_READ
            except WrongKey as error:
                wrong = refusals.wrong_key(str(error))
            except NotRead as error:
                wrong = refusals.not_ready(str(error))
        quota = self._quota(exchange, key)
        is_exceeded = quota is not None and quota.is_exceeded
        exchange.is_personal = key is not None
        if key is not None or is_exceeded:
            exchange.quota = quota
        return refusals.too_many(quota) if quota is not None and is_exceeded else wrong

    def _takes_any_scope(self, path: str) -> bool:
        """Whether the address checks the scopes of keys itself."""
        return path.startswith(PERSONAL) or (self.inference is not None and path in self.inference.paths)

    def _limit_pages(self, exchange: Exchange) -> Refusal | None:
        """Return why this page is refused, or None. Pages are the same for everybody, so keys mean nothing here."""
        exchange.client = self._client(exchange.request)
        if not self._pages_per_address:
            return None
        exchange.counted = f"pages {exchange.client}"
        quota = self.limiter.count(exchange.counted, policy="address", limit=self._pages_per_address)
        if not quota.is_exceeded:
            return None
        exchange.quota = quota
        return refusals.too_many(quota)

    def _client(self, request: Request) -> str:
        if not self._trusted_hops:
            return client_of_peer(request.peer)
        forwarded = request.headers.get("x-forwarded-for", "")
        return client_at(request.peer, forwarded, trusted_hops=self._trusted_hops)

    def _quota(self, exchange: Exchange, key: Key | None) -> Quota | None:
        """Count the request, and return what its client has used. None: there is no limit."""
        if key is not None:
            limit = self._per_key if key.per_minute is None else key.per_minute
            exchange.counted = f"key {key.id}" if limit else ""
            return self.limiter.count(exchange.counted, policy="key", limit=limit) if limit else None
        exchange.client = self._client(exchange.request)
        if not self._per_address:
            return None
        exchange.counted = exchange.client
        return self.limiter.count(exchange.counted, policy="address", limit=self._per_address)

    # --- the cache ---------------------------------------------------------------------------------------------------
    def _current_cache(self) -> ResponseCache:
        """Return the answers of the snapshot that is served now; those of the previous one go with it."""
        identity, cache = self._routes.identity(), self._cache
        if cache.identity is not identity:
            previous, cache = cache, self._new_cache(identity)
            self._cache = cache
            previous.end()
        return cache

    def _new_cache(self, identity: object) -> ResponseCache:
        ended = self._usage.ended if self._usage is not None else None
        return ResponseCache(identity, most_bytes=self._most_bytes, ended=ended)

    def _cached_answer(self, asked: _Asked, headers: Headers, body: bytes | LargeBody) -> CachedAnswer:
        """Return an answer with the headers that it has for every client. Such answers are never for the admin."""
        counted = self._usage.begin(asked.question, body) if self._usage is not None else None
        return CachedAnswer(self._headers_for_all(tuple(headers)), body, counted)

    def _with_headers_for_all(self, headers: CommonHeaders) -> CommonHeaders:
        return (*_with_defaults(headers, [*self._security.headers(is_secure=True), *cors.ANSWER]),)

    def _keep(self, exchange: Exchange, asked: _Asked, answer: CachedAnswer, *, source: Source) -> Reply:
        """Cache an answer, and find it by this literal request from now on."""
        cache = asked.cache
        variant = answer.variant(asked.encoding)
        if answer.asked is not None:
            self._count(exchange, answer.asked)
        if self._current_cache() is cache:  # else it may have been made from another snapshot
            found = Found(variant, exchange.ignored, answer.asked)
            cache.add(asked.cache_key, answer, request_key=asked.request_key, found=found)
            self.counts.cached_answers, self.counts.cached_bytes = len(cache), cache.size
        self._report_uncached(asked, answer)
        return self._cached(exchange, variant, source=source)

    def _count(self, exchange: Exchange, asked: Asked) -> None:
        asked.add(exchange.client or self._client(exchange.request), exchange.key)

    def _report_uncached(self, asked: _Asked, answer: CachedAnswer) -> None:
        """Report the counts of an answer that no cache reports: it is too large, or another revision is served."""
        is_cached = self._cache is asked.cache and asked.cache.answer(asked.cache_key) is answer
        if self._usage is not None and answer.asked is not None and not is_cached:
            self._usage.ended(answer.asked)

    def _cached(self, exchange: Exchange, variant: Variant, *, source: Source) -> Reply:
        if_none_match = exchange.request.headers.get("if-none-match")
        if if_none_match is not None and variant.matches(if_none_match):
            if exchange.counted:
                self.limiter.give_back(exchange.counted)
            return self._for_client(exchange, 304, variant.not_modified, b"", source)
        return self._for_client(exchange, 200, variant.whole, variant.body, source)

    def _for_client(
        self, exchange: Exchange, status: int, head: Head, body: bytes | Iterable[bytes], source: Source
    ) -> Reply:
        """Return an answer of the cache, whose head is ready unless it depends on this client."""
        own = exchange.own_headers
        if not own and exchange.is_stored and not exchange.is_personal:
            return Reply(status, head.headers, body, source, head.bytes)
        return Reply(status, [*map(exchange.as_cached, head.headers), *own], body, source)

    # --- Django ------------------------------------------------------------------------------------------------------
    def _by_django(self, exchange: Exchange, asked: _Asked | None = None) -> Later:
        request = exchange.request
        return Later(
            _lane_of(request),
            lambda body: self._call_django(exchange, asked, body),
            READ_SECONDS if request.method in _SAFE else WRITE_SECONDS,
            most_bytes=self._most_sent(request) if request.has_body else 0,
        )

    def _most_sent(self, request: Request) -> int:
        return MOST_UPLOADED if request.path.startswith(UPLOADS) else self.most_sent

    def _call_django(self, exchange: Exchange, asked: _Asked | None, body: bytes) -> Reply:
        request, path = exchange.request, exchange.address.path
        # A cacheable HEAD is a GET for Django: both have the headers of one answer.
        method = "GET" if asked is not None else request.method
        hidden = () if path.startswith(PERSONAL) else CREDENTIALS
        try:
            status, headers, answer = self._django(request, path, body, method=method, hidden=hidden)
        except Exception:
            # Django answers for its own defects; this one prevented it from answering.
            logger.exception("Request %s failed outside Django", request.id)
            return self._refuse(exchange, refusals.BROKEN)
        if asked is not None and _is_cacheable(status, headers):
            reply = self._keep(
                exchange,
                asked,
                self._cached_answer(asked, headers, body_of([answer], large=_large(headers))),
                source=Source.MISS,
            )
        else:
            reply = self._reply(exchange, status, headers, answer, source=Source.DJANGO)
        reply.is_logged = True
        return reply

    # --- replies -----------------------------------------------------------------------------------------------------
    def _refuse(self, exchange: Exchange, refusal: Refusal) -> Reply:
        request = exchange.request
        path = exchange.address.path
        problem = refusal.problem(path=path, request_id=request.id)
        page = self._page_of(problem, exchange)
        if page is not None:
            headers, body = refusal.as_page(page)
        else:
            headers, body = refusal.answer(problem, accept=request.headers.get("accept", ""))
        return self._reply(exchange, refusal.status, headers, body, source=Source.REFUSED)

    def _page_of(self, problem: Any, exchange: Exchange) -> Answer | None:
        """Return the page of a problem, if the address is one of a page. Never raises: this is the last resort."""
        request = exchange.request
        if request.method not in _PAGED:
            return None
        try:
            return self._routes.error_page(problem, path=exchange.address.path, query=request.query)
        except Exception:
            logger.exception("The page of an error could not be made")
            return None

    def _reply(
        self,
        exchange: Exchange,
        status: int,
        headers: Headers,
        body: bytes,
        *,
        source: Source,
        is_stream: bool = False,
    ) -> Reply:
        """Return an answer with all that the front adds to it."""
        defaults = [*self._security.headers(is_secure=self._security.is_secure(exchange.request))]
        if status not in _WITHOUT_BODY and not is_stream:
            defaults.append(("Content-Length", str(len(body))))
        found = _with_defaults(headers, defaults)
        own = [*cors.answer_headers(exchange.address.path), *exchange.own_headers]
        return Reply(status, [*map(exchange.as_cached, found), *own], body, source)


@dataclass(slots=True, eq=False)
class Exchange:
    """A request, and what its answer has because of its client."""

    request: Request
    address: Address
    is_personal: bool = False
    """Set for requests with a key: no shared cache may store their answers."""
    is_stored: bool = True
    """Whether caches of clients may store the answer."""
    quota: Quota | None = None
    """Set for requests whose key has a limit, and for clients over their limit; the answer then has its headers."""
    counted: str = ""
    """The client that the request was counted for; empty if it has no limit."""
    client: str = ""
    """The address of a client without a key; empty if nothing has needed it yet."""
    key: int = 0
    """The id of the client's key; 0 if it has none."""
    found: Key | None = None
    """The client's key, at addresses with a limit for programs."""
    ignored: str = ""
    """The names of the parameters that the answer does not depend on."""

    @property
    def own_headers(self) -> Headers:
        """The headers that only this client gets. The shell adds the id of the request."""
        quota = [] if self.quota is None else self.quota.headers
        return [*quota, ("Gatewayz-Ignored", self.ignored)] if self.ignored else quota

    def as_cached(self, header: tuple[str, str]) -> tuple[str, str]:
        """Return a header of an answer for all clients as this one may cache it."""
        name, value = header
        if name.lower() != "cache-control":
            return header
        if not self.is_stored:
            return name, "no-store"
        return (name, value.replace("public", "private", 1)) if self.is_personal else header


@dataclass(frozen=True, slots=True)
class _Asked:
    """A valid question about a resource, and where its answer is cached."""

    question: Question
    cache: ResponseCache
    request_key: RequestKey
    cache_key: CacheKey

    @property
    def encoding(self) -> str:
        return self.request_key[-1]


def _computing(work: Callable[[], Reply]) -> Later:
    return Later(Lane.COMPUTING, lambda _: work(), COMPUTE_SECONDS)


def _done(decision: Reply | Later) -> Reply:
    """Do at once what is left to be done, in a thread that may wait."""
    return decision if isinstance(decision, Reply) else decision.work(b"")


_WITHOUT_BODY = frozenset({204, 304})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
HTML = "text/html; charset=utf-8"
LARGE_PAGE_BYTES = 16_384
"""From this size on, a page is stored compressed only: a tenth of its size, and hardly a browser wants it plain."""


def _large(headers: Headers | tuple[tuple[str, str], ...]) -> int | None:
    """Return the size from which an answer with these headers is stored compressed only; None: the usual one."""
    return LARGE_PAGE_BYTES if ("Content-Type", HTML) in headers else None


_PAGED = frozenset({"GET", "HEAD"})
"""The methods whose errors are pages at the addresses of pages."""


def _with_defaults(headers: Iterable[tuple[str, str]], defaults: Iterable[tuple[str, str]]) -> Headers:
    found = [*headers]
    names = {name.lower() for name, _ in found}
    return [*found, *(header for header in defaults if header[0].lower() not in names)]


def _lane_of(request: Request) -> Lane:
    if request.path.startswith(OPERATORS):
        return Lane.ADMIN
    return Lane.READS if request.method in _SAFE else Lane.WRITES


def _is_cacheable(status: int, headers: Headers) -> bool:
    """Whether the view itself calls its answer public."""
    named = {name.lower(): value for name, value in headers}
    return status == HTTPStatus.OK and "public" in named.get("cache-control", "") and "set-cookie" not in named
