"""The addresses whose answers may be cached while a snapshot is served: what `front` asks the catalogue.

Their answers depend only on the snapshot, or on what the database has stored up to the snapshot's revision.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from django.core.exceptions import SuspiciousOperation
from django.http import QueryDict

from catalog.memory import following
from catalog.parameters import filters, offer_filters
from catalog.parameters.filterset import InvalidParameters, SelectionFilterSet

JSON = "application/json"


class Endpoint(NamedTuple):
    pattern: re.Pattern[str]
    filterset: type[SelectionFilterSet]
    """The parameters that the endpoint's view reads."""
    media_type: str = JSON
    """The media type of the endpoint's answers."""


ENDPOINTS: Sequence[Endpoint] = (
    Endpoint(re.compile(r"/catalog/models/?"), offer_filters.OfferFilterSet),
    Endpoint(re.compile(r"/catalog/providers?/?"), filters.ProviderFilterSet),
    Endpoint(re.compile(r"/catalog/providers/.+", re.DOTALL), filters.OfferOfIdFilterSet),
    Endpoint(re.compile(r"/catalog/models/.+/history", re.DOTALL), filters.HistoryFilterSet),
    Endpoint(re.compile(r"/catalog/models/.+", re.DOTALL), filters.OfferOfIdFilterSet),
    Endpoint(re.compile(r"/catalog/canonical/.+", re.DOTALL), filters.WorkloadFilterSet),
    Endpoint(re.compile(r"/catalog/resolve/?"), filters.ResolveFilterSet),
    Endpoint(re.compile(r"/catalog/compare/?"), filters.CompareFilterSet),
    Endpoint(re.compile(r"/catalog/stats/?"), offer_filters.NarrowingFilterSet),
    Endpoint(re.compile(r"/catalog/export\.json"), offer_filters.NarrowingFilterSet),
    Endpoint(re.compile(r"/catalog/export\.ndjson"), offer_filters.NarrowingFilterSet, "application/x-ndjson"),
    Endpoint(re.compile(r"/catalog/export\.csv"), offer_filters.NarrowingFilterSet, "text/csv"),
    Endpoint(re.compile(r"/catalog/changes/?"), filters.ChangeFilterSet),
    Endpoint(re.compile(r"/catalog/changes\.atom"), filters.ChangeFeedFilterSet, "application/atom+xml"),
    Endpoint(re.compile(r"(/api)?/v1/models(/count|/user)?"), filters.DropInFilterSet),
    Endpoint(re.compile(r"(/api)?/v1/(models?/.+|providers)", re.DOTALL), filters.NoParameters),
    Endpoint(re.compile(r"/litellm/model_prices\.json"), filters.NoParameters),
    # These answers change only with a new version of the service.
    Endpoint(re.compile(r"/catalog/schema"), filters.NoParameters, "application/vnd.oai.openapi+json"),
    Endpoint(re.compile(r"/catalog/docs"), filters.NoParameters, "text/html"),
    Endpoint(re.compile(r"/catalog/logos/.+\.svg", re.DOTALL), filters.NoParameters, "image/svg+xml"),
    Endpoint(re.compile(r"/docs/.*", re.DOTALL), filters.NoParameters, "text/html"),
)
"""The first match holds."""


def identity() -> object | None:
    """The snapshot that is served now; answers of another one are not kept. None: there is none yet."""
    try:
        return following.FOLLOWER.current().identity
    except following.NotReady:
        return None


def media_type_of(path: str) -> str | None:
    """What the address answers; None if it shows something else than the snapshot."""
    found = endpoint_of(path)
    return None if found is None else found.media_type


def canonical_query(path: str, query: str) -> str | None:
    """The one query string of all that ask the same of this address; None if only Django may answer.

    That is an address that shows something else than the snapshot, and a query that will be refused.
    """
    endpoint = endpoint_of(path)
    if endpoint is None:
        return None
    try:
        return endpoint.filterset(QueryDict(query.encode("latin-1"))).canonical()
    except (InvalidParameters, SuspiciousOperation, UnicodeError):
        return None


def endpoint_of(path: str) -> Endpoint | None:
    """The first of ENDPOINTS that the address matches."""
    return next((endpoint for endpoint in ENDPOINTS if endpoint.pattern.fullmatch(path)), None)
