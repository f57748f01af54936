"""The addresses whose answers may be cached while a snapshot is served: what `front` asks the catalogue.

They follow from the URL patterns: a view, or the action of a viewset, declares its endpoint and whether it may be
cached.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.http import QueryDict
from django.urls import URLPattern, URLResolver

from catalog.api.limits import is_limited
from catalog.formats.registry import BEGINNINGS
from catalog.memory import following
from catalog.parameters.compatible import CompatibleFilterSet, header_of
from catalog.parameters.endpoints import Endpoint
from catalog.parameters.filterset import InvalidParameters, SelectionFilterSet
from catalog.urls import urlpatterns

_COMPATIBLE = tuple(BEGINNINGS)
"""How the addresses of formats begin. Only these are read leniently."""
_SLASHES = re.compile("/{2,}")

LONGEST_REMEMBERED = 300
"""Characters of a query string whose ignored parameters are remembered, so that long ones do not fill the memory."""
_PERSONAL = ("authentication_classes", "permission_classes", "throttle_classes")


class CacheableRoutes:
    """Implements `front.Cacheable`. Paths are as the server has them: each character is a byte."""

    def __init__(self, urlpatterns: Sequence[URLPattern | URLResolver]) -> None:
        """Answers below an `include` are not cached."""
        patterns = [pattern for pattern in urlpatterns if isinstance(pattern, URLPattern)]
        self._endpoints = [cacheable_endpoint(pattern.callback) for pattern in patterns]
        # All patterns in their order, so that an address belongs to the endpoint to which Django routes it. Groups must
        # be unnamed: only the one around each pattern counts, and `lastindex` is its place.
        unnamed = (re.sub(r"\(\?P<\w+>", "(?:", pattern.pattern.regex.pattern) for pattern in patterns)
        self._pattern = re.compile("/(?:" + "|".join(f"({regex.removeprefix('^')})" for regex in unnamed) + ")")

    def endpoint_of(self, path: str) -> Endpoint | None:
        """Return the endpoint of the address; None if its answers may not be cached."""
        found = self._pattern.match(path)
        return None if found is None or found.lastindex is None else self._endpoints[found.lastindex - 1]

    def identity(self) -> object | None:
        """Return the identity of the snapshot that is served now; None if there is none yet."""
        try:
            return following.FOLLOWER.current().identity
        except following.NotReady:
            return None

    def is_limited(self, path: str) -> bool:
        """Whether requests to this address count against the limits of clients."""
        return is_limited(path)

    def address_of(self, path: str) -> str:
        """Return the address of a format that the path means, without repeated slashes and one at its end.

        Clients join addresses in this way. Other paths are returned unchanged.
        """
        if "//" not in path and not path.endswith("/"):
            return path
        address = _SLASHES.sub("/", path).rstrip("/")
        return path if self._compatible(address) is None else address

    def ignored(self, path: str, query: str) -> str:
        """Return the names of the parameters that the address ignores, as the value of a header; maybe empty."""
        endpoint = self._compatible(path) if query else None
        if endpoint is None:
            return ""
        # Cache hits need it too, and reading the parameters would take several times as long as the hit.
        find = _ignored if len(query) <= LONGEST_REMEMBERED else _ignored.__wrapped__
        return find(endpoint.filterset, query)  # type: ignore[arg-type]  # mypy takes __hash__ for that of instances

    def _compatible(self, path: str) -> Endpoint | None:
        """Return the endpoint of a format's address; None if it is another one."""
        endpoint = self.endpoint_of(path) if path.startswith(_COMPATIBLE) else None
        return endpoint if endpoint is not None and issubclass(endpoint.filterset, CompatibleFilterSet) else None

    def media_type_of(self, path: str) -> str | None:
        """Return the media type of the address's answers; None if they may not be cached."""
        found = self.endpoint_of(path)
        return None if found is None else found.media_type

    def canonical_query(self, path: str, query: str) -> str | None:
        """Return one query string for all that ask the same of this address.

        Return None if only Django may answer: answers of the address may not be cached, or the query is invalid.
        """
        endpoint = self.endpoint_of(path)
        if endpoint is None:
            return None
        try:
            return endpoint.filterset(QueryDict(query.encode("latin-1"))).canonical()
        except (InvalidParameters, SuspiciousOperation, UnicodeError):
            return None


@lru_cache(maxsize=1_024)
def _ignored(filterset: type[SelectionFilterSet], query: str) -> str:
    try:
        filters = filterset(QueryDict(query.encode("latin-1")))
    except (InvalidParameters, SuspiciousOperation, UnicodeError):
        return ""  # Django refuses the request
    return header_of(filters.ignored) if isinstance(filters, CompatibleFilterSet) else ""


def declared_endpoint(view: Any, *, method: str = "get") -> Endpoint | None:
    """Return the endpoint that a view of a URL pattern declares; None if it is no view of an endpoint."""
    cls, actions = getattr(view, "cls", None), getattr(view, "actions", None)
    if not (hasattr(cls, method) if actions is None else method in actions):
        return None
    declaring = cls if actions is None else getattr(cls, actions[method])
    found: Endpoint | None = view.initkwargs.get("endpoint") or getattr(declaring, "endpoint", None)
    return found


def cacheable_endpoint(view: Any) -> Endpoint | None:
    """Return the endpoint of a view whose answers may be cached: never of one whose answers depend on who asks."""
    endpoint = declared_endpoint(view)
    if endpoint is None or not endpoint.is_cacheable:
        return None
    policies = (view.initkwargs.get(name, getattr(view.cls, name)) for name in _PERSONAL)
    return None if any(policies) else endpoint


cacheable = CacheableRoutes(urlpatterns)
