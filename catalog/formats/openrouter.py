"""OpenRouter's lists: its own offers, all offers of one of its models, and the services that run them.

OpenRouter answers below `/api/v1`. Clients that were set up for OpenAI's `/v1` find what is OpenRouter's there too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from catalog.formats import openrouter_list, openrouter_shapes
from catalog.formats.contract import Format, Route
from catalog.formats.openrouter_shapes import ARCHITECTURE
from catalog.formats.shapes import array, count, record, ref, text, words
from catalog.memory.snapshot import Snapshot
from catalog.parameters.compatible import OpenRouterFilterSet
from catalog.parameters.endpoints import Query, after

Json = Any

_API, _BOTH = ("/api/v1",), ("/api/v1", "/v1")
_SELLER = record(
    {
        "name": text("The display name."),
        "slug": text("The slug, as in `tag` of a model's endpoints."),
        "privacy_policy_url": text("Its privacy policy.", null=True, format="uri"),
        "terms_of_service_url": text("Its terms of service.", null=True, format="uri"),
        "status_page_url": text("Where it reports outages.", null=True, format="uri"),
        "headquarters": text("The ISO code of the country of its headquarters.", null=True),
        "datacenters": words("Always null: it is unknown.", null=True),
    }
)
_ENDPOINTS = record(
    {
        "id": text("The id of the row in the list."),
        "name": text("The display name."),
        "created": count("When the model was created, or if that is unknown, first listed here; in Unix seconds."),
        "description": text("The gateway's text."),
        "architecture": record(
            {**ARCHITECTURE, "tokenizer": text("The tokeniser family.", null=True)},
        ),
        "endpoints": array(ref("Endpoint"), "The offers of the model at all gateways, cheapest first."),
    }
)


def _count(snapshot: Snapshot, query: Query) -> bytes:
    return orjson.dumps({"data": {"count": len(openrouter_list.wanted(snapshot, query))}})


def _row_in_data(snapshot: Snapshot, query: Query) -> bytes | None:
    found = openrouter_list.row_body(snapshot, query)
    return None if found is None else orjson.dumps({"data": orjson.Fragment(found)})


def _providers(snapshot: Snapshot, query: Query) -> bytes:
    return orjson.dumps({"data": openrouter_list.sellers_of(snapshot).rows})


_ANSWERS: Mapping[Route, Callable[[Snapshot, Query], bytes | None]] = {
    Route(
        path="models",
        prefixes=_API,
        operation_id="list_models_as_openrouter",
        summary="OpenRouter's offers, as OpenRouter lists them",
        shape=ref("DropInList"),
        filterset=OpenRouterFilterSet,
    ): openrouter_list.list_body,
    Route(
        path="models/user",
        prefixes=_BOTH,
        operation_id="list_models_of_user_as_openrouter",
        summary="The same list; this service has no models of individual users",
        shape=ref("DropInList"),
        filterset=OpenRouterFilterSet,
    ): openrouter_list.list_body,
    Route(
        path="models/count",
        prefixes=_BOTH,
        operation_id="count_models_as_openrouter",
        summary="How many rows the list has",
        shape=record({"data": record({"count": count("The number of rows of the list with the same parameters.")})}),
        filterset=OpenRouterFilterSet,
    ): _count,
    Route(
        path="models/{model_id}/endpoints",
        prefixes=_BOTH,
        operation_id="list_endpoints_as_openrouter",
        summary="The offers of a model at all gateways, cheapest first",
        shape=record({"data": _ENDPOINTS}),
        is_quick=openrouter_list.has_few_offers,
    ): openrouter_list.endpoints_body,
    Route(
        path="models/{model_id}",
        prefixes=_API,
        operation_id="read_bare_model_as_openrouter",
        summary="One row of the list, by its id or by that of any offer of the model",
        shape=ref("DropInModel"),
        is_quick=openrouter_list.is_made,
    ): openrouter_list.row_body,
    Route(
        path="model/{model_id}",
        prefixes=_BOTH,
        operation_id="read_model_as_openrouter",
        summary="One row of the list, under `data` as at OpenRouter",
        shape=record({"data": ref("DropInModel")}),
        is_quick=openrouter_list.is_made,
    ): _row_in_data,
    Route(
        path="providers",
        prefixes=_BOTH,
        operation_id="list_providers_as_openrouter",
        summary="The hosts and gateways that serve the models",
        shape=record({"data": array(_SELLER)}),
        is_quick=after(openrouter_list.sellers_of),
    ): _providers,
}


class OpenRouter(Format):
    slug = "openrouter"
    name = "OpenRouter"
    docs_url = "https://openrouter.ai/docs/api_reference/models"
    routes = tuple(_ANSWERS)
    shapes = openrouter_shapes.SHAPES
    not_found = openrouter_list.NOT_FOUND

    def answer(self, route: Route, snapshot: Snapshot, query: Query) -> bytes | None:
        return _ANSWERS[route](snapshot, query)

    def ids(self, snapshot: Snapshot) -> Sequence[str]:
        return list(openrouter_list.listing_of(snapshot).models)
