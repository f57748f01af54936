"""The providers of models, with their figures."""

from __future__ import annotations

from dataclasses import asdict

from django.http import Http404, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from catalog import registry
from catalog.api import answers, serializers
from catalog.api.base import CatalogView
from catalog.memory import snapshot
from catalog.memory.selection import Selection
from catalog.parameters import filters
from catalog.reports import providers


class ProviderList(CatalogView):
    filterset_class = filters.ProviderFilterSet

    @extend_schema(
        operation_id="list_providers",
        summary="Who made the models",
        responses=serializers.ProviderListSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        query = self.query(request)
        held = snapshot.current()
        selection = query.narrowed(Selection.of(held))
        keys = providers.provider_keys(selection)
        start = query.values["offset"]
        page = [asdict(providers.figures(selection, key)) for key in keys[start : start + query.values["limit"]]]
        return answers.listing(request, held, page, total=len(keys), query=query)


class ProviderListAsFirstNamed(ProviderList):
    @extend_schema(
        operation_id="list_provider",
        summary="The same as /catalog/providers, at its first address",
        responses=serializers.ProviderListSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        return super().get(request)


class ProviderDetail(CatalogView):
    filterset_class = filters.OfferOfIdFilterSet

    @extend_schema(
        operation_id="read_provider",
        summary="One provider with its figures, by any of its spellings",
        responses=serializers.ProviderDetailSerializer,
    )
    def get(self, request: Request, provider: str) -> HttpResponse:
        held = snapshot.current()
        selection = self.query(request).narrowed(Selection.of(held))
        key = registry.PROVIDERS.key(provider)
        if not selection.having("provider", key).members:
            raise Http404("There is no provider of this name here; /catalog/providers lists them.")
        return answers.published(held, {"data": asdict(providers.figures(selection, key))})
