"""What can be answered without Django: the table of addresses that `front` asks.

It follows from the URL patterns. A view, or the action of a viewset, declares its endpoint: the function that answers,
the filter set of its parameters, and whether its answers may be cached.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, ItemsView, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self
from urllib.parse import parse_qsl

from django.conf import settings
from django.core.exceptions import TooManyFieldsSent
from django.urls import URLPattern, URLResolver
from django.utils.encoding import repercent_broken_unicode

from catalog.api.limits import is_limited
from catalog.memory import following
from catalog.parameters.compatible import CompatibleFilterSet, header_of
from catalog.parameters.endpoints import Endpoint, NotFound, Query
from catalog.parameters.filterset import InvalidParameters, SelectionFilterSet
from catalog.urls import urlpatterns
from catalog.web import errors, pages
from front.answers import Answer
from front.problems import instance_of
from front.routes import Address, Limit
from front.streams import Revisions

_SLASHES = re.compile("/{2,}")
_PERSONAL = ("authentication_classes", "permission_classes", "throttle_classes")


class CatalogRoutes:
    """Implements `front.Routes`. Paths are as the server has them: each character is a byte."""

    def __init__(self, urlpatterns: Sequence[URLPattern | URLResolver]) -> None:
        """Only Django answers below an `include`."""
        patterns = [pattern for pattern in urlpatterns if isinstance(pattern, URLPattern)]
        self._declared = [declared_read(pattern) for pattern in patterns]
        endpoints = [declared_endpoint(pattern.callback) for pattern in patterns]
        self._pages = {number for number, each in enumerate(endpoints) if each and each.media_type == pages.HTML}
        # All patterns in their order, so that an address belongs to the endpoint to which Django routes it. Groups must
        # be unnamed: only the one around each pattern counts, and `lastindex` is its place.
        unnamed = (re.sub(r"\(\?P<\w+>", "(?:", pattern.pattern.regex.pattern) for pattern in patterns)
        self._pattern = re.compile("/(?:" + "|".join(f"({regex.removeprefix('^')})" for regex in unnamed) + ")")

    def identity(self) -> object | None:
        """Return the identity of the snapshot that is served now; None if there is none yet."""
        try:
            return following.FOLLOWER.current().identity
        except following.NotReady:
            return None

    def revision(self) -> int | None:
        """Return the revision that is served now; None before the first."""
        try:
            return following.FOLLOWER.current().revision
        except following.NotReady:
            return None

    def address(self, path: str) -> Address:
        """Return what there is at this path.

        The addresses of formats are read without repeated slashes and one at their end: clients join them in this way.
        """
        if "//" in path or path.endswith("/"):
            shorter = _SLASHES.sub("/", path).rstrip("/")
            found = self.resource(shorter)
            if found is not None and found.is_compatible:
                return Address(shorter, self._limit_of(shorter), resource=found)
        return Address(path, self._limit_of(path), resource=self.resource(path))

    def error_page(self, problem: Any, *, path: str, query: str) -> Answer | None:
        """Return the page of a problem document, if the path is one of a page."""
        if not self._is_page(path):
            return None
        body = errors.error_page(problem, path=instance_of(path), query=query)
        return Answer(problem["status"], pages.HEADERS, body)

    def _limit_of(self, path: str) -> Limit:
        """Return which limit requests to this address count against."""
        if is_limited(path):
            return Limit.API
        return Limit.PAGES if self._is_page(path) else Limit.NONE

    def _is_page(self, path: str) -> bool:
        found = self._pattern.match(path)
        return found is not None and found.lastindex is not None and found.lastindex - 1 in self._pages

    def resource(self, path: str) -> CatalogResource | None:
        """Return what the address has; None if only Django may answer."""
        found = self._pattern.match(path)
        if found is None or found.lastindex is None:
            return None
        declared = self._declared[found.lastindex - 1]
        return None if declared is None else CatalogResource(declared, path)


@dataclass(frozen=True, slots=True)
class Declared:
    """A URL pattern with the endpoint of its reads, which answers everybody in the same way."""

    pattern: URLPattern
    endpoint: Endpoint
    headers: tuple[tuple[str, str], ...]


class CatalogResource:
    """Implements `front.Resource`: an endpoint at one address."""

    def __init__(self, declared: Declared, path: str) -> None:
        endpoint = self.endpoint = declared.endpoint
        self.media_type = endpoint.media_type
        self.is_cacheable = endpoint.is_cacheable
        self.needs_django = endpoint.probe is None and (endpoint.answer is None or endpoint.reads_tables)
        self.is_stream = endpoint.stream is not None
        self.is_compatible = issubclass(endpoint.filterset, CompatibleFilterSet)
        self.headers = declared.headers
        self._pattern = declared.pattern
        self._path = path

    @cached_property
    def _place(self) -> tuple[str, str]:
        """The path as Django decodes it, and the variable part of it."""
        path = repercent_broken_unicode(self._path.encode("latin-1")).decode()
        match = self._pattern.pattern.match(path[1:])
        return path, str(next(iter(match[2].values()), "")) if match is not None else ""

    def question(self, query: str) -> CatalogQuestion | None:
        """Return what the query asks, or None if it is invalid, which Django explains."""
        filters = _filters(self.endpoint.filterset, query)
        if filters is None:
            return None
        path, identifier = self._place
        return CatalogQuestion(self.endpoint, Query(path=path, filters=filters, id=identifier))

    def stream(self, query: str, last_event_id: str, revisions: Revisions) -> AsyncIterator[bytes] | None:
        """Return the events of a stream, or None if the query is invalid, which Django explains."""
        question = self.question(query)
        if question is None or self.endpoint.stream is None:
            return None
        try:
            return self.endpoint.stream(question.query, last_event_id, revisions)
        except InvalidParameters:
            return None


class CatalogQuestion:
    """Implements `front.Question`."""

    def __init__(self, endpoint: Endpoint, query: Query) -> None:
        self.query = query
        self.endpoint = endpoint
        self.canonical = query.filters.canonical()

    @property
    def ignored(self) -> str:
        """The names of the parameters that the address ignores, as the value of a header; maybe empty."""
        filters = self.query.filters
        return header_of(filters.ignored) if isinstance(filters, CompatibleFilterSet) else ""

    @property
    def is_quick(self) -> bool:
        """Whether `answer` takes less than five milliseconds."""
        try:
            return self.endpoint.probe is not None or self.endpoint.is_quick(following.FOLLOWER.current(), self.query)
        except following.NotReady:
            return False

    def answer(self) -> Answer | None:
        """Answer from the snapshot that is served now; None if Django must explain why there is no answer."""
        if self.endpoint.probe is not None:
            return self.endpoint.probe()
        if self.endpoint.answer is None:
            return None
        try:
            return self.endpoint.answer(following.FOLLOWER.current(), self.query)
        except (InvalidParameters, NotFound, following.NotReady):
            return None


def _filters(filterset: type[SelectionFilterSet], query: str) -> SelectionFilterSet | None:
    try:
        return filterset(Texts.of(query))
    except (InvalidParameters, TooManyFieldsSent, UnicodeError):
        return None


class Texts(dict[str, list[str]]):
    """The parameters of a query string, as `QueryDict` reads them, in a third of its time."""

    @classmethod
    def of(cls, query: str) -> Self:
        """Read a query whose characters are bytes. Raise TooManyFieldsSent."""
        if query.count("&") >= settings.DATA_UPLOAD_MAX_NUMBER_FIELDS:
            raise TooManyFieldsSent
        texts = cls()
        for name, value in parse_qsl(_decoded(query), keep_blank_values=True):
            texts.setdefault(name, []).append(value)
        return texts

    def lists(self) -> ItemsView[str, list[str]]:
        return self.items()


def _decoded(query: str) -> str:
    if query.isascii():
        return query
    try:
        return query.encode("latin-1").decode()
    except UnicodeDecodeError:
        return query


def declared_endpoint(view: Any, *, method: str = "get") -> Endpoint | None:
    """Return the endpoint that a view of a URL pattern declares; None if it is no view of an endpoint."""
    cls, actions = getattr(view, "cls", None), getattr(view, "actions", None)
    if not (hasattr(cls, method) if actions is None else method in actions):
        return None
    declaring = cls if actions is None else getattr(cls, actions[method])
    found: Endpoint | None = view.initkwargs.get("endpoint") or getattr(declaring, "endpoint", None)
    return found


def declared_read(pattern: URLPattern) -> Declared | None:
    """Return the declaration of a pattern's view; None if its answers depend on who asks, or if it is no read."""
    view: Any = pattern.callback
    endpoint = declared_endpoint(view)
    if endpoint is None or not (endpoint.is_cacheable or endpoint.stream or endpoint.probe):
        return None
    if any(view.initkwargs.get(name, getattr(view.cls, name)) for name in _PERSONAL):
        return None
    return Declared(pattern, endpoint, (("Allow", ", ".join(_methods(view))),))


def _methods(view: Any) -> list[str]:
    """Return the methods that the view allows, as DRF lists them."""
    allowed = set(
        getattr(view, "actions", None) or (name for name in view.cls.http_method_names if hasattr(view.cls, name))
    )
    allowed |= {"options"} | ({"head"} if "get" in allowed else set())
    return [name.upper() for name in view.cls.http_method_names if name in allowed]


routes = CatalogRoutes(urlpatterns)
