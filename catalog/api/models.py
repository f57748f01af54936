"""The offers of models: the list, and all offers of one id."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from catalog import registry
from catalog.api import answers, serializers
from catalog.api.base import CatalogView
from catalog.memory import facets, snapshot
from catalog.memory.selection import Selection
from catalog.parameters import filters, filterset, offer_filters, pages


class ModelList(CatalogView):
    filterset_class = offer_filters.OfferFilterSet

    @extend_schema(operation_id="list_models", summary="Offers of models", responses=serializers.ModelListSerializer)
    def get(self, request: Request) -> HttpResponse:
        query = self.query(request)
        selection = query.narrowed(Selection.of(snapshot.current()))
        page = pages.page_of(selection, query.values)
        fields = query.values["fields"]
        data = answers.picked(page.rows, set(fields)) if fields else answers.fragments(page.rows)
        more: dict[str, object] = {"offset": page.offset, "next_cursor": page.next_cursor}
        if page.offset is None:
            more["next"] = page.following and answers.next_page(request, query, cursor=page.following)
        if query.values["facets"]:
            more |= _facets(selection, query)
        return answers.listing(request, selection.snapshot, data, total=len(selection), query=query, more=more)


class ModelDetail(CatalogView):
    filterset_class = filters.OfferOfIdFilterSet

    @extend_schema(
        operation_id="read_model",
        summary="One model and all its offers of that id, withdrawn ones too",
        responses=serializers.ModelDetailSerializer,
    )
    def get(self, request: Request, model_id: str) -> HttpResponse:
        gateway = self.query(request).values["gateway"]
        held = snapshot.current()
        rows = [row for row in held.rows_of_id(model_id) if gateway in {"all", row.gateway}]
        if not rows:
            where = "any gateway" if gateway == "all" else registry.GATEWAYS[gateway].name
            raise Http404(f"There is no model of this id at {where}.")
        offers = answers.fragments(rows)
        return answers.published(held, {"data": offers[0], "offers": offers})


def _facets(selection: Selection, query: filterset.SelectionFilterSet) -> dict[str, object]:
    """Count each facet without the filters on it, or a list to choose from would contain only the chosen values."""
    found = {
        name: facets.counted(query.narrowed(selection, without=query.filters_on(name)), name)
        for name in sorted(set(query.values["facets"]))
    }
    return {
        "facets": {
            name: [{"value": value, "count": count} for value, count in facet.values] for name, facet in found.items()
        },
        "facet_sizes": {name: facet.size for name, facet in found.items()},
    }
