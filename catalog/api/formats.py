"""The addresses of the formats. Each route becomes one endpoint; no format has a view of its own."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path

from catalog.api import answers
from catalog.api.base import ReadView
from catalog.api.hints import resolve_address
from catalog.api.introduction import Tag
from catalog.formats.contract import ID, Format, Route
from catalog.formats.registry import FORMATS
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Endpoint, NotFound, PathVariable, Query
from front.answers import Answer

Json = Any

_ID = "An id of the list, or that of any offer of the model; it may have slashes."


def urlpatterns() -> list[URLPattern]:
    return [
        path(
            address.removeprefix("/").replace(ID, "<path:model_id>"),
            ReadView.as_view(endpoint=endpoint_of(each, route, is_alias=address != route.addresses[0])),
        )
        for address, each, route in _addresses()
    ]


def endpoint_of(of: Format, route: Route, *, is_alias: bool = False) -> Endpoint:
    def answer(snapshot: Snapshot, query: Query) -> Answer:
        body = of.answer(route, snapshot, query)
        if body is None:
            raise NotFound(f"{of.not_found} {resolve_address(query.id)} looks it up by any name.")
        return answers.answer(body, route.media_type, cache_control=answers.PUBLIC)

    return Endpoint(
        name=route.operation_id,
        summary=route.summary,
        description=_description(of, route),
        tag=Tag.FORMATS,
        variable=PathVariable(_ID, of.example_id) if ID in route.path else None,
        is_alias=is_alias,
        filterset=route.filterset,
        media_type=route.media_type,
        is_cacheable=True,
        answer=answer,
        is_quick=route.is_quick,
        responses={(200, route.media_type): route.shape},
    )


def _description(of: Format, route: Route) -> str:
    reference = f"For clients of [{of.name}]({of.docs_url}); see [the guide](/docs/formats/{of.slug})."
    return f"{route.description} {reference}".lstrip()


def with_shapes(result: Json, **options: object) -> Json:
    """Add the shapes of all formats to the components of the OpenAPI document."""
    for each in FORMATS.values():
        result["components"]["schemas"].update(each.shapes)
    return result


def _addresses() -> list[tuple[str, Format, Route]]:
    """Return all addresses, those first that are more specific: an id may contain anything, as in `models/count`."""
    found = [
        (address, each, route) for each in FORMATS.values() for route in each.routes for address in route.addresses
    ]
    return sorted(found, key=lambda address: (ID in address[0], -len(address[0].partition(ID)[2]), address[0]))
