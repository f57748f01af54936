"""The providers of models, with their figures."""

from __future__ import annotations

from dataclasses import asdict

from catalog.api import answers
from catalog.api.base import CatalogViewSet, read
from catalog.api.shapes.providers import ProviderDetailSerializer, ProviderListSerializer
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.parameters import filters
from catalog.parameters.endpoints import NotFound, PathVariable, Query, always
from catalog.reports import providers
from front.answers import Answer


def list_providers(snapshot: Snapshot, query: Query) -> Answer:
    selection = query.filters.narrowed(Selection.of(snapshot))
    keys = providers.provider_keys(selection)
    start = query.values["offset"]
    page = [asdict(providers.figures(selection, key)) for key in keys[start : start + query.values["limit"]]]
    return answers.listing(snapshot, query, page, total=len(keys))


def list_provider(snapshot: Snapshot, query: Query) -> Answer:
    return list_providers(snapshot, query)


def read_provider(snapshot: Snapshot, query: Query) -> Answer:
    selection = query.filters.narrowed(Selection.of(snapshot))
    key = snapshot.makers.key(query.id)
    if not selection.having("provider", key).members:
        raise NotFound("There is no provider of this name here; /catalog/providers lists them.")
    return answers.published(snapshot, {"data": asdict(providers.figures(selection, key))})


class Providers(CatalogViewSet):
    prefix = "catalog/providers"
    lookup_url_kwarg, lookup_value_converter = "provider", "path"
    variable = PathVariable("The slug of the provider or one of its aliases, case-insensitive.", "deepseek-ai")

    list = read(
        list_providers,
        filters.ProviderFilterSet,
        summary="The providers of models",
        description="The organisations that made or published the models, with all spellings that gateways use, and "
        "with the number of their offers.",
        responses=ProviderListSerializer,
    )
    retrieve = read(
        read_provider,
        filters.OfferOfIdFilterSet,
        is_quick=always,
        summary="One provider with its figures, by any of its spellings",
        description="`gateway` limits the figures to one gateway; a provider without offers there is a 404.",
        responses=ProviderDetailSerializer,
    )


class ProvidersAsFirstNamed(CatalogViewSet):
    prefix = "catalog/provider"

    list = read(
        list_provider,
        filters.ProviderFilterSet,
        summary="The same as /catalog/providers, at its earlier address",
        description="Kept for clients that use this address. New clients should use `/catalog/providers`.",
        responses=ProviderListSerializer,
    )
