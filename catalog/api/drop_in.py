"""The addresses that clients of OpenRouter, OpenAI and LiteLLM call, with answers in the formats that they parse."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from django.http import Http404, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from catalog.api import answers, serializers
from catalog.api.views import CatalogView
from catalog.formats import drop_in, litellm_map
from catalog.memory import following
from catalog.parameters import filters


class Models(CatalogView):
    filterset_class = filters.DropInFilterSet

    @extend_schema(
        operation_id="list_models_as_openrouter",
        summary="One row for each model, as OpenRouter and OpenAI list them; under /v1 too",
        responses=serializers.DropInListSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        found = self.found(request)
        rows = [orjson.Fragment(model.body) for model in found]
        return _public({"object": "list", "data": rows, "total_count": len(rows), "links": {"next": None}})

    def found(self, request: Request) -> Sequence[drop_in.Model]:
        asked = self.query(request).values
        wanted = {
            "supported_parameters": asked["supported_parameters"] or (),
            "input_modalities": asked["input_modalities"] or (),
            "output_modalities": asked["output_modalities"] or ("text",),
        }
        listing = drop_in.listing_of(following.FOLLOWER.current())
        return [model for model in listing.models.values() if model.is_asked_for(**wanted)]


class ModelsOfUser(Models):
    @extend_schema(
        operation_id="list_models_of_user_as_openrouter",
        summary="The same list: nobody has models of their own here",
        responses=serializers.DropInListSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        return super().get(request)


class ModelCount(Models):
    @extend_schema(
        operation_id="count_models_as_openrouter",
        summary="How many rows the list has",
        responses=serializers.DropInCountSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        return _public({"data": {"count": len(self.found(request))}})


class Model(CatalogView):
    @extend_schema(
        operation_id="read_model_as_openai",
        summary="One row of the list, by its id or by that of any offer of the model",
        responses=serializers.DropInModelSerializer,
    )
    def get(self, request: Request, model_id: str) -> HttpResponse:
        self.query(request)
        return _public(orjson.Fragment(_model(model_id).body))


class ModelInData(CatalogView):
    @extend_schema(
        operation_id="read_model_as_openrouter",
        summary="The same under `data`, as OpenRouter has it",
        responses=serializers.DropInModelInDataSerializer,
    )
    def get(self, request: Request, model_id: str) -> HttpResponse:
        self.query(request)
        return _public({"data": orjson.Fragment(_model(model_id).body)})


class Endpoints(CatalogView):
    @extend_schema(
        operation_id="list_endpoints_as_openrouter",
        summary="All offers of a model, cheapest first",
        responses=serializers.EndpointListSerializer,
    )
    def get(self, request: Request, model_id: str) -> HttpResponse:
        self.query(request)
        return _public({"data": drop_in.endpoints(_model(model_id))})


class Providers(CatalogView):
    @extend_schema(
        operation_id="list_providers_as_openrouter",
        summary="Who serves the models: gateways, and the hosts that they lead to",
        responses=serializers.SellerListSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        self.query(request)
        return _public({"data": drop_in.listing_of(following.FOLLOWER.current()).sellers})


class LiteLLMPrices(CatalogView):
    @extend_schema(
        operation_id="read_litellm_prices",
        summary="LiteLLM's map of models and prices",
        responses={200: serializers.LITELLM_MAP},
    )
    def get(self, request: Request) -> HttpResponse:
        self.query(request)
        return _public(orjson.Fragment(litellm_map.map_of(following.FOLLOWER.current()).body))


def _model(model_id: str) -> drop_in.Model:
    found = drop_in.find(following.FOLLOWER.current(), model_id)
    if found is None:
        raise Http404(
            "No model of this list has the id. What it leaves out, for want of a price per token or of a fact that "
            "its clients need, /catalog/resolve?id= finds."
        )
    return found


def _public(body: answers.Json) -> HttpResponse:
    return answers.json_response(body, cache_control=answers.PUBLIC)
