"""The addresses of all registered formats. Each route of a format becomes one view; no format has a view of its own."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, ClassVar

from django.http import Http404, HttpResponse
from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from catalog.api import answers
from catalog.api.views import CatalogView
from catalog.formats.contract import ID, Format, Query, Route
from catalog.formats.registry import FORMATS
from catalog.memory import snapshot
from catalog.parameters import cacheable

Json = Any


class FormatView(CatalogView):
    """Answers one route of a format, which the subclass names."""

    format: ClassVar[Format]
    route: ClassVar[Route]

    def answer(self, request: Request, model_id: str) -> HttpResponse:
        query = Query(values=self.query(request).values, id=model_id)
        body = self.format.answer(self.route, snapshot.current(), query)
        if body is None:
            raise Http404(self.format.not_found)
        return answers.response(body, self.route.media_type, cache_control=answers.PUBLIC)


def urlpatterns() -> list[URLPattern]:
    return [
        path(address.removeprefix("/").replace(ID, "<path:model_id>"), _view_of(of, route).as_view())
        for address, of, route in _addresses()
    ]


def cacheable_endpoints() -> list[cacheable.Endpoint]:
    return [
        cacheable.Endpoint(
            re.compile(re.escape(address).replace(re.escape(ID), ".+"), re.DOTALL), route.filterset, route.media_type
        )
        for address, _, route in _addresses()
    ]


def prefixes() -> set[str]:
    """Return the first parts of all addresses, such as `/v1/`."""
    return {f"/{address.split('/')[1]}/" for address, _, _ in _addresses()}


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


@cache
def _view_of(of: Format, route: Route) -> type[FormatView]:
    described = extend_schema(
        operation_id=route.operation_id, summary=route.summary, responses={(200, route.media_type): route.shape}
    )

    def get(self: FormatView, request: Request, model_id: str = "") -> HttpResponse:
        return self.answer(request, model_id)

    members = {
        "name": route.summary,  # what OPTIONS answers
        "format": of,
        "route": route,
        "filterset_class": route.filterset,
        "renderer_classes": [_renderer_of(route.media_type)],
        "get": described(get),
    }
    return type(f"{type(of).__name__}View", (FormatView,), members)


@cache
def _renderer_of(media_type: str) -> type[BaseRenderer]:
    """Return what DRF negotiates by. The formats render their answers themselves."""
    if media_type == JSONRenderer.media_type:
        return JSONRenderer
    return type("FormatRenderer", (BaseRenderer,), {"media_type": media_type})
