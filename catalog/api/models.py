"""The offers of models: the list, all offers of one id, and the history of that id."""

from __future__ import annotations

from typing import Any

from catalog import registry
from catalog.api import answers
from catalog.api.base import CatalogViewSet, read
from catalog.api.hints import resolve_address
from catalog.api.history import read_model_history
from catalog.api.introduction import Tag
from catalog.api.shapes.history import HistorySerializer
from catalog.api.shapes.lists import ModelDetailSerializer, ModelListSerializer
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.parameters import filters, offer_filters, pages
from catalog.parameters.endpoints import EXAMPLE_ID, QUICK_ROWS, NotFound, PathVariable, Query, always
from catalog.reports import facets
from front.answers import Answer

Json = Any

QUICK_COMPARISONS = 30_000
"""Up to this many words may be compared with those of a search in a quick answer: 2 ms."""


def list_models(snapshot: Snapshot, query: Query) -> Answer:
    values = query.values
    selection = query.filters.narrowed(Selection.of(snapshot))
    page = pages.page_of(selection, values)
    fields = values["fields"]
    data = answers.picked(page.rows, set(fields)) if fields else answers.fragments(page.rows)
    more: dict[str, Json] = {"offset": page.offset, "next_cursor": page.next_cursor}
    if page.offset is None:
        more["next"] = page.following and query.address(cursor=page.following)
    if values["facets"]:
        more |= _facets(selection, query)
    return answers.listing(snapshot, query, data, total=len(selection), more=more)


def is_quick_list(snapshot: Snapshot, query: Query) -> bool:
    """Whether the page is small, and its search compares few words. Each facet repeats the search."""
    values = query.values
    if values["limit"] > QUICK_ROWS:
        return False
    if values["view"] is not None and not offer_filters.VIEW.sets.is_made(snapshot):
        return False
    if values["q"] is None:
        return True
    searches = 1 + len(set(values["facets"] or ()))
    return searches * snapshot.index.search.most_comparisons(values["q"]) <= QUICK_COMPARISONS


def read_model(snapshot: Snapshot, query: Query) -> Answer:
    gateway = query.values["gateway"]
    rows = [row for row in snapshot.rows_of_id(query.id) if gateway in {"all", row.gateway}]
    if not rows:
        where = "any gateway" if gateway == "all" else registry.GATEWAYS[gateway].name
        raise NotFound(f"There is no model of this id at {where}; {resolve_address(query.id)} looks it up by any name.")
    offers = answers.fragments(rows)
    return answers.published(snapshot, {"data": offers[0], "offers": offers})


class Models(CatalogViewSet):
    prefix = "catalog/models"
    lookup_url_kwarg, lookup_value_converter = "model_id", "path"
    variable = PathVariable("The gateway's id of the offer, case-sensitive; it may have slashes.", EXAMPLE_ID)

    list = read(
        list_models,
        offer_filters.OfferFilterSet,
        is_quick=is_quick_list,
        summary="Offers of models",
        description="One row for each model at each gateway. Filter and sort it, count by facets, choose fields. Pages "
        "are by `offset` in any order, or by `cursor`, which skips and repeats nothing while the catalogue changes.",
        responses=ModelListSerializer,
    )
    retrieve = read(
        read_model,
        filters.OfferOfIdFilterSet,
        is_quick=always,
        summary="One model and all its offers of that id, withdrawn ones too",
        description="`data` is the first of the offers. For all offers of the same model, whatever their ids, use "
        "`/catalog/canonical/{slug}`.",
        responses=ModelDetailSerializer,
    )
    history = read(
        read_model_history,
        filters.HistoryFilterSet,
        detail=True,
        reads_tables=True,
        tag=Tag.HISTORY,
        summary="Prices and changes of one model at each gateway, now or at an earlier time",
        description="Each price has the time from which it applied. `as_of` shows the offers as they were then.",
        responses=HistorySerializer,
    )


def _facets(selection: Selection, query: Query) -> dict[str, Json]:
    found = facets.counted(selection, query.filters)
    return {
        "facets": {
            name: [{"value": value, "count": count} for value, count in facet.values] for name, facet in found.items()
        },
        "facet_sizes": {name: facet.size for name, facet in found.items()},
    }
