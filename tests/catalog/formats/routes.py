"""The routes of all formats, for tables of tests: a new format needs no line in them."""

from __future__ import annotations

from django.http import QueryDict

from catalog.formats.contract import ID, Format, Route
from catalog.formats.registry import FORMATS
from catalog.parameters.endpoints import Query

ROUTES: list[tuple[Format, Route]] = [(each, route) for each in FORMATS.values() for route in each.routes]


def query_of(route: Route, *, id: str = "", text: str = "") -> Query:
    """Return the query of a request to the route's first address."""
    return Query(path=route.addresses[0].replace(ID, id), filters=route.filterset(QueryDict(text)), id=id)
